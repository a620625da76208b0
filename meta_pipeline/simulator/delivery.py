"""What the generated ads deliver: settled figures by ad and day, and how they look earlier.

An ad-day is settled in whole numbers first, then seen at a moment, then split into cells by
largest remainder; so every level and breakdown has the same totals, to the cent, at any moment.
"""

import math
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from meta_pipeline.simulator import maturity
from meta_pipeline.simulator.cells import Conversion, cells, convert
from meta_pipeline.simulator.noise import (
    lognormal,
    pick,
    poisson,
    rounded,
    uniform,
    uniforms,
)
from meta_pipeline.simulator.source import Account, Ad, Fact, day_end, day_start
from meta_pipeline.simulator.structure import Shape
from meta_pipeline.simulator.traits import Traits

# Share of conversions by days between click and conversion; about half on the day of the click.
_LAG = (0.53, 0.15, 0.09, 0.07, 0.05, 0.04, 0.04, 0.03)
MAX_LAG = len(_LAG) - 1

# Auctions cost more towards Christmas and little in January.
_CPM_SEASON = (0.7, 0.85, 0.95, 1.0, 1.0, 0.98, 0.95, 0.95, 1.0, 1.1, 1.4, 1.35)
_WEEKDAY = (1.02, 1.04, 1.05, 1.03, 1.0, 0.93, 0.93)


class Settled(NamedTuple):
    """One ad-day when everything is known; `spread` decides the first report's error."""

    impressions: int
    clicks: int
    link_clicks: int
    spend: int
    landing: int
    videos: int
    reactions: int
    comments: int
    likes: int
    spread: float


Month = dict[date, tuple[Settled | None, list[Conversion]]]


class DayClock:
    """The days asked for, with how far each one is at the moment of looking."""

    def __init__(self, account: Account, since: date, until: date, as_of: datetime | None) -> None:
        self.since = since
        self.until = until
        self.as_of = maturity.refreshed(as_of.astimezone(UTC)) if as_of else None
        if self.as_of:
            self.until = min(until, self.as_of.astimezone(account.zone).date())
        self._zone = account.zone
        self._known: dict[date, tuple[float, float]] = {}

    def hours(self, day: date) -> tuple[float, float]:
        """Hours since the day began, and its length; (infinity, 24) when all has settled."""
        if self.as_of is None:
            return math.inf, 24.0
        if day not in self._known:
            start = day_start(day, self._zone).astimezone(UTC)
            length = (day_end(day, self._zone).astimezone(UTC) - start).total_seconds() / 3600
            self._known[day] = ((self.as_of - start).total_seconds() / 3600, length)
        return self._known[day]


def month(shape: Shape, ad: Ad, having: Traits, year: int, number: int) -> Month:
    """All days of a month with their deliveries and the conversions that happen on them.

    A conversion is dated by the day it happens, up to a week after its click (Meta's dating
    since 2025-06-10), so it may fall on a day without any delivery.
    """
    first = date(year, number, 1)
    after = date(year + number // 12, number % 12 + 1, 1)
    found: Month = {first + timedelta(days=n): (None, []) for n in range((after - first).days)}
    day = first - timedelta(days=MAX_LAG)
    while day < after:
        settled, expected = _settled(shape, ad, having, day)
        if day >= first and settled:
            found[day] = (settled, found[day][1])
        for index in range(expected):
            lag, conversion = _conversion(shape.seed, ad.id, having, day, index)
            happens = day + timedelta(days=lag)
            if happens in found:
                found[happens][1].append(conversion)
        day += timedelta(days=1)
    return found


def ad_facts(
    ad: Ad,
    having: Traits,
    days: DayClock,
    months: Callable[[int, int], Month],
    dimension: str,
    clicks_since: date | None,
) -> Iterator[Fact]:
    """The facts of one ad over the days asked for, as seen at the clock's moment."""
    day = max(days.since, ad.start)
    last = min(days.until, ad.end + timedelta(days=MAX_LAG) if ad.end else days.until)
    block, in_month = {}, (0, 0)
    while day <= last:
        if (day.year, day.month) != in_month:
            in_month = (day.year, day.month)
            block = months(*in_month)
        settled, conversions = block[day]
        if settled or conversions:
            hours, length = days.hours(day)
            fact = _seen(ad, day, settled, hours, length)
            seen = [c for c in conversions if _visible(c, hours, length, clicks_since)]
            if fact.impressions or seen:
                if dimension:
                    yield from cells(fact, having, seen, dimension)
                else:
                    convert(fact, having, seen)
                    yield fact
        day += timedelta(days=1)


def _settled(shape: Shape, ad: Ad, having: Traits, day: date) -> tuple[Settled | None, int]:
    if day < ad.start or (ad.end and day > ad.end) or (shape.gaps and _off(shape, ad, having, day)):
        return None, 0
    u = uniforms(shape.seed, ad.id, day.toordinal())
    weekday = _WEEKDAY[day.weekday()]
    spend = int(lognormal(u[0], having.spend * weekday, 0.18))
    cpm = lognormal(u[1], having.cpm * _CPM_SEASON[day.month - 1], 0.15)
    impressions = round(spend / cpm * 1000)
    if impressions <= 0:
        return None, 0
    clicks = min(impressions, rounded(impressions * having.ctr * (0.9 + 0.2 * u[2]), u[3]))
    links = min(clicks, rounded(clicks * having.link_share, u[4]))
    settled = Settled(
        impressions,
        clicks,
        links,
        spend,
        min(links, rounded(links * having.landing_share, u[5])),
        min(impressions, rounded(impressions * having.video_share, u[6])),
        rounded(impressions * 0.004, u[7]),
        rounded(impressions * 0.0004, u[8]),
        rounded(impressions * 0.00005, u[9]),
        u[10],
    )
    return settled, poisson(u[11], links * having.conversion_rate)


def _off(shape: Shape, ad: Ad, having: Traits, day: date) -> bool:
    """Days without delivery: weekends of some ad sets, an ad's pause, an unpaid account."""
    if having.weekdays_only and day.weekday() >= 5:
        return True
    ordinal = day.toordinal()
    return (
        uniform(shape.seed, ad.account.id, "off", ordinal) < 0.012
        or uniform(shape.seed, ad.id, "pause", ordinal // 3) < 0.03
    )


def _conversion(
    seed: int, ad_id: str, having: Traits, day: date, index: int
) -> tuple[int, Conversion]:
    u = uniforms(seed, ad_id, day.toordinal(), index)
    lag = pick(u[0], _LAG)
    viewed = u[9] < 0.12 and lag <= 1
    return lag, Conversion(
        clicked=day,
        moment=u[1],
        arrives=maturity.arrival_hours(u[2]),
        # Fraud filtering takes back one conversion in a hundred, within three weeks.
        withdrawn=72 + 380 * u[4] if u[3] < 0.01 else None,
        value=max(1, int(lognormal(u[5], having.order_value, 0.6))) if having.sells else 0,
        window="1d_view" if viewed else "1d_click" if lag <= 1 else "",
        cells=(u[6], u[7], u[8]),
    )


def _visible(
    conversion: Conversion, hours: float, length: float, clicks_since: date | None
) -> bool:
    if clicks_since and conversion.clicked < clicks_since:
        return False
    after = hours - length
    if conversion.arrives is None:
        if after < 0 and hours < conversion.moment * length:
            return False
    elif after < conversion.arrives:
        return False
    return conversion.withdrawn is None or after < conversion.withdrawn


def _seen(ad: Ad, day: date, settled: Settled | None, hours: float, length: float) -> Fact:
    if settled is None:
        return Fact(ad, day, (), 0, 0, 0, 0)
    factor = maturity.delivery_factor(hours, length, settled.spread)
    impressions = round(settled.impressions * factor)
    if not impressions:
        return Fact(ad, day, (), 0, 0, 0, 0)
    links = round(settled.link_clicks * factor)
    counts = {
        "link_click": links,
        "landing_page_view": round(settled.landing * factor),
        "video_view": round(settled.videos * factor),
        "post_reaction": round(settled.reactions * factor),
        "comment": round(settled.comments * factor),
        "like": round(settled.likes * factor),
    }
    clicks, spend = round(settled.clicks * factor), round(settled.spend * factor)
    return Fact(ad, day, (), impressions, clicks, links, spend, counts)
