"""Waiting: for quotas, for a slot among the requests in flight, and between two attempts."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from threading import BoundedSemaphore
from typing import Self, TypeVar

from meta_pipeline.graph.errors import Failure, GraphError, Scope, ThrottledError
from meta_pipeline.graph.quota import Hold, QuotaLedger
from meta_pipeline.graph.transport import RawAnswer
from meta_pipeline.graph.usage import Bucket, gates

log = logging.getLogger(__name__)

_T = TypeVar("_T")

IN_FLIGHT = 8
"""Requests in flight at once."""

JITTER_SHARE, LONGEST_JITTER = 0.1, 30.0
"""Who waited for the same quota sends again within this share of the wait, or these seconds."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long a transient failure is asked again (seconds)."""

    attempts: int = 5
    first_wait: float = 1.0
    longest_wait: float = 60.0

    def wait(self, attempt: int, uniform: Callable[[], float]) -> float:
        """Full jitter: anywhere between zero and the doubled, capped wait."""
        return uniform() * min(self.longest_wait, self.first_wait * 2 ** (attempt - 1))


class Slots:
    """Requests that may be in flight at once, over all threads that share this.

    A slot is held only while a request is under way, never during a wait: a throttled account
    takes none from the others.
    """

    def __init__(self, size: int = IN_FLIGHT) -> None:
        self._semaphore = BoundedSemaphore(size)

    def __enter__(self) -> Self:
        self._semaphore.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self._semaphore.release()


class Patience:
    """Seconds that may still be waited for quotas; used up little by little."""

    def __init__(self, seconds: float) -> None:
        self.left = seconds


class Gate:
    """Lets a request through when its quotas allow it and a slot is free.

    `sleep` waits, and may raise `InterruptedError` to end it all; `uniform` draws the jitter.
    """

    def __init__(
        self,
        quota: QuotaLedger | None,
        slots: Slots | None,
        sleep: Callable[[float], None],
        uniform: Callable[[], float],
    ) -> None:
        self._quota = quota
        self._slots = slots
        self.sleep = sleep
        self.uniform = uniform

    def patience(self) -> Patience:
        """The patience of one request, or of one batch."""
        return Patience(self._quota.patience if self._quota else 0.0)

    def hold(self, needed: Sequence[Bucket], patience: Patience, *, has_turn: bool) -> Hold | None:
        """What keeps a request from being sent now; see `QuotaLedger.hold`."""
        if self._quota is None:
            return None
        return self._quota.hold(needed, has_turn=has_turn, within=patience.left)

    def wait(
        self,
        path: str,
        needed: Sequence[Bucket],
        patience: Patience,
        because: ThrottledError | None = None,
    ) -> None:
        """Waits until the quotas allow a request. Raises `ThrottledError` when that is too long.

        `because` is the refusal that led here, if there was one.
        """
        has_turn = False
        while hold := self.hold(needed, patience, has_turn=has_turn):
            if hold.seconds > patience.left:
                raise self.refusal(path, hold, because)
            self.spend(hold, patience)
            has_turn = not hold.is_block

    def spend(self, hold: Hold, patience: Patience) -> None:
        """Waits for `hold` once, out of `patience`. The quota may be used up again after that."""
        share = min(JITTER_SHARE * hold.seconds, LONGEST_JITTER) if hold.is_block else 0.0
        seconds = min(hold.seconds + self.uniform() * share, patience.left)
        if hold.is_block:
            log.warning("the quota %s is used up: waiting %.0f s", hold.bucket, seconds)
        patience.left -= seconds
        self.sleep(seconds)

    def refusal(
        self, path: str, hold: Hold, because: ThrottledError | None = None
    ) -> ThrottledError:
        """The error for a request that is not sent: Meta's own, or that it would be refused."""
        if because is not None:
            return ThrottledError(because.failure, hold.until)
        state = "used up" if hold.is_block else "nearly used up, and others come first"
        message = f"not sent: the quota {hold.bucket} is {state}"
        failure = Failure(path, None, None, None, message)
        return ThrottledError(failure, hold.until, hold.bucket.scope)

    def send(
        self, needed: Sequence[Bucket], request: Callable[[], RawAnswer]
    ) -> tuple[RawAnswer, datetime | None] | None:
        """The answer to `request` and when it was sent; None if a quota ran out meanwhile."""
        with self._slots or nullcontext():
            if self._quota is None:
                return request(), None
            if self._quota.hold(needed, has_turn=True, within=0.0):
                return None
            sent_at = self._quota.now()
            return request(), sent_at

    def note(
        self,
        asset: str,
        needed: Sequence[Bucket],
        headers: Mapping[str, str],
        sent_at: datetime | None,
        error: ThrottledError | None = None,
    ) -> ThrottledError | None:
        """Takes down what an answer says of quotas. Returns `error` with the time to come back."""
        if self._quota is None or sent_at is None:
            return error
        retry_at = self._quota.note(asset, needed, headers, sent_at=sent_at, error=error)
        return ThrottledError(error.failure, retry_at) if error else None

    def heed(self, asset: str, needed: Sequence[Bucket], error: ThrottledError) -> ThrottledError:
        """Takes down a refusal that came without headers, within an answer."""
        now = self._quota.now() if self._quota else None
        return self.note(asset, needed, {}, now, error) or error

    def ask(
        self,
        path: str,
        asset: str,
        patience: Patience,
        request: Callable[[], RawAnswer],
        read: Callable[[RawAnswer], _T],
    ) -> _T:
        """What `read` makes of the answer to `request`, sent again each time a quota is back.

        Raises `ThrottledError` when that takes more than `patience`, and what `read` raises.
        """
        needed = gates(path, asset)
        refused: ThrottledError | None = None
        while True:
            self.wait(path, needed, patience, refused)
            sent = self.send(needed, request)
            if sent is None:
                continue
            raw, sent_at = sent
            try:
                result = read(raw)
            except ThrottledError as error:
                refused = self.note(asset, needed, raw.headers, sent_at, error)
                if self._quota is None or error.scope is Scope.REACH:
                    raise refused or error from None
            except GraphError:
                self.note(asset, needed, raw.headers, sent_at)
                raise
            else:
                self.note(asset, needed, raw.headers, sent_at)
                return result
