"""How fast a quota may be used: the rules, without clock and storage.

Below 75 % a quota holds up nobody. From there each request keeps a distance to the one before,
doubling every four points: 1 s at 75 %, 6 s at 85 %, 32 s at 95 %. From 95 %, or when Meta
refuses, nothing is sent until the quota is back.
"""

from dataclasses import dataclass, replace

from meta_pipeline.graph.errors import ThrottledError
from meta_pipeline.graph.usage import ACCOUNT, APP, REACH, Bucket, Usage

SLOW_FROM = 75.0
STOP_FROM = 95.0
"""Percent."""

FIRST_DISTANCE = 1.0
"""Seconds between two requests at 75 %."""
POINTS_TO_DOUBLE = 4.0

FRESH_FOR = 3600.0
"""Seconds that a percentage is believed: quotas count over rolling hours."""

NOTED_EVERY = 60.0
"""Seconds after which even an unchanged percentage is written down again."""

LONGEST_GROWN = 3600.0
"""Seconds. Waits that nobody announced grow up to this."""

CLOCK_SLACK = 3600.0
"""Seconds. What was written down further in the future than this was so by a wrong clock: it is
not believed, or a machine whose clock was a year ahead for a moment would wait for a year."""

# Seconds to wait where Meta does not say. For the app ten minutes at least, for an account's
# score the documented block of 300 s (60 s with full access), for error 613 without subcode a
# minute, for reach with breakdowns a day, for all else the five minutes of an account's block.
_DEFAULT_WAIT = 300.0
_APP_WAIT = 600.0
_SHORT_WAIT = 60.0
_REACH_WAIT = 86400.0
_FULL_ACCESS = "standard_access"


@dataclass(frozen=True, slots=True)
class Pace:
    """What is known of one quota. Times are seconds since 1970, 0 when there is none.

    `percent` was seen at `seen_at` and counts until `expires_at`. Nothing is sent from
    `blocked_from` until `blocked_until`; `strikes` refusals came one after another. At
    `next_at` the next request may be sent while the quota is to be used slowly.
    """

    bucket: Bucket
    percent: float = 0.0
    tier: str = ""
    seen_at: float = 0.0
    expires_at: float = 0.0
    blocked_from: float = 0.0
    blocked_until: float = 0.0
    strikes: int = 0
    next_at: float = 0.0

    def is_blocked(self, now: float) -> bool:
        """Whether a request would be refused."""
        return self.blocked_from - CLOCK_SLACK <= now < self.blocked_until

    def distance(self, now: float) -> float:
        """Seconds between two requests; 0 while there is quota enough, or nothing is known."""
        is_believed = self.seen_at - CLOCK_SLACK <= now < self.expires_at
        if self.percent < SLOW_FROM or not is_believed:
            return 0.0
        points = min(self.percent, STOP_FROM) - SLOW_FROM
        return FIRST_DISTANCE * 2 ** (points / POINTS_TO_DOUBLE)

    def next_turn(self, now: float) -> float:
        """When the next request may be sent while the quota is to be used slowly."""
        return self.next_at if self.next_at <= now + CLOCK_SLACK else now

    def taken(self, start: float, now: float) -> "Pace":
        """After a request took its turn at `start`."""
        distance = self.distance(now)
        return replace(self, next_at=start + distance) if distance else self

    def seen(self, usage: Usage, now: float) -> "Pace":
        """After an answer said `usage`; itself when that is nothing new."""
        stops = usage.is_refused or usage.percent >= STOP_FROM
        if self.bucket.kind == REACH:
            stops = False
        if not stops and not self._is_news(usage, now):
            return self
        resets_in = usage.resets_in.total_seconds() if usage.resets_in else 0.0
        tier = usage.tier or self.tier
        if not stops:
            # What comes in during a block was asked before it.
            is_late = self.is_blocked(now)
            expires_at = self.blocked_until if is_late else now + (resets_in or FRESH_FOR)
            return replace(
                self, percent=usage.percent, tier=tier, seen_at=now, expires_at=expires_at
            )
        until = max(self._known_until(now), now + (resets_in or _default_wait(self.bucket, tier)))
        return replace(
            self,
            percent=usage.percent,
            tier=tier,
            seen_at=now,
            # When the wait is over, the old figure says nothing about the new one.
            expires_at=until,
            blocked_from=self.blocked_from if self.is_blocked(now) else now,
            blocked_until=until,
        )

    def _known_until(self, now: float) -> float:
        return self.blocked_until if self.is_blocked(now) else 0.0

    def _is_news(self, usage: Usage, now: float) -> bool:
        slow = max(usage.percent, self.percent) >= SLOW_FROM
        step = 0.01 if slow else 1.0
        is_old = abs(now - self.seen_at) >= NOTED_EVERY or now >= self.expires_at
        return is_old or abs(usage.percent - self.percent) >= step

    def refused(self, error: ThrottledError, sent_at: float, now: float, said: float) -> "Pace":
        """After Meta refused a request sent at `sent_at`; `said` are seconds to wait, or 0.

        Requests that were under way when the first was refused are the same refusal.
        """
        is_same = self.strikes > 0 and sent_at < self.blocked_from <= sent_at + CLOCK_SLACK
        strikes = self.strikes if is_same else self.strikes + 1
        wait = said or _default_wait(self.bucket, self.tier, error)
        wait = max(wait, min(wait * 2 ** min(strikes - 1, 20), LONGEST_GROWN))
        until = max(self._known_until(now), now + wait)
        return replace(
            self,
            expires_at=until,
            blocked_from=self.blocked_from if is_same else now,
            blocked_until=until,
            strikes=strikes,
        )

    def served(self, sent_at: float) -> "Pace":
        """After a request sent at `sent_at` was answered: the refusals before it are over."""
        if self.strikes and sent_at >= self.blocked_from:
            return replace(self, strikes=0)
        return self


def _default_wait(bucket: Bucket, tier: str, error: ThrottledError | None = None) -> float:
    failure = error.failure if error else None
    if failure and (failure.http_status == 429 or (failure.code, failure.subcode) == (613, None)):
        return _SHORT_WAIT
    if bucket.kind == REACH:
        return _REACH_WAIT
    if bucket.kind == APP:
        return _APP_WAIT
    if bucket.kind == ACCOUNT and tier == _FULL_ACCESS:
        return _SHORT_WAIT
    return _DEFAULT_WAIT
