"""The DuckDB files: one writer at a time, and the marts handed over as a whole."""

from meta_pipeline.warehouse.connection import (
    LOCK_TIMEOUT,
    WAREHOUSE_STORAGE,
    locked,
    reading_marts,
    transaction,
    writing,
)
from meta_pipeline.warehouse.export import Exported, export
from meta_pipeline.warehouse.publish import publish

__all__ = [
    "LOCK_TIMEOUT",
    "WAREHOUSE_STORAGE",
    "Exported",
    "export",
    "locked",
    "publish",
    "reading_marts",
    "transaction",
    "writing",
]
