"""Adding base facts up to the rows asked for."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from meta_pipeline.simulator.periods import Range
from meta_pipeline.simulator.source import Ad, AdSet, Amount, Fact

Key = tuple[int, str, str, str, tuple[str, ...]]


@dataclass(slots=True)
class Group:
    """The sum of facts behind one row; `ad` is any ad in it, `adsets` all ad sets by id."""

    ad: Ad
    since: date
    until: date
    cell: tuple[str, ...]
    impressions: int = 0
    clicks: int = 0
    link_clicks: int = 0
    spend: Amount = 0
    counts: dict[str, int] = field(default_factory=dict)
    values: dict[str, Amount] = field(default_factory=dict)
    adsets: dict[str, AdSet] = field(default_factory=dict)

    def add(self, other: "Fact | Group") -> None:
        """Add a fact or another group to this one."""
        self.impressions += other.impressions
        self.clicks += other.clicks
        self.link_clicks += other.link_clicks
        self.spend = self.spend + other.spend if self.spend else other.spend
        for name, count in other.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        for name, amount in other.values.items():
            self.values[name] = self.values.get(name, 0) + amount
        if isinstance(other, Group):
            self.adsets |= other.adsets
        else:
            self.adsets[other.ad.adset.id] = other.ad.adset


def grouped(facts: Iterable[Fact], periods: tuple[Range, ...], level: str) -> dict[Key, Group]:
    """Facts by period, object at the level, and cell; in the order in which they come.

    Periods may overlap (`time_ranges`): a fact then counts in each of them.
    """
    places: dict[date, list[int]] = {}
    for index, (since, until) in enumerate(periods):
        for n in range((until - since).days + 1):
            places.setdefault(since + timedelta(days=n), []).append(index)
    groups: dict[Key, Group] = {}
    for fact in facts:
        ids = _ids(fact.ad, level)
        for index in places.get(fact.day, ()):
            key = (index, *ids, fact.cell)
            group = groups.get(key)
            if group is None:
                since, until = periods[index]
                group = groups[key] = Group(fact.ad, since, until, fact.cell)
            group.add(fact)
    return groups


def total(groups: Iterable[Group]) -> Group | None:
    """Everything in one group, without a cell; None if there is nothing."""
    found: Group | None = None
    for group in groups:
        if found is None:
            found = Group(group.ad, group.since, group.until, ())
        found.add(group)
    return found


def _ids(ad: Ad, level: str) -> tuple[str, str, str]:
    if level == "ad":
        return ad.adset.campaign.id, ad.adset.id, ad.id
    if level == "adset":
        return ad.adset.campaign.id, ad.adset.id, ""
    return (ad.adset.campaign.id, "", "") if level == "campaign" else ("", "", "")
