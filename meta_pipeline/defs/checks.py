"""Checks: may each client's numbers be trusted yet, and does its connection to Meta work?"""

from collections.abc import Iterator, Sequence

import dagster as dg

from meta_pipeline import clock
from meta_pipeline.config import Client, Settings
from meta_pipeline.defs.raw import raw_key
from meta_pipeline.defs.transformations import PUBLISHED
from meta_pipeline.freshness import Freshness, read_freshness
from meta_pipeline.graph.probe import Finding, opened_prober

_SHOWN = 50
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


def maturity_checks(clients: tuple[Client, ...], settings: Settings) -> dg.AssetChecksDefinition:
    """One check a client: no day older than 72 hours rests on a pull from before that."""
    names = {f"maturity_{client.id.replace('-', '_')}": client for client in clients}
    specs = [
        dg.AssetCheckSpec(
            name,
            asset=PUBLISHED,
            description=f"{client.name}: every day that has been over for 72 hours was pulled "
            "after that, so that its conversions have settled. When it fails, pull the listed "
            f"days again: `meta-pipeline sync -c {client.id} --from <day> --to <day>`.",
        )
        for name, client in names.items()
    ]

    @dg.multi_asset_check(name="maturity", specs=specs, can_subset=False)
    def maturity() -> Iterator[dg.AssetCheckResult]:
        found = {one.client_id: one for one in read_freshness(settings.marts, clock.now())}
        for name, client in names.items():
            yield _result(name, found.get(client.id))

    return maturity


def _result(name: str, freshness: Freshness | None) -> dg.AssetCheckResult:
    if freshness is None or freshness.last_pull is None:
        return dg.AssetCheckResult(
            check_name=name,
            asset_key=PUBLISHED,
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description="never pulled",
        )
    late = [
        dg.TableRecord(
            {
                "ad_account_id": day.ad_account_id,
                "day": str(day.day),
                "maturity": day.maturity or "never pulled",
                "pulled_at": day.pulled_at.isoformat() if day.pulled_at else "",
            }
        )
        for day in freshness.late
    ]
    columns = ("ad_account_id", "day", "maturity", "pulled_at")
    schema = dg.TableSchema([dg.TableColumn(column) for column in columns])
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=PUBLISHED,
        passed=not late,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(late)} days wait for a settled pull" if late else "no day is late",
        metadata={
            "late_days": len(late),
            "data_through": str(freshness.data_through),
            "settled_through": str(freshness.settled_through),
            "gaps": freshness.gaps,
            "days_by_maturity": dict(freshness.days),
            "late": dg.TableMetadataValue(late[:_SHOWN], schema=schema),
        },
    )
