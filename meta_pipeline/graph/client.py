"""The HTTP client: one request, asked again while that can help, then answered or refused."""

import copy
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import requests
from pydantic import SecretStr
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from meta_pipeline.graph.answer import Answer
from meta_pipeline.graph.auth import Credential
from meta_pipeline.graph.batch import BATCH_SIZE, Call, batch_params, items_of
from meta_pipeline.graph.errors import (
    BrokenAnswerError,
    Failure,
    GraphError,
    TransientError,
)
from meta_pipeline.graph.reading import read, refuse
from meta_pipeline.graph.transport import RawAnswer, Transport, new_session

__all__ = ["GraphClient", "RetryPolicy", "new_session"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long a transient failure is asked again (seconds)."""

    attempts: int = 5
    first_wait: float = 1.0
    longest_wait: float = 60.0

    def wait(self, attempt: int, uniform: Callable[[], float]) -> float:
        """Full jitter: anywhere between zero and the doubled, capped wait."""
        return uniform() * min(self.longest_wait, self.first_wait * 2 ** (attempt - 1))


class GraphClient:
    """Asks Meta on behalf of one token.

    `base_url` is Meta's host (or a simulator's), `version` the pinned API version. `session`
    carries the transport: tests hand in one whose adapter answers from a list. `sleep` and
    `uniform` are what waits and what draws the jitter. Nothing here is written to disk.
    """

    def __init__(
        self,
        *,
        base_url: str,
        version: str,
        credential: Credential,
        session: requests.Session,
        asset_id: str = "",
        retry: RetryPolicy | None = None,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[], float] = random.random,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.version = version
        self.asset_id = asset_id
        self._credential = credential
        self._transport = Transport(base_url, version, session, monotonic)
        self._retry = retry or RetryPolicy()
        self._sleep = sleep
        self._uniform = uniform

    def with_token(self, token: SecretStr) -> "GraphClient":
        """The same client for another token, a Page's for instance, with a proof of its own."""
        other = copy.copy(self)
        other._credential = self._credential.for_token(token)
        return other

    def for_asset(self, asset_id: str) -> "GraphClient":
        """The same client whose requests count for this ad account, Page or Instagram account."""
        other = copy.copy(self)
        other.asset_id = asset_id
        return other

    @property
    def credential(self) -> Credential:
        """Whose requests these are; for the calls of a batch."""
        return self._credential

    def get(self, path: str, params: Mapping[str, str]) -> Answer:
        """The answer to one GET of `path` (without version), or the `GraphError` it became.

        Transient failures are asked again, up to the policy's attempts, with full jitter.
        """
        return self._ask(Call(path, params))

    def post(self, path: str, params: Mapping[str, str]) -> Answer:
        """The answer to one POST with `params` in its body; errors and waits are those of `get`."""
        return self._ask(Call(path, params, "POST"))

    def get_list(self, path: str, params: Mapping[str, str]) -> Answer:
        """The answer to one GET of a list. An answer without a list is no empty list."""
        answer = self.get(path, params)
        if not answer.is_list:
            problem = "the answer holds no list of data"
            raise BrokenAnswerError(Failure(path, answer.status, None, None, problem))
        return answer

    def pages(self, path: str, params: Mapping[str, str]) -> Iterator[Answer]:
        """Every page of a list, following cursors until Meta names no next page.

        `paging.next` is a URL with the token in it, so it is never followed; the cursor is.
        An empty page in the middle does not end the list.
        """
        asked = dict(params)
        cursors: set[str] = set()
        while True:
            answer = self.get_list(path, asked)
            yield answer
            if not answer.has_next:
                return
            if answer.after is None or answer.after in cursors:
                problem = "the next page has no cursor, or one that was followed before"
                raise BrokenAnswerError(Failure(path, answer.status, None, None, problem))
            cursors.add(answer.after)
            asked["after"] = answer.after

    def get_json(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """One object, parsed: for what is used at once and not kept."""
        return msgspec.json.decode(self.get(path, params).body, type=dict[str, Any])

    def post_json(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """The object that a POST is answered with, parsed."""
        return msgspec.json.decode(self.post(path, params).body, type=dict[str, Any])

    def batch(self, calls: Sequence[Call]) -> list[Answer | GraphError]:
        """The answer to each call, or the error that it became, in the order of `calls`.

        Up to 50 calls go into one request. Calls that Meta did not get to, and transient
        failures, are asked again; others never twice. An error of a whole request is raised.
        """
        results: dict[int, Answer | GraphError] = {}
        pending = list(enumerate(calls))
        for attempt in range(1, self._retry.attempts + 1):
            if attempt > 1 and pending:
                self._sleep(self._retry.wait(attempt - 1, self._uniform))
            for group in _groups(pending, self._credential):
                results |= self._ask_batch(group)
            pending = [one for one in pending if isinstance(results[one[0]], TransientError)]
        return [results[index] for index in range(len(calls))]

    def _ask_batch(self, group: Sequence[tuple[int, Call]]) -> dict[int, Answer | GraphError]:
        calls = [call for _, call in group]
        credential = calls[0].credential or self._credential
        params = batch_params(calls, credential)
        items = self._retrying()(self._batch_once, params, credential, len(calls))
        found: dict[int, Answer | GraphError] = {}
        for (index, call), raw in zip(group, items, strict=True):
            try:
                found[index] = _read_item(call, raw, credential)
            except GraphError as error:
                found[index] = error
        return found

    def _batch_once(
        self, params: Mapping[str, str], credential: Credential, expected: int
    ) -> list[RawAnswer | None]:
        raw = self._transport.send("POST", "", params, credential)
        if not raw.body.lstrip().startswith(b"["):
            refuse(raw, path="batch", params=params, credential=credential)
        return items_of(raw, expected)

    def _ask(self, call: Call) -> Answer:
        return self._retrying()(self._ask_once, call)

    def _ask_once(self, call: Call) -> Answer:
        raw = self._transport.send(call.method, call.path, call.params, self._credential)
        return _read(call, raw, self._credential)

    def _retrying(self) -> Retrying:
        return Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_attempt(self._retry.attempts),
            wait=self._wait,
            before_sleep=_say_why,
            sleep=self._sleep,
            reraise=True,
        )

    def _wait(self, state: RetryCallState) -> float:
        return self._retry.wait(state.attempt_number, self._uniform)


def _groups(
    pending: Sequence[tuple[int, Call]], own: Credential
) -> Iterator[list[tuple[int, Call]]]:
    """The calls by credential, 50 at most together."""
    by_credential: dict[int, list[tuple[int, Call]]] = {}
    for index, call in pending:
        by_credential.setdefault(id(call.credential or own), []).append((index, call))
    for group in by_credential.values():
        for first in range(0, len(group), BATCH_SIZE):
            yield group[first : first + BATCH_SIZE]


def _read(call: Call, raw: RawAnswer, credential: Credential) -> Answer:
    return read(raw, method=call.method, path=call.path, params=call.params, credential=credential)


def _read_item(call: Call, raw: RawAnswer | None, credential: Credential) -> Answer:
    if raw is None:
        reason = "Meta did not get to this call of a batch"
        raise TransientError(Failure(call.path, None, None, None, reason))
    return _read(call, raw, credential)


def _say_why(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    reason = error.message if isinstance(error, TransientError) else error
    wait = state.next_action.sleep if state.next_action else 0.0
    log.warning("asking again in %.1f s: %s", wait, reason)
