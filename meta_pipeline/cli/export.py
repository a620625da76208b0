"""`export`: the marts as Parquet files."""

import sys
from collections.abc import Sequence
from pathlib import Path

import orjson
from rich.table import Table

from meta_pipeline.cli.progress import print_table
from meta_pipeline.config import load_settings
from meta_pipeline.warehouse import export


def run_export(target: Path, marts: Sequence[str], *, as_json: bool) -> int:
    """Runs `meta-pipeline export`; returns its exit code."""
    found = export(load_settings().marts, target, marts)
    if as_json:
        rows = [
            {"mart": one.mart, "path": str(one.path), "rows": one.rows, "clients": one.clients}
            for one in found
        ]
        document = {"schema": 1, "target": str(target), "marts": rows}
        sys.stdout.buffer.write(orjson.dumps(document) + b"\n")
        return 0
    table = Table("mart", "rows", "clients", "folder")
    for one in found:
        table.add_row(one.mart, f"{one.rows:,}", str(one.clients or "-"), str(one.path))
    print_table(table)
    return 0
