"""How long Meta's API versions live, and what an answer says about the one asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

SOON = timedelta(days=60)
"""How long before its end a version is worth a word."""


@dataclass(frozen=True, slots=True)
class Life:
    """One version: when it came out, and the days from which each API refuses or upgrades it.

    None where Meta has not named the day yet.
    """

    version: str
    released: date
    graph_until: date | None
    marketing_until: date | None

    def ends(self) -> tuple[tuple[str, date | None], ...]:
        """Each API that the version serves, with the end there."""
        return (
            ("Marketing API (ads)", self.marketing_until),
            ("Graph API (Pages, Instagram)", self.graph_until),
        )


# Meta's two tables of versions, as of 2026-08-09. The Marketing API lets a version go after about
# 8 to 12 months, the Graph API two years after the next one came.
LIVES = {
    life.version: life
    for life in (
        Life("v26.0", date(2026, 7, 29), None, None),
        Life("v25.0", date(2026, 2, 18), date(2028, 7, 29), None),
        Life("v24.0", date(2025, 10, 8), date(2028, 2, 18), date(2026, 10, 6)),
        Life("v23.0", date(2025, 5, 29), date(2027, 10, 8), date(2026, 6, 9)),
        Life("v22.0", date(2025, 1, 21), date(2027, 5, 20), date(2026, 2, 19)),
        Life("v21.0", date(2024, 10, 2), date(2027, 1, 21), date(2025, 9, 9)),
        Life("v20.0", date(2024, 5, 21), date(2026, 9, 24), date(2025, 5, 6)),
        Life("v19.0", date(2024, 1, 23), date(2026, 5, 21), date(2025, 2, 4)),
    )
}


def newest(today: date) -> str:
    """The newest version out on `today`; the oldest known one before any was."""
    out = [life for life in LIVES.values() if life.released <= today]
    return max(out, key=lambda life: life.released).version if out else min(LIVES)


def upgrade_advice(asked: str, today: date) -> str:
    """What to change when a version is over (error 2635, or an auto-upgraded answer)."""
    known = newest(today)
    if asked == known:
        return f"install a newer meta-pipeline: {known} is the newest version that this one knows"
    return f"set `api_version: {known}` in clients.yml, or take the line out"


def is_over(asked: str, today: date) -> bool:
    """Whether the version has ended in one of Meta's APIs; false for one that is not known."""
    life = LIVES.get(asked)
    return life is not None and any(until and until <= today for _, until in life.ends())


def version_findings(asked: str, served: str | None, warning: str | None, today: date) -> list[str]:
    """What is wrong, or will soon be, with the version asked for; empty when nothing is.

    `served` is the header `facebook-api-version` of an answer, `warning` its
    `x-ad-api-version-warning`. An expired version need not be refused: the Graph API answers
    with the oldest living one, the Marketing API with the next one where nothing changed
    (Meta's versioning guide), so figures may change their meaning without an error.
    """
    found = [*_calendar(asked, today)]
    if served and served != asked:
        found.append(
            f"asked for {asked}, answered by {served}: fields may mean something else there"
        )
    if warning:
        found.append(f"Meta says: {warning}")
    return [f"{one}; {upgrade_advice(asked, today)}" for one in found]


def _calendar(asked: str, today: date) -> Iterator[str]:
    life = LIVES.get(asked)
    if life is None:
        yield f"{asked} is not among the versions known here ({', '.join(LIVES)})"
        return
    if today < life.released:
        yield f"{asked} comes out on {life.released} only"
    for api, until in life.ends():
        if until is None:
            continue
        if until <= today:
            yield f"{asked} of the {api} ended on {until}"
        elif until - today <= SOON:
            left = (until - today).days
            yield f"{asked} of the {api} ends on {until}, in {left} day{'s' * (left > 1)}"
