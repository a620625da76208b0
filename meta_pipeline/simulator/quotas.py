"""Meta's limits: how they are counted, what the headers tell of them, when a call is refused.

Numbers are those of Meta's rate limiting pages (Graph and Marketing API, September 2026). What
those leave open is decided here and said so: a window slides, a refused call is not counted, the
score is at zero again after a block.
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from threading import Lock
from typing import Any

import orjson

from meta_pipeline.simulator.call import Call
from meta_pipeline.simulator.cases import case_error
from meta_pipeline.simulator.errors import GraphError
from meta_pipeline.simulator.settings import Settings

HOUR, DAY = 3600, 86_400
SCORE_DECAY = 300
"""Seconds after which a point of the ad account's score is gone."""


@dataclass(frozen=True)
class Tier:
    """What an app may do an hour and ad account, and the score of an ad account."""

    insights: int
    insights_per_ad: int
    management: int
    management_per_ad: int
    score: int
    block_seconds: int


# `development_access` is the Limited tier, `standard_access` the Full one: the names in the
# headers stayed when the tiers were renamed in May 2026.
TIERS = {
    "development_access": Tier(600, 400, 300, 40, 60, 300),
    "standard_access": Tier(190_000, 400, 100_000, 40, 9_000, 60),
}
_CASES = {
    "ads_insights": "buc_insights",
    "ads_management": "buc_ads_management",
    "pages": "buc_pages",
    "instagram": "buc_instagram",
}


class Window:
    """How much was used in the last so many seconds."""

    def __init__(self, seconds: int) -> None:
        self._span = seconds
        self._uses: deque[list[float]] = deque()
        self._total = 0.0

    def add(self, now: float, amount: float) -> None:
        """Use `amount` at the epoch second `now`."""
        if self._uses and self._uses[-1][0] == now:
            self._uses[-1][1] += amount
        else:
            self._uses.append([now, amount])
        self._total += amount

    def total(self, now: float) -> float:
        """What counts at `now`."""
        while self._uses and self._uses[0][0] <= now - self._span:
            self._total -= self._uses.popleft()[1]
        # Tests set clocks back: what is to come has not been used.
        while self._uses and self._uses[-1][0] > now:
            self._total -= self._uses.pop()[1]
        return self._total

    def seconds_until_below(self, now: float, limit: float) -> float:
        """Seconds until less than `limit` counts, 0 if it does now."""
        left = self.total(now)
        for when, amount in self._uses:
            if left < limit:
                return 0.0
            left -= amount
            if left < limit:
                return when + self._span - now
        return 0.0

    def seconds_until_empty(self, now: float) -> float:
        """Seconds until nothing counts any more."""
        self.total(now)
        return self._uses[-1][0] + self._span - now if self._uses else 0.0

    def clear(self) -> None:
        """Forget everything."""
        self._uses.clear()
        self._total = 0.0


class Quotas:
    """All limits of one simulated app; safe to use from any thread.

    They are counted whether or not `enforce_quotas` is on, so the headers always tell.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._ids = count(1)
        self.reset()

    def reset(self) -> None:
        """Forget every call."""
        with self._lock:
            self._windows: dict[tuple[str, str], Window] = {}
            self._blocked: dict[str, float] = {}
            self._told: dict[tuple[str, str], float] = {}

    def admit(self, call: Call) -> None:
        """Count a call, or refuse it.

        Raises:
            GraphError: the refusal, if a limit is used up and limits are enforced.
        """
        with self._lock:
            error = self._refusal(call) if self._settings.enforce_quotas else None
            if error is None:
                self._count(call)
                return
        raise error

    def count(self, call: Call) -> None:
        """Count a call that is answered whatever the limits say."""
        with self._lock:
            self._count(call)

    def was_told(self, call: Call) -> bool:
        """Whether an earlier answer said that this call would be refused."""
        now = call.now.timestamp()
        keys = ((call.asset, call.usage), (call.asset, "score"))
        with self._lock:
            return any(now < self._told.get(key, 0.0) for key in keys)

    def note_error(self, call: Call) -> None:
        """A caller's error takes a thousandth of a call off the limit."""
        with self._lock:
            self._window("errors", call.asset, HOUR).add(_second(call.now), 1)

    def headers(self, call: Call) -> Mapping[str, str]:
        """The headers that tell how much is used, after a call was answered or refused."""
        now = _second(call.now)
        number = next(self._ids)
        with self._lock:
            used = self._percent("app", "", HOUR, now, self._app_limit())
            app = int(used)
            found = {
                "x-app-usage": _json({"call_count": app, "total_time": app, "total_cputime": app}),
                "x-fb-request-id": f"ASim{number:012d}",
                "x-fb-trace-id": f"Sim{number:08x}",
            }
            if call.asset:
                found |= self._of_asset(call, now)
        return found

    def _refusal(self, call: Call) -> GraphError | None:
        now = _second(call.now)
        if not call.asset or (call.user_token and call.usage == "pages"):
            # Calls with a person's token count for the app's own limit; those on Pages are
            # refused by a code of their own (Graph rate limiting page).
            full = self._window("app", "", HOUR).total(now) >= self._app_limit()
            return _bare("page_user_limit" if call.asset else "app_limit") if full else None
        settings = self._settings
        if call.usage == "ads_insights":
            limit = max(1.0, settings.app_insights_calls * settings.quota_scale)
            if self._window("app insights", "", HOUR).total(now) >= limit:
                return _bare("insights_app_limit")
        if self._has_score(call) and self._score_is_used_up(call, now):
            return _bare(settings.score_error)
        span, limit = self._limit(call, now)
        if self._window(call.usage, call.asset, span).total(now) >= limit:
            return _bare(_CASES[call.usage])
        return None

    def _score_is_used_up(self, call: Call, now: float) -> bool:
        if now < self._blocked.get(call.asset, 0.0):
            return True
        window = self._window("score", call.asset, SCORE_DECAY)
        if call.asset in self._blocked:
            del self._blocked[call.asset]
            window.clear()
        if window.total(now) + _points(call) <= self._most_points():
            return False
        self._blocked[call.asset] = now + TIERS[self._settings.access_tier].block_seconds
        return True

    def _count(self, call: Call) -> None:
        now = _second(call.now)
        if not call.asset or (call.user_token and call.usage == "pages"):
            self._window("app", "", HOUR).add(now, 1)
            return
        if call.usage == "ads_insights":
            self._window("app insights", "", HOUR).add(now, 1)
        if self._has_score(call):
            self._window("score", call.asset, SCORE_DECAY).add(now, _points(call))
        self._window(call.usage, call.asset, self._limit(call, now)[0]).add(now, 1)

    def _of_asset(self, call: Call, now: float) -> dict[str, str]:
        tier = self._settings.access_tier
        span, limit = self._limit(call, now)
        window = self._window(call.usage, call.asset, span)
        percent = min(100.0, 100 * window.total(now) / limit)
        minutes = math.ceil(window.seconds_until_below(now, limit) / 60)
        self._tell((call.asset, call.usage), now, 60.0 * minutes)
        about: dict[str, Any] = {
            "type": call.usage,
            "call_count": int(percent),
            # Time is not simulated; half of the calls stand for it.
            "total_cputime": int(percent / 2),
            "total_time": int(percent / 2),
            "estimated_time_to_regain_access": minutes,
        }
        found: dict[str, str] = {}
        if call.usage in ("ads_insights", "ads_management"):
            about["ads_api_access_tier"] = tier
            found["x-ad-account-usage"] = _json(self._of_score(call, now))
        if call.usage == "ads_insights":
            insights = max(1.0, self._settings.app_insights_calls * self._settings.quota_scale)
            app = self._percent("app insights", "", HOUR, now, insights)
            found["x-fb-ads-insights-throttle"] = _json(
                {
                    "app_id_util_pct": round(app, 2),
                    "acc_id_util_pct": round(percent, 2),
                    "ads_api_access_tier": tier,
                }
            )
        return found | {"x-business-use-case-usage": _json({call.asset: [about]})}

    def _of_score(self, call: Call, now: float) -> dict[str, Any]:
        window = self._window("score", call.asset, SCORE_DECAY)
        percent = min(100.0, 100 * window.total(now) / self._most_points())
        left = window.seconds_until_empty(now)
        blocked = self._blocked.get(call.asset, 0.0) - now
        if blocked > 0:
            percent, left = 100.0, blocked
        if percent >= 100 and self._has_score(call):
            self._tell((call.asset, "score"), now, left)
        return {
            "acc_id_util_pct": round(percent, 2),
            "reset_time_duration": math.ceil(left),
            "ads_api_access_tier": self._settings.access_tier,
        }

    def _tell(self, key: tuple[str, str], now: float, seconds: float) -> None:
        if seconds > 0 and self._settings.enforce_quotas:
            self._told[key] = now + seconds

    def _limit(self, call: Call, now: float) -> tuple[int, float]:
        """The length of the window in seconds, and the calls that it may hold."""
        tier = TIERS[self._settings.access_tier]
        span = HOUR
        match call.usage:
            case "ads_insights":
                calls = float(tier.insights + tier.insights_per_ad * call.ads)
            case "ads_management":
                calls = float(tier.management + tier.management_per_ad * call.ads)
            case _:
                # Engaged users of a Page, views of an Instagram account.
                span, calls = DAY, 4800.0 * max(1, call.audience)
        calls -= 0.001 * self._window("errors", call.asset, HOUR).total(now)
        return span, max(1.0, calls * self._settings.quota_scale)

    def _app_limit(self) -> float:
        return max(1.0, 200 * self._settings.daily_active_users * self._settings.quota_scale)

    def _most_points(self) -> float:
        points = TIERS[self._settings.access_tier].score
        return max(1.0, points * self._settings.quota_scale)

    def _has_score(self, call: Call) -> bool:
        return call.usage == "ads_management" or (
            call.usage == "ads_insights" and self._settings.score_counts_insights
        )

    def _percent(self, usage: str, asset: str, span: int, now: float, limit: float) -> float:
        return min(100.0, 100 * self._window(usage, asset, span).total(now) / limit)

    def _window(self, usage: str, asset: str, span: int) -> Window:
        return self._windows.setdefault((usage, asset), Window(span))


def _points(call: Call) -> int:
    return 3 if call.is_write else 1


def _bare(name: str) -> GraphError:
    """A refusal without the numbers of the recorded one: the true ones are added."""
    error = case_error(name)
    error.headers = {}
    return error


def _second(moment: datetime) -> float:
    return float(int(moment.timestamp()))


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
