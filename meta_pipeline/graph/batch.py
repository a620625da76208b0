"""Several calls in one request (Meta's batch requests).

A batch saves round trips and nothing else: each call counts against its quotas, and fails,
waits and is asked again by itself.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from meta_pipeline.graph.answer import Answer
from meta_pipeline.graph.auth import SECRET_PARAMS, Credential
from meta_pipeline.graph.errors import (
    BrokenAnswerError,
    Failure,
    GraphError,
    Scope,
    ThrottledError,
    TooLargeError,
    TransientError,
)
from meta_pipeline.graph.reading import UNREADABLE, read, refuse
from meta_pipeline.graph.transport import RawAnswer, Transport
from meta_pipeline.graph.usage import APP, Bucket, asset_of, gates
from meta_pipeline.graph.waiting import Gate, Hold, Patience, RetryPolicy

log = logging.getLogger(__name__)

BATCH_SIZE = 50
"""Calls in one request; more are refused (batch requests guide)."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a batch: `path` without version.

    `credential` is whose call it is (None: the client's), `asset_id` the ad account, Page or
    Instagram account it counts for (empty: the client's, or what the path says).
    """

    path: str
    params: Mapping[str, str]
    method: str = "GET"
    credential: Credential | None = None
    asset_id: str = ""


def batch_params(calls: Sequence[Call], credential: Credential) -> dict[str, str]:
    """The form of the request that makes `calls`, all of them as `credential`.

    The token stays in the header of the request: an item's own `access_token` would put it
    into the body, so calls of different credentials are different requests.
    """
    return {"batch": json.dumps([_item(call, credential) for call in calls])}


def _item(call: Call, credential: Credential) -> dict[str, str]:
    asked = urlencode({**call.params, **credential.proof()})
    if call.method != "GET":
        return {"method": call.method, "relative_url": call.path, "body": asked}
    if not SECRET_PARAMS.isdisjoint(call.params):
        raise ValueError(f"{call.path}: a token or secret never goes into a URL; use POST")
    return {"method": call.method, "relative_url": f"{call.path}?{asked}".rstrip("?")}


def items_of(raw: RawAnswer, expected: int) -> list[RawAnswer | None]:
    """The answer to each call, in order; None for one that Meta did not get to.

    Raises `BrokenAnswerError` when these are not answers to `expected` calls.
    """
    try:
        items = msgspec.json.decode(raw.body, type=list[dict[str, Any] | None])
        answers = [None if item is None else _raw(item) for item in items]
    except (*UNREADABLE, KeyError, TypeError) as error:
        detail = f"the body is no list of answers ({type(error).__name__})"
        raise BrokenAnswerError(Failure("batch", raw.status, None, None, detail)) from None
    if len(answers) != expected:
        detail = f"{len(answers)} answers to {expected} calls"
        raise BrokenAnswerError(Failure("batch", raw.status, None, None, detail))
    return answers


def _raw(item: Mapping[str, Any]) -> RawAnswer:
    headers = {
        str(header["name"]).lower(): str(header["value"]) for header in item.get("headers") or ()
    }
    return RawAnswer(int(item["code"]), headers, str(item["body"] or "").encode())


@dataclass(eq=False, slots=True)
class _Item:
    """A call on its way, until it has its `result`.

    `wait` are the seconds before it may be sent; `hold` is what it waits for, None when that is
    another attempt.
    """

    call: Call
    credential: Credential
    asset: str
    needed: tuple[Bucket, ...]
    attempts: int = 0
    wait: float = 0.0
    hold: Hold | None = None
    refused: ThrottledError | None = None
    result: Answer | GraphError | None = None

    @property
    def is_blocked(self) -> bool:
        return self.hold is not None and self.hold.is_block


class BatchRun:
    """Asks calls until each has its answer or its error.

    `patience` are the seconds that are waited for quotas in all, the ledger's by default.
    """

    def __init__(
        self, transport: Transport, gate: Gate, retry: RetryPolicy, patience: float | None = None
    ) -> None:
        self._transport = transport
        self._gate = gate
        self._retry = retry
        self._patience = gate.patience() if patience is None else Patience(patience)
        self._turns = Patience(self._patience.left)

    def run(
        self, calls: Sequence[Call], credential: Credential, asset_id: str
    ) -> list[Answer | GraphError]:
        """The answer to each call, or its error. Raises the error of a whole request."""
        items = [_item_of(call, credential, asset_id) for call in calls]
        # A quota that is nearly used up is used slowly: each call has its turn, and as much
        # patience for it as one that is sent alone.
        self._turns = Patience(self._patience.left * len(items))
        while pending := [item for item in items if item.result is None]:
            ready = [item for item in pending if self._may_go(item)]
            if not ready:
                self._sleep([item for item in pending if item.result is None])
            for chunk in _chunks(ready):
                self._send(chunk)
        return [item.result for item in items if item.result is not None]

    def _may_go(self, item: _Item) -> bool:
        if item.wait > 0:
            return False
        has_turn = item.hold is not None and not item.hold.is_block
        item.hold = hold = self._gate.hold(item.needed, self._turns, has_turn=has_turn)
        if hold is None:
            return True
        item.wait = hold.seconds
        if hold.seconds > self._patience_for(hold).left:
            item.result = self._gate.refusal(item.call.path, hold, item.refused)
        return False

    def _patience_for(self, hold: Hold) -> Patience:
        return self._patience if hold.is_block else self._turns

    def _sleep(self, pending: Sequence[_Item]) -> None:
        """Waits for all that is due soon at once, or for the first of the quotas used up."""
        if not pending:
            return
        soon = [item for item in pending if not item.is_blocked]
        waited_for = max(soon, key=_wait_of) if soon else min(pending, key=_wait_of)
        if waited_for.hold is not None:
            self._gate.spend(waited_for.hold, self._patience_for(waited_for.hold))
        else:
            self._gate.sleep(waited_for.wait)
        for item in pending:
            item.wait = 0.0

    def _send(self, chunk: Sequence[_Item]) -> None:
        """One request for `chunk`, all of one credential; what it brings is taken down."""
        credential = chunk[0].credential
        needed = tuple(dict.fromkeys(bucket for item in chunk for bucket in item.needed))
        params = batch_params([item.call for item in chunk], credential)
        try:
            sent = self._gate.send(
                needed, lambda: self._transport.send("POST", "", params, credential)
            )
            if sent is None:
                return
            self._take(chunk, params, *sent)
        except TooLargeError as error:
            self._halve(chunk, error)
        except TransientError as error:
            # Raised here it is the whole request's, not a call's.
            if all(item.attempts + 1 >= self._retry.attempts for item in chunk):
                raise
            log.warning("asking again: %s", error.message)
            for item in chunk:
                self._again(item, error)

    def _halve(self, chunk: Sequence[_Item], error: TooLargeError) -> None:
        """Meta did not get through the whole request: two of half the size."""
        if len(chunk) == 1:
            chunk[0].result = error
            return
        middle = len(chunk) // 2
        self._send(chunk[:middle])
        self._send(chunk[middle:])

    def _take(
        self,
        chunk: Sequence[_Item],
        params: Mapping[str, str],
        raw: RawAnswer,
        sent_at: datetime | None,
    ) -> None:
        credential = chunk[0].credential
        try:
            if raw.status != 200 or not raw.body.lstrip().startswith(b"["):
                refuse(raw, path="batch", params=params, credential=credential)
            answers = items_of(raw, len(chunk))
        except ThrottledError as error:
            refused = self._gate.note("", (Bucket(APP),), raw.headers, sent_at, error)
            if sent_at is None:
                raise
            for item in chunk:
                item.refused = refused
            return
        except GraphError:
            self._gate.note("", (), raw.headers, sent_at)
            raise
        # The request itself counts for nothing, its calls do.
        self._gate.note("", (), raw.headers, sent_at)
        for item, answer in zip(chunk, answers, strict=True):
            self._take_one(item, answer, sent_at)

    def _take_one(self, item: _Item, raw: RawAnswer | None, sent_at: datetime | None) -> None:
        headers = raw.headers if raw is not None else {}
        item.hold = None
        try:
            item.result = _read(item, raw)
        except ThrottledError as error:
            item.refused = self._gate.note(item.asset, item.needed, headers, sent_at, error)
            if sent_at is None or error.scope is Scope.REACH:
                item.result = item.refused
            return
        except TransientError as error:
            log.warning("asking again: %s", error.message)
            self._again(item, error)
        except GraphError as error:
            item.result = error
        self._gate.note(item.asset, item.needed, headers, sent_at)

    def _again(self, item: _Item, error: TransientError) -> None:
        """Another attempt after a while, or `error` as the result when there were enough."""
        item.attempts += 1
        item.hold = None
        if item.attempts >= self._retry.attempts:
            item.result = error
            return
        item.wait = self._retry.wait(item.attempts, self._gate.uniform)


def _item_of(call: Call, credential: Credential, asset_id: str) -> _Item:
    asset = asset_of(call.path, call.asset_id or asset_id)
    return _Item(call, call.credential or credential, asset, gates(call.path, asset))


def _wait_of(item: _Item) -> float:
    return item.wait


def _chunks(items: Sequence[_Item]) -> Iterator[list[_Item]]:
    """The items by credential, as many as go into one request."""
    by_credential: dict[Credential, list[_Item]] = {}
    for item in items:
        by_credential.setdefault(item.credential, []).append(item)
    for group in by_credential.values():
        for first in range(0, len(group), BATCH_SIZE):
            yield group[first : first + BATCH_SIZE]


def _read(item: _Item, raw: RawAnswer | None) -> Answer:
    call = item.call
    if raw is None:
        reason = "Meta did not get to this call of a batch"
        raise TransientError(Failure(call.path, None, None, None, reason))
    return read(
        raw, method=call.method, path=call.path, params=call.params, credential=item.credential
    )
