"""`docs`: the models, columns and formulas as one page."""

from contextlib import redirect_stdout

from meta_pipeline.cli.progress import steps
from meta_pipeline.config import load_settings


def run_docs() -> int:
    """Runs `meta-pipeline docs`; returns its exit code."""
    from meta_pipeline.defs.documentation import write_documentation

    settings = load_settings()
    log = settings.home / "logs" / "dagster.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        steps() as shown,
        shown.step("documentation"),
        # dbt's own lines go to the log; the terminal is the command's.
        log.open("a", encoding="utf-8") as lines,
        redirect_stdout(lines),
    ):
        page = write_documentation(settings)
    print(page)
    return 0
