"""Days, spans of days and Meta's date presets. Calendar only: no clock, no time zone."""

import calendar
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from meta_pipeline.errors import ConfigError

RETENTION_MONTHS = 37
"""Meta answers totals no further back; beyond, error 3018 (Insights reference)."""

TRAILING_DAYS = 28
"""Meta's figures "do not change after 28 days of being reported" (Insights best practices)."""


FINAL_DAYS = TRAILING_DAYS + 2
"""Days that end yesterday until one of them is over for 28 days of 24 hours in every time zone:
on the 28th its pull is but 27 days old, and the 29th may have ended this very noon."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A contiguous range of days, both ends included."""

    since: date
    until: date

    def __post_init__(self) -> None:
        if self.until < self.since:
            raise ConfigError(
                f"the range ends ({self.until}) before it starts ({self.since})",
                hint="give --from and --to in calendar order",
            )

    @property
    def days(self) -> int:
        """How many days the span covers."""
        return (self.until - self.since).days + 1

    def __iter__(self) -> Iterator[date]:
        return (self.since + timedelta(days=n) for n in range(self.days))

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.since <= day <= self.until

    def __str__(self) -> str:
        return f"{self.since}..{self.until}"

    def padded(self, days: int) -> "Span":
        """The span with `days` more before its start."""
        return Span(self.since - timedelta(days=days), self.until)

    def clamped(self, *, since: date | None = None, until: date | None = None) -> "Span | None":
        """The part within the bounds, or None when nothing is left."""
        first = max(self.since, since) if since else self.since
        last = min(self.until, until) if until else self.until
        return Span(first, last) if first <= last else None

    def chunks(self, days: int) -> Iterator["Span"]:
        """The span cut into stretches of at most `days` days, oldest first."""
        first = self.since
        while first <= self.until:
            last = min(first + timedelta(days=days - 1), self.until)
            yield Span(first, last)
            first = last + timedelta(days=1)

    def months(self) -> "Span":
        """The span widened to whole calendar months."""
        return Span(self.since.replace(day=1), end_of_month(self.until))


def end_of_month(day: date) -> date:
    """The last day of the month that `day` is in."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def add_months(day: date, months: int) -> date:
    """`day` moved by whole months; the day of the month is capped to the month's length."""
    index = day.year * 12 + day.month - 1 + months
    first = date(index // 12, index % 12 + 1, 1)
    return first.replace(day=min(day.day, end_of_month(first).day))


def retention_floor(today: date) -> date:
    """The first day to ask for on `today`: one inside Meta's 37 months, lest clocks differ."""
    return add_months(today, -RETENTION_MONTHS) + timedelta(days=1)


def spans(days: Iterable[date]) -> list[Span]:
    """The days as few contiguous spans as possible, oldest first."""
    found: list[Span] = []
    for day in sorted(set(days)):
        if found and found[-1].until + timedelta(days=1) == day:
            found[-1] = Span(found[-1].since, day)
        else:
            found.append(Span(day, day))
    return found


def trailing(today: date, days: int = TRAILING_DAYS) -> Span:
    """The `days` days that end yesterday."""
    return Span(today - timedelta(days=days), today - timedelta(days=1))


def _week(today: date, first_weekday: int) -> date:
    return today - timedelta(days=(today.weekday() - first_weekday) % 7)


def _quarter(today: date) -> date:
    return date(today.year, 3 * ((today.month - 1) // 3) + 1, 1)


def _last_week(today: date, first_weekday: int) -> Span:
    start = _week(today, first_weekday) - timedelta(days=7)
    return Span(start, start + timedelta(days=6))


def _before(start: date, months: int) -> Span:
    return Span(add_months(start, -months), start - timedelta(days=1))


PRESETS: dict[str, Callable[[date], Span]] = {
    "today": lambda today: Span(today, today),
    "yesterday": lambda today: trailing(today, 1),
    "this_month": lambda today: Span(today.replace(day=1), today),
    "last_month": lambda today: _before(today.replace(day=1), 1),
    "this_quarter": lambda today: Span(_quarter(today), today),
    "last_quarter": lambda today: _before(_quarter(today), 3),
    "this_year": lambda today: Span(date(today.year, 1, 1), today),
    "last_year": lambda today: _before(date(today.year, 1, 1), 12),
    "last_3d": lambda today: trailing(today, 3),
    "last_7d": lambda today: trailing(today, 7),
    "last_14d": lambda today: trailing(today, 14),
    "last_28d": lambda today: trailing(today, 28),
    "last_30d": lambda today: trailing(today, 30),
    "last_90d": lambda today: trailing(today, 90),
    "last_week_mon_sun": lambda today: _last_week(today, calendar.MONDAY),
    "last_week_sun_sat": lambda today: _last_week(today, calendar.SUNDAY),
    "this_week_mon_today": lambda today: Span(_week(today, calendar.MONDAY), today),
    "this_week_sun_today": lambda today: Span(_week(today, calendar.SUNDAY), today),
    "maximum": lambda today: Span(retention_floor(today), today),
    "data_maximum": lambda today: Span(retention_floor(today), today),
}
"""Meta's names. `last_Nd` leave today out, `this_*` take it in (seen in several integrations)."""


def preset(name: str, today: date) -> Span:
    """The span that Meta's `date_preset` of this name means on `today`."""
    if name not in PRESETS:
        hint = f"Meta's presets are {', '.join(PRESETS)}"
        if name == "lifetime":
            hint = "Meta removed it; `maximum` reaches back 37 months"
        raise ConfigError(f"unknown preset {name!r}", hint=hint)
    return PRESETS[name](today)
