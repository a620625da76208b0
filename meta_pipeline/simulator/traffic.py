"""What passes over the wire: the log of calls, and the scripted answers still to come."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

from meta_pipeline.simulator.call import Call
from meta_pipeline.simulator.faults import Fault

LOG_LENGTH = 100_000


@dataclass(frozen=True)
class Request:
    """One call to the simulated API. `params` are without token and proof.

    `kind` is `insights`, `page_insights`, `objects`, `accounts`, `pages`, `token`, `batch`,
    `async`, `other` or one of organic content; `status` the HTTP status answered; `asset` the
    bare id it counted for. `refused` says that a limit was used up, `told` that an earlier
    answer had said so.
    """

    method: str
    path: str
    params: dict[str, str]
    kind: str
    status: int
    asset: str = ""
    refused: bool = False
    told: bool = False


class Traffic:
    """The log and the scripted answers of one simulator; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._log: deque[Request] = deque(maxlen=LOG_LENGTH)
        self._faults: list[Fault] = []

    @property
    def requests(self) -> list[Request]:
        """The calls so far, oldest first (the last 100,000)."""
        with self._lock:
            return list(self._log)

    @property
    def refused(self) -> int:
        """How many calls were refused because a limit was used up."""
        return sum(request.refused for request in self.requests)

    @property
    def refused_although_told(self) -> int:
        """How many of those an earlier answer had said would be refused."""
        return sum(request.told for request in self.requests)

    def record(self, request: Request) -> None:
        """Note a call."""
        with self._lock:
            self._log.append(request)

    def counts(self) -> dict[str, int]:
        """How many calls of each kind."""
        return dict(Counter(request.kind for request in self.requests))

    @property
    def has_faults(self) -> bool:
        """Whether any scripted answer is still to come."""
        return bool(self._faults)

    def script(self, fault: Fault) -> None:
        """Queue a scripted answer behind those already queued."""
        with self._lock:
            self._faults.append(fault)

    def next_fault(
        self, call: Call, params: Mapping[str, str], *, in_batch: bool = False
    ) -> Fault | None:
        """The scripted answer for a call, used up once taken.

        `params` are those of the call, and of the question it is about.
        """
        with self._lock:
            for fault in self._faults:
                if not fault.hits(call, params, in_batch=in_batch):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
                return fault
        return None

    def clear_faults(self) -> None:
        """Forget the scripted answers; the log stays."""
        with self._lock:
            self._faults.clear()

    def reset(self) -> None:
        """Forget the log and the scripted answers."""
        with self._lock:
            self._log.clear()
            self._faults.clear()
