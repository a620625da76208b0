"""The report table: every question this pipeline puts to Meta, declared once.

The Graph client reads it to build requests, landing reads it to find a row's day and
key, the Dagster definitions read it to make one asset a report, and `docs/reports.md`
is written from it. A key stands beside the report it belongs to, never in a list far away.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Grain = Literal["day", "month", "snapshot"]
Surface = Literal["ads", "page", "instagram"]

PAGE_TIME_ZONE = "America/Los_Angeles"
"""Page Insights cuts its days at midnight Pacific for every Page (Page Insights guide)."""

ATTRIBUTION_WINDOWS = {"1d_click": 1, "7d_click": 7, "28d_click": 28, "1d_view": 1, "1d_ev": 1}
"""The attribution windows that can be asked for, and how many days back each looks."""

PAD_DAYS = 7
"""Days asked for before the first day kept.

Meta counts a conversion only if its click lies inside the range asked for: a puller that
asked for one day at a time lost 14.5 % of its slow conversions (measured by a third party,
2026-09). Seven days are the longest default click window.
"""

IDENTITY_FIELDS = ("account_id", "account_name", "account_currency", "date_start", "date_stop")
DELIVERY_FIELDS = ("impressions", "clicks", "spend", "inline_link_clicks", "outbound_clicks")
UNIQUE_FIELDS = ("reach", "frequency", "unique_clicks")
RATIO_FIELDS = ("ctr", "inline_link_click_ctr", "cpc", "cpm", "cost_per_inline_link_click")
ACTION_FIELDS = (
    "actions",
    "action_values",
    "cost_per_action_type",
    "conversions",
    "conversion_values",
)
SETTING_FIELDS = ("objective", "optimization_goal", "attribution_setting")
CAMPAIGN_FIELDS = ("campaign_id", "campaign_name")
ADSET_FIELDS = (*CAMPAIGN_FIELDS, "adset_id", "adset_name")
AD_FIELDS = (*ADSET_FIELDS, "ad_id", "ad_name")

NON_ADDITIVE = frozenset((*UNIQUE_FIELDS, *RATIO_FIELDS, "cost_per_action_type"))
"""Fields that exist only at the grain at which Meta was asked: summing one is a wrong number."""

METRIC_FIELDS = frozenset((*DELIVERY_FIELDS, *UNIQUE_FIELDS, *RATIO_FIELDS, *ACTION_FIELDS))

INSIGHT_FIELDS = (
    *IDENTITY_FIELDS,
    *DELIVERY_FIELDS,
    *UNIQUE_FIELDS,
    *RATIO_FIELDS,
    *ACTION_FIELDS,
)

# Asked for by name, because the list edges and the insights below an account leave out archived
# and deleted objects otherwise, while the account's totals keep what they spent (Insights best
# practices).
CAMPAIGN_STATUSES = ("ACTIVE", "PAUSED", "DELETED", "ARCHIVED", "IN_PROCESS", "WITH_ISSUES")
ADSET_STATUSES = (*CAMPAIGN_STATUSES, "CAMPAIGN_PAUSED")
AD_STATUSES = (
    *ADSET_STATUSES,
    *("ADSET_PAUSED", "DISAPPROVED", "PENDING_BILLING_INFO", "PENDING_REVIEW", "PREAPPROVED"),
)


TOTALLED = "impressions"
"""The metric whose total is asked for beside the rows, to tell whether all of them came."""


def _with_status(field: str, statuses: tuple[str, ...]) -> dict[str, str]:
    condition = {"field": field, "operator": "IN", "value": statuses}
    return {"filtering": json.dumps([condition]), "summary": json.dumps([TOTALLED])}


# Asked for one by one: Meta refuses a whole request for one retired name and does not say which.
PAGE_METRICS = (
    "page_media_view",
    "page_total_media_view_unique",
    "page_post_engagements",
    "page_views_total",
    "page_follows",
    "page_daily_follows_unique",
    "page_daily_unfollows_unique",
)
PAGE_28D_METRICS = ("page_media_view", "page_total_media_view_unique")
POST_METRICS = (
    "post_media_view",
    "post_total_media_view_unique",
    "post_clicks",
    "post_reactions_by_type_total",
)
# `reach` comes as a series of days, the others as one total a request (Instagram reference).
INSTAGRAM_METRICS = (
    "reach",
    "views",
    "total_interactions",
    "accounts_engaged",
    "follows_and_unfollows",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One named question put to Meta about one asset (ad account, Page, Instagram account).

    `key` names the fields that identify a row within its day; `grain` is what a row
    describes: a day or a month in the asset's time zone, or how an object stands at the
    time of the pull (`snapshot`). `edge` is the path behind the asset's id, empty for the
    object itself; with `each`, it is asked of every object in that edge of the asset.
    `metrics` are asked for in one request each (organic insights only). With `rolling_days`
    a row describes that many days, of which its day is the last. `is_default` says whether
    a client gets the report without asking for it in clients.yml.
    """

    name: str
    description: str
    surface: Surface
    edge: str
    grain: Grain
    key: tuple[str, ...]
    fields: tuple[str, ...] = ()
    level: str | None = None
    breakdowns: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    each: str = ""
    rolling_days: int = 0
    is_default: bool = True
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_actions(self) -> bool:
        """Whether conversions are asked for."""
        return "actions" in self.fields

    def padding(self, windows: Iterable[str]) -> int:
        """Days to ask for before the first day kept, given the attribution windows."""
        if not self.has_actions:
            return 0
        return max(PAD_DAYS, *(ATTRIBUTION_WINDOWS[window] for window in windows), 0)

    @property
    def additive_fields(self) -> tuple[str, ...]:
        """The metrics that may be summed over days and objects."""
        return tuple(f for f in self.fields if f in METRIC_FIELDS and f not in NON_ADDITIVE)

    @property
    def non_additive_fields(self) -> tuple[str, ...]:
        """The metrics that are true only at this report's own grain."""
        return tuple(f for f in self.fields if f in NON_ADDITIVE)

    @property
    def parts(self) -> tuple[str, ...]:
        """What is pulled and landed apart from the rest: each Page metric, else all at once."""
        return self.metrics or ("",)


def _campaigns_by(*breakdowns: str, name: str, what: str, is_default: bool = True) -> Report:
    """A report of campaigns by day and the values of `breakdowns`, which belong to its key."""
    return Report(
        name=name,
        description=f"Delivery and actions by campaign, {what} and day.",
        surface="ads",
        edge="insights",
        grain="day",
        level="campaign",
        breakdowns=breakdowns,
        key=("campaign_id", *breakdowns),
        fields=(*INSIGHT_FIELDS, *CAMPAIGN_FIELDS, "objective", "attribution_setting"),
        is_default=is_default,
        params=_with_status("campaign.effective_status", CAMPAIGN_STATUSES),
    )


_REPORTS = (
    Report(
        name="accounts",
        description="The ad account itself: currency, time zone, status.",
        surface="ads",
        edge="",
        grain="snapshot",
        key=("id",),
        fields=(
            *("id", "account_id", "name", "currency", "timezone_name", "account_status"),
            *("disable_reason", "amount_spent", "balance", "spend_cap", "created_time"),
        ),
    ),
    Report(
        name="campaigns",
        description="Campaigns of the account, archived and deleted ones included.",
        surface="ads",
        edge="campaigns",
        grain="snapshot",
        key=("id",),
        fields=(
            *("id", "account_id", "name", "objective", "status", "effective_status"),
            *("buying_type", "bid_strategy", "daily_budget", "lifetime_budget"),
            *("start_time", "stop_time", "created_time", "updated_time"),
        ),
        params={"effective_status": json.dumps(CAMPAIGN_STATUSES)},
    ),
    Report(
        name="adsets",
        description="Ad sets of the account, archived and deleted ones included.",
        surface="ads",
        edge="adsets",
        grain="snapshot",
        key=("id",),
        fields=(
            *("id", "account_id", "campaign_id", "name", "status", "effective_status"),
            *("optimization_goal", "billing_event", "attribution_spec"),
            *("daily_budget", "lifetime_budget"),
            *("start_time", "end_time", "created_time", "updated_time"),
        ),
        params={"effective_status": json.dumps(ADSET_STATUSES)},
    ),
    Report(
        name="ads",
        description="Ads of the account, archived and deleted ones included.",
        surface="ads",
        edge="ads",
        grain="snapshot",
        key=("id",),
        fields=(
            *("id", "account_id", "campaign_id", "adset_id", "name"),
            *("status", "effective_status", "creative", "created_time", "updated_time"),
        ),
        params={"effective_status": json.dumps(AD_STATUSES)},
    ),
    Report(
        name="creatives",
        description="Creatives of the account: texts, links, the post behind each. Image "
        "addresses expire and are not asked for.",
        surface="ads",
        edge="adcreatives",
        grain="snapshot",
        key=("id",),
        fields=(
            *("id", "account_id", "name", "title", "body", "object_type", "status"),
            *("call_to_action_type", "effective_object_story_id", "url_tags"),
            *("object_story_spec", "asset_feed_spec"),
        ),
    ),
    Report(
        name="account_daily",
        description="Delivery and actions of the whole account by day; what empty days are "
        "proved against.",
        surface="ads",
        edge="insights",
        grain="day",
        level="account",
        key=("account_id",),
        fields=INSIGHT_FIELDS,
        params={"default_summary": "true"},
    ),
    Report(
        name="campaign_daily",
        description="Delivery and actions by campaign and day.",
        surface="ads",
        edge="insights",
        grain="day",
        level="campaign",
        key=("campaign_id",),
        fields=(*INSIGHT_FIELDS, *CAMPAIGN_FIELDS, "objective", "attribution_setting"),
        params=_with_status("campaign.effective_status", CAMPAIGN_STATUSES),
    ),
    Report(
        name="adset_daily",
        description="Delivery and actions by ad set and day.",
        surface="ads",
        edge="insights",
        grain="day",
        level="adset",
        key=("adset_id",),
        fields=(*INSIGHT_FIELDS, *ADSET_FIELDS, *SETTING_FIELDS),
        params=_with_status("adset.effective_status", ADSET_STATUSES),
    ),
    Report(
        name="ad_daily",
        description="Delivery and actions by ad and day.",
        surface="ads",
        edge="insights",
        grain="day",
        level="ad",
        key=("ad_id",),
        fields=(*INSIGHT_FIELDS, *AD_FIELDS, *SETTING_FIELDS),
        params=_with_status("ad.effective_status", AD_STATUSES),
    ),
    _campaigns_by("publisher_platform", name="platform_daily", what="platform"),
    _campaigns_by("age", "gender", name="age_gender_daily", what="age, gender"),
    _campaigns_by("country", name="country_daily", what="country", is_default=False),
    Report(
        name="account_28d",
        description="Reach and frequency of the account over the 28 days that end with each "
        "day: they cannot be summed from days.",
        surface="ads",
        edge="insights",
        grain="day",
        level="account",
        rolling_days=28,
        key=("account_id",),
        fields=(*IDENTITY_FIELDS, *DELIVERY_FIELDS, *UNIQUE_FIELDS),
    ),
    Report(
        name="account_monthly",
        description="Reach and frequency of the account by calendar month: they cannot be "
        "summed from days.",
        surface="ads",
        edge="insights",
        grain="month",
        level="account",
        key=("account_id",),
        # No action fields: a month asked for alone loses conversions whose click lies before it.
        fields=(*IDENTITY_FIELDS, *DELIVERY_FIELDS, *UNIQUE_FIELDS),
    ),
    Report(
        name="page_daily",
        description="Page metrics by Pacific day, one metric a call.",
        surface="page",
        edge="insights",
        grain="day",
        key=("name",),
        metrics=PAGE_METRICS,
        params={"period": "day"},
    ),
    Report(
        name="page_28d",
        description="Views and Viewers of the Page over the 28 days that end with each Pacific "
        "day: Viewers cannot be summed from days.",
        surface="page",
        edge="insights",
        grain="day",
        rolling_days=28,
        key=("name",),
        metrics=PAGE_28D_METRICS,
        params={"period": "days_28"},
    ),
    Report(
        name="page_posts",
        description="The Page's posts of the last 28 days.",
        surface="page",
        edge="posts",
        grain="snapshot",
        key=("id",),
        fields=("id", "created_time", "message", "permalink_url", "status_type"),
        is_default=False,
    ),
    Report(
        name="post_insights",
        description="Totals of each of those posts so far, one metric a call.",
        surface="page",
        edge="insights",
        each="posts",
        grain="snapshot",
        key=("post_id", "name"),
        metrics=POST_METRICS,
        params={"period": "lifetime"},
        is_default=False,
    ),
    Report(
        name="instagram_accounts",
        description="The Instagram account itself: name and number of followers.",
        surface="instagram",
        edge="",
        grain="snapshot",
        key=("id",),
        fields=("id", "username", "name", "followers_count", "follows_count", "media_count"),
    ),
    Report(
        name="instagram_daily",
        description="Instagram metrics by Pacific day, one metric a call.",
        surface="instagram",
        edge="insights",
        grain="day",
        key=("name",),
        metrics=INSTAGRAM_METRICS,
        params={"period": "day"},
    ),
)

REPORTS: Mapping[str, Report] = {report.name: report for report in _REPORTS}

DEFAULT_REPORTS = tuple(report.name for report in _REPORTS if report.is_default)

REQUIRED_REPORTS = ("accounts", "account_daily")
"""What every client gets: time zone and currency, and the proof of empty days."""


def reports_of(*, grain: Grain) -> tuple[Report, ...]:
    """The reports of one grain, in the order in which they are pulled."""
    return tuple(report for report in _REPORTS if report.grain == grain)


def markdown() -> str:
    """The table of `docs/reports.md`, one row a report."""
    head = (
        "| report | what | by default | edge | level | breakdowns | grain | rolling days "
        "| row key | may be summed | true only at this grain |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|\n"
    )
    lines = (
        f"| `{r.name}` | {r.description} | {_default(r)} "
        f"| `{_path(r)}` | {r.level or '–'} | {', '.join(r.breakdowns) or '–'} "
        f"| {r.grain} | {r.rolling_days or '–'} | {', '.join(r.key)} "
        f"| {', '.join(r.additive_fields) or '–'} | {', '.join(r.non_additive_fields) or '–'} |\n"
        for r in _REPORTS
    )
    return head + "".join(lines)


def _default(report: Report) -> str:
    if report.name in REQUIRED_REPORTS:
        return "always"
    return "yes" if report.is_default else "no"


def _path(report: Report) -> str:
    """The path behind the asset's id, as people read it."""
    return (
        "/".join(filter(None, (report.each, report.each and "(each)", report.edge))) or "(itself)"
    )
