"""What people are told: one message for each cause, whomever it hits."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from meta_pipeline.alerts.causes import Cause, Severity, gist
from meta_pipeline.alerts.incidents import Event, Incident

NAME = "meta-pipeline"
_PLACES = 6
_LONGEST_TITLE = 150

# Slack cuts at 40,000 and advises 4,000; Mattermost refuses from 16,383 on.
_LONGEST_TEXT = 3500


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message: a line for a subject, the whole text, and the same as data.

    `incidents` are what it tells of, so that each can be taken down as told.
    """

    event: Event
    severity: Severity
    title: str
    text: str
    clients: tuple[str, ...]
    what: str
    since: datetime
    next_step: str
    at: datetime
    incidents: tuple[Incident, ...] = ()


def messages(due: Iterable[tuple[Incident, Event]], now: datetime) -> list[Message]:
    """One message for each event and cause; clients that it hits alike share one.

    `now` (UTC) is the time that the messages carry.
    """
    groups: dict[tuple[Event, str], list[Incident]] = {}
    for incident, event in due:
        cause = incident.cause
        alike = f"{cause.source} {cause.severity} {gist(cause.what)}"
        groups.setdefault((event, alike), []).append(incident)
    return [_message(group, event, now) for (event, _), group in groups.items()]


def trial(now: datetime) -> Message:
    """What `meta-pipeline alerts test` sends."""
    what = "a test of this channel; nothing is wrong"
    return Message(
        event="test",
        severity="warn",
        title=f"[{NAME}] TEST: {what}",
        text=f"TEST: {what}\n- sent by `{NAME} alerts test` at {_time(now)}\nNext step: none",
        clients=(),
        what=what,
        since=now,
        next_step="none",
        at=now,
    )


def _message(group: Sequence[Incident], event: Event, now: datetime) -> Message:
    first = group[0].cause
    clients = tuple(sorted({one.cause.client for one in group if one.cause.client}))
    whom = ", ".join(clients) if len(clients) <= 3 else f"{len(clients)} clients"
    label = _label(event, first)
    head = f"{label} {whom}: {first.what}" if whom else f"{label}: {first.what}"
    next_step = "nothing to do" if event == "resolved" else _next_step(group)
    end = [f"Next step: {next_step}"]
    if first.run and event != "resolved":
        end.append(f"Run: {first.run}")
    body = [line for one in group for line in _lines(one, now)]
    return Message(
        event=event,
        severity=first.severity,
        title=_cut(f"[{NAME}] {head}", _LONGEST_TITLE),
        text=_text([head], body, end),
        clients=clients,
        what=first.what,
        since=min(one.since for one in group),
        next_step=next_step,
        at=now,
        incidents=tuple(group),
    )


def _text(head: list[str], body: list[str], end: list[str]) -> str:
    """The lines; where they are too many, those of the middle are left out."""
    room = _LONGEST_TEXT - sum(len(line) + 1 for line in (*head, *end))
    shown: list[str] = []
    for line in body:
        room -= len(line) + 1
        if room < 0:
            shown.append(f"- ... {len(body) - len(shown)} more lines: see Dagster's UI")
            break
        shown.append(line)
    return "\n".join((*head, *shown, *end))


def _label(event: Event, cause: Cause) -> str:
    match event:
        case "resolved":
            return "RESOLVED"
        case "worse":
            return "NOW AN ERROR"
        case "still failing":
            return f"STILL FAILING ({cause.severity.upper()})"
        case _:
            return cause.severity.upper()


def _lines(incident: Incident, now: datetime) -> list[str]:
    """Of one client: where it shows, and since when."""
    cause = incident.cause
    facts = [fact for place in cause.places for fact in place.facts]
    shown = facts[:_PLACES]
    if len(facts) > _PLACES:
        shown.append(f"and {len(facts) - _PLACES} more")
    since = f"since {_time(incident.since)}"
    whom = cause.client or "the pipeline"
    if incident.resolved_at is not None:
        return [f"- {whom}: {since}, over at {_time(incident.resolved_at)}"]
    return [f"- {whom}: {since}{_lasting(incident, now)}", *(f"    {one}" for one in shown)]


def _lasting(incident: Incident, now: datetime) -> str:
    hours = int((now - incident.since).total_seconds() // 3600)
    if hours < 1:
        return ""
    return f", for {hours} h" if hours < 48 else f", for {hours // 24} days"


def _next_step(group: Sequence[Incident]) -> str:
    """What to do for the clients; where it differs by client, for the first few."""
    steps = list(dict.fromkeys(one.cause.next_step for one in group))
    shown = " / ".join(steps[:3])
    return f"{shown} / ... ({len(steps)} in all)" if len(steps) > 3 else shown


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
