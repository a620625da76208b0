"""People: reach of ads, and what a Page sees in a day.

Reach saturates: `A * (1 - exp(-impressions / (c * A)))` people for an audience A, rounded up. One
audience serves every grain of an account, so the reach of a sum never exceeds the sum of the
reaches; c > 1 is the repetition within one session, so frequency starts above 1.
"""

import math
from datetime import date, timedelta

from meta_pipeline.simulator.noise import lognormal, rounded, uniforms
from meta_pipeline.simulator.source import Account, Page, PageDay
from meta_pipeline.simulator.structure import Shape

REPETITION = 1.08
PAGE_EPOCH = date(2023, 1, 1)
_REACTIONS = (
    ("like", 0.8),
    ("love", 0.12),
    ("haha", 0.04),
    ("wow", 0.02),
    ("sorry", 0.01),
    ("anger", 0.01),
)


def reach(impressions: int, people: float) -> int:
    """People behind so many impressions: at least 1 and at most `impressions`."""
    if impressions <= 0:
        return 0
    found = people * -math.expm1(-impressions / (REPETITION * people))
    return max(1, min(impressions, math.ceil(found)))


def account_people(shape: Shape, account: Account) -> float:
    """The audience of an account: its ads show it about twice in 28 days."""
    ads = shape.campaigns * shape.adsets * shape.ads
    return 20_000 * ads * lognormal(uniforms(shape.seed, account.id, "people")[0], 1.0, 0.25)


def page_people(seed: int, page: Page) -> float:
    """Everybody who may come across a Page."""
    return lognormal(uniforms(seed, page.id, "people")[0], 60_000, 0.6)


class PageHistory:
    """The days of one Page, made on demand and in order: follows add up to a level."""

    def __init__(self, seed: int, page: Page) -> None:
        self._seed = seed
        self._page = page
        self._people = page_people(seed, page)
        self._days: list[PageDay] = []
        self._level = int(self._people * 0.12)

    def day(self, day: date) -> PageDay:
        """The figures of a Pacific day; days before 2023 are empty."""
        place = (day - PAGE_EPOCH).days
        if place < 0:
            return PageDay(0, 0, 0, 0, 0, 0, 0, 0, self._level, {})
        while len(self._days) <= place:
            self._days.append(self._next(PAGE_EPOCH + timedelta(days=len(self._days))))
        return self._days[place]

    def _next(self, day: date) -> PageDay:
        u = uniforms(self._seed, self._page.id, day.toordinal())
        weekend = 0.85 if day.weekday() >= 5 else 1.0
        views = int(lognormal(u[0], self._people * 0.03 * weekend, 0.35))
        viewers = reach(views, self._people)
        engagements = min(views, rounded(views * 0.025, u[2]))
        follows = min(viewers, rounded(viewers * 0.0025, u[4]))
        unfollows = min(self._level, rounded(viewers * 0.0008, u[5]))
        self._level += follows - unfollows
        reactions = {
            name: count
            for (name, share), uniform in zip(_REACTIONS, u[8:14], strict=True)
            if (count := rounded(engagements * 0.6 * share, uniform))
        }
        return PageDay(
            views=views,
            viewers=viewers,
            visits=rounded(viewers * 0.04, u[1]),
            engagements=engagements,
            actions=rounded(viewers * 0.002, u[3]),
            video_views=rounded(views * 0.3, u[6]),
            follows=follows,
            unfollows=unfollows,
            follows_level=self._level,
            reactions=reactions,
        )
