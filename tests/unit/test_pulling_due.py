"""Which days a pull that asks for what is due leaves alone, and what it says of them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from unit_office import Office, client, in_zone, nothing_or, of_pages, opened_office
from unit_transport import Reply, page_of

from meta_pipeline.dates import Span
from meta_pipeline.pulling import Outcome, due_spans
from meta_pipeline.pulling.due import read_policies
from meta_pipeline.reports import PAGE_METRICS, REPORTS

TUESDAY = datetime(2026, 11, 24, 12, tzinfo=UTC)
WINDOW = Span(date(2026, 10, 27), date(2026, 11, 23))
OLDER = Span(date(2026, 10, 10), date(2026, 11, 23))


@pytest.fixture
def office() -> Iterator[Office]:
    """A puller on a Tuesday at noon, when no week comes due."""
    with opened_office(now=TUESDAY, answering=nothing_or({"act_1/insights": rows()})) as one:
        yield one


def rows() -> Reply:
    """An answer with a row of each day."""
    return page_of([{"ad_id": "1", "date_start": str(day), "spend": "1"} for day in OLDER])


def pull(office: Office, span: Span, report: str = "ad_daily") -> list[Outcome]:
    """Pulls what is due of the span."""
    return office.puller().pull(REPORTS[report], {"acme": [span]}, only="due")


def asked(outcomes: list[Outcome]) -> list[Span | None]:
    """The spans that were asked for."""
    return [one.errand.span for one in outcomes if not one.is_known]


def test_a_first_pull_asks_for_28_days_and_leaves_out_older_ones(office: Office) -> None:
    """Days before that get no partition: nobody ever pulled them."""
    outcomes = pull(office, OLDER)
    assert [outcome.errand.span for outcome in outcomes] == [WINDOW]
    assert office.kept() == [WINDOW]


def test_the_next_day_asks_for_a_week_and_counts_the_rest_as_known(office: Office) -> None:
    """The account's time zone is not known here, so the latest on earth is taken."""
    pull(office, WINDOW)
    office.now += timedelta(days=1)
    outcomes = pull(office, OLDER)
    assert asked(outcomes) == [Span(date(2026, 11, 17), date(2026, 11, 23))]
    known = [one.errand.span for one in outcomes if one.is_known]
    assert known == [Span(WINDOW.since, date(2026, 11, 16))]


def test_what_failed_at_a_milestone_is_due_the_next_day(office: Office) -> None:
    """The pull before it is too old for the milestone, however often it fails."""
    office.answering = in_zone("UTC")
    office.pull("accounts")
    office.answering = nothing_or({"act_1/insights": rows()})
    pull(office, WINDOW)
    week = Span(date(2026, 11, 9), date(2026, 11, 15))
    office.now = datetime(2026, 11, 30, 6, tzinfo=UTC)  # its Sunday is over for 14 days
    office.answering = nothing_or({"act_1/insights": page_of([])})
    pull(office, week)
    office.now += timedelta(days=1)
    office.answering = nothing_or({"act_1/insights": rows()})
    # All but its Monday, which was 14 days old at the first pull already.
    assert asked(pull(office, week)) == [Span(date(2026, 11, 10), week.until)]
    office.now += timedelta(days=1)
    assert asked(pull(office, week)) == []


def test_a_range_asked_for_is_pulled_whatever_is_due(office: Office) -> None:
    """`--from` and `--to` mean what they say."""
    pull(office, WINDOW)
    office.pull("ad_daily", OLDER)
    assert office.kept()[-1] == OLDER


def test_a_dead_metric_does_not_draw_the_others_along(office: Office) -> None:
    """It has no answer on any day, and would be due on all of them."""
    office.clients = [client(pages=["7"])]
    living = page_of([])
    office.answering = of_pages(dict.fromkeys(PAGE_METRICS, living))
    pull(office, WINDOW, "page_daily")
    with duckdb.connect(str(office.home / "warehouse.duckdb")) as con:
        con.execute("delete from raw.coverage where part = ?", [PAGE_METRICS[0]])
        con.execute(
            "update raw.pulls set status = 'failed', manifest = json_object("
            "'failure', json_object('kind', 'dead metric', 'message', 'gone')) where part = ?",
            [PAGE_METRICS[0]],
        )
    office.now += timedelta(days=1)
    (outcome,) = (one for one in pull(office, WINDOW, "page_daily") if not one.is_known)
    assert outcome.errand.span == Span(date(2026, 11, 17), date(2026, 11, 23))


@pytest.fixture
def marts(tmp_path: Path) -> Path:
    """Marts of one client: 28 days of each report of its account, pulled on Tuesday."""
    path = tmp_path / "marts.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(
            """
            create table dim_ad_accounts as select 'act_1' as ad_account_id, 'UTC' as time_zone;
            create table mart_coverage (
                client_id text, report text, asset_id text, day date, coverage text,
                pulled_whole_at timestamptz
            );
            """
        )
        con.executemany(
            "insert into mart_coverage values ('acme', ?, 'act_1', ?, 'pulled', ?)",
            [
                (name, day, TUESDAY)
                for name, report in REPORTS.items()
                if report.grain == "day" and report.surface == "ads"
                for day in WINDOW
            ],
        )
    return path


def test_a_run_covers_what_is_due_to_anyone(marts: Path) -> None:
    """The week on a Wednesday; a client that is new takes its 28 days."""
    wednesday = TUESDAY + timedelta(days=1)
    assert due_spans(marts, [client()], wednesday) == [Span(date(2026, 11, 17), date(2026, 11, 24))]
    new = client("luna", ad_accounts=["act_2"], start_date="2026-11-01")
    assert due_spans(marts, [client(), new], wednesday) == [
        Span(date(2026, 11, 1), date(2026, 11, 24))
    ]


def test_a_report_that_failed_is_due_alone(marts: Path) -> None:
    """Its days, in a span of their own, when they lie more than a week off."""
    with duckdb.connect(str(marts)) as con:
        con.execute(
            "update mart_coverage set coverage = 'unconfirmed_empty'"
            " where report = 'ad_daily' and day = '2026-11-03'"
        )
    assert due_spans(marts, [client()], TUESDAY + timedelta(days=1)) == [
        Span(date(2026, 11, 17), date(2026, 11, 24)),
        Span(date(2026, 11, 3), date(2026, 11, 3)),
    ]


def test_a_page_of_which_a_metric_failed_is_due_again(marts: Path) -> None:
    """Whatever else landed of it; silence that nothing can prove counts as an answer."""
    paged = client(pages=["7"])
    with duckdb.connect(str(marts)) as con:
        con.executemany(
            "insert into mart_coverage values ('acme', ?, '7', ?, 'unconfirmed_empty', ?)",
            [(name, day, TUESDAY) for name in ("page_daily", "page_28d") for day in WINDOW],
        )
    week = Span(date(2026, 11, 17), date(2026, 11, 24))
    assert due_spans(marts, [paged], TUESDAY + timedelta(days=1)) == [week]
    with duckdb.connect(str(marts)) as con:
        con.execute(
            "update mart_coverage set coverage = 'failed', pulled_whole_at = null"
            " where report = 'page_daily'"
        )
    assert due_spans(marts, [paged], TUESDAY + timedelta(days=1)) == [
        Span(date(2026, 10, 28), week.until)
    ]


def test_marts_of_an_older_version_say_of_no_day_that_it_is_known(marts: Path) -> None:
    """They do not tell which of a day's metrics failed."""
    with duckdb.connect(str(marts)) as con:
        con.execute("alter table mart_coverage rename pulled_whole_at to pulled_at")
    assert due_spans(marts, [client()], TUESDAY) == [WINDOW]


def test_a_client_follows_its_own_policy(marts: Path) -> None:
    """What the marts measured; others follow the default."""
    with duckdb.connect(str(marts)) as con:
        con.execute(
            "create table mart_repull_policy as select 'acme' as client_id, 3 as daily_through"
        )
    assert {name: one.daily_through for name, one in read_policies(marts).items()} == {"acme": 3}
    assert due_spans(marts, [client()], TUESDAY + timedelta(days=1)) == [
        Span(date(2026, 11, 21), date(2026, 11, 24))
    ]


def test_without_marts_everything_is_due(tmp_path: Path) -> None:
    """Nothing published, or a file that cannot be read: a sync takes the whole window."""
    assert due_spans(tmp_path / "none.duckdb", [client()], TUESDAY) == [WINDOW]
    broken = tmp_path / "broken.duckdb"
    broken.write_bytes(b"no database")
    assert due_spans(broken, [client()], TUESDAY) == [WINDOW]
    assert read_policies(broken) == {}
