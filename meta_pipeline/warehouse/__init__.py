"""The DuckDB files: one writer at a time, and the marts handed over as a whole."""

from meta_pipeline.warehouse.connection import (
    LOCK_TIMEOUT,
    WAREHOUSE_STORAGE,
    is_lake,
    locked,
    reading_marts,
    refuse_log,
    transaction,
    writing,
)
from meta_pipeline.warehouse.export import Exported, export
from meta_pipeline.warehouse.lake import (
    lake_size,
    place_extensions,
    s3_secret,
    shrink_lake,
    tidy_lake,
)
from meta_pipeline.warehouse.publish import publish

__all__ = [
    "LOCK_TIMEOUT",
    "WAREHOUSE_STORAGE",
    "Exported",
    "export",
    "is_lake",
    "lake_size",
    "locked",
    "place_extensions",
    "publish",
    "reading_marts",
    "refuse_log",
    "s3_secret",
    "shrink_lake",
    "tidy_lake",
    "transaction",
    "writing",
]
