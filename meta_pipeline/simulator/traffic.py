"""What passes over the wire: the log of calls, the usage headers, scripted answers."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from threading import Lock
from typing import Any

import orjson

LOG_LENGTH = 100_000
_TIERS = {"development_access": 600, "standard_access": 190_000}


@dataclass(frozen=True)
class Request:
    """One call to the simulated API. `params` are without token and proof.

    `kind` is `insights`, `page_insights`, `objects`, `accounts`, `pages`, `token`, `batch`,
    `async` or `other`; `status` the HTTP status answered.
    """

    method: str
    path: str
    params: dict[str, str]
    kind: str
    status: int


@dataclass
class Fault:
    """A scripted answer to the next calls whose path contains `path`.

    Without a `status` the call is answered as usual, with `headers` added. `body` is a JSON
    value, or text sent as it is (an HTML page of a proxy). `delay_seconds` holds the answer
    back. The first `skip` matching calls pass, the `times` after them are hit.
    """

    path: str = ""
    status: int | None = 500
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1
    skip: int = 0
    delay_seconds: float = 0.0


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

    def record(self, request: Request) -> None:
        """Note a call."""
        with self._lock:
            self._log.append(request)

    def counts(self) -> dict[str, int]:
        """How many calls of each kind."""
        return dict(Counter(request.kind for request in self.requests))

    def script(self, fault: Fault) -> None:
        """Queue a scripted answer behind those already queued."""
        with self._lock:
            self._faults.append(fault)

    def next_fault(self, path: str) -> Fault | None:
        """The scripted answer for a call to `path`, used up once taken."""
        with self._lock:
            for fault in self._faults:
                if fault.path not in path:
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
                return fault
        return None

    def reset(self) -> None:
        """Forget the log and the scripted answers."""
        with self._lock:
            self._log.clear()
            self._faults.clear()


class UsageMeter:
    """The headers by which Meta tells how much of each limit is used.

    `development_access` is the Limited tier, `standard_access` the Full one (the names in the
    headers stayed when the tiers were renamed in May 2026). Calls are counted by clock hour.
    """

    def __init__(self, tier: str) -> None:
        if tier not in _TIERS:
            raise ValueError(f"access_tier must be one of {', '.join(_TIERS)}, got {tier!r}")
        self._tier = tier
        self._calls: Counter[tuple[str, int]] = Counter()
        self._ids = count(1)

    def headers(self, asset: str, usage: str, ads: int, hour: int) -> Mapping[str, str]:
        """The usage headers after one more call.

        Args:
            asset: the bare ad account or Page id, the key in Meta's header; "" if none.
            usage: the kind of limit: `ads_insights`, `ads_management` or `pages`.
            ads: the account's ads, each of which adds 400 calls an hour.
            hour: the hour in which the calls are counted.
        """
        if len(self._calls) > 10_000:
            self._calls.clear()
        self._calls["", hour] += 1
        app = int(100 * self._calls["", hour] / (10 * _TIERS["standard_access"]))
        number = next(self._ids)
        found = {
            "x-app-usage": _json({"call_count": app, "total_time": app, "total_cputime": app}),
            "x-fb-request-id": f"ASim{number:012d}",
            "x-fb-trace-id": f"Sim{number:08x}",
        }
        if not asset:
            return found
        self._calls[asset, hour] += 1
        limit = _TIERS[self._tier] + 400 * ads
        used = min(100.0, 100 * self._calls[asset, hour] / limit)
        about = {
            "type": usage,
            "call_count": int(used),
            "total_cputime": int(used / 2),
            "total_time": int(used / 2),
            "estimated_time_to_regain_access": 0,
        }
        if usage != "pages":
            about["ads_api_access_tier"] = self._tier
            found["x-ad-account-usage"] = _json(
                {
                    "acc_id_util_pct": round(used, 2),
                    "reset_time_duration": 300,
                    "ads_api_access_tier": self._tier,
                }
            )
        found["x-business-use-case-usage"] = _json({asset: [about]})
        if usage == "ads_insights":
            found["x-fb-ads-insights-throttle"] = _json(
                {
                    "app_id_util_pct": app,
                    "acc_id_util_pct": round(used, 2),
                    "ads_api_access_tier": self._tier,
                }
            )
        return found


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
