"""`backup` and `restore`: a copy of all data, and its way back."""

import os
from pathlib import Path

from meta_pipeline import clock
from meta_pipeline.backup import back_up, restore
from meta_pipeline.cli.progress import console
from meta_pipeline.config import Settings, load_settings


def dagster_home(settings: Settings) -> Path:
    """DAGSTER_HOME, or its place below the pipeline's home."""
    named = os.environ.get("DAGSTER_HOME")
    return Path(named or settings.home / "dagster").expanduser().resolve()


def run_backup(to: Path) -> int:
    """Runs `meta-pipeline backup`; returns its exit code."""
    settings = load_settings()
    target = to.expanduser().resolve()
    backup = back_up(settings, dagster_home(settings), target, clock.now())
    size = sum(file.bytes for file in backup.files)
    console.print(f"{backup.pulls} pulls, {len(backup.files)} files, {size / 1e6:.1f} MB")
    if backup.elsewhere:
        console.print(
            f"warning: Dagster's runs are in {backup.elsewhere}, which is not in this backup: "
            "dump it beside (docs/operate.md)"
        )
    print(target)
    return 0


def run_restore(source: Path) -> int:
    """Runs `meta-pipeline restore`; returns its exit code."""
    settings = load_settings()
    restored = restore(settings, dagster_home(settings), source.expanduser().resolve())
    backup = restored.backup
    console.print(f"{backup.pulls} pulls as of {backup.made_at:%Y-%m-%d %H:%M} UTC")
    for path in restored.kept:
        console.print(f"warning: {path} was there already and is left as it is", markup=False)
    print(settings.home)
    return 0
