"""The ways in which Meta misbehaves, each as a switch or a script of the simulator."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from matrix import Arm, Scenario

from meta_pipeline.reports import REPORTS, Report
from meta_pipeline.simulator import RunningSimulator
from meta_pipeline.simulator.cases import Case, cases
from meta_pipeline.simulator.runs import FAILURES

# How the simulator's log calls what each report asks for.
_ORGANIC = {
    "page_daily": "page_insights",
    "page_28d": "page_insights",
    "page_posts": "pages",
    "post_insights": "page_insights",
    "instagram_accounts": "instagram",
    "instagram_daily": "instagram_insights",
}
_BATCHED = frozenset({"page_insights", "instagram_insights"})
_PATHS = {"page_posts": "/posts", "post_insights": "_"}
_FOREVER = 100_000


def kind_of(report: Report) -> str:
    """The kind of the calls that bring a report's rows."""
    return _ORGANIC.get(report.name) or ("insights" if report.edge == "insights" else "objects")


def _aim(report: Report) -> dict[str, Any]:
    """What tells those calls from others about the same asset: the Page's token is one, too."""
    return {"kind": kind_of(report), "path": _PATHS.get(report.name, "")}


EVERY = tuple(REPORTS)
# Many calls, each landed for itself, that go the way of `page_28d`: few scenarios need them.
_DEAR = ("page_daily", "post_insights", "instagram_daily")
MOST = tuple(name for name in EVERY if name not in _DEAR)
INSIGHTS = tuple(name for name, r in REPORTS.items() if kind_of(r) == "insights")
DAILY = tuple(name for name in INSIGHTS if REPORTS[name].grain == "day")
LISTS = tuple(n for n, r in REPORTS.items() if kind_of(r) in ("insights", "objects") and r.edge)
PAGES = tuple(name for name, r in REPORTS.items() if r.surface == "page" and r.metrics)
RUN = ("account_daily", "ad_daily", "platform_daily", "account_28d", "account_monthly")
"""One report of each kind of range: what becomes of a run does not depend on its fields."""
WALKED = ("campaigns", "ads", "account_daily", "campaign_daily", "ad_daily", "platform_daily")
"""Lists long enough to be walked page by page, and not too long."""
ADS = tuple(name for name, r in REPORTS.items() if r.surface == "ads")
ONE_OF_A_KIND = (
    *("accounts", "campaigns", "account_daily", "ad_daily", "account_28d", "account_monthly"),
    *("page_28d", "page_posts", "instagram_accounts"),
)
"""One report of each way of asking: what is refused for good is refused to all alike."""


# A single object has no cursors, and is never too large.
_OF_LISTS = frozenset({"invalid_cursor", "cursor_too_deep", "reduce_data"})


def _answer(case: Case, times: int = 1) -> Arm:
    def arm(meta: RunningSimulator, asset: str, report: Report) -> bool:
        kind = kind_of(report)
        if (case.kinds and kind not in case.kinds) or (case.is_batch_item and kind not in _BATCHED):
            return False
        if case.id in _OF_LISTS and not report.edge:
            return False
        meta.fail_next(case=case.id, asset=asset, times=times, **_aim(report))
        return True

    return arm


def _wire(wire: str, times: int = 1) -> Arm:
    def arm(meta: RunningSimulator, asset: str, report: Report) -> bool:
        kind = kind_of(report)
        # A batch is one connection for many: there it happens to the Page's token.
        if kind in _BATCHED and report.surface != "page":
            return False
        aim: dict[str, Any] = {"kind": "pages"} if kind in _BATCHED else _aim(report)
        meta.fail_next(wire=wire, asset=asset, times=times, **aim)
        return True

    return arm


def _silence(meta: RunningSimulator, asset: str, report: Report) -> bool:
    if not report.edge:
        return False
    empty: Mapping[str, Any] = {"data": []}
    meta.fail_next(status=200, body=empty, asset=asset, times=_FOREVER, **_aim(report))
    return True


def _run(**script: Any) -> Arm:
    def arm(meta: RunningSimulator, _asset: str, _report: Report) -> bool:
        meta.script_run(**script)
        return True

    return arm


# Rows that a day of one campaign has, with the seven days before it.
_ROWS_OF_A_CAMPAIGN = {
    "account_daily": 8,
    "campaign_daily": 8,
    "adset_daily": 16,
    "ad_daily": 16,
    "platform_daily": 32,
    "age_gender_daily": 168,
    "country_daily": 64,
    "account_28d": 1,
}


def _limit_runs(meta: RunningSimulator, _asset: str, report: Report) -> bool:
    most = _ROWS_OF_A_CAMPAIGN[report.name]
    meta.settings.change(max_rows=most, max_async_rows=most)
    return True


# What asking again, waiting or asking for less gets over, by the catalogue of Meta's errors.
_PASSING = frozenset(
    {
        *("unknown_transient", "service_unavailable_2", "unknown_99", "html_502"),
        *("service_unavailable_200", "app_limit", "insights_app_limit", "insights_global_load"),
        *("account_score_limit", "page_user_limit", "custom_limit_613", "account_limit_613"),
        *("mutation_qps_613", "buc_insights", "buc_pages", "buc_instagram", "buc_ads_management"),
        *("too_many_rows", "reduce_data", "sync_timeout", "summary_param_glitch"),
        *("batch_item_null", "batch_item_error", "invalid_cursor", "cursor_too_deep"),
    }
)
_ON_EVERY = frozenset(
    {
        *("batch_item_null", "batch_item_error", "buc_pages", "buc_instagram", "token_expired"),
        *("unknown_transient", "ig_not_enough_viewers", "missing_permissions_generic"),
    }
)
# A metric's death counts for every client, so it is tried alone.
_DEAD = "page_metric_invalid"


def _played(case: Case) -> Scenario:
    heals = case.id in _PASSING
    reports = EVERY if case.id in _ON_EVERY else MOST if heals else ONE_OF_A_KIND
    if case.calls == ("ig_insights",):
        reports = ("instagram_daily",)
    return Scenario(
        case.id,
        f"{case.meaning}, once",
        reports,
        _answer(case),
        heals=heals,
        # Remembered as a metric that is no more.
        lasting=case.id == "ig_impressions_removed",
    )


def _is_of_runs(case: Case) -> bool:
    """Whether it is how Meta answers when a report run is started, polled or read."""
    return case.kinds == ("async",) and not case.is_report


def _on_run(case: Case) -> Arm:
    def arm(meta: RunningSimulator, asset: str, _report: Report) -> bool:
        meta.fail_next(case=case.id, asset=asset, kind="async", skip=2)
        return True

    return arm


def _happens_to_calls(case: Case) -> bool:
    if case.is_silent or case.is_report or case.id == _DEAD or _is_of_runs(case):
        return False
    return case.is_batch_item or case.calls != ("batch",)


def _always(name: str) -> Arm:
    return _answer(cases()[name], _FOREVER)


_TOGETHER = (
    *(_played(case) for case in cases().values() if _happens_to_calls(case)),
    Scenario("body cut", "half of the JSON, once", MOST, _wire("cut"), heals=True),
    Scenario("body missing", "an empty body, once", MOST, _wire("empty"), heals=True),
    Scenario("body truncated", "less than announced, once", MOST, _wire("truncated"), heals=True),
    Scenario("connection reset", "no answer, once", MOST, _wire("reset"), heals=True),
    Scenario("slow drip", "the body in small pieces", ONE_OF_A_KIND, _wire("drip"), heals=True),
    Scenario("outage", "503, code 2, all the time", MOST, _always("service_unavailable_2")),
    Scenario("proxy outage", "HTML with 502, all the time", MOST, _wire("html", _FOREVER)),
    Scenario("quota used up", "80000, all the time", INSIGHTS, _always("buc_insights")),
    Scenario("silence", "200 with an empty list, all the time", EVERY, _silence),
    Scenario("expired token", "190 for everything", ONE_OF_A_KIND, token="expired-matrix"),
    Scenario("no read_insights", "Pages answer nothing", PAGES, token="no-insights-matrix"),
    Scenario("no ads_read", "200 for ads", ADS, token="noads-matrix"),
)

_ROW_LIMITS = ("too_many_rows", "sync_timeout", "reduce_data", "gateway_timeout")
# Every question becomes a report run.
_RUNS = {"max_rows": 0}
_WRONG_RUNS = ((2, 1504041), (2, 1504042), (100, 3191001))
# A month is never split.
_LARGE_RUNS = ((-3, 1504045), (2, 1504038), (100, 1504018))
_SHORT = {"longest_page": 7}

_ALONE = (
    *(
        Scenario(
            f"too large: {error}",
            "more than 3 rows asked at once",
            INSIGHTS,
            settings={"max_rows": 3, "max_rows_error": error},
            heals=True,
        )
        for error in _ROW_LIMITS
    ),
    Scenario(
        "too large for a run",
        "more rows than a campaign's day has, at once and as report run",
        DAILY,
        _limit_runs,
        settings={"max_rows": 0, "max_async_rows": 0},
        heals=True,
    ),
    Scenario(
        "pages too large",
        "more than 30 rows a page",
        LISTS,
        settings={"max_page_rows": 30},
        heals=True,
    ),
    *(
        Scenario(
            f"run fails {code}/{subcode}",
            f"{text} Once.",
            RUN[:-1] if (code, subcode) in _LARGE_RUNS else RUN,
            _run(end="failed", code=code, subcode=subcode),
            settings=_RUNS,
            heals=(code, subcode) not in _WRONG_RUNS,
        )
        for (code, subcode), text in FAILURES.items()
    ),
    *(
        Scenario(
            case.id,
            f"{case.meaning}, once",
            RUN,
            _on_run(case),
            settings=_RUNS,
            heals=case.id in _PASSING,
        )
        for case in cases().values()
        if _is_of_runs(case)
    ),
    Scenario(
        "run skipped",
        "Job Skipped, once",
        RUN,
        _run(end="skipped"),
        settings=_RUNS,
        heals=True,
    ),
    Scenario(
        "run never ends",
        "at 57 % for ever, once",
        RUN,
        _run(end="never"),
        settings=_RUNS,
        heals=True,
    ),
    Scenario(
        "run not quite done",
        "completed below 100 %, then running at 100 %",
        RUN,
        _run(early_polls=2, late_polls=2),
        settings=_RUNS,
        heals=True,
    ),
    Scenario(
        "run not readable",
        "2601/1815107 for two reads",
        RUN,
        _run(unreadable_reads=2),
        settings=_RUNS,
        heals=True,
    ),
    Scenario("run reads empty", "no rows for one read", RUN, _run(empty_reads=1), settings=_RUNS),
    Scenario("any order", "rows in no order", WALKED, settings={"row_order_seed": 7}, heals=True),
    Scenario(
        "short pages", "seven rows a page, whatever is asked", WALKED, settings=_SHORT, heals=True
    ),
    Scenario(
        "rows twice", "pages overlap", WALKED, settings={**_SHORT, "duplicate_rows": 1}, heals=True
    ),
    Scenario(
        "rows lost", "rows fall between pages", WALKED[2:], settings={**_SHORT, "shifted_rows": 1}
    ),
    Scenario(
        "empty pages",
        "an empty page after each",
        WALKED,
        settings={"empty_pages": True},
        heals=True,
    ),
    Scenario(
        "long cursors",
        "with characters to escape",
        WALKED,
        settings={**_SHORT, "cursor_form": "long"},
        heals=True,
    ),
    Scenario(
        "no cursors",
        "a next page, no cursor",
        WALKED,
        settings={**_SHORT, "cursor_form": "missing"},
    ),
    Scenario(
        "cursors too deep",
        "no seventh page of a list",
        ("adset_daily", "ad_daily", "platform_daily"),
        settings={**_SHORT, "cursor_pages": 6},
        heals=True,
    ),
    Scenario(
        "small quota",
        "Limited access, a hundredth of its calls",
        INSIGHTS,
        settings={"access_tier": "development_access", "enforce_quotas": True, "quota_scale": 0.01},
        heals=True,
    ),
    Scenario(
        "dead metric",
        "a metric is refused as unknown",
        PAGES,
        _answer(cases()[_DEAD]),
        is_contagious=True,
        lasting=True,
    ),
)


IS_THOROUGH = os.environ.get("FAULT_MATRIX") == "all"
"""Whether every scenario is tried on all of its reports: that takes about ten minutes."""

# In a quick run each way of asking stands for its reports, and these scenarios for the rest.
_QUICK = frozenset(
    {"campaigns", "account_daily", "ad_daily", "account_28d", "page_28d", "page_posts"}
)
_ON_ALL = frozenset({"unknown_transient", "silence", "batch_item_null"})


def _tried(scenario: Scenario) -> Scenario:
    if IS_THOROUGH or scenario.name in _ON_ALL:
        return scenario
    quick = tuple(name for name in scenario.reports if name in _QUICK)
    return replace(scenario, reports=quick or scenario.reports[:1])


TOGETHER = tuple(map(_tried, _TOGETHER))
ALONE = tuple(map(_tried, _ALONE))
