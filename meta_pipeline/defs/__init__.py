"""Runs all of it: Dagster definitions that wire, and never compute."""

import warnings

import dagster as dg

from meta_pipeline import clock
from meta_pipeline.config import Client, Settings, load_alerts, load_clients, load_settings
from meta_pipeline.defs.alerts import alert_definitions
from meta_pipeline.defs.checks import connection_definitions, quality_checks
from meta_pipeline.defs.clients import clients_sensor
from meta_pipeline.defs.dashboard import dashboard_asset
from meta_pipeline.defs.partitions import Grid
from meta_pipeline.defs.raw import raw_assets
from meta_pipeline.defs.reports import report_definitions
from meta_pipeline.defs.resources import Warehouse
from meta_pipeline.defs.retries import Retries
from meta_pipeline.defs.schedules import intraday_delivery, sensors
from meta_pipeline.defs.settled import settled_asset
from meta_pipeline.defs.storage import write_events_fast
from meta_pipeline.defs.transformations import (
    dbt_project,
    dbt_resource,
    published_asset,
    transformation_assets,
)
from meta_pipeline.pulling import Puller


def build(
    settings: Settings,
    clients: tuple[Client, ...],
    puller: Puller,
    retries: Retries | None = None,
) -> dg.Definitions:
    """The whole pipeline for these clients. `retries` says how a step waits for Meta."""
    write_events_fast()
    grid = Grid(clients, clock.now().date())
    project = dbt_project(settings)
    models = transformation_assets(project)
    return dg.Definitions(
        assets=[
            *raw_assets(clients, grid, retries),
            models,
            published_asset(project, models, settings, grid),
            settled_asset(grid),
            dashboard_asset(settings),
        ],
        asset_checks=[quality_checks(clients, settings)],
        schedules=[intraday_delivery(settings, grid)],
        sensors=[clients_sensor(settings), *sensors(settings, grid)],
        resources={
            "puller": puller,
            "warehouse": Warehouse.of(settings),
            "dbt": dbt_resource(project),
        },
        # Steps are short and share one DuckDB file: a process each would only cost its start.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions that `dagster dev` loads, from the environment and clients.yml."""
    # Dagster announces its beta parameters at each use, in every process it starts.
    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    settings = load_settings()
    clients = load_clients(settings)
    return dg.Definitions.merge(
        build(settings, clients, Puller(settings, clients)),
        connection_definitions(clients, settings),
        report_definitions(clients, settings),
        alert_definitions(settings, clients, load_alerts(settings)),
    )
