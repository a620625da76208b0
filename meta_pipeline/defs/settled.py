"""Which client-days no longer move, as cells of the grid: green is settled, grey is not yet."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from meta_pipeline.defs.partitions import Grid, registered
from meta_pipeline.defs.raw import OWNERS, raw_key
from meta_pipeline.freshness import settled_days

SETTLED = dg.AssetKey(["delivery", "settled_days"])


def settled_asset(grid: Grid) -> dg.AssetSpec:
    """The grid of settled days. Nothing runs it, so that no cell of it can turn red."""
    return dg.AssetSpec(
        SETTLED,
        deps=[raw_key("account_daily")],
        description="Client-days whose numbers have settled: every ad account of the client was "
        "pulled, and believed, 72 hours or more after the day's end. Green is settled, grey is "
        "not yet (or never pulled). Told by `delivery/published_marts` when a day has newly "
        "settled; a settled day stays so. In SQL: `mart_freshness.maturity`.",
        group_name="delivery",
        kinds={"duckdb"},
        owners=OWNERS,
        partitions_def=grid.definition("day"),
    )


def newly_settled(
    instance: dg.DagsterInstance, marts: Path, grid: Grid
) -> Iterator[dg.AssetMaterialization]:
    """One event for each client-day that the published marts call settled and the grid not yet."""
    known = instance.get_materialized_partitions(SETTLED)
    clients = set(registered(instance))
    for client, day, maturity in settled_days(marts):
        key = f"{client}|{day}"
        if key not in known and client in clients and day >= grid.first_day:
            yield dg.AssetMaterialization(SETTLED, partition=key, metadata={"maturity": maturity})
