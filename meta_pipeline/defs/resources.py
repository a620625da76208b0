"""What assets are handed: the warehouse, opened one writer at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster_duckdb
import duckdb

from meta_pipeline.warehouse import locked, writing


class Warehouse(dagster_duckdb.DuckDBResource):
    """`DuckDBResource` with what it lacks here: the writer's lock, a connection that is closed
    when the step raises, and storage that keeps zstd."""

    @contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that may write; waits its turn. Raises `WarehouseError`."""
        with writing(Path(self.database)) as connection:
            yield connection

    @contextmanager
    def locked(self) -> Iterator[None]:
        """The writer's lock alone, for a process of its own that writes."""
        with locked(Path(self.database)):
            yield
