"""One asset a report: what Meta said, by client and day."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import dagster as dg
import msgspec
from dagster._core.events import (
    DagsterEvent,
    DagsterEventBatchMetadata,
    generate_event_batch_id,
)
from dagster._core.execution.context.metadata_logging import (
    AssetMetadataHandle,
    OutputMetadataAccumulator,
)
from dagster._core.storage.tags import RESUME_RETRY_TAG as RESUMED_TAG
from dagster._core.storage.tags import ROOT_RUN_ID_TAG

from meta_pipeline import clock
from meta_pipeline.alerts import FailedPull
from meta_pipeline.config import Client
from meta_pipeline.dates import Span, end_of_month
from meta_pipeline.defs.failures import FAILED_PULLS
from meta_pipeline.defs.metadata import partition_metadata
from meta_pipeline.defs.partitions import (
    ONLY_DUE,
    ONLY_MISSING,
    RANGE_START,
    Grid,
    wanted_spans,
)
from meta_pipeline.defs.resources import Warehouse
from meta_pipeline.defs.retries import Retries, come_back, wait_for
from meta_pipeline.landing import Spool, create_schema, register_clients
from meta_pipeline.pulling import DEAD_METRIC, Only, Outcome, Puller
from meta_pipeline.reports import REPORTS, Grain, Report, reports_of

OWNERS = ["team:data-engineering"]
WRITER_POOL = "duckdb_writer"
PULL_POOL = "meta_pulls"
"""What keeps two runs from asking the same account at once. It is not the writer's: who waits for
Meta holds up no build, since a pull takes the warehouse's lock only while it lands."""

BEGUN_TAG = "meta_pipeline/begun"
"""When a run asked for its first partition (ISO 8601, by the pipeline's clock)."""


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


def report_asset(report: Report, grid: Grid, retries: Retries) -> dg.AssetsDefinition:
    """The asset that pulls `report` for the clients and days of its partitions.

    A run may cover any rectangle of clients and days: Meta is asked once per account and
    contiguous range, in parallel across accounts, and each day becomes a materialization.
    In a run that asks for what is due alone, days known well enough count as landed.
    Partitions that failed turn red, those that landed stay green, and the run fails. What Meta
    will never answer (a retired metric, days beyond its retention) fails nothing: it is logged.
    What may pass by itself (a quota that is used up) is asked again by the same step, after
    `retries.wait`, and with it only what has not landed; each try tells what landed at it. So it
    is when a person or Dagster runs a failed run again from where it failed.
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
        pool=PULL_POOL,
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
            only=_only(context.run.tags),
            fresh_since=_known_since(context),
        )
        wait = wait_for(context, puller, outcomes, retries)
        totals = {
            # Of this try of the step, which each of the partitions that it tells repeats.
            "try_rows": sum(outcome.rows for outcome in outcomes),
            "try_requests": sum(outcome.requests for outcome in outcomes),
            "try_bytes": sum(outcome.bytes for outcome in outcomes),
            "try_new_versions": sum(one.opened for outcome in outcomes for one in outcome.landed),
        }
        found = _Found.of(report, keys, outcomes, _told_before(context))
        told = partition_metadata(warehouse, report, found.new)
        if wait is not None:
            # Clients that wait for nothing need not wait for their marts.
            yield from _landed(context, found, totals, told)
            come_back(context, wait)
        yield from _materializations(context, report, found, totals, told)

    return pulled


def _only(tags: Mapping[str, str]) -> Only | None:
    if ONLY_MISSING.items() <= tags.items():
        return "missing"
    return "due" if ONLY_DUE.items() <= tags.items() else None


def _known_since(context: dg.AssetExecutionContext) -> datetime | None:
    """From when on what landed is not asked again: the begin of a run of which this is a repeat.

    A run writes its begin into its tags at its first try. "Re-execute from failure" goes on with
    the run that it repeats; "re-execute all" is a run of its own, and asks for all.
    """
    run, instance = context.run, context.instance
    is_resumed = RESUMED_TAG in run.tags
    ids = [run.tags.get(ROOT_RUN_ID_TAG), run.run_id] if is_resumed else [run.run_id]
    # What `context.run` says of tags is from when the run was launched.
    runs = [found for one in ids if one and (found := instance.get_run_by_id(one))]
    begun = next((one.tags[BEGUN_TAG] for one in runs if BEGUN_TAG in one.tags), None)
    if begun is None:
        instance.add_run_tags(run.run_id, {BEGUN_TAG: clock.now().isoformat()})
        return None
    return datetime.fromisoformat(begun) if context.retry_number or is_resumed else None


def _told_before(context: dg.AssetExecutionContext) -> Collection[str | None]:
    """The partitions that earlier tries of the step have said to have landed."""
    if not context.retry_number:
        return ()
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    told = context.instance.get_asset_partitions_for_run(context.run.run_id, of_type=kind)
    return told.get(context.asset_key, ())


@dataclass(frozen=True, slots=True)
class _Found:
    """What came of each partition: those that landed, of them those that no earlier try has told,
    and those of which something failed."""

    outcomes: list[Outcome]
    about: Mapping[Any, list[Outcome]]
    landed: list[Any]
    new: list[Any]
    failed: list[Any]

    @classmethod
    def of(
        cls,
        report: Report,
        keys: list[Any],
        outcomes: list[Outcome],
        told_before: Collection[str | None],
    ) -> "_Found":
        by_client: dict[str, list[Outcome]] = defaultdict(list)
        for outcome in outcomes:
            by_client[outcome.errand.client.id].append(outcome)
        about = {key: _about(report, key, by_client) for key in keys}
        failed = [
            key
            for key, mine in about.items()
            if any(_went_wrong(one, _days_of(report, key)) for one in mine)
        ]
        is_red = set(failed)
        landed = [key for key in keys if about[key] and key not in is_red]
        new = [key for key in landed if str(key) not in told_before]
        return cls(outcomes, about, landed, new, failed)


def _landed(
    context: dg.AssetExecutionContext,
    found: _Found,
    totals: Mapping[str, Any],
    told: Mapping[Any, Mapping[str, Any]],
) -> Iterator[DagsterEvent]:
    """One event for each partition that landed at this try, where not all did.

    They are written as a batch, as Dagster writes those of a step of which all landed:
    materializations that are yielded would be written one by one.
    """
    step, batch = context.get_step_execution_context(), generate_event_batch_id()
    for number, key in enumerate(found.new, start=1):
        metadata = {**told.get(key, {}), **totals}
        landed = dg.AssetMaterialization(context.asset_key, partition=str(key), metadata=metadata)
        place = DagsterEventBatchMetadata(batch, is_end=number == len(found.new))
        yield DagsterEvent.asset_materialization(step, landed, place)


def _materializations(
    context: dg.AssetExecutionContext,
    report: Report,
    found: _Found,
    totals: Mapping[str, Any],
    told: Mapping[Any, Mapping[str, Any]],
) -> Iterator[Any]:
    """One result for all partitions when all landed at this try; else the landed ones, then a
    failure if there is one."""
    for gap in _gaps(found.outcomes):
        context.log.warning(gap)
    if len(found.new) == len(found.about):
        _tell(context, told)
        yield dg.MaterializeResult(metadata=totals)
        return
    yield from _landed(context, found, totals, told)
    if found.failed:
        failures = sorted({f.message for outcome in found.outcomes for f in outcome.failures})
        raise dg.Failure(
            f"{len(found.failed)} of {len(found.about)} partitions of {report.name} have not "
            "landed:\n" + "\n".join(failures),
            metadata={**totals, FAILED_PULLS: _failed_pulls(report, found.about)},
            allow_retries=False,
        )
    if len(found.landed) < len(found.about):
        context.log.warning(
            f"{len(found.about) - len(found.landed)} partitions were not asked for: the client "
            "does not get the report or has no asset for it, or the day lies before its start, has "
            "not begun yet in the account's time zone, or was never pulled and is too old to be due"
        )


def _tell(context: dg.AssetExecutionContext, told: Mapping[Any, Mapping[str, Any]]) -> None:
    """Adds each partition's metadata to the asset's result.

    `context.add_asset_metadata` lists all partitions of the run anew for each of them: two thousand
    take minutes.
    """
    step = context.get_step_execution_context()
    step._metadata_accumulator = OutputMetadataAccumulator(
        per_output_metadata={
            AssetMetadataHandle(asset_key=context.asset_key, partition_key=str(key)): metadata
            for key, metadata in told.items()
        }
    )


def _failed_pulls(report: Report, about: Mapping[Any, list[Outcome]]) -> list[Any]:
    """Who has failed and why, as plain data: what alerts are made from."""
    keys_of: dict[int, list[Any]] = defaultdict(list)
    outcomes: dict[int, Outcome] = {}
    for key, mine in about.items():
        for outcome in (one for one in mine if _went_wrong(one, _days_of(report, key))):
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
    return [
        one for one in by_client.get(client, []) if _overlap(one.errand.span, _days_of(report, key))
    ]


def _went_wrong(outcome: Outcome, days: Span | None) -> bool:
    """Whether something about these days failed that a later run may mend.

    An errand of more than a quarter is several questions, each of which lands or fails.
    """
    return any(
        one.failure
        and not one.failure.is_expected
        and one.failure.kind != DEAD_METRIC
        and _overlap(one.span, days)
        for one in outcome.landed
    )


def _overlap(one: Span | None, other: Span | None) -> bool:
    """Whether two spans share a day; None is a snapshot, and stands for all days."""
    if one is None or other is None:
        return True
    return one.clamped(since=other.since, until=other.until) is not None


def _days_of(report: Report, key: Any) -> Span | None:
    if report.grain == "snapshot":
        return None
    first = date.fromisoformat(key.keys_by_dimension[report.grain])
    return Span(first, end_of_month(first) if report.grain == "month" else first)


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


def raw_assets(
    clients: tuple[Client, ...], grid: Grid, retries: Retries | None = None
) -> list[dg.AssetsDefinition]:
    """Every report's asset, and the clients'."""
    patience = retries or Retries()
    reports = (report_asset(report, grid, patience) for report in REPORTS.values())
    return [clients_asset(clients), *reports]
