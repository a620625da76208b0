"""What is to be asked: one report of one asset over one stretch of days, and how it ended."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from meta_pipeline.config import Client
from meta_pipeline.dates import Span, end_of_month, retention_floor, spans
from meta_pipeline.graph import organic
from meta_pipeline.graph.retention import beyond
from meta_pipeline.landing import Landed, PullFailure
from meta_pipeline.reports import Report

Known = Callable[[str, date | None], bool]
"""Whether a part and day (None for a snapshot) is known well enough not to be asked again."""


@dataclass(frozen=True, slots=True)
class Errand:
    """Some parts of one report of one asset of a client, over one span (None for a snapshot).

    `today` is the asset's, `first_day` the first that Meta answers for on it. With `gap` the
    span lies before what Meta keeps: nothing is asked, and the days are marked with it.
    """

    client: Client
    report: Report
    asset_id: str
    span: Span | None
    today: date
    first_day: date
    parts: tuple[str, ...] = ("",)
    gap: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one errand ended: its pulls as landed, what was spent, and what Meta warns of.

    Nothing landed where all of it was known already.
    """

    errand: Errand
    landed: tuple[Landed, ...] = ()
    requests: int = 0
    bytes: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[PullFailure, ...]:
        """What went wrong, each once, in Meta's words; not what was known to be so before."""
        found = (one.failure for one in self.landed if one.failure)
        return tuple(dict.fromkeys(one for one in found if not one.is_expected))

    @property
    def is_complete(self) -> bool:
        """Whether every part landed, or newer answers had landed, or is known to be a gap."""
        return not self.failures

    @property
    def is_known(self) -> bool:
        """Whether nothing was asked, since all of it landed a short while ago."""
        return not self.landed

    @property
    def rows(self) -> int:
        """Rows in the answer for the days kept."""
        return sum(one.rows for one in self.landed)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask about one asset: errands, days that are beyond Meta's retention among them,
    and errands that need not be run, since all of their days are known."""

    errands: tuple[Errand, ...]
    known: tuple[Errand, ...]


def plan(
    client: Client,
    report: Report,
    asset_id: str,
    wanted: Iterable[Span],
    *,
    today: date,
    is_known: Known,
    is_marked: Known,
) -> Plan:
    """What to ask to get `report` of one asset for the spans wanted.

    For a snapshot the spans are not looked at. Days before the client's start or not begun yet
    are left out. `is_known` says what need not be asked again, `is_marked` which days beyond
    Meta's retention have an entry already.
    """
    first_day = retention_floor(today) if report.surface == "ads" else organic.first_day(today)
    whole = Errand(client, report, asset_id, None, today, first_day, report.parts)
    if report.grain == "snapshot":
        missing = tuple(part for part in report.parts if not is_known(part, None))
        errands = (_narrowed(whole, None, missing),) if missing else ()
        return Plan(errands, () if missing else (whole,))
    errands, known = [], []
    for span in wanted:
        begun = _begun(span, report, client, today)
        kept, gap = _within_retention(begun, whole) if begun else (None, None)
        if gap is not None and not _covers(gap, is_marked):
            errands.append(gap)
        if kept is not None:
            asked, done = _split(_narrowed(whole, kept, report.parts), is_known)
            errands += asked
            known += done
    return Plan(tuple(errands), tuple(known))


def _narrowed(
    whole: Errand, span: Span | None, parts: tuple[str, ...], gap: str | None = None
) -> Errand:
    return Errand(
        whole.client, whole.report, whole.asset_id, span, whole.today, whole.first_day, parts, gap
    )


def _begun(span: Span, report: Report, client: Client, today: date) -> Span | None:
    """What the client wants of the span and has begun; whole months, the running one up to
    yesterday."""
    last = today - timedelta(days=1) if report.grain == "month" else today
    begun = span.clamped(since=client.start_date, until=last)
    if begun is None or report.grain != "month":
        return begun
    return begun.months().clamped(until=last)


def _within_retention(span: Span, whole: Errand) -> tuple[Span | None, Errand | None]:
    """The part of the span that Meta keeps, and an errand for the days before it."""
    report = whole.report
    if report.surface == "ads":
        lost = beyond(report, span, today=whole.today, first_day=whole.first_day)
        gap, reason = (lost.span, lost.reason) if lost else (None, "")
    else:
        gap = span.clamped(until=whole.first_day - timedelta(days=1))
        months = organic.RETENTION_MONTHS
        reason = f"beyond retention: Meta keeps figures of Pages for {months} months"
    if gap is None:
        return span, None
    kept = span.clamped(since=gap.until + timedelta(days=1))
    return kept, _narrowed(whole, gap, report.parts, reason)


def _covers(gap: Errand, is_marked: Known) -> bool:
    units = list(_units(gap))
    return all(is_marked(part, day) for part in gap.parts for day, _ in units)


def _split(errand: Errand, is_known: Known) -> tuple[list[Errand], list[Errand]]:
    """The errand cut into what has to be asked and what is known of all its parts."""
    missing: dict[date, tuple[str, ...]] = {}
    known: list[date] = []
    for day, piece in _units(errand):
        parts = tuple(part for part in errand.parts if not is_known(part, day))
        if parts:
            missing |= dict.fromkeys(piece, parts)
        else:
            known += piece
    asked = [
        _narrowed(
            errand, span, tuple(p for p in errand.parts if any(p in missing[d] for d in span))
        )
        for span in spans(missing)
    ]
    return asked, [_narrowed(errand, span, errand.parts) for span in spans(known)]


def _units(errand: Errand) -> Iterator[tuple[date, Span]]:
    """Each entry that coverage has of the errand's span, with the days it stands for."""
    assert errand.span is not None
    day = errand.span.since
    while day <= errand.span.until:
        last = end_of_month(day) if errand.report.grain == "month" else day
        piece = Span(day, min(last, errand.span.until))
        yield day, piece
        day = piece.until + timedelta(days=1)
