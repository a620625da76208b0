"""How far back Meta answers, and what it leaves out beyond that without saying so.

    totals                                    37 months   error 3018 for the whole question
    unique counts (reach, ...) by breakdown   13 months   the fields are missing, silently
    breakdowns by hour                        13 months   the rows are missing, silently
    breakdown `frequency_value`                6 months   the rows are missing, silently

What counts is the first day *asked for*, not the first one kept (Insights best practices,
2025-06-10; Meta's announcement of 2025-10-16, in force since 2026-01-12). So what would come
back with holes is not asked for, and the days say why.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from meta_pipeline.dates import RETENTION_MONTHS, Span, add_months, end_of_month
from meta_pipeline.reports import ATTRIBUTION_WINDOWS, Report

UNIQUE_MONTHS = 13
HOURLY_MONTHS = 13
FREQUENCY_VALUE_MONTHS = 6

MARGIN_DAYS = 2
"""Days kept clear of the silent limits: Meta's today may be another than the account's, and a
question may wait for its quota until after midnight. Nothing would tell that it came too late."""

_UNIQUE_FIELDS = frozenset({"reach", "frequency", "cpp", "full_view_reach"})
_HOURLY = "hourly_stats_aggregated_by_"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days that can be asked for in one way: what is kept, and what is asked for.

    `left_out` are the report's fields that Meta no longer has for them; `note` says in one
    sentence what their figures lack, and is empty when they lack nothing.
    """

    span: Span
    requested: Span
    left_out: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Beyond:
    """Days that are not asked for at all, and why."""

    span: Span
    reason: str


def is_unique(field: str) -> bool:
    """Whether an insights field counts people: those are what Meta keeps for less long."""
    return field in _UNIQUE_FIELDS or "unique_" in field


def days_before(report: Report, windows: Iterable[str]) -> int:
    """Days to ask for before a day that is kept: its padding, or the rest of its rolling range.

    Months have none: a padded month would be another month.
    """
    if report.rolling_days:
        return report.rolling_days - 1
    return report.padding(windows) if report.grain == "day" else 0


def stretches(
    report: Report, span: Span, *, today: date, first_day: date, windows: Iterable[str] = ()
) -> list[Stretch]:
    """The days of `span` that Meta answers for, cut where the way of asking changes.

    `first_day` is the first that Meta has totals for, `today` the account's. Three cuts:

    - A day whose padding would begin before the first day that can be asked for is asked for
      with less of it, and says that conversions may be missing.
    - Unique counts with breakdowns are asked for from the day on whose *padded* start lies
      within their 13 months. The few days before would have either reach or all of their
      conversions, not both: a missing reach is seen, a missing conversion is not, so they
      are asked for without unique counts.
    - Days beyond a limit that takes whole rows are left out: see `beyond`.
    """
    before, first_asked = days_before(report, windows), _first_asked(report, today, first_day)
    kept = span.clamped(since=_first_kept(report, today, first_day))
    if kept is None:
        return []
    unique_from = _unique_from(report, today)
    cuts = []
    if unique_from > first_asked:
        cuts.append(unique_from + timedelta(days=before))
    if not report.rolling_days:
        cuts.append(first_asked + timedelta(days=before))
    found = []
    for piece in _cut(kept, (_whole(report, cut) for cut in cuts)):
        since = max(first_asked, piece.since - timedelta(days=before))
        left_out = _unique_fields(report) if since < unique_from else ()
        notes = []
        if piece.since - timedelta(days=before) < first_asked:
            notes.append(f"conversions whose click lies before {first_asked} are not in it")
        if left_out:
            notes.append(
                f"Meta keeps {', '.join(left_out)} with breakdowns for {UNIQUE_MONTHS} months: "
                "not asked for"
            )
        found.append(Stretch(piece, Span(since, piece.until), left_out, "; ".join(notes)))
    return found


def beyond(report: Report, span: Span, *, today: date, first_day: date) -> Beyond | None:
    """The days of `span` that Meta does not answer for, or None when it answers for all."""
    first_kept = _first_kept(report, today, first_day)
    lost = span.clamped(until=first_kept - timedelta(days=1))
    if lost is None:
        return None
    first_asked = _first_asked(report, today, first_day)
    months, what = RETENTION_MONTHS, "figures"
    for limit, name in _row_limits(report):
        if _limit_day(today, limit) == first_asked:
            months, what = limit, f"figures by {name}"
    reason = f"beyond retention: Meta keeps {what} for {months} months"
    if report.rolling_days:
        reason += f", and a range of {report.rolling_days} days lies within them"
    return Beyond(lost, reason)


def thins_before(report: Report, today: date) -> date:
    """The day before which an answer may lack fields that an earlier one had.

    The earliest day of all when it lacks none. `today` is the account's.
    """
    most = max(ATTRIBUTION_WINDOWS.values()) if report.has_actions else 0
    unique_from = _unique_from(report, today)
    return unique_from if unique_from == date.min else unique_from + timedelta(days=most)


def _row_limits(report: Report) -> Iterator[tuple[int, str]]:
    """The limits of the report's breakdowns beyond which Meta sends no rows."""
    for name in report.breakdowns:
        if name.startswith(_HOURLY):
            yield HOURLY_MONTHS, name
        if name == "frequency_value":
            yield FREQUENCY_VALUE_MONTHS, name


def _limit_day(today: date, months: int) -> date:
    """The first day to ask for under a silent limit of so many months."""
    return add_months(today, -months) + timedelta(days=MARGIN_DAYS)


def _first_asked(report: Report, today: date, first_day: date) -> date:
    """The first day that a question may begin with."""
    return max([first_day, *(_limit_day(today, months) for months, _ in _row_limits(report))])


def _first_kept(report: Report, today: date, first_day: date) -> date:
    """The first day that a question is answered for: a rolling range must be whole."""
    rest = max(report.rolling_days - 1, 0)
    return _whole(report, _first_asked(report, today, first_day) + timedelta(days=rest))


def _unique_fields(report: Report) -> tuple[str, ...]:
    return tuple(field for field in report.fields if is_unique(field))


def _unique_from(report: Report, today: date) -> date:
    """The first day that a question with unique counts may begin with."""
    if not report.breakdowns or not _unique_fields(report):
        return date.min
    return _limit_day(today, UNIQUE_MONTHS)


def _whole(report: Report, day: date) -> date:
    """`day`, or for months the first one that begins on it or later."""
    if report.grain != "month" or day.day == 1:
        return day
    return end_of_month(day) + timedelta(days=1)


def _cut(span: Span, cuts: Iterable[date]) -> Iterator[Span]:
    """The span cut before each of the days that lie inside it, oldest first."""
    since = span.since
    for cut in sorted(set(cuts)):
        if since < cut <= span.until:
            yield Span(since, cut - timedelta(days=1))
            since = cut
    yield Span(since, span.until)
