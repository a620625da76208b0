"""Dagster's event log in SQLite, written a batch at a time.

dagster.yaml names it as `event_log_storage`; the files are those of Dagster's own SQLite storage,
so that either reads what the other wrote.
"""

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

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Writes events of one run: all of them, or none when it fails."""
        if not {event.dagster_event_type for event in events} <= _BATCHED:
            super().store_event_batch(events)
            return
        with (
            self._db_lock,
            self._begin(events[0].run_id) as run,
            self._begin(INDEX_SHARD_NAME) as index,
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
