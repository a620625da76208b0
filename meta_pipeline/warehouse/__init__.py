"""The DuckDB files: one writer at a time, and the marts handed over as a whole."""

from meta_pipeline.warehouse.connection import locked, transaction, writing
from meta_pipeline.warehouse.publish import publish

__all__ = ["locked", "publish", "transaction", "writing"]
