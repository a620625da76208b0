"""Date presets and the cutting of a range into rows; all days are the ad account's."""

from datetime import date, timedelta
from itertools import pairwise

from meta_pipeline.simulator.errors import not_one_of
from meta_pipeline.simulator.vocabulary import DATE_PRESETS

Range = tuple[date, date]
RETENTION_MONTHS = 37
UNIQUE_RETENTION_MONTHS = 13
FREQUENCY_RETENTION_MONTHS = 6


def months_before(day: date, months: int) -> date:
    """The same day so many months earlier, or the last day of a shorter month."""
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    for number in range(day.day, 27, -1):
        try:
            return date(year, month + 1, number)
        except ValueError:
            continue
    return date(year, month + 1, min(day.day, 28))


def preset(name: str, today: date) -> Range:
    """First and last day of a `date_preset`, both included.

    `last_*` ends yesterday or with the last whole week, month, ...; `this_*` ends today (seen in
    several integrations, not said in Meta's reference). `maximum` goes 37 months back.

    Raises:
        GraphError: for a name outside Meta's enumeration, `lifetime` among them.
    """
    if name not in DATE_PRESETS:
        raise not_one_of("date_preset", DATE_PRESETS)
    one = timedelta(days=1)
    if name in ("maximum", "data_maximum"):
        return months_before(today, RETENTION_MONTHS), today
    if name == "today":
        return today, today
    if name == "yesterday":
        return today - one, today - one
    if name.startswith("last_") and name.endswith("d"):
        return today - timedelta(days=int(name[5:-1])), today - one
    starts, _, unit = name.partition("_")
    first = _first_day(unit, today)
    if starts == "this":
        return first, today
    return _first_day(unit, first - one), first - one


def _first_day(unit: str, day: date) -> date:
    if unit.startswith("week_mon"):
        return day - timedelta(days=day.weekday())
    if unit.startswith("week_sun"):
        return day - timedelta(days=(day.weekday() + 1) % 7)
    if unit == "month":
        return day.replace(day=1)
    if unit == "quarter":
        return date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
    return date(day.year, 1, 1)


def slices(since: date, until: date, increment: str) -> list[Range]:
    """The periods of a range: one of `all_days`, `monthly`, or a number of days."""
    if increment == "all_days":
        return [(since, until)]
    one = timedelta(days=1)
    if increment == "monthly":
        starts = [since]
        while (after := _next_month(starts[-1])) <= until:
            starts.append(after)
    else:
        step = int(increment)
        starts = [since + timedelta(days=n) for n in range(0, (until - since).days + 1, step)]
    return [(a, b - one) for a, b in pairwise([*starts, until + one])]


def _next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)
