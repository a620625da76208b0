"""`backfill`: what it leaves out, what it says it will cost, and the order of its runs."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import dagster as dg
import pytest
from unit_office import NOON, Office, client, nothing_or
from unit_transport import error_reply, page_of

from meta_pipeline.cli.backfill import Preview, choose_reports
from meta_pipeline.cli.sync import missing
from meta_pipeline.dates import Span
from meta_pipeline.defs.partitions import register, stretches
from meta_pipeline.defs.retries import Retries
from meta_pipeline.errors import ConfigError
from meta_pipeline.pulling import Estimate, estimate
from meta_pipeline.reports import REPORTS

OLD = Span(date(2026, 3, 1), date(2026, 3, 31))
TODAY = NOON.date()


def asked_of(office: Office, report: str, span: Span) -> list[Span | None]:
    """What a backfill would ask for."""
    survey = office.puller().survey(REPORTS[report], {"acme": [span]}, only="missing")
    return [errand.span for errand in survey.errands]


def rows_of(span: Span) -> list[dict[str, str]]:
    """One ad's row a day."""
    return [{"ad_id": "1", "date_start": str(day), "spend": "1"} for day in span]


def test_what_has_landed_is_missing_no_more(office: Office) -> None:
    """Of a longer range the rest is asked; days that were pulled before they settled are, too."""
    assert asked_of(office, "ad_daily", OLD) == [OLD]
    assert not (office.home / "warehouse.duckdb").exists()
    office.answering = nothing_or({"act_1/insights": page_of(rows_of(OLD))})
    office.pull("ad_daily", OLD)
    assert asked_of(office, "ad_daily", OLD) == []
    april = Span(date(2026, 4, 1), date(2026, 4, 10))
    assert asked_of(office, "ad_daily", Span(OLD.since, april.until)) == [april]
    recent = Span(TODAY - timedelta(days=3), TODAY - timedelta(days=1))
    office.answering = nothing_or({"act_1/insights": page_of(rows_of(recent))})
    office.pull("ad_daily", recent)
    office.now = NOON + timedelta(days=1)
    assert asked_of(office, "ad_daily", recent) == [recent]


def test_only_the_quarter_that_failed_is_missing(office: Office) -> None:
    """Of a year whose third question was refused, one quarter is asked again."""
    year = Span(date(2025, 10, 1), date(2026, 9, 30))
    quarters = list(year.chunks(92))
    replies = [page_of(rows_of(quarter)) for quarter in quarters]
    # Nothing is tried again after a bad request, and the questions after it are put.
    replies[2] = error_reply(100)
    turns = iter(replies)
    office.answering = lambda _: next(turns)
    (outcome,) = office.pull("ad_daily", year)
    assert [one.span for one in outcome.landed if one.failure] == [quarters[2]]
    found = missing(office.puller(), ["ad_daily", "account_daily"], {"acme": client()}, year, "day")
    assert found is not None
    # The account's own report was never pulled, so that the job still spans the year.
    assert (found.span, found.reports) == (year, {"ad_daily", "account_daily"})
    only = missing(office.puller(), ["ad_daily"], {"acme": client()}, year, "day")
    assert only is not None
    assert (only.span, list(only.clients)) == (quarters[2], ["acme"])


def test_a_month_is_missing_until_it_was_pulled_final(office: Office) -> None:
    """A month pulled in its own days is asked again, one pulled 28 days after its end is not."""
    row = {"account_id": "1", "date_start": "2026-09-01", "date_stop": "2026-09-30", "reach": "5"}
    september = Span(date(2026, 9, 1), date(2026, 9, 30))
    office.answering = nothing_or({"act_1/insights": page_of([row])})
    office.now = datetime.fromisoformat("2026-10-05T12:00:00+00:00")
    office.pull("account_monthly", september)
    office.now = NOON
    assert asked_of(office, "account_monthly", september) == [september]
    office.pull("account_monthly", september)
    assert asked_of(office, "account_monthly", september) == []


def test_a_range_within_months_misses_them_whole(office: Office) -> None:
    """Also the month that it begins in, and one that a client's start cuts, until they landed."""
    autumn = Span(date(2026, 9, 1), date(2026, 11, 20))
    within = Span(date(2026, 9, 2), date(2026, 9, 30))
    assert asked_of(office, "account_monthly", Span(date(2026, 9, 15), autumn.until)) == [
        Span(autumn.since, TODAY - timedelta(days=1))
    ]
    september = Span(autumn.since, within.until)
    assert asked_of(office, "account_monthly", within) == [september]
    office.clients = [client(start_date=str(within.since))]
    assert asked_of(office, "account_monthly", september) == [september]
    row = {"account_id": "1", "date_start": "2026-09-01", "date_stop": "2026-09-30", "reach": "5"}
    office.answering = nothing_or({"act_1/insights": page_of([row])})
    office.pull("account_monthly", september)
    assert asked_of(office, "account_monthly", within) == []


def test_the_estimate_counts_questions_pages_and_rows(office: Office) -> None:
    """Without earlier pulls a page a quarter and no rows; with them, as many as they had."""
    year = Span(date(2025, 10, 1), date(2026, 9, 30))

    def cost(report: str) -> Estimate:
        wanted = {"acme": [year]}
        return estimate([office.puller().survey(REPORTS[report], wanted, only="missing")])

    assert cost("ad_daily") == Estimate(4, 0, (("acme", "ad_daily"),))
    day = Span(TODAY - timedelta(days=1), TODAY - timedelta(days=1))
    rows = [{"ad_id": str(n), "date_start": str(day.since)} for n in range(20)]
    office.answering = nothing_or({"act_1/insights": page_of(rows)})
    office.pull("ad_daily", day)
    # 92 days and 7 before them, at 20 rows, are four pages of 500; the last quarter is 89 days.
    assert cost("ad_daily") == Estimate(16, 365 * 20, ())


def test_instagram_costs_a_call_a_day_and_metric(office: Office) -> None:
    """But its reach, which comes as a series of 29 days."""
    office.clients = [client(instagram_accounts=["178"])]
    span = Span(TODAY - timedelta(days=29), TODAY - timedelta(days=1))
    survey = office.puller().survey(REPORTS["instagram_daily"], {"acme": [span]}, only="missing")
    assert estimate([survey]).requests == 4 * 29 + 1


def test_reports_are_named_as_they_are() -> None:
    """An unknown one and one that nobody gets are refused; the accounts always come along."""
    assert choose_reports(["ad_daily"], [client()]) == {"ad_daily", "accounts"}
    assert choose_reports([], [client()]) == set(REPORTS)
    with pytest.raises(ConfigError, match="unknown report 'adds'"):
        choose_reports(["adds"], [client()])
    with pytest.raises(ConfigError, match="no client gets"):
        choose_reports(["country_daily"], [client()])


def test_the_minutes_say_what_they_rest_on() -> None:
    """Events, requests and the build; the last build's time where there was one."""
    plan = Preview(
        span=OLD,
        clients=["acme"],
        reports=["ad_daily"],
        runs=2,
        partitions=4000,
        known=0,
        cost=Estimate(240, 0, ()),
        build_seconds=60.0,
        quotas=[],
    )
    assert plan.minutes == 3
    assert "as the last one took" in plan.basis
    assert plan.document()["minutes_estimated"] == 3


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (["a", "b"], [["a", "b"]]),
        (["a", "new"], [["a"], ["new"]]),
        (["a", "new", "b"], [["a", "b", "new"]]),
        ([], []),
    ],
)
def test_ranges_of_clients_follow_dagsters_order(
    wanted: Sequence[str], expected: list[list[str]]
) -> None:
    """A client that was written into the middle of the file is the last of Dagster's."""
    with dg.DagsterInstance.ephemeral() as instance:
        register(instance, [client("a"), client("b", ad_accounts=["act_2"])])
        more = [client("a"), client("new", ad_accounts=["act_3"])]
        register(instance, [*more, client("b", ad_accounts=["act_2"])])
        assert stretches(instance, wanted) == expected


def test_who_left_the_file_is_left_alone(office: Office) -> None:
    """A partition of a client that is no longer in clients.yml asks for nothing, without error."""
    assert office.puller().pull(REPORTS["ad_daily"], {"gone": [OLD]}) == []
    assert office.meta.made == []


def test_a_step_waits_longer_each_time_and_not_for_ever() -> None:
    """For as long as Meta says, where it does; after an hour in all it gives up."""
    retries = Retries(first=60, longest=3600)
    waits = [retries.wait(tries, 0, [None]) for tries in range(4)]
    for wait, least in zip(waits, (60, 120, 240, 480), strict=True):
        assert wait is not None
        assert least <= wait <= least * 1.25
    told = retries.wait(0, 0, [1800])
    assert told is not None
    assert 1800 <= told <= 2250
    assert retries.wait(0, 3000, [1800]) is None
    assert retries.wait(6, 0, [None]) is None


@pytest.mark.parametrize("quota", [3000, 7200])
def test_one_used_up_quota_holds_up_no_other_question(quota: float) -> None:
    """The step comes back for whatever can be asked first, and for the quota if that is in time."""
    retries = Retries(first=60, longest=3600)
    soon = retries.wait(0, 0, [quota, None])
    assert soon is not None
    assert 60 <= soon <= 75
    # The next of the doubled waits would end after the hour.
    late = retries.wait(5, 1900, [quota - 1900, None])
    assert (late is not None) == (quota == 3000)
