"""Report runs: when one is done, what its failures say, and how many share a request."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit_meta import DONE, RUNNING, Params, SmallMeta
from unit_transport import Reply, error_reply, page_of

from meta_pipeline.dates import Span
from meta_pipeline.graph import (
    BadRequestError,
    BrokenAnswerError,
    GraphError,
    PermissionDeniedError,
    Question,
    TooLargeError,
    TransientError,
    questions,
)
from meta_pipeline.graph.jobs import READ_ATTEMPTS, JobBoard, JobFailedError, read, start
from meta_pipeline.reports import REPORTS

WEEK = Span(date(2026, 10, 5), date(2026, 10, 11))
TODAY = date(2026, 11, 22)
States = Callable[[str, int], Any]


class Waits:
    """Time that passes by waiting, and how long each wait was."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Waits without waiting."""
        self.waits.append(seconds)
        self.now += seconds

    def board(self, **options: Any) -> JobBoard:
        """A board on this clock, without jitter."""
        given_options = {"uniform": lambda: 1.0, **options}
        return JobBoard(sleep=self.sleep, now=lambda: self.now, **given_options)


def question_of(name: str = "campaign_daily") -> Question:
    """A week of a report."""
    (question,) = questions(REPORTS[name], "act_1", WEEK, today=TODAY, first_day=date(2020, 1, 1))
    return question


def runs_with(states: States) -> SmallMeta:
    """A Meta where run `name` is in `states(name, n)` when asked for the n-th time."""
    asked: dict[str, int] = {}

    def script(_: SmallMeta, path: str, params: Params) -> Reply | None:
        if not path.startswith("run") or path.endswith("insights"):
            return None
        asked[path] = asked.get(path, 0) + 1
        state = states(path, asked[path])
        return state if isinstance(state, Reply) else Reply({"id": path, **state})

    return SmallMeta(scripted=script)


def wait_for(*states: Any) -> tuple[SmallMeta, Waits]:
    """Waits for one run that is in one state after the other."""
    meta, waits = runs_with(lambda _, n: states[min(n, len(states)) - 1]), Waits()
    waits.board().wait(meta.client(), "run1")
    return meta, waits


@pytest.mark.parametrize(
    "state",
    [
        RUNNING,
        {"async_status": "Job Not Started", "async_percent_completion": 0},
        {"async_status": "Job Started", "async_percent_completion": 0},
        {"async_status": "Job Completed", "async_percent_completion": 99},
        {"async_status": "Job Running", "async_percent_completion": 100},
        {},
    ],
)
def test_a_run_is_done_when_completed_and_at_100_percent(state: dict[str, Any]) -> None:
    """Either alone has been seen before the rows were there."""
    meta, _ = wait_for(state, state, DONE)
    assert meta.asked == [("GET", "run1")] * 3


def test_waits_double_up_to_a_minute() -> None:
    """A short run is not kept waiting; a long one is not asked for all the time."""
    moments: list[float] = []
    waits = Waits()
    meta = runs_with(
        lambda *_: moments.append(waits.now) or (DONE if len(moments) > 8 else RUNNING)
    )
    waits.board().wait(meta.client(), "run1")
    gaps = [later - earlier for earlier, later in zip([0.0, *moments], moments, strict=False)]
    assert gaps == [2, 4, 8, 16, 32, 60, 60, 60, 60]


def test_a_run_that_never_ends_is_given_up_after_the_deadline() -> None:
    """An hour of asking less and less often."""
    meta, waits = runs_with(lambda *_: RUNNING), Waits()
    with pytest.raises(JobFailedError, match="did not end within 3600 s") as raised:
        waits.board().wait(meta.client(), "run1")
    assert raised.value.is_stuck
    assert waits.now == 3600
    assert len(meta.asked) < 70


def failed(code: int | None, subcode: int | None, **more: Any) -> dict[str, Any]:
    """A run that failed, as v25 and later say it."""
    return {
        "async_status": "Job Failed",
        "async_percent_completion": 57,
        "error_code": code,
        "error_subcode": subcode,
        **more,
    }


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (failed(-2, 2490547), JobFailedError),
        (failed(2, 1504043), JobFailedError),
        (failed(2, 1504044), JobFailedError),
        (failed(4, 1504022), JobFailedError),
        (failed(None, None), JobFailedError),
        ({"async_status": "Job Skipped", "async_percent_completion": 0}, JobFailedError),
        (error_reply(100, 33, "Object does not exist"), JobFailedError),
        (failed(-3, 1504045), TooLargeError),
        (failed(2, 1504038), TooLargeError),
        (failed(100, 1504018), TooLargeError),
        (failed(2, 1504041), BadRequestError),
        (failed(2, 1504042), BadRequestError),
        (failed(100, 3191001), PermissionDeniedError),
    ],
)
def test_a_failed_run_says_what_to_do(state: Any, expected: type[GraphError]) -> None:
    """A new run, a smaller one, or none (Insights error codes, 2026)."""
    with pytest.raises(expected) as raised:
        wait_for(RUNNING, state)
    assert type(raised.value) is expected


def test_what_meta_says_about_a_failed_run_is_in_the_error() -> None:
    """The members that exist since v25, each of them."""
    said = {
        "error_message": "Report failed",
        "error_user_title": "Too bad",
        "error_user_msg": "Try",
    }
    with pytest.raises(JobFailedError) as raised:
        wait_for(failed(-2, 2490547, **said))
    assert "run1: HTTP 200, code -2/2490547: Report failed - Too bad: Try" in str(raised.value)


def test_the_reason_of_a_failure_is_asked_for() -> None:
    """Fields that are not named may not come."""
    seen: list[Params] = []

    def script(_: SmallMeta, path: str, params: Params) -> Reply:
        seen.append(params)
        return Reply(DONE)

    Waits().board().wait(SmallMeta(scripted=script).client(), "run1")
    assert {"async_status", "async_percent_completion"} <= set(seen[0]["fields"].split(","))
    assert {"error_code", "error_subcode", "error_message"} <= set(seen[0]["fields"].split(","))


def test_a_state_that_cannot_be_asked_for_is_asked_for_later() -> None:
    """The run goes on at Meta while the network does not."""
    meta, _ = wait_for(Reply("<html>", 502), error_reply(2, status=503), DONE)
    assert len(meta.asked) == 3


@pytest.mark.parametrize("code", [190, 10, 80000])
def test_what_does_not_pass_ends_the_wait(code: int) -> None:
    """The token died, or its rights did, or no quota came back in time."""
    with pytest.raises(GraphError):
        wait_for(RUNNING, error_reply(code), DONE)


class VirtualTime:
    """Time that passes only while all threads wait, up to the next one that wakes."""

    def __init__(self, threads: int) -> None:
        self._awake = threads
        self._now = 0.0
        self._wakes: list[float] = []
        self._changed = threading.Condition()

    def now(self) -> float:
        """Seconds since the start."""
        with self._changed:
            return self._now

    def sleep(self, seconds: float) -> None:
        """Waits for that time to come."""
        with self._changed:
            until = self._now + seconds
            self._wakes.append(until)
            self._awake -= 1
            self._advance()
            while self._now < until:
                self._changed.wait(5)
            self._wakes.remove(until)
            self._awake += 1

    def leave(self) -> None:
        """One thread less to wait for."""
        with self._changed:
            self._awake -= 1
            self._advance()

    def _advance(self) -> None:
        if self._awake == 0 and self._wakes:
            self._now = max(self._now, min(self._wakes))
            self._changed.notify_all()


def wait_together(
    meta: SmallMeta, jobs: int, tokens: int = 1, **options: Any
) -> tuple[list[BaseException | None], float]:
    """What each of many threads got that wait for run1, run2, ... on one board, and how long."""
    time = VirtualTime(jobs)
    board = JobBoard(sleep=time.sleep, now=time.now, **options)

    def wait(number: int) -> BaseException | None:
        try:
            board.wait(meta.client(f"token{number % tokens}"), f"run{number + 1}")
        except GraphError as error:
            return error
        finally:
            time.leave()
        return None

    with ThreadPoolExecutor(jobs) as threads:
        return list(threads.map(wait, range(jobs))), time.now()


@pytest.mark.parametrize(("jobs", "most"), [(8, 8), (50, 10), (60, 16)])
def test_waiting_runs_share_their_requests(jobs: int, most: int) -> None:
    """Five states each, 50 in a request; waits drift apart a little."""
    meta = runs_with(lambda _, n: DONE if n >= 5 else RUNNING)
    errors, _ = wait_together(meta, jobs)
    assert errors == [None] * jobs
    assert 5 <= len(meta.asked) <= most


def test_tokens_do_not_share_requests() -> None:
    """A batch has one token, in its header."""
    meta = runs_with(lambda *_: DONE)
    errors, _ = wait_together(meta, 10, tokens=5)
    assert errors == [None] * 10
    assert 5 <= len(meta.asked) <= 10


def test_a_failed_run_fails_its_own_thread_alone() -> None:
    """The others are done in their own time."""
    meta = runs_with(lambda run, _: failed(-3, 1504045) if run == "run3" else DONE)
    errors, seconds = wait_together(meta, 6)
    assert [type(error) for error in errors if error] == [TooLargeError]
    assert errors[2] is not None
    assert seconds < 5


def test_a_slow_run_holds_up_no_other() -> None:
    """Nor does one that never ends."""
    ends: dict[str, float] = {}
    meta = runs_with(lambda run, _: RUNNING if run == "run1" else DONE)
    time = VirtualTime(4)
    board = JobBoard(sleep=time.sleep, now=time.now)

    def wait(run: str) -> None:
        with suppress(JobFailedError):
            board.wait(meta.client(), run)
        ends[run] = time.now()
        time.leave()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(wait, ["run1", "run2", "run3", "run4"]))
    assert ends["run1"] == 3600
    assert max(ends[run] for run in ("run2", "run3", "run4")) < 5


def test_a_request_that_fails_leaves_all_runs_waiting() -> None:
    """The next one finds them."""
    meta = runs_with(lambda *_: DONE)
    batch = meta._batch
    left = [1, 1, 1]
    meta._batch = lambda calls: Reply("<html>", 502) if left and left.pop() else batch(calls)
    errors, _ = wait_together(meta, 10)
    assert errors == [None] * 10


def test_an_account_out_of_quota_holds_up_no_other() -> None:
    """Its run is asked for alone from then on, where the client waits for that quota."""
    meta = runs_with(lambda run, n: error_reply(80000) if (run, n) == ("run2", 1) else DONE)
    errors, _ = wait_together(meta, 5)
    assert errors == [None] * 5
    assert ("GET", "run2") in meta.asked


@given(st.lists(st.integers(1, 12), min_size=1, max_size=12), st.integers(1, 3))
@settings(max_examples=15, deadline=None)
def test_every_waiting_thread_gets_its_answer(polls: list[int], tokens: int) -> None:
    """However long the runs take and whoever asks for them."""
    meta = runs_with(lambda run, n: DONE if n >= polls[int(run[3:]) - 1] else RUNNING)
    errors, _ = wait_together(meta, len(polls), tokens)
    assert errors == [None] * len(polls)


def test_a_run_is_started_by_posting_the_question() -> None:
    """In the body, as everything that is posted."""
    meta, question = SmallMeta(), question_of()
    assert start(meta.client(), question) == "run1"
    assert meta.runs["run1"] == question.params()


def test_a_run_without_id_is_a_broken_answer() -> None:
    """There is nothing to wait for."""
    meta = SmallMeta(scripted=lambda *_: Reply({"success": True}))
    with pytest.raises(BrokenAnswerError, match="names none"):
        start(meta.client(), question_of())


NOT_YET = [
    error_reply(2601, 1815107, "The report run is not ready to be read"),
    error_reply(100, message="(#100) Cannot include clicks in summary param because they weren't"),
]


def reading(*replies: Reply) -> tuple[SmallMeta, Waits, int]:
    """Reads a run whose first readings are scripted: how many rows came."""
    left, waits, question = list(replies), Waits(), question_of()
    meta = SmallMeta(scripted=lambda _, path, __: left.pop(0) if left and "run1" in path else None)
    run_id = start(meta.client(), question)
    pages = read(meta.client(), run_id, question, waits.board())
    return meta, waits, sum(page.rows for page in pages)


@pytest.mark.parametrize("not_yet", NOT_YET, ids=["2601", "summary"])
def test_a_run_that_cannot_be_read_yet_is_read_later(not_yet: Reply) -> None:
    """It is done, and its rows are not there; each wait is twice as long."""
    _, waits, rows = reading(not_yet, not_yet)
    assert rows > 0
    assert waits.waits == [2, 4]


def test_a_run_that_can_never_be_read_has_failed() -> None:
    """A new one may fare better."""
    with pytest.raises(JobFailedError, match="not ready"):
        reading(*NOT_YET[:1] * READ_ATTEMPTS)


def test_an_empty_run_is_believed_the_second_time() -> None:
    """Accounts without delivery have empty runs."""
    meta, waits, rows = reading(page_of([]), page_of([]))
    assert (rows, waits.waits, meta.count("GET", "run1/insights")) == (0, [2], 2)


def test_a_broken_network_is_no_failed_run() -> None:
    """A new run would not mend it."""
    with pytest.raises(TransientError) as raised:
        reading(Reply("<html>", 502))
    assert not isinstance(raised.value, JobFailedError)
