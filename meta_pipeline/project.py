"""Where the files that are not Python lie: the dbt project and Dagster's settings."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def project_file(name: str) -> Path:
    """The path of `dbt_project` or `dagster.yaml`: in the checkout, or inside the wheel."""
    checkout = _PACKAGE.parent / name
    return checkout if checkout.exists() else _PACKAGE / "_project" / name
