"""What a check found: severity, a sentence, a table, and what to draw of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

Severity = Literal["ok", "warn", "error"]
BARS = 20
"""How many bars a plot has at most: the worst ones."""

Cell = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Plot:
    """What a plot shows; `plots.png` draws it.

    Of bars, each record has `label`, `value` and `group`; of lines, `label` (one small panel
    each), `day` (ISO), `value` and `group`. Panels are lines for an overview, three beside each
    other; they may have `age` (in days) in place of `day`. `axis` is what the values are, with
    their unit.
    """

    kind: Literal["bars", "lines", "panels"]
    title: str
    axis: str
    records: Sequence[Mapping[str, Cell]]


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one check over all active clients.

    `rows` are what is wrong, the worst first, under `columns`, of which the client is the first;
    all of them, so whoever shows them may have to cut. `counts` are numbers to follow over time.
    """

    check: str
    severity: Severity
    message: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    plot: Plot | None = None

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return self.severity == "ok"


def worst(severities: Sequence[Severity]) -> Severity:
    """The worst of several; `ok` of none."""
    if "error" in severities:
        return "error"
    return "warn" if "warn" in severities else "ok"


def severity_in(cell: Cell) -> Severity:
    """The severity that a row of something wrong names."""
    return "error" if cell == "error" else "warn"


def sync_command(client_id: str, first: date, last: date) -> str:
    """The command that pulls these days of a client again."""
    return f"meta-pipeline sync -c {client_id} --from {first} --to {last}"


def counted(number: int, noun: str) -> str:
    """`1 day`, `2 days`."""
    return f"{number} {noun}{'s' * (number != 1)}"


def bars_plot(title: str, axis: str, values: Counter[tuple[str, str]]) -> Plot | None:
    """Bars by label and group, of the labels with the highest sums; None of nothing."""
    if not values:
        return None
    totals: Counter[str] = Counter()
    for (label, _), value in values.items():
        totals[label] += value
    records = [
        {"label": label, "value": value, "group": group}
        for label, _ in totals.most_common(BARS)
        for (owner, group), value in values.items()
        if owner == label
    ]
    return Plot("bars", title, axis, records)
