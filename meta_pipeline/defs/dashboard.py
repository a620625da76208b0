"""The asset that writes the dashboard when the marts were handed over."""

import dagster as dg

from meta_pipeline.config import Settings
from meta_pipeline.defs.raw import OWNERS
from meta_pipeline.defs.transformations import PUBLISHED
from meta_pipeline.reporting.dashboard import write_dashboard


def dashboard_asset(settings: Settings) -> dg.AssetsDefinition:
    """`delivery/dashboard_html`: the newest marts as one page, in the pipeline's home."""

    @dg.asset(
        key=dg.AssetKey(["delivery", "dashboard_html"]),
        description="`dashboard.html`: every active client's figures as one page that works from "
        "disk, without a network. Beyond 5 MB it is an index with a page a client beside it. "
        "Reads the published marts only; if it fails, `meta-pipeline dashboard` says why.",
        group_name="delivery",
        kinds={"python", "html"},
        owners=OWNERS,
        deps=[PUBLISHED],
        automation_condition=dg.AutomationCondition.eager(),
    )
    def dashboard_html() -> dg.MaterializeResult:
        pages = write_dashboard(settings.marts, settings.home / "dashboard.html")
        return dg.MaterializeResult(
            metadata={
                "path": dg.MetadataValue.path(str(pages[0].path)),
                "files": len(pages),
                "clients": len(pages[0].client_ids),
                "bytes": sum(page.size for page in pages),
            }
        )

    return dashboard_html
