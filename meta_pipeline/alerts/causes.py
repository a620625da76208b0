"""What is wrong, and for whom: many failures of one cause are one `Cause` a client."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from meta_pipeline.config import without_tokens

Severity = Literal["warn", "error"]
Source = Literal["pull", "step", "check"]

_ROWS = 3
_LONGEST = 600
_CLIENT_COLUMNS = ("client_id", "client")
_STEP_COLUMNS = ("run", "fix")

# Errors of Meta begin with the path that was asked, and end with an id for Meta's support.
_PATH = re.compile(r"^\S+: (?=HTTP \d|no answer)")
_TRACE = re.compile(r" ?\(fbtrace_id [^)]*\)")
# Names of runs, of folders of dbt, and the like.
_HEX = re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{6,}\b")
_CODE = re.compile(r"\bcode \d+(?:/\d+)?")


class FailedPull(msgspec.Struct, frozen=True, kw_only=True):
    """Partitions of one report of one asset that have not landed, and why.

    `first` and `last` are the first and last day (of months: first day of the month) among
    them, ISO; empty for reports without days.
    """

    client: str
    report: str
    asset: str
    kind: str
    message: str
    hint: str | None = None
    partitions: int = 1
    first: str = ""
    last: str = ""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a cause shows: a step of a run or a check, and what to say of it."""

    name: str
    facts: tuple[str, ...] = ()


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Why something failed for one client; `client` is empty where it is nobody's own.

    `key` tells one cause from another: two causes with the same are one and the same. `what` is
    the cause in a sentence, `next_step` what to do about it. `run` is the id of a run of Dagster
    that shows it.
    """

    key: str
    source: Source
    client: str
    severity: Severity
    what: str
    next_step: str
    places: tuple[Place, ...]
    run: str = ""


def causes_of_pulls(
    failed: Iterable[FailedPull], *, steps: Mapping[str, str], run: str
) -> list[Cause]:
    """The causes behind partitions that have not landed: one a client, kind and message.

    `steps` names the step of each report.
    """
    groups: dict[str, list[FailedPull]] = {}
    for one in failed:
        groups.setdefault(f"pull|{one.client}|{one.kind}|{gist(one.message)}", []).append(one)
    return [_cause_of_pulls(key, group, steps, run) for key, group in groups.items()]


def _cause_of_pulls(
    key: str, group: Sequence[FailedPull], steps: Mapping[str, str], run: str
) -> Cause:
    first = group[0]
    by_report: dict[str, list[FailedPull]] = {}
    for one in group:
        by_report.setdefault(one.report, []).append(one)
    places = tuple(
        Place(name=steps[report], facts=(_pulls_in_words(report, some),))
        for report, some in by_report.items()
    )
    hints = dict.fromkeys(one.hint for one in group if one.hint)
    return Cause(
        key=key,
        source="pull",
        client=first.client,
        severity="error",
        what=_cut(f"{first.kind}: {_bare(first.message)}"),
        next_step=_cut(
            " / ".join(hints) or f"run `meta-pipeline check -c {first.client}`: it says why"
        ),
        places=places,
        run=run,
    )


def _pulls_in_words(report: str, failed: Sequence[FailedPull]) -> str:
    """`ad_daily of act_1, 28 partitions (2026-11-01 to 2026-11-28)`."""
    assets = ", ".join(dict.fromkeys(one.asset for one in failed))
    # Two accounts that failed on a day are two failures of one partition.
    by_asset: dict[str, int] = {}
    for one in failed:
        by_asset[one.asset] = by_asset.get(one.asset, 0) + one.partitions
    count = max(by_asset.values())
    told = f"{report} of {assets}, {count} partition{'s' * (count != 1)}"
    days = sorted(day for one in failed for day in (one.first, one.last) if day)
    if not days:
        return told
    return f"{told} ({days[0]})" if days[0] == days[-1] else f"{told} ({days[0]} to {days[-1]})"


def cause_of_step(step: str, message: str, *, run: str) -> Cause:
    """The cause of a step that stopped for a reason that is no client's own.

    The message is what it raised; a line `hint:` in it is the next step.
    """
    text, _, hint = message.strip().partition("\nhint: ")
    what = _cut(text) or "failed without a word"
    return Cause(
        key=f"step|{step}|{gist(what)}",
        source="step",
        client="",
        severity="error",
        what=f"{step}: {what}",
        next_step=_cut(hint) or "open the run in Dagster's UI: its log has the traceback",
        places=(Place(name=step),),
        run=run,
    )


class CheckOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a check of an asset ended. `meaning` is what it checks, `description` what it found.

    `rows` are those of its first table, whose client column, if it has one, is the first;
    `is_whole` is false when the table leaves some out.
    """

    name: str
    asset: str
    passed: bool
    severity: Severity
    description: str = ""
    meaning: str = ""
    rows: tuple[Mapping[str, str], ...] = ()
    is_whole: bool = True
    run: str = ""

    @property
    def place(self) -> str:
        """What the check is called among all checks."""
        return f"{self.asset}:{self.name}"


def causes_of_check(found: CheckOutcome, clients: Iterable[str]) -> list[Cause]:
    """The causes behind a failed check: one a client in its table, or one in all.

    A check of a single client has the client's id at the end of its name.
    """
    if found.passed:
        return []
    by_client: dict[str, list[Mapping[str, str]]] = {}
    for row in found.rows:
        if row.get("level") != "ok":
            by_client.setdefault(_client_of(row), []).append(row)
    if not by_client or "" in by_client:
        rows = [row for some in by_client.values() for row in some]
        by_client = {_client_in(found.name, clients): rows}
    return [_cause_of_check(found, client, rows) for client, rows in by_client.items()]


def _cause_of_check(found: CheckOutcome, client: str, rows: Sequence[Mapping[str, str]]) -> Cause:
    facts = [_row_in_words(row) for row in rows[:_ROWS]]
    if len(rows) > _ROWS:
        facts.append(f"and {len(rows) - _ROWS} more rows")
    severities = {row["severity"] for row in rows if row.get("severity")}
    worst: Severity = found.severity
    if severities and "error" not in severities:
        worst = "warn"
    steps = dict.fromkeys(row[key] for row in rows for key in _STEP_COLUMNS if row.get(key))
    return Cause(
        key=f"check|{found.place}|{client}",
        source="check",
        client=client,
        severity=worst,
        what=_cut(f"check {found.name} of {found.asset}: {found.description or 'failed'}"),
        next_step=_cut(next(iter(steps), "") or found.meaning or "open the check in Dagster's UI"),
        places=(Place(name=found.place, facts=tuple(map(_cut, facts))),),
        run=found.run,
    )


def _client_of(row: Mapping[str, str]) -> str:
    first = next(iter(row), "")
    return row[first] if first in _CLIENT_COLUMNS else ""


def _client_in(name: str, clients: Iterable[str]) -> str:
    # The longest, since one client's id may end with another's.
    endings = [one for one in clients if name.endswith(f"_{one.replace('-', '_')}")]
    return max(endings, key=len, default="")


def _row_in_words(row: Mapping[str, str]) -> str:
    told = {key: value for key, value in row.items() if value and key not in _STEP_COLUMNS}
    first = next(iter(row), "")
    return ", ".join(
        f"{key} {value}" for key, value in told.items() if key != first or key == "step"
    )


def gist(message: str) -> str:
    """What stays the same when one cause is met again: no path, ids, times or counts."""
    codes = " ".join(_CODE.findall(message))
    words = re.sub(r"\d+", "#", _HEX.sub("#", _bare(message)))
    return f"{codes} {words}".strip()[:_LONGEST]


def _bare(message: str) -> str:
    return " ".join(_TRACE.sub("", _PATH.sub("", without_tokens(message))).split())


def _cut(text: str) -> str:
    text = without_tokens(" ".join(text.split()))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
