"""What becomes of a cause over time: it opens, lasts, is mended, comes back; and who is told."""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from meta_pipeline.alerts.causes import Cause, Severity

Event = Literal["failed", "worse", "still failing", "resolved", "test"]


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """A cause from when it was first seen until it is mended. Times are UTC.

    `episode` counts how often the cause has come, from 1: one that went away and came back is
    told again. `last_seen` is when it was met last.
    """

    cause: Cause
    since: datetime
    last_seen: datetime
    resolved_at: datetime | None = None
    episode: int = 1

    @property
    def is_open(self) -> bool:
        """Whether the cause has not been mended, as far as is known."""
        return self.resolved_at is None


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel was told last of a cause, and when (UTC)."""

    episode: int
    event: Event
    severity: Severity
    told_at: datetime


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """When a channel is told: the repetition of what lasts, and whether mends are told."""

    repeat_after: timedelta = timedelta(hours=24)
    send_resolved: bool = True


def seen(
    before: Incident | None, cause: Cause, at: datetime, last_seen: datetime | None = None
) -> Incident:
    """The incident after its cause was met: a new one, the open one, or one come back.

    `at` is when it arose, `last_seen` until when it is known to last (by default, `at`).
    """
    last_seen = last_seen or at
    if before is None:
        return Incident(cause=cause, since=at, last_seen=last_seen)
    if before.resolved_at is not None:
        # Failed and successful runs are told by two sensors: an older failure may come later.
        # Of a check it is always the newest outcome that is told.
        if cause.source != "check" and at <= before.resolved_at:
            return before
        return Incident(cause=cause, since=at, last_seen=last_seen, episode=before.episode + 1)
    places = {place.name: place for place in (*before.cause.places, *cause.places)}
    merged = msgspec.structs.replace(cause, places=tuple(places.values()))
    return msgspec.structs.replace(
        before,
        cause=merged,
        since=min(before.since, at),
        last_seen=max(before.last_seen, last_seen),
    )


def mended(before: Incident, is_good: Callable[[str, str], bool], at: datetime) -> Incident:
    """The incident after some places turned out good at `at`; resolved when none is left.

    `is_good` is asked with the client and the name of each place. What was met later than `at`
    stays.
    """
    if not before.is_open or at < before.last_seen:
        return before
    left = [one for one in before.cause.places if not is_good(before.cause.client, one.name)]
    if left:
        if len(left) == len(before.cause.places):
            return before
        return msgspec.structs.replace(
            before, cause=msgspec.structs.replace(before.cause, places=tuple(left))
        )
    return msgspec.structs.replace(before, resolved_at=at)


def due(
    incident: Incident, told: Telling | None, *, met_at: datetime, now: datetime, rules: Rules
) -> Event | None:
    """What a channel has to be told of an incident now, or None.

    `told` is what it was told last; `met_at` is since when the channel exists: what was over by
    then is not told. What was told last stands for all before it, so that a channel that was out
    of order for days is told once.
    """
    is_new = told is None or told.episode < incident.episode
    if not incident.is_open:
        if is_new:
            # It came and went while the channel was out of order.
            return "resolved" if incident.resolved_at and incident.resolved_at > met_at else None
        wants = rules.send_resolved and told is not None and told.event != "resolved"
        return "resolved" if wants else None
    if is_new or told is None:
        return "failed"
    if told.severity == "warn" and incident.cause.severity == "error":
        return "worse"
    has_lasted = now - told.told_at >= rules.repeat_after and incident.last_seen > told.told_at
    return "still failing" if has_lasted else None


def unseen(
    incidents: Iterable[Incident], present: Collection[str], undecided: Collection[str]
) -> list[Incident]:
    """Open incidents of checks whose cause is not among the `present` keys any more.

    Those of `undecided` checks stay open: they are being evaluated, or show a part alone.
    """
    return [
        one
        for one in incidents
        if one.is_open
        and one.cause.source == "check"
        and one.cause.key not in present
        and not any(place.name in undecided for place in one.cause.places)
    ]
