"""What each metric and field of Meta means, and until when Meta answers it: `catalog.csv`.

The list tells what may be summed, how long Meta keeps it, what died and what took its place.
`docs/metrics.md` is written from it.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Literal

from meta_pipeline.errors import ConfigError
from meta_pipeline.reports import Report

Surface = Literal["ads", "breakdown", "window", "page", "post", "instagram", "object"]

SURFACES: dict[Surface, str] = {
    "ads": "Ads insights",
    "breakdown": "Breakdowns of ads insights",
    "window": "Attribution windows of ads insights",
    "page": "Page insights",
    "post": "Post insights",
    "instagram": "Instagram insights",
    "object": "Objects: accounts, campaigns, ad sets, ads, creatives, posts",
}
_SURFACE: dict[str, Surface] = {name: name for name in SURFACES}


@dataclass(frozen=True, slots=True)
class Entry:
    """One metric or field. A `name` that ends in or holds `*` stands for a family of dead ones.

    `additive` is `everywhere` (over days and objects), `none` (true only as Meta sent it), or
    empty for what is no figure. `retention_months` is how far back Meta answers (None: not
    known), `retention_with_breakdowns` the same when the figure is broken down. `died` is the
    first day on which Meta no longer answers. Neither day is known where it is None. `source`
    says how sure all this is.
    """

    surface: Surface
    name: str
    meaning: str
    unit: str
    additive: str
    retention_months: int | None
    retention_with_breakdowns: int | None
    born: date | None
    died: date | None
    replaced_by: tuple[str, ...] = field(default=())
    source: str = ""

    def is_dead(self, today: date) -> bool:
        """Whether Meta no longer answers it on `today`."""
        return self.died is not None and self.died <= today


@cache
def entries() -> tuple[Entry, ...]:
    """The whole catalogue, in the order of the file."""
    path = Path(__file__).with_name("catalog.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(_entry(row) for row in csv.DictReader(file))


def _entry(row: dict[str, str]) -> Entry:
    return Entry(
        surface=_SURFACE[row["surface"]],
        name=row["name"],
        meaning=row["meaning"],
        unit=row["unit"],
        additive=row["additive"],
        retention_months=_months(row["retention_months"]),
        retention_with_breakdowns=_months(row["retention_with_breakdowns"]),
        born=_day(row["born"]),
        died=_day(row["died"]),
        replaced_by=tuple(row["replaced_by"].split()),
        source=row["source"],
    )


def _months(text: str) -> int | None:
    return int(text) if text else None


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def entry(surface: Surface, name: str) -> Entry | None:
    """What is known of a name: its own entry before its family's; None when nothing is."""
    found = [one for one in entries() if one.surface == surface and fnmatchcase(name, one.name)]
    return max(found, key=lambda one: len(one.name), default=None)


def names_of(report: Report) -> dict[Surface, tuple[str, ...]]:
    """The names that a report asks for, by where the catalogue keeps them."""
    if report.edge != "insights":
        return {"object": report.fields}
    if report.surface == "ads":
        return {"ads": report.fields, "breakdown": report.breakdowns}
    return {"post" if report.each else report.surface: report.metrics}


def refuse_dead(surface: Surface, names: Iterable[str], today: date) -> None:
    """Raises `ConfigError` for the names that Meta no longer answers, before it is asked.

    One dead Page metric makes Meta refuse the whole request without naming it; a dead
    attribution window is left out of the answer without an error.
    """
    known = {name: entry(surface, name) for name in names}
    dead = {name: one for name, one in known.items() if one and one.is_dead(today)}
    if not dead:
        return
    said = ", ".join(f"{name} (since {one.died})" for name, one in dead.items())
    successors = dict.fromkeys(new for one in dead.values() for new in one.replaced_by)
    raise ConfigError(
        f"Meta no longer answers {said}",
        hint=f"ask for {', '.join(successors)} instead" if successors else "nothing replaced it",
    )


def dying_within(days: int, today: date) -> list[Entry]:
    """What Meta still answers on `today` and no longer will in `days` days, soonest first."""
    last = today + timedelta(days=days)
    dying = [one for one in entries() if one.died and today < one.died <= last]
    return sorted(dying, key=lambda one: (one.died or last, one.surface, one.name))


def markdown() -> str:
    """The tables of `docs/metrics.md`: what lives, surface by surface, then what died."""
    parts = [_alive(surface, title) for surface, title in SURFACES.items()]
    return "\n".join([*parts, _dead()])


def _alive(surface: Surface, title: str) -> str:
    lines = [
        f"| `{one.name}` | {one.meaning} | {one.unit or '–'} | {_sums(one)} | {_kept(one)} "
        f"| {one.source} |\n"
        for one in entries()
        if one.surface == surface and one.died is None
    ]
    head = "| name | meaning | unit | may be summed | kept, months | source |\n"
    return f"## {title}\n\n{head}|---|---|---|---|---|---|\n{''.join(lines)}"


def _sums(one: Entry) -> str:
    return {"everywhere": "yes", "none": "no", "": "–"}[one.additive]


def _kept(one: Entry) -> str:
    if one.surface == "object":
        return "–"  # as it stands now
    if one.retention_months is None:
        return "not known"
    broken = one.retention_with_breakdowns
    if broken is None or broken == one.retention_months:
        return str(one.retention_months)
    return f"{one.retention_months}; {broken} with breakdowns"


def _dead() -> str:
    gone = sorted((one for one in entries() if one.died), key=lambda one: str(one.died))
    lines = [
        f"| {one.died} | {one.surface} | `{one.name}` | {one.meaning} "
        f"| {', '.join(f'`{new}`' for new in one.replaced_by) or '–'} | {one.source} |\n"
        for one in gone
    ]
    head = "| no longer answered from | surface | name | meaning | replaced by | source |\n"
    return f"## Dead\n\n{head}|---|---|---|---|---|---|\n{''.join(lines)}"
