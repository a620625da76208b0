"""The assets of the report and the dashboard, run by Dagster on marts that were made by hand."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from unit_dashboard import write_marts
from unit_reporting import OCTOBER, ReportMarts

from meta_pipeline.config import Client, Settings
from meta_pipeline.defs.dashboard import dashboard_asset
from meta_pipeline.defs.partitions import Grid, register
from meta_pipeline.defs.reports import REPORTS, report_asset
from meta_pipeline.errors import ConfigError
from meta_pipeline.reporting.report import UnsettledError

CLIENTS = tuple(
    Client.model_validate({"id": one, "name": one, "ad_accounts": ["act_1"]})
    for one in ("acme", "bolt")
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home in a folder of the test's own."""
    given = {"home": tmp_path, "clients_file": tmp_path / "clients.yml"}
    return Settings().model_copy(update=given)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Dagster's state in memory, with both clients and one that left clients.yml."""
    with dg.DagsterInstance.ephemeral() as one:
        register(one, CLIENTS)
        one.add_dynamic_partitions("clients", ["gone"])
        yield one


def outputs(
    asset: dg.AssetsDefinition, instance: dg.DagsterInstance, **how: Any
) -> dict[str, dg.MetadataValue]:
    """What a run of the asset says of what it wrote. Raises what the asset raises."""
    result = dg.materialize([asset], instance=instance, **how)
    (event,) = result.get_asset_materialization_events()
    return dict(event.materialization.metadata)


def test_a_report_is_a_partition_of_client_and_month(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    """A final month is written where the command writes it; an unsettled one fails, unless the
    run allows it, and then says that it is not final."""
    marts = ReportMarts()
    for name, maturity in (("acme", "final"), ("bolt", "attributing")):
        marts.client(name)
        marts.days(date(2026, 9, 1), date(2026, 10, 31), name, maturity=maturity)
    marts.months()
    marts.save(settings.marts)
    asset = report_asset(CLIENTS, settings, Grid(CLIENTS, date(2026, 11, 29)))

    def run(client: str, **config: object) -> dict[str, dg.MetadataValue]:
        given = {"ops": {REPORTS.to_python_identifier(): {"config": config}}}
        key = dg.MultiPartitionKey({"client": client, "month": str(OCTOBER)})
        return outputs(asset, instance, partition_key=key, run_config=given)

    said = run("acme")
    page = settings.home / "reports" / "acme" / "2026-10.html"
    assert said["html"].value == str(page)
    assert said["final"].value is True
    assert "Final figures" in page.read_text(encoding="utf-8")
    with pytest.raises(UnsettledError, match="it settles on 2026-11-29 04:00 UTC"):
        run("bolt")
    assert not (settings.home / "reports" / "bolt").exists()
    said = run("bolt", allow_provisional=True)
    assert said["final"].value is False
    assert "Provisional" in Path(str(said["html"].value)).read_text(encoding="utf-8")
    with pytest.raises(ConfigError, match=r"gone is not in clients\.yml"):
        run("gone")


def test_the_dashboard_is_written_into_the_home(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    """Its place, size and clients are told; a client that is no longer active is left out."""
    write_marts(settings.marts)
    said = outputs(dashboard_asset(settings), instance)
    page = settings.home / "dashboard.html"
    assert said["path"].value == str(page)
    assert (said["files"].value, said["clients"].value) == (1, 2)
    assert said["bytes"].value == page.stat().st_size
