"""Page Insights: one series of numbers per metric and period.

Values are JSON numbers, other than those of ads. `end_time` is midnight Pacific, so 07:00 UTC
in summer and 08:00 in winter; the value covers the 24 hours before it (Page Insights guide).
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from meta_pipeline.simulator.errors import GraphError, invalid
from meta_pipeline.simulator.page_metrics import METRICS, NOT_SIMULATED, PERIODS
from meta_pipeline.simulator.periods import preset
from meta_pipeline.simulator.query import list_param
from meta_pipeline.simulator.source import PACIFIC, Page, Source, day_start

_ALL_PERIODS = (*PERIODS, "month", "lifetime", "total_over_range")
_WORDS = {"day": "Daily", "week": "Weekly", "days_28": "28 Days"}
# A `since` alone is not capped; about three years came back in one answer (third party, 2026).
_MAX_POINTS = 1094


def page_insights(
    source: Source,
    page: Page,
    params: Mapping[str, str],
    now: datetime,
    lag: timedelta,
    url: str,
    token: str,
) -> dict[str, Any]:
    """The body of a Page Insights answer.

    Args:
        source: the truth.
        page: the Page asked about.
        params: `metric`, `period`, `since`, `until`.
        now: the moment of asking; decides which metrics are dead and which days are visible.
        lag: how long after its end a day becomes visible.
        url: the address of this edge, for `paging`.
        token: the token that `paging` carries.

    Raises:
        GraphError: as Meta answers to a missing or invalid metric, period or range.
    """
    names = _metrics(params, now)
    periods = _periods(params, names)
    ends = _end_times(params, now, lag)
    data = []
    for name in names:
        for period in periods if name in METRICS else ():
            if period in PERIODS and period not in METRICS[name].periods:
                continue
            values = [
                {"value": _value(source, page, name, period, end), "end_time": _written(end)}
                for end in ends
                if period in PERIODS
            ]
            data.append(_item(page, name, period, values))
    days = [end.astimezone(PACIFIC).date() for end in ends]
    return {"data": data, "paging": range_paging(params, days, url, token)}


def _metrics(params: Mapping[str, str], now: datetime) -> tuple[str, ...]:
    names = list_param(params, "metric")
    if not names:
        raise no_metric()
    today = now.astimezone(PACIFIC).date()
    for name in names:
        metric = METRICS.get(name)
        if name in NOT_SIMULATED:
            continue
        if metric is None or (metric.dead_from and today >= metric.dead_from):
            raise not_a_metric()
    return tuple(dict.fromkeys(names))


def no_metric() -> GraphError:
    """The answer to insights without `metric`."""
    return GraphError(
        "No metric was specified to be fetched. Please specify one or more metrics to be "
        "fetched and try again.",
        3001,
        subcode=1504028,
    )


def not_a_metric() -> GraphError:
    """The answer to a bad name: the whole call fails, the name is not said (v25, 2026-09)."""
    return invalid("The value must be a valid insights metric")


def _periods(params: Mapping[str, str], names: tuple[str, ...]) -> tuple[str, ...]:
    period = params.get("period", "")
    if not period:
        return tuple(PERIODS)
    if period == "lifetime":
        # Code 1/99 for page_media_view, empty values for the rest (third party, July 2026).
        if "page_media_view" in names:
            raise GraphError("An unknown error occurred", 1, subcode=99, status=500)
        return ("lifetime",)
    if period not in PERIODS:
        raise _not_a_period(PERIODS if period in _ALL_PERIODS else _ALL_PERIODS)
    for name in names:
        if name in METRICS and period not in METRICS[name].periods:
            raise _not_a_period(METRICS[name].periods)
    return (period,)


def _not_a_period(known: Iterable[str]) -> GraphError:
    return invalid(f"For field 'insights': Param period must be one of {{{', '.join(known)}}}")


def _end_times(params: Mapping[str, str], now: datetime, lag: timedelta) -> list[datetime]:
    """Midnights Pacific between `since` and `until`, of days that are visible by now.

    Both bounds are exclusive: a range of N days gives N-1 points (Page Insights reference and a
    third party's 30-day windows; whether `until` is exclusive or merely late is not settled).
    """
    newest = (now - lag).astimezone(PACIFIC).date()
    since = moment(params, "since")
    until = moment(params, "until")
    if not since and not until and params.get("date_preset"):
        first, last = preset(params["date_preset"], now.astimezone(PACIFIC).date())
        # The days of the preset end at the midnights after them, which are inside the bounds.
        since, until = day_start(first, PACIFIC), day_start(last + timedelta(days=2), PACIFIC)
        until = min(until, since + timedelta(days=90))
    if since and until:
        if until < since:
            raise invalid("since must be earlier than until")
        if until - since > timedelta(days=90, hours=1):
            raise GraphError("Invalid parameter", 100, subcode=1504016)
    elif until:
        since = until - timedelta(days=3)
    elif not since:
        since = day_start(newest - timedelta(days=2), PACIFIC)
    assert since is not None
    day = since.astimezone(PACIFIC).date()
    day = max(day, newest - timedelta(days=_MAX_POINTS))
    ends = []
    while day <= newest:
        end = day_start(day, PACIFIC)
        if end > since and (until is None or end < until):
            ends.append(end)
        day += timedelta(days=1)
    return ends


def moment(params: Mapping[str, str], name: str) -> datetime | None:
    """A bound of a range: a date (midnight Pacific) or a Unix timestamp; None if not given.

    Raises:
        GraphError: code 100, for anything else.
    """
    text = params.get(name, "").strip()
    if not text:
        return None
    try:
        if text.lstrip("-").isdigit():
            return datetime.fromtimestamp(int(text), UTC)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise invalid(f"Param {name} must be a date or a Unix timestamp") from None
    # A bare date begins at midnight Pacific, as the days of Pages do.
    return found.replace(tzinfo=PACIFIC) if found.tzinfo is None else found


def _value(source: Source, page: Page, name: str, period: str, end: datetime) -> Any:
    # `week` and `days_28` are rolling sums with one point a day, not calendar buckets.
    last = end.date() - timedelta(days=1)
    days = [source.page_day(page, last - timedelta(days=n)) for n in range(PERIODS[period])]
    return METRICS[name].value(source, page, days[::-1])


def _item(page: Page, name: str, period: str, values: list[dict[str, Any]]) -> dict[str, Any]:
    word, title = _WORDS.get(period, "Lifetime"), METRICS[name].title
    return {
        "name": name,
        "period": period,
        "values": values,
        "title": f"{word} {title}",
        "description": f"{word}: {title}",
        "id": f"{page.id}/insights/{name}/{period}",
    }


def _written(end: datetime) -> str:
    return end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def end_time(day: date) -> str:
    """Midnight Pacific at the beginning of a day, as Meta writes it."""
    return _written(day_start(day, PACIFIC))


def range_paging(
    params: Mapping[str, str], ends: list[date], url: str, token: str
) -> dict[str, str]:
    """Links to ranges of the same width before and after; they never end (third party, 2026).

    `ends` are the days at whose beginning the values end.
    """
    if not ends:
        return {}
    width = len(ends)
    spans = {
        "previous": (ends[0] - timedelta(days=width + 1), ends[0] - timedelta(days=1)),
        "next": (ends[-1], ends[-1] + timedelta(days=width)),
    }
    kept = {k: v for k, v in params.items() if k not in ("since", "until", "access_token")}
    found = {}
    for name, (since, until) in spans.items():
        stamps = [int(day_start(day, PACIFIC).timestamp()) for day in (since, until)]
        query = {"access_token": token, **kept, "since": stamps[0], "until": stamps[1]}
        found[name] = f"{url}?{urlencode(query)}"
    return found
