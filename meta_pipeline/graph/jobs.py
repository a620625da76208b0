"""Asynchronous report runs: started, waited for by all threads together, then read.

    POST {asset}/insights -> report_run_id
    GET  {run}            -> async_status, until "Job Completed" and 100 %
    GET  {run}/insights   -> the rows, page by page

A status of "Job Completed" below 100 %, and 100 % with "Job Running", have both been seen and
are not done yet (singer-io/tap-facebook#193, facebook-php-business-sdk#288).
"""

import hashlib
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

import msgspec
from requests import PreparedRequest

from meta_pipeline.graph.answer import Answer
from meta_pipeline.graph.batch import Call
from meta_pipeline.graph.client import GraphClient
from meta_pipeline.graph.errors import (
    BrokenAnswerError,
    Failure,
    GraphError,
    ThrottledError,
    TransientError,
    classify,
    failure_of_run,
)
from meta_pipeline.graph.questions import Question

log = logging.getLogger(__name__)

DEADLINE = 3600.0
"""Seconds. "Jobs may take up to an hour" (Insights best practices); then it never finishes."""

READ_ATTEMPTS = 4
"""How often a finished run is read that says it cannot be read yet, each time as patiently as
the client asks anyway."""

_STATUS_FIELDS = (
    *("id", "async_status", "async_percent_completion"),
    # In v25 and later: without them a failed run does not say why.
    *("error_code", "error_subcode", "error_message", "error_user_title", "error_user_msg"),
)
_ENDED = ("Job Failed", "Job Skipped")
_NO_SUCH_OBJECT = (100, 33)
_NOT_READABLE_YET = (2601, 1815107)


class JobFailedError(TransientError):
    """A report run that ended without rows, or never did; a new one may fare better.

    `is_stuck` says that it never ended, `refusal` which quota was used up, if that was it.
    """

    kind = "report run failed"
    advice = "Meta could not make the report; run the same command again later"

    def __init__(self, failure: Failure, *, is_stuck: bool = False) -> None:
        super().__init__(failure)
        self.is_stuck = is_stuck
        found = classify(failure)
        self.refusal = found if isinstance(found, ThrottledError) else None


@dataclass(slots=True)
class _Job:
    """A run that a thread waits for. Times are seconds of the board's clock.

    `is_alone` says that its account was out of quota: from then on it is asked for by itself,
    where the client waits for that quota, and nobody else has to.
    """

    run_id: str
    client: GraphClient
    group: str
    deadline: float
    due: float
    wait: float
    is_alone: bool = False
    is_polled: bool = False
    is_over: bool = False
    error: GraphError | None = None


class JobBoard:
    """Where threads wait for their report runs, and ask for each other's on the way.

    Whichever thread is the first to be due asks for all runs that are due about then, up to
    50 in one request; the others find their answer here. There is no thread of its own, and
    what fails for one run is raised by the thread that waits for it.

    A run is asked for after `first_wait` seconds, then after twice as many, up to
    `longest_wait`, until `deadline`. `sleep` is what waits, `now` a clock in seconds that
    never goes back, `uniform` draws the jitter.
    """

    def __init__(
        self,
        *,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
        uniform: Callable[[], float] = random.random,
        first_wait: float = 2.0,
        longest_wait: float = 60.0,
        deadline: float = DEADLINE,
    ) -> None:
        self._sleep = sleep
        self._now = now
        self._uniform = uniform
        self._first_wait = first_wait
        self._longest_wait = longest_wait
        self._deadline = deadline
        self._lock = Lock()
        self._jobs: list[_Job] = []

    def pause(self, attempt: int) -> None:
        """Waits before something is tried again: the first wait, doubled each attempt."""
        self._sleep(self._jittered(min(self._longest_wait, self._first_wait * 2**attempt)))

    def wait(self, client: GraphClient, run_id: str) -> None:
        """Returns when the run is done and can be read.

        Raises `JobFailedError` when a new run may fare better, else the `GraphError` that the
        run ended with: `TooLargeError`, `BadRequestError`, `PermissionDeniedError`.
        """
        job = self._register(client, run_id)
        try:
            while not job.is_over:
                if claimed := self._claim(job):
                    self._poll(claimed)
                else:
                    # In small steps: another thread may have learned the answer meanwhile.
                    left = job.due - self._now()
                    self._sleep(min(left, self._first_wait) if left > 0 else self._first_wait)
        finally:
            with self._lock:
                self._jobs.remove(job)
        if job.error is not None:
            raise job.error

    def _register(self, client: GraphClient, run_id: str) -> _Job:
        now, wait = self._now(), self._jittered(self._first_wait)
        job = _Job(run_id, client, _whose(client), now + self._deadline, now + wait, wait)
        with self._lock:
            self._jobs.append(job)
        return job

    def _claim(self, own: _Job) -> list[_Job]:
        """The runs that this thread asks for now: none before its own is due.

        Those due within half of their wait come along: a request for them is saved.
        """
        with self._lock:
            now = self._now()
            if own.is_over or own.is_polled or now < own.due:
                return []
            due = [own, *(job for job in self._jobs if _comes_along(job, own, now))]
            for job in due:
                job.is_polled = True
            return due

    def _poll(self, jobs: Sequence[_Job]) -> None:
        found: list[Answer | GraphError | None] = [None] * len(jobs)
        try:
            found = list(_states(jobs))
        except TransientError as error:
            # The runs go on at Meta meanwhile: asked again when they are due next.
            log.warning("report runs cannot be asked for: %s", error.message)
        finally:
            with self._lock:
                for job, state in zip(jobs, found, strict=True):
                    job.is_polled = False
                    if isinstance(state, ThrottledError) and len(jobs) > 1:
                        job.is_alone, state = True, None
                    self._note(job, state)

    def _note(self, job: _Job, state: Answer | GraphError | None) -> None:
        """Writes down what became of a run; None and transient errors say nothing about it."""
        job.is_over, job.error = _verdict(job.run_id, state)
        if job.is_over:
            return
        if self._now() >= job.deadline:
            reason = f"the report run did not end within {self._deadline:.0f} s"
            job.error = JobFailedError(Failure(job.run_id, 200, None, None, reason), is_stuck=True)
            job.is_over = True
        job.wait = min(self._longest_wait, 2 * job.wait)
        job.due = min(self._now() + self._jittered(job.wait), job.deadline)

    def _jittered(self, seconds: float) -> float:
        """Between three quarters and all of it: machines drift apart, threads stay together."""
        return seconds * (0.75 + 0.25 * self._uniform())


def _comes_along(job: _Job, own: _Job, now: float) -> bool:
    """Whether `job` is asked for in the same request as `own`, which is due."""
    if job is own or job.group != own.group or job.is_polled or job.is_over:
        return False
    return not (job.is_alone or own.is_alone) and job.due - job.wait / 2 <= now


# The total beside the rows belongs to the reading, not to the run (Insights reference).
_ASKED_OF_THE_READ = ("default_summary", "summary")


def start(client: GraphClient, question: Question) -> str:
    """Starts a report run for `question` and returns its id. Raises `GraphError`."""
    answer = client.post_json(question.path, question.params())
    run_id = str(answer.get("report_run_id") or "")
    if not run_id:
        problem = "a report run was asked for, and the answer names none"
        raise BrokenAnswerError(Failure(question.path, 200, None, None, problem))
    return run_id


def read(client: GraphClient, run_id: str, question: Question, board: JobBoard) -> list[Answer]:
    """Every page of a finished run. Raises `JobFailedError` when it never becomes readable.

    A run that is done may refuse to be read for a while (2601/1815107, and "Cannot include
    ... in summary param", seen by Airbyte), or come back empty: both are asked again.
    """
    path, params = f"{run_id}/insights", {"limit": str(question.page_size)}
    params |= {k: v for k, v in question.report.params.items() if k in _ASKED_OF_THE_READ}
    unreadable = Failure(path, None, None, None, "the report run cannot be read")
    for attempt in range(READ_ATTEMPTS):
        if attempt:
            board.pause(attempt - 1)
        try:
            pages = list(client.pages(path, params))
        except GraphError as error:
            if not _is_unreadable(error.failure):
                raise
            unreadable = error.failure
            continue
        if attempt or question.is_rest or any(page.rows for page in pages):
            asked = question.params()
            return [replace(page, params=asked | dict(page.params)) for page in pages]
    raise JobFailedError(unreadable)


def _states(jobs: Sequence[_Job]) -> Sequence[Answer | GraphError]:
    """What Meta says about each run: one request for all of them.

    It counts for no ad account: an account that is out of quota must not hold up the others.
    """
    client, params = jobs[0].client, {"fields": ",".join(_STATUS_FIELDS)}
    if len(jobs) > 1:
        return client.for_asset("").batch([Call(job.run_id, params) for job in jobs])
    try:
        return [client.get(jobs[0].run_id, params)]
    except TransientError:
        raise
    except GraphError as error:
        return [error]


def _verdict(run_id: str, state: Answer | GraphError | None) -> tuple[bool, GraphError | None]:
    """Whether a run is over, and the error that it ended with."""
    if isinstance(state, GraphError):
        if (state.failure.code, state.failure.subcode) == _NO_SUCH_OBJECT:
            return True, JobFailedError(state.failure)  # Meta has forgotten the run
        is_final = not isinstance(state, TransientError)
        return is_final, state if is_final else None
    if state is None:
        return False, None
    body: Mapping[str, Any] = msgspec.json.decode(state.body, type=dict[str, Any])
    status, percent = body.get("async_status"), body.get("async_percent_completion")
    if status == "Job Completed" and str(percent) == "100":
        return True, None
    if status not in _ENDED:
        return False, None
    failure = failure_of_run(run_id, body)
    if title := body.get("error_user_title"):
        shown = f"{title}: {failure.user_message}" if failure.user_message else str(title)
        failure = replace(failure, user_message=shown)
    error = classify(failure)
    may_fare_better = isinstance(error, TransientError | ThrottledError)
    return True, JobFailedError(failure) if may_fare_better else error


def _is_unreadable(failure: Failure) -> bool:
    """Whether a finished run only cannot be read yet, which is not the network's fault."""
    if (failure.code, failure.subcode) == _NOT_READABLE_YET:
        return True
    return failure.code == 100 and "summary param" in failure.message


def _whose(client: GraphClient) -> str:
    """A name for the client's credential and version: what one request may ask for together.

    A digest, so that no token is kept here.
    """
    request = PreparedRequest()
    request.prepare(method="GET", url="https://none.invalid", auth=client.credential.bearer())
    header = str(request.headers["Authorization"])
    return f"{client.version} {hashlib.sha256(header.encode()).hexdigest()}"
