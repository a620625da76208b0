"""`dashboard`: the marts as one HTML page."""

import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

from meta_pipeline.config import load_settings
from meta_pipeline.reporting.dashboard import write_dashboard

_NAME = "dashboard.html"


def run_dashboard(out: Path | None, client_ids: Sequence[str], *, as_json: bool) -> int:
    """Runs `meta-pipeline dashboard`; returns its exit code. `out` may be a file or a folder."""
    settings = load_settings()
    place = out or settings.home / _NAME
    # What has no ending, and is not there as a file, is meant as a folder.
    if place.is_dir() or (not place.suffix and not place.exists()):
        place /= _NAME
    pages = write_dashboard(settings.marts, place, client_ids)
    if as_json:
        rows = [
            {
                "path": str(page.path),
                "clients": page.client_ids,
                "bytes": page.size,
                "since": dict(page.since),
            }
            for page in pages
        ]
        document = {"schema": 1, "path": str(pages[0].path), "pages": rows}
        sys.stdout.buffer.write(orjson.dumps(document) + b"\n")
        return 0
    print(pages[0].path)
    if len(pages) > 1:
        print(f"an index, and {len(pages) - 1} pages beside it: one a client", file=sys.stderr)
    return 0
