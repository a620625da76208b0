"""What a pull will cost, before it is made: an estimate, from what earlier pulls returned."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from meta_pipeline.graph.organic import calls_of
from meta_pipeline.graph.questions import PAGE_SIZE
from meta_pipeline.pulling.errands import Errand
from meta_pipeline.pulling.fetching import questions_of
from meta_pipeline.pulling.memory import Memory
from meta_pipeline.pulling.puller import Survey


@dataclass(frozen=True, slots=True)
class Estimate:
    """Requests to send and rows to come, both estimated.

    `rows` are those of the days kept, of the reports and accounts of which earlier pulls are
    known; `unknown` names the others, as client and report. Their questions count as one page
    each, so that `requests` is too low where they have more.
    """

    requests: int
    rows: int
    unknown: tuple[tuple[str, str], ...]


def estimate(surveys: Iterable[Survey]) -> Estimate:
    """What the errands of these surveys will cost.

    Errors, report runs (which are looked at until they are done) and splitting cost more.
    """
    requests, rows = 0, 0
    unknown: dict[tuple[str, str], None] = {}
    for survey in surveys:
        for errand in survey.errands:
            if errand.gap is not None:
                continue  # marked, not asked
            requests += _requests(errand, survey.memory)
            expected = survey.memory.expected_rows(errand.client, errand.asset_id, errand.span)
            if expected is None:
                unknown[errand.client.id, errand.report.name] = None
            else:
                rows += expected * (len(errand.parts) if errand.report.metrics else 1)
    return Estimate(requests, rows, tuple(unknown))


def _requests(errand: Errand, memory: Memory) -> int:
    asked = questions_of(errand)
    if errand.report.surface != "ads":
        # A Page's own token is fetched first.
        return sum(map(calls_of, asked)) + (errand.report.surface == "page")
    pages = 0
    for question in asked:
        rows = memory.expected_rows(errand.client, errand.asset_id, question.requested)
        pages += max(1, ceil((rows or 0) / PAGE_SIZE))
    return pages
