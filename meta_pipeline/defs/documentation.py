"""dbt's own documentation of the models, as one page that needs no network."""

from pathlib import Path

from meta_pipeline.config import Settings
from meta_pipeline.defs.transformations import dbt_project, dbt_resource
from meta_pipeline.errors import WarehouseError
from meta_pipeline.files import written_beside
from meta_pipeline.project import project_file
from meta_pipeline.warehouse import locked


def write_documentation(settings: Settings) -> Path:
    """Writes `docs/index.html` below the pipeline's home, over an older one; returns its path.

    Holds no row, no token, and no path of this machine. Raises `WarehouseError` when there is no
    warehouse, it stays locked, or dbt fails.
    """
    place = settings.place
    if isinstance(place, Path) and not place.exists():
        raise WarehouseError(
            f"no warehouse yet: {settings.warehouse} does not exist",
            hint="run `meta-pipeline sync`, which makes it",
        )
    project = dbt_project(settings)
    # Of its own: the manifest that the pipeline loads must not change under it.
    target = settings.home / "dbt" / "docs"
    with locked(place):
        done = dbt_resource(project).cli(
            ["docs", "generate", "--static"], target_path=target, raise_on_error=False
        )
        done.wait()
    if not done.is_successful():
        raise WarehouseError(
            "dbt could not write its documentation",
            hint=f"see {settings.home / 'logs' / 'dagster.log'}",
        )
    page = (target / "static_index.html").read_text(encoding="utf-8")
    # dbt says of each model where it lies on this machine.
    for path in (target, settings.home, project_file("dbt_project")):
        page = page.replace(str(path.resolve()), path.name).replace(str(path), path.name)
    written = settings.home / "docs" / "index.html"
    with written_beside(written) as fresh:
        fresh.write_text(page, encoding="utf-8")
    return written
