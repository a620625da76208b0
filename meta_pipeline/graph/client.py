"""The HTTP client: one request, asked again while that can help, then answered or refused."""

import copy
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import requests
from pydantic import SecretStr
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from meta_pipeline.graph.answer import Answer
from meta_pipeline.graph.auth import Credential
from meta_pipeline.graph.batch import BatchRun, Call
from meta_pipeline.graph.errors import (
    BrokenAnswerError,
    CursorExpiredError,
    Failure,
    GraphError,
    ThrottledError,
    TransientError,
)
from meta_pipeline.graph.quota import QuotaLedger
from meta_pipeline.graph.reading import read
from meta_pipeline.graph.transport import Transport, new_session
from meta_pipeline.graph.usage import asset_of, gates
from meta_pipeline.graph.waiting import Gate, RetryPolicy, Slots

__all__ = ["GraphClient", "RetryPolicy", "new_session"]

log = logging.getLogger(__name__)

RESTARTS = 2
"""How often a list is asked anew because its cursors expired."""


class GraphClient:
    """Asks Meta on behalf of one token.

    `base_url` is Meta's host (or a simulator's), `version` the pinned API version. `session`
    carries the transport: tests hand in one whose adapter answers from a list. `sleep` and
    `uniform` are what waits and what draws the jitter, `monotonic` measures the reading.

    With `quota`, a request is sent only when nothing is known against it: it waits for the
    quotas of `asset_id` (or of what its path names), and is sent again when one was used up
    after all, until the ledger's patience is over. Without, that is an error at once. `slots`
    bounds the requests in flight of all clients that share it.
    """

    def __init__(
        self,
        *,
        base_url: str,
        version: str,
        credential: Credential,
        session: requests.Session,
        asset_id: str = "",
        quota: QuotaLedger | None = None,
        slots: Slots | None = None,
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
        self._gate = Gate(quota, slots, sleep, uniform)

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
        An empty page in the middle does not end the list. A wait for a quota keeps the place in
        the list. Raises `CursorExpiredError` when Meta no longer knows the cursor: then every
        page handed over so far has to be thrown away and the list asked anew, since nobody
        knows what the new order holds (see `whole_list`).
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

    def whole_list(self, path: str, params: Mapping[str, str]) -> list[Answer]:
        """All pages of a list that fits into memory, asked anew when its cursors expire."""
        for _ in range(RESTARTS):
            try:
                return list(self.pages(path, params))
            except CursorExpiredError as error:
                log.warning("asking the list again from its first page: %s", error.message)
        return list(self.pages(path, params))

    def get_json(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """One object, parsed: for what is used at once and not kept."""
        return msgspec.json.decode(self.get(path, params).body, type=dict[str, Any])

    def post_json(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """The object that a POST is answered with, parsed."""
        return msgspec.json.decode(self.post(path, params).body, type=dict[str, Any])

    def batch(
        self, calls: Sequence[Call], *, patience: float | None = None
    ) -> list[Answer | GraphError]:
        """The answer to each call, or the error that it became, in the order of `calls`.

        Up to 50 calls go into one request. Calls that Meta did not get to, and transient
        failures, are asked again, calls that were answered never. A call whose quota is used up
        waits without the others, but the answers are returned together: with `patience`
        (seconds for all waits for quotas; the ledger's by default) of 0 it is a
        `ThrottledError` at once. An error of a whole request is raised.
        """
        run = BatchRun(self._transport, self._gate, self._retry, patience)
        return run.run(calls, self._credential, self.asset_id)

    def heed(self, error: ThrottledError, path: str) -> ThrottledError:
        """Takes down a refusal that came within an answer: a report run's, for instance.

        Nothing more is sent that this quota would refuse. Returns the error with the time at
        which it may be back, where that is known.
        """
        asset = asset_of(path, self.asset_id)
        return self._gate.heed(asset, gates(path, asset), error)

    def _ask(self, call: Call) -> Answer:
        asset = asset_of(call.path, self.asset_id)
        patience = self._gate.patience()
        return self._retrying()(
            self._gate.ask,
            call.path,
            asset,
            patience,
            request=lambda: self._transport.send(
                call.method, call.path, call.params, self._credential
            ),
            read=lambda raw: read(
                raw,
                method=call.method,
                path=call.path,
                params=call.params,
                credential=self._credential,
            ),
        )

    def _retrying(self) -> Retrying:
        return Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_attempt(self._retry.attempts),
            wait=self._wait,
            before_sleep=_say_why,
            sleep=self._gate.sleep,
            reraise=True,
        )

    def _wait(self, state: RetryCallState) -> float:
        return self._retry.wait(state.attempt_number, self._gate.uniform)


def _say_why(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    reason = error.message if isinstance(error, TransientError) else error
    wait = state.next_action.sleep if state.next_action else 0.0
    log.warning("asking again in %.1f s: %s", wait, reason)
