"""What is known not to be had: dead metrics, days beyond retention, used up quotas, refusals."""

from datetime import UTC, date, datetime, timedelta
from threading import Event

import duckdb
import pytest
import requests
from unit_batches import asked_path
from unit_office import FIRST, NOON, ROW, Office, client, nothing_or, of_pages
from unit_transport import Reply, error_reply, page_of, params_of

from meta_pipeline.dates import Span, retention_floor
from meta_pipeline.graph import QuotaLedger
from meta_pipeline.landing import PullFailure
from meta_pipeline.reports import PAGE_METRICS, REPORTS

DEAD = error_reply(100, message="(#100) The value must be a valid insights metric")
METRIC = PAGE_METRICS[0]


def series_of(metric: str) -> Reply:
    """A metric's value of 1 November."""
    point = {"value": 1, "end_time": "2026-11-02T08:00:00+0000"}
    return page_of([{"name": metric, "values": [point]}])


LIVING = {metric: series_of(metric) for metric in PAGE_METRICS}


def a_page(office: Office, *, dead: bool = True) -> None:
    """A client with a Page of which one metric is dead."""
    office.clients = [client(pages=["7"])]
    office.answering = of_pages(LIVING | ({METRIC: DEAD} if dead else {}))


def test_a_dead_metric_costs_itself_and_nothing_else(office: Office) -> None:
    """The other metrics land; it is told."""
    a_page(office)
    (outcome,) = office.pull("page_daily", FIRST)
    assert [failure.kind for failure in outcome.failures] == ["dead metric"]
    assert office.query("select part from raw.coverage where status = 'failed'") == [(METRIC,)]
    assert office.query("select count(*) from raw.coverage where status = 'pulled'") == [(6,)]


def metrics_asked(office: Office) -> set[str]:
    """The metrics that Meta was asked for, and forgets them."""
    asked = {params["metric"] for params in office.meta.asked if "metric" in params}
    office.meta.made.clear()
    return asked


def test_a_dead_metric_is_remembered_and_told_once(office: Office) -> None:
    """It is not asked for again, also not for 28 days; coverage says why the days are missing."""
    a_page(office)
    office.pull("page_daily", FIRST)
    assert METRIC in metrics_asked(office)
    office.now += timedelta(days=1)
    second = Span(date(2026, 11, 2), date(2026, 11, 2))
    for report in ("page_daily", "page_28d"):
        (outcome,) = office.pull(report, second)
        assert (outcome.is_complete, METRIC in metrics_asked(office)) == (True, False)
    assert office.query(
        "select distinct status, reason like '%valid insights metric%' from raw.coverage "
        f"where part = '{METRIC}'"
    ) == [("failed", True)]


def test_pulls_of_a_report_that_is_no_more_are_passed_over(office: Office) -> None:
    """The ledger of an older version may hold them."""
    a_page(office)
    office.pull("page_daily", FIRST)
    with duckdb.connect(str(office.home / "warehouse.duckdb")) as con:
        con.execute("update raw.pulls set report = 'page_former'")
    (outcome,) = office.pull("page_daily", FIRST)
    assert [failure.kind for failure in outcome.failures] == ["dead metric"]


def test_another_client_learns_of_it_too(office: Office) -> None:
    """Meta takes a metric away from everybody."""
    a_page(office)
    office.pull("page_daily", FIRST)
    metrics_asked(office)
    office.clients = [client("luna", ad_accounts=["act_2"], pages=["7"])]
    (outcome,) = office.pull("page_daily", FIRST)
    assert (outcome.is_complete, METRIC in metrics_asked(office)) == (True, False)


def test_a_page_that_answers_a_metric_keeps_it_though_another_lacks_it(office: Office) -> None:
    """What one Page is refused is not held against one that has just answered."""
    office.clients = [client(pages=["7"]), client("luna", ad_accounts=["act_2"], pages=["8"])]
    lacking = of_pages(LIVING | {METRIC: DEAD}, page="8")
    having = of_pages(LIVING)
    office.answering = lambda asked: (lacking if asked_path(asked)[0] == "8" else having)(asked)
    office.pull("page_daily", FIRST, clients=["acme"])
    for is_told in (True, False):
        office.now += timedelta(minutes=1)
        (other,) = office.pull("page_daily", FIRST, clients=["luna"])
        assert bool(other.failures) == is_told
        metrics_asked(office)
        office.pull("page_daily", FIRST, clients=["acme"])
        assert METRIC in metrics_asked(office)
    parts = "select part from raw.coverage where asset_id = '7' and failed_at is not null"
    assert office.query(parts) == []


def test_a_dead_metric_is_tried_again_after_30_days(office: Office) -> None:
    """A fault of Meta's own passes; then the days land."""
    a_page(office)
    office.pull("page_daily", FIRST)
    metrics_asked(office)
    a_page(office, dead=False)
    office.now += timedelta(days=31)
    (outcome,) = office.pull("page_daily", FIRST)
    assert (outcome.is_complete, METRIC in metrics_asked(office)) == (True, True)
    assert office.query("select count(*) from raw.coverage where status = 'failed'") == [(0,)]


def test_a_rebuilt_warehouse_remembers_it_as_well(office: Office) -> None:
    """It stands in the spool."""
    a_page(office)
    office.pull("page_daily", FIRST)
    metrics_asked(office)
    (office.home / "warehouse.duckdb").unlink()
    office.pull("page_daily", FIRST)
    assert METRIC not in metrics_asked(office)


FLOOR = retention_floor(date(2026, 11, 22))


def test_days_beyond_retention_are_marked_and_not_asked(office: Office) -> None:
    """The rest of the span lands; the outcome is no failure."""
    span = Span(FLOOR - timedelta(days=3), FLOOR + timedelta(days=1))
    outcomes = office.pull("ad_daily", span)
    assert all(outcome.is_complete for outcome in outcomes)
    assert min(asked.since for asked in office.ranges()) == FLOOR
    marked = office.query(
        "select day, reason from raw.coverage where status = 'beyond_retention' order by day"
    )
    assert [day for day, _ in marked] == [FLOOR - timedelta(days=n) for n in (3, 2, 1)]
    assert all("37 months" in reason for _, reason in marked)
    assert office.query("select status, requests from raw.pulls where status <> 'complete'") == [
        ("not_asked", 0)
    ]


def test_days_are_marked_once(office: Office) -> None:
    """Marking them again would cost a file each time."""
    span = Span(FLOOR - timedelta(days=3), FLOOR - timedelta(days=1))
    assert len(office.pull("ad_daily", span)) == 1
    assert office.pull("ad_daily", span) == []


def test_pages_are_kept_for_two_years(office: Office) -> None:
    """Older days are marked for each metric."""
    office.clients = [client(pages=["7"])]
    office.answering = of_pages({})
    office.pull("page_daily", Span(date(2024, 11, 20), date(2024, 11, 24)))
    assert office.query(
        "select status, min(day), max(day), count(*) from raw.coverage group by status order by 2"
    ) == [
        ("beyond_retention", date(2024, 11, 20), date(2024, 11, 22), 3 * len(PAGE_METRICS)),
        ("unconfirmed_empty", date(2024, 11, 23), date(2024, 11, 24), 2 * len(PAGE_METRICS)),
    ]


def test_a_month_cut_by_retention_is_marked(office: Office) -> None:
    """Part of a month would pass for a month."""
    office.pull("account_monthly", Span(date(2023, 9, 1), date(2023, 11, 30)))
    assert office.query(
        "select day from raw.coverage where status = 'beyond_retention' order by day"
    ) == [(date(2023, 9, 1),), (date(2023, 10, 1),)]


def throttled(minutes: int = 30) -> Reply:
    """A refusal for want of quota, with the minutes to wait."""
    use = (
        '{"1":[{"type":"ads_insights","call_count":100,"total_cputime":1,"total_time":1,'
        f'"estimated_time_to_regain_access":{minutes}}}]}}'
    )
    return Reply(
        error_reply(80000, 2446079, "too many calls").body,
        400,
        {"x-business-use-case-usage": use},
    )


def test_a_throttled_account_says_when_and_how_to_go_on(office: Office) -> None:
    """The hint holds the time and the command."""
    office.answering = nothing_or({"act_1/insights": throttled()})
    (outcome,) = office.pull("ad_daily", FIRST)
    (failure,) = outcome.failures
    assert failure.kind == "throttled"
    assert "backfill --client acme --from 2026-11-01 --to 2026-11-01" in str(failure.hint)
    assert "UTC" in str(failure.hint)


def test_a_throttled_account_is_not_asked_again_before_its_time(office: Office) -> None:
    """Neither its other days nor its other reports; other accounts are."""
    office.clients = [client(ad_accounts=["act_1", "act_2"])]
    office.answering = nothing_or({"act_1/insights": throttled()})
    puller = office.puller()
    wanted = {"acme": [FIRST, Span(date(2026, 11, 5), date(2026, 11, 5))]}
    for report in ("ad_daily", "campaign_daily"):
        puller.pull(REPORTS[report], wanted)
    asked = [asked_path(request) for request in office.meta.made]
    assert asked.count("act_1/insights") <= 2  # two errands may have been under way at once
    assert asked.count("act_2/insights") == 4


def test_one_account_that_waits_holds_up_no_other(office: Office) -> None:
    """The first is answered only when all others have been."""
    others = [f"act_{n}" for n in range(2, 22)]
    done = Event()
    left = set(others)

    def answer(request: requests.PreparedRequest) -> Reply:
        asset = asked_path(request).partition("/")[0]
        if asset == "act_1":
            assert done.wait(30)
        left.discard(asset)
        if not left:
            done.set()
        return page_of([])

    office.clients = [client(ad_accounts=["act_1", *others])]
    office.answering = answer
    assert len(office.pull("ad_daily", FIRST)) == 21


def test_resuming_asks_only_for_what_is_missing(office: Office) -> None:
    """A day that landed six hours ago and less is not asked for again."""
    first, second = FIRST, Span(date(2026, 11, 2), date(2026, 11, 2))
    office.answering = nothing_or({"act_1/insights": page_of([ROW])})
    office.pull("ad_daily", first)
    office.meta.made.clear()
    puller = office.puller(fresh_since=NOON - timedelta(hours=6))
    outcomes = puller.pull(REPORTS["ad_daily"], {"acme": [Span(first.since, second.until)]})
    assert [one.errand.span for one in outcomes if one.is_known] == [first]
    assert office.kept()[-1] == second
    assert all(outcome.is_complete for outcome in outcomes)


def test_resuming_asks_for_what_failed_since(office: Office) -> None:
    """A failure after the success means that the newest answer is missing."""
    office.answering = nothing_or({"act_1/insights": page_of([ROW])})
    office.pull("ad_daily", FIRST)
    office.now += timedelta(minutes=5)
    office.answering = nothing_or({"act_1/insights": error_reply(100)})
    office.pull("ad_daily", FIRST)
    office.meta.made.clear()
    puller = office.puller(fresh_since=NOON - timedelta(hours=6))
    puller.pull(REPORTS["ad_daily"], {"acme": [FIRST]})
    assert len(office.meta.made) == 1


def test_resuming_asks_for_the_metrics_that_are_missing(office: Office) -> None:
    """Of a Page whose other metrics landed."""
    office.clients = [client(pages=["7"])]
    office.answering = of_pages(LIVING | {METRIC: error_reply(100)})
    office.pull("page_daily", FIRST)
    metrics_asked(office)
    office.puller(fresh_since=NOON - timedelta(hours=6)).pull(
        REPORTS["page_daily"], {"acme": [FIRST]}
    )
    assert metrics_asked(office) == {METRIC}


@pytest.mark.parametrize("report", ["campaigns", "accounts"])
def test_a_snapshot_is_resumed_as_well(office: Office, report: str) -> None:
    """It is one answer; a fresh one need not be had again."""
    row = {"id": "act_1"}
    office.answering = lambda request: page_of([row]) if "/" in asked_path(request) else Reply(row)
    office.pull(report)
    for hours, requests_made in ((1, 1), (7, 2)):
        office.now = NOON + timedelta(hours=hours)
        puller = office.puller(fresh_since=office.now - timedelta(hours=6))
        puller.pull(REPORTS[report], {"acme": []})
        assert len(office.meta.made) == requests_made


def test_a_refused_client_is_not_asked_and_its_days_fail(office: Office) -> None:
    """Days that nobody asked for would show as never pulled, without a reason."""
    puller = office.puller()
    failure = PullFailure(kind="auth", message="the token is over", hint="mint a new one")
    puller.refuse("acme", failure)
    (outcome,) = puller.pull(REPORTS["ad_daily"], {"acme": [FIRST]})
    assert (outcome.failures, office.meta.made) == ((failure,), [])
    assert office.query("select day, status, reason from raw.coverage") == [
        (FIRST.since, "failed", "the token is over")
    ]


def test_a_report_that_the_client_does_not_get_is_not_asked(office: Office) -> None:
    """clients.yml says which."""
    office.clients = [client(reports=["ads"]), client("luna", ad_accounts=["act_2"])]
    outcomes = office.pull("ad_daily", FIRST)
    assert [outcome.errand.client.id for outcome in outcomes] == ["luna"]


def test_an_answer_of_another_version_is_a_warning(office: Office) -> None:
    """Meta answers with a newer version when one is over; figures may mean something else."""
    office.answering = nothing_or(
        {"act_1/insights": Reply(page_of([ROW]).body, 200, {"facebook-api-version": "v27.0"})}
    )
    (outcome,) = office.pull("ad_daily", FIRST)
    assert any("answered by v27.0" in warning for warning in outcome.warnings)
    office.answering = nothing_or({})
    assert office.pull("ad_daily", FIRST)[0].warnings == ()


def test_a_field_left_out_is_the_days_reason(office: Office) -> None:
    """Reach by platform is kept for 13 months; the older day lands without it, and says so."""
    old = date(2025, 1, 1)
    row = {"campaign_id": "5", "publisher_platform": "facebook", "date_start": str(old)}
    office.answering = nothing_or({"act_1/insights": page_of([row])})
    office.pull("platform_daily", Span(old, old))
    ((status, reason),) = office.query("select status, reason from raw.coverage")
    assert status == "pulled"
    assert "reach" in reason
    assert "reach" not in office.meta.asked[0]["fields"]


def test_a_large_account_is_asked_for_a_report_run(office: Office) -> None:
    """How large it is, earlier pulls tell."""
    rows = [ROW | {"ad_id": str(n), "date_start": "2026-11-01"} for n in range(1000)]
    office.answering = nothing_or({"act_1/insights": page_of(rows)})
    office.pull("ad_daily", FIRST)
    office.meta.made.clear()
    office.answering = lambda request: (
        Reply({"report_run_id": "99"}) if request.method == "POST" else error_reply(190)
    )
    office.pull("ad_daily", FIRST)
    assert [request.method for request in office.meta.made] == ["POST", "GET"]


def test_quotas_are_read_by_the_wall_clock(office: Office) -> None:
    """The clock of the data may stand still; a wait must not."""
    ledger = QuotaLedger(None, lambda: datetime.now(UTC), patience=0.0)
    office.quota = ledger
    office.answering = nothing_or({"act_1/insights": throttled()})
    office.pull("ad_daily", FIRST)
    blocked = [use.blocked_until for use in ledger.usage("act_1") if use.blocked_until]
    assert blocked
    assert all(until > datetime.now(UTC) for until in blocked)
    assert "metric" not in params_of(office.meta.made[0])


def test_a_final_day_does_not_lose_the_reach_that_meta_has_dropped(office: Office) -> None:
    """What was pulled whole and final stays, when an answer of today would lack fields."""
    office.clients = [client()]
    row = ROW | {"campaign_id": "7", "publisher_platform": "facebook", "reach": "5"}
    office.answering = lambda _: page_of([row])
    office.now = NOON + timedelta(days=40)
    office.pull("platform_daily", FIRST)
    office.meta.made.clear()
    office.now = NOON + timedelta(days=430)
    (outcome,) = office.pull("platform_daily", FIRST)
    assert (outcome.is_known, office.meta.made) == (True, [])
    assert office.query("select payload->>'reach' from raw.records where valid_to is null") == [
        ("5",)
    ]
