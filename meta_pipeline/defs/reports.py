"""The monthly reports as an asset: one partition a client and month."""

import dagster as dg

from meta_pipeline import clock
from meta_pipeline.config import Client, Settings
from meta_pipeline.defs.partitions import Grid, wanted_spans
from meta_pipeline.defs.raw import OWNERS
from meta_pipeline.defs.transformations import PUBLISHED
from meta_pipeline.errors import ConfigError
from meta_pipeline.reporting.report import FORMATS, Wanted, formats, make_report
from meta_pipeline.warehouse import reading_marts

REPORTS = dg.AssetKey(["delivery", "monthly_reports"])


class ReportConfig(dg.Config):
    """What a run may say of its reports: `format` is a list of html and pdf."""

    format: str = FORMATS[0]
    allow_provisional: bool = False


def report_definitions(clients: tuple[Client, ...], settings: Settings) -> dg.Definitions:
    """The asset of the reports, apart from the pipeline's own: `sync` does not run it."""
    grid = Grid(clients, clock.now().date())
    return dg.Definitions(assets=[report_asset(clients, settings, grid)])


def report_asset(
    clients: tuple[Client, ...], settings: Settings, grid: Grid
) -> dg.AssetsDefinition:
    """The asset that writes a client's report of a month."""
    by_id = {client.id: client for client in clients}

    @dg.asset(
        key=REPORTS,
        description="The report of a client and month, as the client gets it, below `reports/`. "
        "Fails for a month whose figures can still change, and says when it settles, unless the "
        "run's config allows provisional figures. The same as `meta-pipeline report`.",
        group_name="delivery",
        kinds={"python", "html"},
        owners=OWNERS,
        deps=[PUBLISHED],
        partitions_def=grid.definition("month"),
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
    )
    def monthly_reports(
        context: dg.AssetExecutionContext, config: ReportConfig
    ) -> dg.MaterializeResult:
        ((client_id, (span,)),) = wanted_spans("month", context.partition_keys).items()
        if client_id not in by_id:
            raise ConfigError(
                f"{client_id} is not in clients.yml", hint="its report needs its name and locale"
            )
        wanted = Wanted(
            month=span.since,
            formats=formats(config.format),
            out=settings.home / "reports",
            folder=settings.clients_file.parent,
            is_provisional_allowed=config.allow_provisional,
        )
        with reading_marts(settings.marts) as marts:
            made = make_report(marts, by_id[client_id], wanted)
        return dg.MaterializeResult(
            metadata={path.suffix[1:]: dg.MetadataValue.path(str(path)) for path in made.files}
            | {"final": made.is_final}
        )

    return monthly_reports
