"""Checks: may the numbers be trusted, and does each client's connection to Meta work?"""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from meta_pipeline import clock
from meta_pipeline.config import Client, Settings
from meta_pipeline.defs.metadata import picture, result_table
from meta_pipeline.defs.raw import raw_key
from meta_pipeline.defs.transformations import PUBLISHED
from meta_pipeline.graph.probe import Finding, opened_prober
from meta_pipeline.quality import CHECKS, OVERVIEW, Result, run_checks
from meta_pipeline.warehouse import reading_marts

_ACCOUNTS = raw_key("accounts")


def connection_definitions(clients: tuple[Client, ...], settings: Settings) -> dg.Definitions:
    """`meta-pipeline check` as one asset check a client, and the schedule that runs them.

    They stand apart from the pipeline's own definitions, since each costs about 20 calls:
    `sync` and the schedules of the pull do not run them. They run on their schedule (stopped
    until it is switched on), when they are selected, and when a person materializes
    raw/accounts in the UI. None blocks anything.
    """
    checks = connection_checks(clients, settings)
    schedule = dg.ScheduleDefinition(
        name="connections_daily",
        cron_schedule="30 4 * * *",
        description="Tests every client's connection to Meta before the day's pulls: tokens that "
        "end, rights that are gone, metrics and versions that died. The same as `meta-pipeline "
        "check`.",
        target=dg.AssetSelection.checks(*checks.check_keys),
    )
    return dg.Definitions(asset_checks=[checks], schedules=[schedule])


def connection_checks(clients: tuple[Client, ...], settings: Settings) -> dg.AssetChecksDefinition:
    """One check a client: Meta lets it read all that is configured for it."""
    names = {f"connection_{client.id.replace('-', '_')}": client for client in clients}
    specs = [
        dg.AssetCheckSpec(
            name,
            asset=_ACCOUNTS,
            blocking=False,
            description=f"{client.name}: token, scopes, ad accounts, Pages, metrics, API version "
            "and quota, asked of Meta one after the other until one fails. ERROR: pulls fail. "
            "WARN: they will, or they lack something. The table says what to do and in which "
            f"menu; afterwards run `meta-pipeline check -c {client.id}`.",
        )
        for name, client in names.items()
    ]

    @dg.multi_asset_check(name="connection", specs=specs, can_subset=True)
    def connection(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        wanted = {key.name: names[key.name] for key in context.selected_asset_check_keys}
        with opened_prober(settings, clock.now) as prober:
            found = prober.probe_all(wanted.values())
        for name, client in wanted.items():
            yield _connection_result(name, found[client.id])

    return connection


def _connection_result(name: str, findings: Sequence[Finding]) -> dg.AssetCheckResult:
    errors = [one for one in findings if one.level == "error"]
    warnings = [one for one in findings if one.level == "warn"]
    worst = (errors or warnings or list(findings))[0]
    columns = ("step", "level", "message", "fix")
    records = [
        dg.TableRecord({column: getattr(one, column) or "" for column in columns})
        for one in findings
    ]
    schema = dg.TableSchema([dg.TableColumn(column) for column in columns])
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=_ACCOUNTS,
        passed=not errors and not warnings,
        severity=dg.AssetCheckSeverity.ERROR if errors else dg.AssetCheckSeverity.WARN,
        description=f"{worst.step}: {worst.message}" if errors or warnings else "all is well",
        metadata={
            "errors": len(errors),
            "warnings": len(warnings),
            "findings": dg.TableMetadataValue(records, schema=schema),
        },
    )


def quality_checks(clients: tuple[Client, ...], settings: Settings) -> dg.AssetChecksDefinition:
    """One check a kind over all clients, read from the published marts; none blocks anything."""
    specs = [
        dg.AssetCheckSpec(
            check.name, asset=PUBLISHED, blocking=False, description=check.description
        )
        for check in (OVERVIEW, *CHECKS)
    ]

    @dg.multi_asset_check(name="quality", specs=specs, can_subset=True)
    def quality(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        wanted = {key.name for key in context.selected_asset_check_keys}
        now = clock.now()
        with reading_marts(settings.marts) as marts:
            results = run_checks(marts, clients, now, wanted)
        for result in results:
            if result.check == OVERVIEW.name:
                # Also on the Overview tab of the marts, where a person looks first.
                table = {"fit_to_report": result.message, "clients": result_table(result)}
                context.op_execution_context.log_event(
                    dg.AssetObservation(PUBLISHED, metadata=table)
                )
            yield _quality_result(result)

    return quality


def _quality_result(result: Result) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = dict(result.counts)
    if result.rows:
        metadata["rows"] = len(result.rows)
        metadata["table"] = result_table(result)
    if result.plot and not result.passed:
        metadata["plot"] = picture(result.plot)
    is_error = result.severity == "error"
    return dg.AssetCheckResult(
        check_name=result.check,
        asset_key=PUBLISHED,
        passed=result.passed,
        severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
        description=result.message,
        metadata=metadata,
    )
