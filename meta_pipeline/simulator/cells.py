"""Conversions, and the splitting of an ad-day into the cells of a breakdown.

Delivery is split by largest remainder, a conversion belongs to one cell; so the cells of a fact
always sum to the fact.
"""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from meta_pipeline.simulator.noise import pick, split
from meta_pipeline.simulator.source import Fact
from meta_pipeline.simulator.traits import HOURLY, Traits


class Conversion(NamedTuple):
    """One conversion. Hours count from the end of its day; None: at once, never."""

    clicked: date
    moment: float
    arrives: float | None
    withdrawn: float | None
    value: int
    window: str
    cells: tuple[float, float, float]


def convert(fact: Fact, having: Traits, conversions: list[Conversion]) -> None:
    """Add conversions to a fact."""
    if not conversions:
        return
    base = "purchase" if having.sells else "lead"
    fact.counts[base] = len(conversions)
    for conversion in conversions:
        if conversion.window:
            key = f"{base}@{conversion.window}"
            fact.counts[key] = fact.counts.get(key, 0) + 1
            if having.sells:
                fact.values[key] = fact.values.get(key, 0) + conversion.value
    if having.sells:
        fact.values[base] = sum(conversion.value for conversion in conversions)


_SPLIT_BY = {"age": "age,gender", "gender": "age,gender"}
# Which of a conversion's draws decides on its cell.
_CELL_PLACE = {"publisher_platform": 0, "age,gender": 1, "country": 2}


def cells(
    fact: Fact, having: Traits, conversions: list[Conversion], dimension: str
) -> Iterator[Fact]:
    """Split a fact; age alone and gender alone are the cells of both with one column less.

    Actions off Meta are not reported by the hour (Meta's breakdowns page).
    """
    base = _SPLIT_BY.get(dimension, dimension)
    weights, names = having.shares[base], having.names[base]
    place, total = _CELL_PLACE.get(base, 0), sum(weights)
    if base in HOURLY:
        conversions = []
    mine: dict[int, list[Conversion]] = {}
    for conversion in conversions:
        mine.setdefault(pick(conversion.cells[place] * total, weights), []).append(conversion)
    impressions = split(fact.impressions, weights)
    clicks = split(fact.clicks, impressions)
    links = split(fact.link_clicks, clicks)
    spends = split(
        int(fact.spend), [n * p for n, p in zip(impressions, having.prices[base], strict=True)]
    )
    by = {"link_click": clicks, "landing_page_view": links}
    parts = {name: split(n, by.get(name, impressions)) for name, n in fact.counts.items()}
    for index, name in enumerate(names):
        if not impressions[index] and index not in mine:
            continue
        cell = name if base == dimension else (name[("age", "gender").index(dimension)],)
        counts = {key: part[index] for key, part in parts.items()}
        part = Fact(
            fact.ad,
            fact.day,
            cell,
            impressions[index],
            clicks[index],
            links[index],
            spends[index],
            counts,
        )
        convert(part, having, mine.get(index, []))
        yield part
