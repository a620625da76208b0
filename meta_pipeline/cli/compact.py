"""`compact`: the warehouse without versions that were superseded long ago."""

import sys
from datetime import timedelta

import orjson

from meta_pipeline import clock
from meta_pipeline.cli.progress import console
from meta_pipeline.config import load_settings
from meta_pipeline.landing import Compaction, compact


def run_compact(older_than: int, *, is_dry: bool, as_json: bool) -> int:
    """Runs `meta-pipeline compact`; returns its exit code."""
    now = clock.now()
    settings = load_settings()
    found = compact(settings.place, now - timedelta(days=older_than), now, is_dry=is_dry)
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(_document(found)) + b"\n")
    else:
        _tell(found)
    return 0


def _document(found: Compaction) -> dict[str, object]:
    return {
        "schema": 1,
        "horizon": found.horizon,
        "versions_before": found.versions,
        "versions_dropped": found.versions_dropped,
        "dropped_by_report": found.dropped,
        "bytes_before": found.size_before,
        "bytes_after": found.size_after,
    }


def _tell(found: Compaction) -> None:
    for report, versions in found.dropped.items():
        print(f"{report}: {versions} versions superseded before {found.horizon:%Y-%m-%d}")
    kept = found.versions - found.versions_dropped
    if found.size_after is not None:
        print(
            f"{found.versions} versions before, {kept} after; "
            f"{found.size_before / 1e6:.1f} MB before, {found.size_after / 1e6:.1f} MB after"
        )
    elif found.dropped:
        print(f"{found.versions} versions now, {kept} after; {found.size_before / 1e6:.1f} MB now")
        console.print("nothing was written: this was a dry run")
    else:
        print(f"no version was superseded before {found.horizon:%Y-%m-%d}: nothing to do")
