"""The re-pull policy: which days are asked again, and at which age. No clock, no storage.

Meta restates a day for 28 days, most of it within the first few. So a day is pulled daily at
first, and then when it has passed a milestone. Milestones are passed week by week (Monday to
Sunday, as soon as the Sunday has), because a question about one day asks for seven more before
it: a week costs twice what a lone day costs, and is seven of them.

A day is due while its newest pull is from before the newest milestone that it has passed. So
what failed or was missed stays due until it has landed, and nothing is due twice for the same
milestone. The last milestone is 28 days after the day's end, from when on Meta's figures do not
change and the day is final.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from meta_pipeline.dates import TRAILING_DAYS, Span, spans
from meta_pipeline.reports import PAD_DAYS, Report

_SUNDAY = 6


@dataclass(frozen=True, slots=True)
class Policy:
    """What is pulled again at which age, in days of 24 hours after a day's end.

    Until a pull is `daily_through` days old at least, the day is pulled daily; then once for each
    of the ages `pulled_once_at`. A day that was never pulled is due for `window` days, and one
    after a day that was (a gap) until `given_up`. Nothing is due after that, lest what Meta
    refuses for ever is asked for ever.
    """

    daily_through: int = 7
    milestones: tuple[int, ...] = (7, 14, TRAILING_DAYS)
    window: int = TRAILING_DAYS
    given_up: int = 2 * TRAILING_DAYS

    @property
    def pulled_once_at(self) -> set[int]:
        """The `milestones`, and the first whole week after the daily stretch.

        Without that week a wider stretch would lose the pull of a milestone that it reaches, and
        with it the days that are asked along between two weeks: it would know them less well.
        """
        return {*self.milestones, self.daily_through // 7 * 7 + 7}

    def stale_before(self, day: date, zone: ZoneInfo, now: datetime) -> datetime:
        """A day of `zone` is due at `now` unless its newest pull is from then or later."""
        ends = day_end(day, zone)
        if now < ends + timedelta(days=self.daily_through):
            return now
        week_ends = day_end(day + timedelta(days=_SUNDAY - day.weekday()), zone)
        passed = (age for age in self.pulled_once_at if week_ends + timedelta(days=age) <= now)
        return ends + timedelta(days=max([self.daily_through, *passed]))


def day_end(day: date, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which the day is over in `zone`, on days of 23 and 25 hours too."""
    midnight = day + timedelta(days=1)
    return datetime(midnight.year, midnight.month, midnight.day, tzinfo=zone).astimezone(UTC)


def due_days(
    policy: Policy, zone: ZoneInfo, now: datetime, pulled: Mapping[date, datetime]
) -> set[date]:
    """The days up to yesterday that are due at `now`: yesterday of `zone` or, where that is the
    later one, of UTC.

    `pulled` has the newest pull of each day that was answered; the days are those of `zone`.
    """
    limits = _limits(policy, zone, now)
    first = min((day for day, *_ in limits if day in pulled), default=date.max)
    return {
        day
        for day, stale_before, is_in_window in limits
        if (pulled[day] < stale_before if day in pulled else is_in_window or day > first)
    }


@lru_cache(maxsize=1024)
def _limits(
    policy: Policy, zone: ZoneInfo, now: datetime
) -> tuple[tuple[date, datetime, bool], ...]:
    """Each day that may be due: its limit, and whether it is due without any pull."""
    # Where the sun rises first a day is over while UTC is still on it.
    today = max(now.astimezone(UTC).date(), now.astimezone(zone).date())
    ages = range(1, policy.given_up + 1)
    days = ((today - timedelta(days=age), age <= policy.window) for age in ages)
    return tuple((day, policy.stale_before(day, zone, now), within) for day, within in days)


def bridged(days: Iterable[date], gap: int) -> list[Span]:
    """The days as spans, joined where at most `gap` days lie between them."""
    joined: list[Span] = []
    for span in spans(days):
        if joined and (span.since - joined[-1].until).days - 1 <= gap:
            joined[-1] = Span(joined[-1].since, span.until)
        else:
            joined.append(span)
    return joined


def free_gap(report: Report) -> int:
    """How many days between two that are due cost nothing to ask along: they are the padding of
    the later one, and a question of its own would ask for them too.

    Questions without padding are joined as well: their few rows more are cheaper than a request.
    Instagram is asked day by day, where each day is a call.
    """
    return 0 if report.surface == "instagram" else PAD_DAYS
