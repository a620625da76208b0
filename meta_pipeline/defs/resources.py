"""What assets are handed: the warehouse, opened one writer at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster_duckdb
import duckdb

from meta_pipeline.config import Lake, Settings
from meta_pipeline.warehouse import locked, writing


class Warehouse(dagster_duckdb.DuckDBResource):
    """`DuckDBResource` with what it lacks here: the writer's lock, a connection that is closed
    when the step raises, and storage that keeps zstd.

    With `data_path` and `extensions`, `database` is the catalog of a DuckLake (`config.Lake`).
    """

    data_path: str = ""
    extensions: str = ""

    @classmethod
    def of(cls, settings: Settings) -> "Warehouse":
        """The warehouse that the settings name."""
        place = settings.place
        if isinstance(place, Path):
            return cls(database=str(place))
        return cls(database=place.catalog, data_path=place.data, extensions=str(place.extensions))

    @property
    def place(self) -> Path | Lake:
        """Where rows are kept, as `Settings.place`."""
        if not self.data_path:
            return Path(self.database)
        return Lake(self.database, self.data_path, Path(self.extensions))

    @contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that may write; waits its turn. Raises `WarehouseError`."""
        with writing(self.place) as connection:
            yield connection

    @contextmanager
    def locked(self) -> Iterator[None]:
        """The writer's lock alone, for a process of its own that writes."""
        with locked(self.place):
            yield
