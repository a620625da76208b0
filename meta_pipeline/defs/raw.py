"""One asset a report: what Meta said, by client and day."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

import dagster as dg
import msgspec

from meta_pipeline.alerts import FailedPull
from meta_pipeline.config import Client
from meta_pipeline.dates import end_of_month
from meta_pipeline.defs.metadata import partition_metadata
from meta_pipeline.defs.partitions import ONLY_DUE, RANGE_START, Grid, wanted_spans
from meta_pipeline.defs.resources import Warehouse
from meta_pipeline.landing import Spool, create_schema, register_clients
from meta_pipeline.pulling import DEAD_METRIC, Outcome, Puller
from meta_pipeline.reports import REPORTS, Grain, Report, reports_of

OWNERS = ["team:data-engineering"]
WRITER_POOL = "duckdb_writer"
FAILED_PULLS = "failed_pulls"
"""The key under which a failure's metadata has its `FailedPull`s, as a list."""


def raw_key(report: str) -> dg.AssetKey:
    """The asset key of a report's raw records."""
    return dg.AssetKey(["raw", report])


def report_keys(grain: Grain, clients: Iterable[Client]) -> list[dg.AssetKey]:
    """The reports of one grain that any of the clients gets.

    One that none of them gets would cost two events a partition, and no request.
    """
    several = list(clients)
    return [
        raw_key(report.name)
        for report in reports_of(grain=grain)
        if any(c.gets(report) and c.assets(report.surface) for c in several)
    ]


def report_asset(report: Report, grid: Grid) -> dg.AssetsDefinition:
    """The asset that pulls `report` for the clients and days of its partitions.

    A run may cover any rectangle of clients and days: Meta is asked once per account and
    contiguous range, in parallel across accounts, and each day becomes a materialization.
    In a run that asks for what is due alone, days known well enough count as landed.
    Partitions that failed turn red, those that landed stay green, and the run fails. What Meta
    will never answer (a retired metric, days beyond its retention) fails nothing: it is logged.
    """

    @dg.asset(
        key=raw_key(report.name),
        description=f"{report.description}\n\nRow key within its {report.grain}: "
        f"{', '.join(report.key)}. Table: `raw.records` where report = '{report.name}'.",
        group_name="raw",
        kinds={"python", "duckdb"},
        owners=OWNERS,
        partitions_def=grid.definition(report.grain),
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=WRITER_POOL,
        output_required=False,
        metadata={"table": "raw.records", "grain": report.grain},
    )
    def pulled(
        context: dg.AssetExecutionContext,
        puller: dg.ResourceParam[Puller],
        warehouse: Warehouse,
    ) -> Iterator[Any]:
        _refuse_half_a_range(context)
        keys = list(context.partition_keys)
        outcomes = puller.pull(
            report,
            wanted_spans(report.grain, keys),
            only_due=ONLY_DUE.items() <= context.run.tags.items(),
        )
        totals = {
            # Of the whole run, which each of its partitions repeats.
            "run_rows": sum(outcome.rows for outcome in outcomes),
            "run_requests": sum(outcome.requests for outcome in outcomes),
            "run_bytes": sum(outcome.bytes for outcome in outcomes),
            "run_new_versions": sum(one.opened for outcome in outcomes for one in outcome.landed),
        }
        told = partition_metadata(warehouse, report, keys)
        yield from _materializations(context, report, keys, outcomes, totals, told)

    return pulled


def _materializations(
    context: dg.AssetExecutionContext,
    report: Report,
    keys: list[Any],
    outcomes: list[Outcome],
    totals: Mapping[str, Any],
    told: Mapping[Any, Mapping[str, Any]],
) -> Iterator[Any]:
    """One result for all partitions when all landed; else the landed ones, then a failure."""
    by_client: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_client[outcome.errand.client.id].append(outcome)
    about = {key: _about(report, key, by_client) for key in keys}
    landed = [key for key, mine in about.items() if mine and not any(map(_went_wrong, mine))]
    failed = [key for key, mine in about.items() if any(map(_went_wrong, mine))]
    for gap in _gaps(outcomes):
        context.log.warning(gap)
    if len(landed) == len(keys):
        for key in keys:
            context.add_asset_metadata(told.get(key, {}), partition_key=str(key))
        yield dg.MaterializeResult(metadata=totals)
        return
    for key in landed:
        metadata = {**told.get(key, {}), **totals}
        yield dg.AssetMaterialization(context.asset_key, partition=str(key), metadata=metadata)
    if failed:
        failures = sorted({f.message for outcome in outcomes for f in outcome.failures})
        raise dg.Failure(
            f"{len(failed)} of {len(keys)} partitions of {report.name} have not "
            "landed:\n" + "\n".join(failures),
            metadata={**totals, FAILED_PULLS: _failed_pulls(report, about)},
            allow_retries=False,
        )
    context.log.warning(
        f"{len(keys) - len(landed)} partitions were not asked for: the client does not get the "
        "report or has no asset for it, or the day lies before its start, has not begun yet in "
        "the account's time zone, or was never pulled and is too old to be due"
    )


def _failed_pulls(report: Report, about: Mapping[Any, list[Outcome]]) -> list[Any]:
    """Who has failed and why, as plain data: what alerts are made from."""
    keys_of: dict[int, list[Any]] = defaultdict(list)
    outcomes: dict[int, Outcome] = {}
    for key, mine in about.items():
        for outcome in filter(_went_wrong, mine):
            outcomes[id(outcome)] = outcome
            keys_of[id(outcome)].append(key)
    found: list[FailedPull] = []
    for number, outcome in outcomes.items():
        days = (
            []
            if report.grain == "snapshot"
            else sorted(key.keys_by_dimension[report.grain] for key in keys_of[number])
        )
        found += (
            FailedPull(
                client=outcome.errand.client.id,
                report=report.name,
                asset=outcome.errand.asset_id,
                kind=failure.kind,
                message=failure.message,
                hint=failure.hint,
                partitions=len(keys_of[number]),
                first=days[0] if days else "",
                last=days[-1] if days else "",
            )
            for failure in outcome.failures
            if failure.kind != DEAD_METRIC
        )
    return msgspec.to_builtins(found)


def _about(report: Report, key: Any, by_client: Mapping[str, list[Outcome]]) -> list[Outcome]:
    """What came of the partition's client and day (or month)."""
    client = str(key) if report.grain == "snapshot" else key.keys_by_dimension["client"]
    return [one for one in by_client.get(client, []) if _speaks_of(one, report, key)]


def _went_wrong(outcome: Outcome) -> bool:
    """Whether something failed that a later run may mend."""
    return any(failure.kind != DEAD_METRIC for failure in outcome.failures)


def _gaps(outcomes: Iterable[Outcome]) -> list[str]:
    """What Meta does not answer, now or ever: which client's report and asset, and why."""
    found = {
        f"{one.errand.client.id}: {one.errand.report.name} of {one.errand.asset_id}: "
        f"{landed.failure.message}"
        for one in outcomes
        for landed in one.landed
        if landed.failure and (landed.failure.is_expected or landed.failure.kind == DEAD_METRIC)
    }
    return sorted(found)


def _speaks_of(outcome: Outcome, report: Report, key: Any) -> bool:
    if outcome.errand.span is None:
        return True
    first = date.fromisoformat(key.keys_by_dimension[report.grain])
    last = end_of_month(first) if report.grain == "month" else first
    return outcome.errand.span.clamped(since=first, until=last) is not None


def _refuse_half_a_range(context: dg.AssetExecutionContext) -> None:
    """A job-page backfill sends both range and single-key tags, and Dagster then hands over
    one key of the range while the run succeeds (dagster#28861)."""
    tags = context.run.tags
    if RANGE_START in tags and any(tag.startswith("dagster/partition/") for tag in tags):
        raise dg.Failure(
            "this run carries a partition range and a single partition: most of it would be lost",
            metadata={"next step": "start the backfill from the asset's page, or with the CLI"},
            allow_retries=False,
        )


def clients_asset(clients: tuple[Client, ...]) -> dg.AssetsDefinition:
    """The asset that puts clients.yml beside the data."""

    @dg.asset(
        key=raw_key("clients"),
        description="Clients, their accounts and Pages, and which action type is their result: "
        "clients.yml as tables `raw.clients` and `raw.client_assets`. A removed client stays, "
        "inactive.",
        group_name="raw",
        kinds={"python", "duckdb"},
        owners=OWNERS,
        pool=WRITER_POOL,
    )
    def registered(warehouse: Warehouse, puller: dg.ResourceParam[Puller]) -> dg.MaterializeResult:
        with warehouse.get_connection() as connection:
            create_schema(connection)
            register_clients(connection, Spool(puller.settings.spool), clients)
        return dg.MaterializeResult(metadata={"dagster/row_count": len(clients)})

    return registered


def raw_assets(clients: tuple[Client, ...], grid: Grid) -> list[dg.AssetsDefinition]:
    """Every report's asset, and the clients'."""
    return [clients_asset(clients), *(report_asset(report, grid) for report in REPORTS.values())]
