"""Instagram accounts: their fields, and their insights by day or as one total.

Only `reach` comes as a series of days; every other metric is one total over the range asked for
and needs `metric_type=total_value` (Instagram insights reference, June 2026). What has no data is
an empty list, not a zero.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from meta_pipeline.simulator.errors import GraphError, invalid, not_one_of, unknown_field
from meta_pipeline.simulator.noise import split
from meta_pipeline.simulator.objects import read_fields
from meta_pipeline.simulator.pages import end_time, moment, range_paging
from meta_pipeline.simulator.query import list_param
from meta_pipeline.simulator.source import (
    PACIFIC,
    InstagramAccount,
    InstagramDay,
    Source,
    day_start,
)
from meta_pipeline.simulator.vocabulary import INSTAGRAM_FIELDS

MAX_RANGE = timedelta(days=30)
METRIC_TYPES = ("default", "time_series", "total_value")
PERIODS = ("day", "week", "days_28", "month", "lifetime", "total_over_range")
Value = Callable[[Source, InstagramAccount, list[InstagramDay]], int]


@dataclass(frozen=True)
class Metric:
    """An Instagram metric: how days become a value, and by what it can be split."""

    title: str
    value: Value
    breakdowns: tuple[str, ...] = ()
    has_series: bool = False


def _added(*names: str) -> Value:
    return lambda _source, _account, days: sum(getattr(day, name) for day in days for name in names)


def _reach(source: Source, account: InstagramAccount, days: list[InstagramDay]) -> int:
    if len(days) == 1:
        return days[0].reach
    return source.instagram_unique(account, sum(day.views for day in days))


def _engaged(source: Source, account: InstagramAccount, days: list[InstagramDay]) -> int:
    if len(days) == 1:
        return days[0].accounts_engaged
    return source.instagram_unique(account, sum(_interactions(day) for day in days))


INTERACTIONS = ("likes", "comments", "shares", "saves", "replies", "reposts")


def _interactions(day: InstagramDay) -> int:
    return sum(getattr(day, name) for name in INTERACTIONS)


_PRODUCT = ("media_product_type",)
METRICS: dict[str, Metric] = {
    "reach": Metric(
        "Accounts reached", _reach, ("media_product_type", "follow_type"), has_series=True
    ),
    "views": Metric("Views", _added("views"), ("follower_type", "media_product_type")),
    "total_interactions": Metric("Interactions", _added(*INTERACTIONS), _PRODUCT),
    "accounts_engaged": Metric("Accounts engaged", _engaged),
    "likes": Metric("Likes", _added("likes"), _PRODUCT),
    "comments": Metric("Comments", _added("comments"), _PRODUCT),
    "shares": Metric("Shares", _added("shares"), _PRODUCT),
    "saves": Metric("Saves", _added("saves"), _PRODUCT),
    "replies": Metric("Replies", _added("replies")),
    "reposts": Metric("Reposts", _added("reposts")),
    "profile_links_taps": Metric(
        "Profile link taps", _added("profile_links_taps"), ("contact_button_type",)
    ),
    "follows_and_unfollows": Metric(
        "Follows and unfollows", _added("follows", "unfollows"), ("follow_type",)
    ),
    # No longer in Meta's table, yet answered as totals (third party, 2026-09).
    "profile_views": Metric("Profile views", _added("profile_views")),
    "website_clicks": Metric("Website clicks", _added("profile_links_taps")),
}
DEAD = frozenset({"impressions"})
"""Gone in every version since 2025-04-21 (Instagram changelog)."""


def instagram_body(
    source: Source, account: InstagramAccount, params: Mapping[str, str], now: datetime
) -> dict[str, Any]:
    """The fields asked for of an Instagram account; its levels are those of the last whole day.

    Raises:
        GraphError: for a field that Instagram accounts do not have.
    """
    fields = read_fields(params)
    for name in fields:
        if name not in INSTAGRAM_FIELDS:
            raise unknown_field(name, "IGUser")
    today = now.astimezone(PACIFIC).date()
    day = source.instagram_day(account, today - timedelta(days=1))
    values: dict[str, Any] = {
        "id": account.id,
        "ig_id": int(account.id[5:]),
        "username": account.username,
        "name": account.name,
        "biography": f"{account.name} on Instagram",
        "website": f"https://{account.username.replace('.', '-')}.example",
        "followers_count": day.followers_level,
        "follows_count": 180,
        "media_count": day.media_level,
    }
    return {name: values[name] for name in dict.fromkeys([*fields, "id"]) if name in values}


def instagram_insights(
    source: Source,
    account: InstagramAccount,
    params: Mapping[str, str],
    now: datetime,
    lag: timedelta,
    url: str,
    token: str,
) -> dict[str, Any]:
    """The body of an Instagram insights answer.

    A range takes in the Pacific days that begin inside it, so midnight to midnight is that day;
    how Meta cuts a range that begins at another hour is not documented.

    Args:
        source: the truth.
        account: the Instagram account asked about.
        params: `metric`, `period`, `metric_type`, `breakdown`, `since`, `until`.
        now: the moment of asking.
        lag: how long after its end a day becomes visible (Meta: up to 48 hours).
        url: the address of this edge, for `paging`.
        token: the token that `paging` carries.

    Raises:
        GraphError: as Meta answers to a bad metric, period, type, breakdown or range.
    """
    names = _metrics(params)
    _check_period(params)
    kind = params.get("metric_type") or "default"
    if kind not in METRIC_TYPES:
        raise not_one_of("metric_type", METRIC_TYPES)
    days = _days(params, now, lag)
    breakdowns = list_param(params, "breakdown")
    if kind == "total_value":
        for name in names:
            if not set(breakdowns) <= set(METRICS[name].breakdowns):
                # Captured: an unsupported breakdown has no better text.
                raise GraphError("An unknown error has occurred.", 1, status=500)
        items = [_total(source, account, name, days, breakdowns) for name in names]
    else:
        totals = [name for name in names if not METRICS[name].has_series]
        if totals:
            raise invalid(
                f"The following metrics ({', '.join(totals)}) should be specified with parameter "
                "metric_type=total_value"
            )
        items = [_series(source, account, name, days) for name in names]
    data = [item for item in items if item]
    if not data:
        return {"data": []}
    paging = range_paging(params, [day + timedelta(days=1) for day in days], url, token)
    return {"data": data, "paging": paging} if paging else {"data": data}


def _metrics(params: Mapping[str, str]) -> tuple[str, ...]:
    names = list_param(params, "metric")
    if not names:
        raise invalid("The parameter metric is required")
    for index, name in enumerate(names):
        if name in DEAD:
            raise invalid(
                f"Starting from version 22 and above, the {name} metric is no longer supported"
            )
        if name not in METRICS:
            raise not_one_of(f"metric[{index}]", tuple(METRICS))
    return tuple(dict.fromkeys(names))


def _check_period(params: Mapping[str, str]) -> None:
    # Meta's SDK sends a list of periods.
    periods = list_param(params, "period")
    if not periods:
        raise invalid("The parameter period is required")
    for period in periods:
        if period not in PERIODS:
            raise not_one_of("period", PERIODS)
        if period != "day":
            # Demographics alone have another period; they are not simulated.
            raise invalid(f"The following metrics are incompatible with period {period}")


def _days(params: Mapping[str, str], now: datetime, lag: timedelta) -> list[date]:
    """The visible Pacific days that begin in [since, until); by default the last 24 hours."""
    since, until = moment(params, "since"), moment(params, "until")
    until = until or (since + MAX_RANGE if since else now)
    since = since or until - timedelta(hours=24)
    if until < since:
        raise invalid("since must be earlier than until")
    if until - since > MAX_RANGE:
        raise invalid("There cannot be more than 30 days (2592000 s) between since and until")
    newest = (now - lag).astimezone(PACIFIC).date() - timedelta(days=1)
    day = since.astimezone(PACIFIC).date()
    found = []
    while day <= newest and (start := day_start(day, PACIFIC)) < until:
        if start >= since:
            found.append(day)
        day += timedelta(days=1)
    return found


def _series(
    source: Source, account: InstagramAccount, name: str, days: list[date]
) -> dict[str, Any] | None:
    values = []
    for day in days:
        value = METRICS[name].value(source, account, [source.instagram_day(account, day)])
        if value:
            values.append({"value": value, "end_time": end_time(day + timedelta(days=1))})
    return {**_about(account, name), "values": values, "id": _id(account, name)} if values else None


def _total(
    source: Source,
    account: InstagramAccount,
    name: str,
    days: list[date],
    breakdowns: tuple[str, ...],
) -> dict[str, Any] | None:
    seen = [source.instagram_day(account, day) for day in days]
    value = METRICS[name].value(source, account, seen) if seen else 0
    if not value:
        return None
    total: dict[str, Any] = {"value": value}
    if name == "follows_and_unfollows":
        # A sum of both would mean nothing: the two numbers come by `follow_type` alone.
        total = {}
    if breakdowns:
        parts = _parts(name, seen, value, breakdowns)
        total["breakdowns"] = [{"dimension_keys": list(breakdowns), "results": parts}]
    return {**_about(account, name), "total_value": total, "id": _id(account, name)}


_CELLS = {
    "media_product_type": (
        ("REEL", 0.5),
        ("POST", 0.2),
        ("CAROUSEL_CONTAINER", 0.2),
        ("STORY", 0.1),
    ),
    "follow_type": (("FOLLOWER", 0.6), ("NON_FOLLOWER", 0.4)),
    "follower_type": (("FOLLOWER", 0.6), ("NON_FOLLOWER", 0.4)),
    "contact_button_type": (("BIO_LINK_CLICKED", 0.8), ("EMAIL", 0.2)),
}


def _parts(
    name: str, days: list[InstagramDay], value: int, breakdowns: tuple[str, ...]
) -> list[dict[str, Any]]:
    if name == "follows_and_unfollows":
        # FOLLOWER: accounts that followed; NON_FOLLOWER: that unfollowed or left Instagram.
        flows = (("FOLLOWER", "follows"), ("NON_FOLLOWER", "unfollows"))
        return [
            {"dimension_values": [word], "value": count}
            for word, field in flows
            if (count := sum(getattr(day, field) for day in days))
        ]
    cells: list[tuple[tuple[str, ...], float]] = [((), 1.0)]
    for breakdown in breakdowns:
        cells = [
            ((*words, word), share * part)
            for words, share in cells
            for word, part in _CELLS[breakdown]
        ]
    shares = split(value, [share for _, share in cells])
    if METRICS[name].value in (_reach, _engaged):
        # Somebody who saw a reel and a story counts in both: the parts exceed the whole
        # (a recorded answer of v18 has them so).
        shares = [count + count // 10 for count in shares]
    return [
        {"dimension_values": list(words), "value": count}
        for (words, _), count in zip(cells, shares, strict=True)
        if count
    ]


def _about(account: InstagramAccount, name: str) -> dict[str, Any]:
    title = METRICS[name].title
    return {
        "name": name,
        "period": "day",
        "title": title,
        "description": f"{title} of {account.username}",
    }


def _id(account: InstagramAccount, name: str) -> str:
    return f"{account.id}/insights/{name}/day"
