"""The one writer of the warehouse.

DuckDB lets one process write, and an open reader blocks it. Everything that writes goes
through `writing`, which holds an operating system lock beside the file: it waits its turn,
says who has it when the wait is over, and is gone when its process dies. Of a DuckLake the lock is
in its catalog's Postgres (`lake`), for all machines.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from meta_pipeline.config import Lake
from meta_pipeline.errors import WarehouseError
from meta_pipeline.warehouse.lake import connect_lake, locked_lake

# In its default storage version DuckDB ignores `using compression zstd` without a word.
WAREHOUSE_STORAGE = "v1.5.0"

LOCK_TIMEOUT = 1800.0
"""Seconds to wait for another writer of ours: a long load or a dbt build."""

FOREIGN_LOCK_TIMEOUT = 5.0
"""Seconds to wait for a program that is not ours: nobody says when it ends."""

_FOREIGN_LOCK = "Could not set lock on file"


@contextmanager
def locked(place: Path | Lake, *, timeout: float = LOCK_TIMEOUT) -> Iterator[None]:
    """Holds the writer's lock of the warehouse at `place`, without opening it.

    For a process of its own that writes (dbt). Raises `WarehouseError` that names the holder
    when the lock is not free within `timeout` seconds.
    """
    if isinstance(place, Lake) and place.postgres is not None:
        with locked_lake(place.postgres, timeout=timeout):
            yield
        return
    path = Path(place.catalog) if isinstance(place, Lake) else place
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WarehouseError(
            f"the folder {path.parent} cannot be made: {error}",
            hint="set META_PIPELINE_HOME to a folder that can be written",
        ) from None
    holder = path.with_name(path.name + ".holder")
    lock = FileLock(path.with_name(path.name + ".lock"), timeout=timeout)
    try:
        lock.acquire()
    except Timeout:
        raise WarehouseError(
            f"{path} is being written by {_describe(holder)}; waited {timeout:.0f} s",
            hint="wait for it to end, or stop it, then run the same command again",
        ) from None
    try:
        holder.write_text(json.dumps({"pid": os.getpid(), "program": Path(sys.argv[0]).name}))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


@contextmanager
def writing(
    place: Path | Lake, *, timeout: float = LOCK_TIMEOUT
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that may write, closed at the end whatever happens.

    Times are in UTC. Raises `WarehouseError` when the file is locked by another program or
    is not a DuckDB database, or the lake cannot be reached.
    """
    with locked(place, timeout=timeout):
        connection = connect_lake(place) if isinstance(place, Lake) else _connect(place)
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Everything inside, or nothing of it."""
    connection.execute("begin")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def refuse_log(path: Path) -> None:
    """Raises `WarehouseError` when a closed file has a log of its own beside it.

    What is in the log is not in the file yet, and would be played into another one of its name.
    """
    log = path.with_name(path.name + ".wal")
    if log.exists():
        raise WarehouseError(
            f"{log} was not written into its file when that was closed",
            hint="run the same command again; the warehouse is as it was",
        )


def is_lake(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the connection's tables are in a DuckLake, not in a file of DuckDB."""
    row = connection.execute(
        "select type from duckdb_databases() where database_name = current_database()"
    ).fetchone()
    return row is not None and row[0] == "ducklake"


@contextmanager
def reading_marts(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the published marts at `path` that cannot write; times are in UTC.

    Raises `WarehouseError` when there is no such file, when it is no DuckDB database, and when it
    lacks what is asked of it.
    """
    if not path.exists():
        raise WarehouseError(
            f"there are no marts yet: {path} does not exist", hint="run `meta-pipeline sync`"
        )
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            yield connection
    except duckdb.Error as error:
        raise WarehouseError(
            f"{path} cannot be read: {error}", hint="run `meta-pipeline sync` to write it anew"
        ) from None


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    def is_foreign_lock(error: BaseException) -> bool:
        return isinstance(error, duckdb.IOException) and _FOREIGN_LOCK in str(error)

    retrying = Retrying(
        retry=retry_if_exception(is_foreign_lock),
        stop=stop_after_delay(FOREIGN_LOCK_TIMEOUT),
        wait=wait_random_exponential(multiplier=0.1, max=1),
        reraise=True,
    )
    config = {"storage_compatibility_version": WAREHOUSE_STORAGE}
    try:
        connection = retrying(duckdb.connect, str(path), config=config)
    except duckdb.Error as error:
        if is_foreign_lock(error):
            raise WarehouseError(
                f"{path} is open in another program: {error}",
                hint="close that program (analysts read marts.duckdb, which is never locked), "
                "then run the same command again",
            ) from None
        raise WarehouseError(
            f"{path} cannot be opened: {error}",
            hint="`meta-pipeline reload` rebuilds it from the spool; "
            "the broken file is kept beside it",
        ) from None
    connection.execute("set TimeZone = 'UTC'")
    return connection


def _describe(holder: Path) -> str:
    try:
        facts = json.loads(holder.read_text())
        return f"{facts['program']} (process {facts['pid']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
