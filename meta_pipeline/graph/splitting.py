"""A question made smaller: by days, then by campaigns. Pure functions, no requests."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from meta_pipeline.dates import Span
from meta_pipeline.graph.questions import Question

WORTHWHILE = 0.75
"""Days are halved before campaigns as long as the larger half asks for at most this share of
the days asked for now. Each half is padded for itself: of 6 days with 7 of padding, the halves
would ask for 10 of 13 days each, so that the split costs more than it gains."""

_SPLITTABLE_LEVELS = ("campaign", "adset", "ad")


def smaller(question: Question, campaigns: Callable[[], Sequence[str]]) -> list[Question]:
    """The parts of `question`, together the whole of it, or none when it cannot be cut.

    Their kept days and campaigns do not overlap. `campaigns` gives the ids of all campaigns
    of the account; it is called only when campaigns are to be split.
    """
    days = _by_days(question)
    if days and _largest(days) <= WORTHWHILE * _size(question):
        return days
    return _by_campaigns(question, campaigns) or days


def _by_days(question: Question) -> list[Question]:
    assert question.span is not None
    span = question.span
    middle = span.since + timedelta(days=span.days // 2)
    if question.report.grain == "month":
        # The first month that begins in the later half, else the last one.
        starts = [day for day in span if day.day == 1 and day > span.since]
        middle = starts[len(starts) // 2] if starts else span.since
    if middle == span.since:
        return []
    earlier, later = Span(span.since, middle - timedelta(days=1)), Span(middle, span.until)
    return [question.narrowed(earlier), question.narrowed(later)]


def _size(question: Question) -> int:
    """Days asked for; of rolling ranges, their number."""
    assert question.span is not None
    assert question.requested is not None
    return question.span.days if question.report.rolling_days else question.requested.days


def _largest(parts: Sequence[Question]) -> int:
    return max(_size(part) for part in parts)


def _by_campaigns(question: Question, known: Callable[[], Sequence[str]]) -> list[Question]:
    """Halves of the campaigns; the first time with a last part for campaigns not listed.

    The figures of an account are no sum of its campaigns' (reach is not), so they stay whole.
    """
    if question.report.level not in _SPLITTABLE_LEVELS or question.is_rest:
        return []
    ids = tuple(known()) if question.campaigns is None else question.campaigns
    middle = (len(ids) + 1) // 2
    halves = [half for half in (ids[:middle], ids[middle:]) if half]
    if question.campaigns is None:
        listed = [replace(question, campaigns=half) for half in halves]
        return [*listed, replace(question, campaigns=ids, is_rest=True)] if ids else []
    return [replace(question, campaigns=half) for half in halves] if len(halves) > 1 else []
