"""The grid: clients by days, clients by months, and clients alone for snapshots."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg

from meta_pipeline.config import Client
from meta_pipeline.dates import Span, end_of_month, retention_floor, spans
from meta_pipeline.pulling import Only, adjacent
from meta_pipeline.reports import Grain

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"

ONLY_DUE = {"meta_pipeline/only_due": "true"}
"""The tag of a run that asks for those of its days alone that the re-pull policy makes due."""

ONLY_MISSING = {"meta_pipeline/only_missing": "true"}
"""The tag of a run that leaves out what has landed and is not due: a backfill's."""

ONLY: Mapping[Only | None, dict[str, str]] = {None: {}, "due": ONLY_DUE, "missing": ONLY_MISSING}
"""The tags of a run that asks for some of its days alone."""

PART_TAG = "meta_pipeline/part"
"""What a run of the command line or of the daily sync does: a grain (day, month, snapshot), or
`build`."""

CLIENTS = dg.DynamicPartitionsDefinition(name="clients")
"""The clients, as Dagster's instance knows them: `register` adds who is new in clients.yml.

Who left the file stays, with all that was pulled, and is not asked for any more.
"""
LAUNCHER_TAG = "meta_pipeline/launcher"
"""Names the launcher of a run of the command line, which builds the marts by itself afterwards. It
holds a lock of that name for as long as it lives. Such a run does not come back by itself: its
command does."""


class Grid:
    """The partitions of every grain, for these clients on this day (UTC).

    Days run from the earliest client's start, or as far back as Meta answers, to `today`,
    which has begun somewhere on earth but may be open. Dagster counts from the real clock;
    `offset` makes up for a clock that META_PIPELINE_NOW has moved. The clients are not the
    grid's: they are registered in Dagster's instance (`CLIENTS`).
    """

    def __init__(self, clients: Sequence[Client], today: date) -> None:
        floor = retention_floor(today)
        self.first_day = min((max(c.start_date or floor, floor) for c in clients), default=floor)
        self.today = today
        self.clients = CLIENTS
        real = datetime.now(UTC).date()
        days = dg.DailyPartitionsDefinition(
            start_date=str(self.first_day), end_offset=(today - real).days + 1
        )
        months = dg.MonthlyPartitionsDefinition(
            start_date=str(self.first_day.replace(day=1)), end_offset=_months(real, today) + 1
        )
        self._definitions: Mapping[str, dg.PartitionsDefinition] = {
            "day": dg.MultiPartitionsDefinition({"client": self.clients, "day": days}),
            "month": dg.MultiPartitionsDefinition({"client": self.clients, "month": months}),
            "snapshot": self.clients,
        }

    def definition(self, grain: Grain) -> dg.PartitionsDefinition:
        """The partitions of one grain."""
        return self._definitions[grain]

    def range_tags(self, grain: Grain, first: str, last: str, span: Span) -> dict[str, str]:
        """The tags that make one run cover the clients `first` to `last` over `span`."""
        start, end = _time_key(grain, span.since), _time_key(grain, span.until)
        return {
            RANGE_START: f"{first}|{start}" if start else first,
            RANGE_END: f"{last}|{end}" if end else last,
        }


def clients_of(tags: Mapping[str, str], ids: Sequence[str]) -> set[str]:
    """The clients that a run with these tags covers, of `ids`, all in the order of Dagster."""
    if RANGE_START in tags and RANGE_END in tags:
        first, last = (tags[end].partition("|")[0] for end in (RANGE_START, RANGE_END))
        if first in ids and last in ids:
            return set(ids[ids.index(first) : ids.index(last) + 1])
        return set()
    single = tags.get("dagster/partition", "").partition("|")[0]
    return {single} & set(ids)


def registered(instance: dg.DagsterInstance) -> list[str]:
    """The clients that have partitions, in the order of Dagster's ranges."""
    return list(instance.get_dynamic_partitions(str(CLIENTS.name)))


def register(instance: dg.DagsterInstance, clients: Iterable[Client]) -> None:
    """Makes partitions for the clients that have none yet."""
    if new := unregistered(instance, clients):
        instance.add_dynamic_partitions(str(CLIENTS.name), new)


def unregistered(instance: dg.DagsterInstance, clients: Iterable[Client]) -> list[str]:
    """The clients without partitions, in the file's order."""
    known = set(registered(instance))
    return [client.id for client in clients if client.id not in known]


def stretches(
    instance: dg.DagsterInstance, wanted: Collection[str], most: int | None = None
) -> list[list[str]]:
    """The wanted clients in Dagster's order, cut where an unwanted one lies between, and after
    `most` clients: each stretch is one run.

    Dagster counts a range of clients in the order in which they were registered: a new one comes
    last, wherever it stands in clients.yml. So whoever makes a range of several clients takes it
    from here, or it may hold others, or not hold all.
    """
    groups = adjacent(registered(instance), wanted)
    return [
        group[first : first + (most or len(group))]
        for group in groups
        for first in range(0, len(group), most or len(group))
    ]


def wanted_spans(grain: Grain, keys: Iterable[Any]) -> dict[str, list[Span]]:
    """What the partition keys of a run ask for: per client, as few spans as possible."""
    days: dict[str, list[date]] = {}
    for key in keys:
        if grain == "snapshot":
            days[str(key)] = []
            continue
        dimensions = key.keys_by_dimension
        days.setdefault(dimensions["client"], []).append(date.fromisoformat(dimensions[grain]))
    if grain == "month":
        return {
            client: [span.months() for span in _month_spans(firsts)]
            for client, firsts in days.items()
        }
    return {client: spans(some) for client, some in days.items()}


def _month_spans(firsts: Iterable[date]) -> list[Span]:
    return spans(day for first in firsts for day in Span(first, end_of_month(first)))


def _time_key(grain: Grain, day: date) -> str | None:
    if grain == "snapshot":
        return None
    return str(day.replace(day=1) if grain == "month" else day)


def _months(start: date, end: date) -> int:
    return (end.year - start.year) * 12 + end.month - start.month
