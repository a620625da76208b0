"""Which API versions are alive on a given day (Meta's Graph and Marketing changelogs)."""

from datetime import date
from typing import NamedTuple


class Life(NamedTuple):
    """Last days of a version on both APIs; None while Meta has not named one."""

    graph_until: date | None
    marketing_until: date | None


VERSIONS: dict[str, Life] = {
    "v26.0": Life(None, None),
    "v25.0": Life(date(2028, 7, 29), None),
    "v24.0": Life(date(2028, 2, 18), date(2026, 10, 6)),
    "v23.0": Life(date(2027, 10, 8), date(2026, 6, 9)),
    "v22.0": Life(date(2027, 5, 20), date(2026, 2, 19)),
    "v21.0": Life(date(2027, 1, 21), date(2025, 9, 9)),
    "v20.0": Life(date(2026, 9, 24), date(2025, 5, 6)),
    "v19.0": Life(date(2026, 5, 21), date(2025, 2, 4)),
}
NEWEST = "v26.0"


def number(version: str) -> float:
    """v26.0 as 26.0, for comparing."""
    return float(version[1:])


def exists(version: str) -> bool:
    """Whether Meta ever published this version."""
    return number(version) <= number(NEWEST) and version.endswith(".0")


def served(version: str, today: date, *, marketing: bool) -> str:
    """The version that answers: the one asked for, or the oldest still alive after it.

    A version is accepted before its release day too, so that the clock may be set back.
    """
    alive = [
        name
        for name, life in VERSIONS.items()
        if not (until := life.marketing_until if marketing else life.graph_until) or today < until
    ]
    return max(version, min(alive, key=number), key=number)
