"""Checks on what is handed over: may each client's numbers be trusted yet?"""

from collections.abc import Iterator

import dagster as dg

from meta_pipeline import clock
from meta_pipeline.config import Client, Settings
from meta_pipeline.defs.transformations import PUBLISHED
from meta_pipeline.freshness import Freshness, read_freshness

_SHOWN = 50


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
