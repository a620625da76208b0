"""One question, asked until it is answered whole: at once, as a report run, or in parts.

    at once ──too large──▶ report run ──too large, or failed three times──▶ two or three parts
       │                       │                                             (each a report run)
       ▼                       ▼                                                     │
     rows                    rows        a single day of a single campaign is too large:
                                         at once, in ever smaller pages, then an error

A question that earlier answers show to be large begins as a report run. The parts are made in
`splitting`: days, then campaigns. A part's pages are handed on when all of them have come, so
that a list that must be read anew leaves nothing behind.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import count
from typing import Any

import msgspec

from meta_pipeline.graph import jobs
from meta_pipeline.graph.answer import Answer
from meta_pipeline.graph.client import GraphClient
from meta_pipeline.graph.errors import (
    CursorExpiredError,
    GraphError,
    TooLargeError,
    TransientError,
)
from meta_pipeline.graph.jobs import JobBoard, JobFailedError
from meta_pipeline.graph.questions import Question
from meta_pipeline.graph.splitting import smaller
from meta_pipeline.reports import CAMPAIGN_STATUSES, TOTALLED

log = logging.getLogger(__name__)

ASYNC_ROWS = 5000
"""Rows from which a question is a report run from the start. Ten pages: Meta works out each
page of a question asked at once anew, and gives up on one after about a minute."""

PAGE_SIZES = (100, 25, 5)
"""Rows a page, when pages of 500 are too much."""

RUNS = 3
"""Report runs of one part: random failures pass (2/1504043, -2/2490547), others need a split."""

STUCK_RUNS = 4
"""Report runs of one question that may never end, each an hour long, before it is given up."""

READINGS = 3
"""How often a list is read from its first page when its cursors expire on the way."""

_MOST_IDS_IN_A_URL = 50


class StillTooLargeError(TooLargeError):
    """The smallest question there is, and Meta does not answer it."""

    advice = (
        "the other days and reports are not affected: run the command again later, or ask for "
        "the days around it with --from and --to"
    )


def ask(
    client: GraphClient, question: Question, *, expected_rows: int | None, board: JobBoard
) -> Iterator[Answer]:
    """The pages of the answer to an ad account's question, whatever its size.

    `expected_rows` is what earlier answers of this kind came to (None: not known), `board`
    where report runs are waited for. Each page says which of its days count (`keep`), since
    the parts of a split question overlap by their padding, and which part it belongs to
    (`group`). Raises `GraphError`; pages that came before it are good.
    """
    if not question.report.edge:
        yield from question.ask(client)
    elif question.span is None:
        yield from _pages(question, lambda part: list(part.ask(client)))
    else:
        is_large = expected_rows is not None and expected_rows > ASYNC_ROWS
        yield from _Asking(client, question, board, is_large=is_large).answers()


class _Asking:
    """One insights question on its way to its rows."""

    def __init__(
        self, client: GraphClient, question: Question, board: JobBoard, *, is_large: bool
    ) -> None:
        self._client = client
        self._question = question
        self._board = board
        self._is_large = is_large
        self._stuck = 0

    def answers(self) -> Iterator[Answer]:
        """The pages of all parts, oldest days first, each part whole."""
        parts, group = [self._question], 0
        while parts:
            part = parts.pop()
            try:
                pages = self._part(part)
            except (TooLargeError, JobFailedError) as error:
                smaller_parts = smaller(part, lambda: self._campaigns)
                if smaller_parts:
                    log.warning("%s is split: %s", _name(part), error.message)
                    parts += reversed(smaller_parts)
                    continue
                pages = self._last_resort(part, error)
            yield from (replace(page, keep=part.span, group=group) for page in pages)
            group += 1

    def _part(self, part: Question) -> list[Answer]:
        if not self._is_large:
            try:
                return _whole(part, self._at_once)
            except TooLargeError as error:
                log.warning("%s becomes a report run: %s", _name(part), error.message)
                self._is_large = True
        return self._by_run(part)

    def _at_once(self, part: Question) -> list[Answer]:
        return list(part.ask(self._client))

    def _by_run(self, part: Question) -> list[Answer]:
        """The rows of a report run. Raises `JobFailedError` when three of them fail."""
        for attempt in count(1):
            try:
                return self._one_run(part)
            except JobFailedError as error:
                log.warning("%s: %s", _name(part), error.message)
                self._stuck += error.is_stuck
                if self._stuck >= STUCK_RUNS:
                    raise TransientError(error.failure) from None
                # Taken down, so that the next request waits for its quota.
                refusal = error.refusal and self._client.heed(error.refusal, part.path)
                if attempt >= RUNS:
                    # Too busy for it: more and smaller runs would not make Meta less so.
                    raise refusal or error from None
            self._board.pause(attempt)
        raise AssertionError("unreachable")

    def _one_run(self, part: Question) -> list[Answer]:
        run_id = jobs.start(self._client, part)
        self._board.wait(self._client, run_id)
        return _pages(part, lambda sized: jobs.read(self._client, run_id, sized, self._board))

    def _last_resort(self, part: Question, error: GraphError) -> list[Answer]:
        """What cannot be split is asked at once, in smaller and smaller pages."""
        if len(part.campaigns or ()) > _MOST_IDS_IN_A_URL:
            raise _still_too_large(part, error)
        try:
            return _pages(replace(part, page_size=PAGE_SIZES[0]), self._at_once)
        except TooLargeError as last:
            raise _still_too_large(part, last) from None

    @cached_property
    def _campaigns(self) -> tuple[str, ...]:
        """The ids of the account's campaigns, archived and deleted ones included."""
        params = {
            "fields": "id",
            "effective_status": msgspec.json.encode(CAMPAIGN_STATUSES).decode(),
            "limit": str(self._question.page_size),
        }
        pages = self._client.whole_list(f"{self._question.asset_id}/campaigns", params)
        rows = (row for page in pages for row in page.decoded_rows())
        return tuple(sorted({str(row["id"]) for row in rows}))


Reading = Callable[[Question], list[Answer]]


def _pages(part: Question, read: Reading) -> list[Answer]:
    """Every page, with fewer rows a page as long as Meta says that they are too many."""
    smaller_sizes = (size for size in PAGE_SIZES if size < part.page_size)
    while True:
        try:
            return _whole(part, read)
        except TooLargeError:
            size = next(smaller_sizes, None)
            if size is None:
                raise
            part = replace(part, page_size=size)


def _whole(part: Question, read: Reading) -> list[Answer]:
    """Every page of one list, read anew when it changed, or its cursors expired, on the way.

    What still does not fit together after that is handed on with a note that says so.
    """
    has_moved = False
    for reading in count(1):
        try:
            pages = read(part)
        except CursorExpiredError:
            if reading >= READINGS:
                raise
            continue
        problem = _contradiction(part, pages) if len(pages) > 1 else ""
        if not problem:
            return pages
        if has_moved:
            return [replace(page, note=problem) for page in pages]
        log.warning("%s: %s, read anew", _name(part), problem)
        has_moved = True
    raise AssertionError("unreachable")


def _contradiction(part: Question, pages: Sequence[Answer]) -> str:
    """What shows that the list moved while its pages were read; empty when nothing does.

    A row in two states, or rows that do not make up the total that came with them. The same row
    twice is nothing: landing takes it once.
    """
    day = "date_stop" if part.report.rolling_days else "date_start"
    seen: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in (row for page in pages for row in page.decoded_rows()):
        key = tuple(str(row.get(name)) for name in (day, *part.report.key))
        if seen.setdefault(key, row) != row:
            return "one row came in two states"
    total = _total(pages[-1])
    found = sum(int(row.get(TOTALLED, 0)) for row in seen.values())
    if total is None or found == total:
        return ""
    return f"the rows hold {found:,} of the {total:,} {TOTALLED} that Meta gives as their total"


def _total(page: Answer) -> int | None:
    """The total beside the rows, where one was asked for and given."""
    summary = msgspec.json.decode(page.body, type=dict[str, Any]).get("summary") or {}
    return int(summary[TOTALLED]) if TOTALLED in summary else None


def _name(part: Question) -> str:
    """The part for a person: report, account, days, campaigns."""
    words = [f"{part.report.name} of {part.asset_id}"]
    if part.span is not None:
        span = part.span
        words.append(f"{span.since}" if span.days == 1 else f"{span.since} to {span.until}")
    if part.is_rest:
        words.append(f"campaigns other than the {len(part.campaigns or ())} listed")
    elif part.campaigns is not None:
        one = f"campaign {part.campaigns[0]}"
        words.append(one if len(part.campaigns) == 1 else f"{len(part.campaigns)} campaigns")
    return ", ".join(words)


def _still_too_large(part: Question, error: GraphError) -> StillTooLargeError:
    message = f"{_name(part)}: Meta does not answer this alone either ({error.failure.message})"
    return StillTooLargeError(replace(error.failure, path=part.path, message=message))
