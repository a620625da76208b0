"""Dagster's event log in SQLite, written a batch at a time.

dagster.yaml names it as `event_log_storage`; the files are those of Dagster's own SQLite storage,
so that either reads what the other wrote.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from dagster import DagsterEventType, EventLogEntry, StringSource
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import NullPool

_EVENTS = SqlEventLogStorageTable
_ENGINES = 64
_GRAIN_NANOSECONDS = 100_000_000
_BATCHED = frozenset(
    {
        DagsterEventType.ASSET_MATERIALIZATION,
        DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        DagsterEventType.ASSET_OBSERVATION,
    }
)


class BatchedSqliteEventLogStorage(SqliteEventLogStorage):
    """Dagster's SQLite event log, in which many partitions of an asset cost one transaction.

    Dagster's own makes an engine for every event, which compiles its statements anew, and has no
    batches: 15 to 20 ms an event, several thousand events a sync. Batches are written where the
    environment has DAGSTER_EVENT_BATCH_SIZE.

    `home` is DAGSTER_HOME: the files are where Dagster keeps them by default.
    """

    def __init__(self, home: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engine = lru_cache(_ENGINES)(_make_engine)
        self._tables: set[str] = set()
        self._partitions: dict[str, tuple[tuple[int, int], Sequence[str]]] = {}
        super().__init__(str(Path(home) / "history" / "runs"), inst_data)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """What dagster.yaml gives."""
        return {"home": StringSource}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """The storage that dagster.yaml asks for."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock, self._begin(shard) as connection:
            yield connection

    @contextmanager
    def _begin(self, shard: str) -> Iterator[Connection]:
        engine = self._engine(self.conn_string_for_shard(shard))
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        with engine.begin() as connection:
            yield connection

    def has_table(self, table_name: str) -> bool:
        """Whether Dagster's schema has the table: it is looked up until it is there, not each time
        that something is read."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def get_dynamic_partitions(self, partitions_def_name: str) -> Sequence[str]:
        """The partitions' keys, read anew when the file was written to since.

        A tick of Dagster's automation asks for them some thousand times.
        """
        written = self._written()
        known = self._partitions.get(partitions_def_name)
        if known is not None and known[0] == written:
            return known[1]
        keys = super().get_dynamic_partitions(partitions_def_name)
        # A file's time has a grain: what was written just now may be written to again in it.
        if time.time_ns() - max(written) > _GRAIN_NANOSECONDS:
            self._partitions[partitions_def_name] = (written, keys)
        return keys

    def _written(self) -> tuple[int, int]:
        """When the index and its log were written to, in nanoseconds since 1970."""
        path = Path(self.path_for_shard(INDEX_SHARD_NAME))
        log = path.with_name(f"{path.name}-wal")
        return path.stat().st_mtime_ns, log.stat().st_mtime_ns if log.exists() else 0

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Writes events of one run: all of them, or none where one of them cannot be written.

        The run's file is committed before the index, as in Dagster's own storage. What fails
        between the two is in the run's log alone, and there twice when Dagster has written each
        event again; the index, in which cells and assets are looked up, has each event once.
        """
        if not {event.dagster_event_type for event in events} <= _BATCHED:
            super().store_event_batch(events)
            return
        with (
            self._db_lock,
            self._begin(INDEX_SHARD_NAME) as index,
            self._begin(events[0].run_id) as run,
        ):
            run.execute(_EVENTS.insert(), [self._event_to_row(event) for event in events])
            numbers = [
                index.execute(self.prepare_insert_event(event).returning(_EVENTS.c.id)).scalar_one()
                for event in events
            ]
            self._store_asset_event_tags(index, events, numbers)
            # Of each asset the table of assets keeps the newest event alone.
            newest = {
                event.get_dagster_event().asset_key: (event, number)
                for event, number in zip(events, numbers, strict=True)
            }
            for event, number in newest.values():
                self._store_asset_event(index, event, number)


def _make_engine(address: str) -> Engine:
    return create_engine(
        address, poolclass=NullPool, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
    )
