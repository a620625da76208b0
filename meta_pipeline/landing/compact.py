"""Drops row versions that were superseded long ago, and writes the warehouse anew without them.

A DuckDB file does not shrink when rows are deleted, so everything that stays is copied into a
new file, which is moved into the old one's place. Until that move nothing has happened. In a
DuckLake the versions are deleted in one transaction, and its files written anew after it.
"""

import os
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import duckdb

from meta_pipeline.config import Lake
from meta_pipeline.errors import WarehouseError
from meta_pipeline.landing.schema import create_schema
from meta_pipeline.reports import REPORTS
from meta_pipeline.warehouse import (
    WAREHOUSE_STORAGE,
    lake_size,
    refuse_log,
    shrink_lake,
    transaction,
    writing,
)

# Of these every version stays. How a day's figures settled is measured on the account by day,
# one row each, and objects have their history told by the marts; all of it is small.
KEPT_REPORTS = frozenset(
    report.name
    for report in REPORTS.values()
    if report.grain == "snapshot" or report.name == "account_daily"
)

# The new file's name inside the connection to the old one.
_COPY = "compacted"

_SUPERSEDED = "coalesce(valid_to < $1 and not list_contains($2, report), false)"


@dataclass(frozen=True, slots=True)
class Compaction:
    """What a compaction did, or would do: sizes in bytes, versions by report.

    `size_after` is None when nothing was written.
    """

    horizon: datetime
    versions: int
    dropped: dict[str, int]
    size_before: int
    size_after: int | None = None

    @property
    def versions_dropped(self) -> int:
        """Of all reports together."""
        return sum(self.dropped.values())


def compact(
    warehouse: Path | Lake, horizon: datetime, now: datetime, *, is_dry: bool = False
) -> Compaction:
    """Drops the versions that were superseded before `horizon`, but for `KEPT_REPORTS`.

    What is current always stays, and so does what was known at any instant from `horizon` on.
    `raw.compactions` has the horizon. Holds the writer's lock all the while. Killed or failed at
    any point, the warehouse is the old one or the new one, whole. With `is_dry`, or when nothing
    is to be dropped, no file is written. A lake's old files go when no state of the last seven
    days needs them.

    Raises `WarehouseError` when there is no warehouse, the disk is full, or the copy differs.
    """
    if isinstance(warehouse, Lake):
        return _compact_lake(warehouse, horizon, now, is_dry=is_dry)
    if not warehouse.exists():
        raise WarehouseError(
            f"no warehouse yet: {warehouse} does not exist",
            hint="run `meta-pipeline sync`, which makes it",
        )
    fresh = warehouse.with_name(f".{warehouse.stem}.compact.duckdb")
    with writing(warehouse) as connection:
        create_schema(connection)
        connection.execute("checkpoint")
        found = _weigh(connection, warehouse.stat().st_size, horizon)
        if is_dry or not found.dropped:
            return found
        _clear(fresh)
        try:
            _copy(connection, fresh, found, now)
            _sync(fresh)
            size = fresh.stat().st_size
            # The log of the old file would be played into the new one.
            connection.close()
            refuse_log(warehouse)
            fresh.replace(warehouse)
            _sync(warehouse.parent)
        except (OSError, duckdb.Error) as error:
            raise WarehouseError(
                f"the new warehouse cannot be written beside {warehouse}: {error}",
                hint="make room for a second file of its size; the old one is as it was",
            ) from None
        finally:
            _clear(fresh)
    return replace(found, size_after=size)


def _compact_lake(lake: Lake, horizon: datetime, now: datetime, *, is_dry: bool) -> Compaction:
    with writing(lake) as connection:
        create_schema(connection)
        found = _weigh(connection, lake_size(connection), horizon)
        if is_dry:
            return found
        if found.dropped:
            with transaction(connection):
                connection.execute(
                    f"delete from raw.records where {_SUPERSEDED}", [horizon, sorted(KEPT_REPORTS)]
                )
                _note(connection, "raw.compactions", found, now)
        # What a compaction that was killed here has left is made up for by the next one.
        shrink_lake(connection)
        return replace(found, size_after=lake_size(connection)) if found.dropped else found


def _weigh(connection: duckdb.DuckDBPyConnection, size: int, horizon: datetime) -> Compaction:
    dropped = connection.execute(
        f"select report, count(*) from raw.records where {_SUPERSEDED} group by report order by 1",
        [horizon, sorted(KEPT_REPORTS)],
    ).fetchall()
    return Compaction(horizon, _count(connection, "raw.records"), dict(dropped), size)


def _copy(
    connection: duckdb.DuckDBPyConnection, fresh: Path, found: Compaction, now: datetime
) -> None:
    """Everything but the dropped versions, into a new file; refuses a copy that differs."""
    path = str(fresh).replace("'", "''")
    row = connection.execute("select current_database()").fetchone()
    source = row[0] if row else ""
    connection.execute(f"attach '{path}' as {_COPY} (storage_version '{WAREHOUSE_STORAGE}')")
    try:
        with transaction(connection):
            _fill(connection, source, found, now)
        connection.execute(f"checkpoint {_COPY}")
    finally:
        connection.execute(f"detach {_COPY}")


def _fill(
    connection: duckdb.DuckDBPyConnection, source: str, found: Compaction, now: datetime
) -> None:
    # Tables, views, comments, constraints, compression, and where the sequence stands.
    connection.execute(f'copy from database "{source}" to {_COPY} (schema)')
    for table in _tables(connection, source):
        condition, values = "true", []
        if table == '"raw"."records"':
            condition = f"not {_SUPERSEDED}"
            values = [found.horizon, sorted(KEPT_REPORTS)]
        connection.execute(
            f'insert into {_COPY}.{table} from "{source}".{table} where {condition}', values
        )
    _compare(connection, source, found)
    _note(connection, f"{_COPY}.raw.compactions", found, now)


def _note(
    connection: duckdb.DuckDBPyConnection, table: str, found: Compaction, now: datetime
) -> None:
    connection.execute(
        f"insert into {table} (compacted_at, horizon, versions_dropped) values (?, ?, ?)",
        [now, found.horizon, found.versions_dropped],
    )


def _tables(connection: duckdb.DuckDBPyConnection, database: str) -> list[str]:
    rows = connection.execute(
        "select schema_name, table_name from duckdb_tables() "
        "where database_name = ? and not temporary order by table_oid",
        [database],
    ).fetchall()
    return [f'"{schema}"."{table}"' for schema, table in rows]


# What a file is beside its rows; the name of the file itself stands in none of it.
_SHAPE = """
select 'table', schema_name, table_name, null, comment, null from duckdb_tables()
    where database_name = $1 and not temporary
union all
select 'column', schema_name, table_name, column_name, comment,
    concat_ws(' ', data_type, is_nullable, column_default)
    from duckdb_columns() where database_name = $1 and not internal
union all
select 'view', schema_name, view_name, null, comment, sql from duckdb_views()
    where database_name = $1 and not internal
union all
select 'index', schema_name, table_name, index_name, comment, sql from duckdb_indexes()
    where database_name = $1
union all
select 'sequence', schema_name, sequence_name, null, comment, sql from duckdb_sequences()
    where database_name = $1 and not temporary
order by all
"""


def _compare(connection: duckdb.DuckDBPyConnection, source: str, found: Compaction) -> None:
    """Raises `WarehouseError` unless the copy has the same shape and the rows it should."""
    old, new = (connection.execute(_SHAPE, [name]).fetchall() for name in (source, _COPY))
    if old != new:
        _refuse(f"{sorted(set(old) ^ set(new), key=str)[:3]}")
    for table in _tables(connection, source):
        expected = _count(connection, f'"{source}".{table}')
        expected -= found.versions_dropped if table == '"raw"."records"' else 0
        if (count := _count(connection, f"{_COPY}.{table}")) != expected:
            _refuse(f"{table} has {count} rows, not {expected}")


def _refuse(difference: str) -> None:
    raise WarehouseError(
        f"the compacted copy is not what it should be: {difference}",
        hint="the warehouse is as it was; please report this",
    )


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    row = connection.execute(f"select count(*) from {table}").fetchone()
    return int(row[0]) if row else 0


def _clear(fresh: Path) -> None:
    for path in (fresh, fresh.with_name(fresh.name + ".wal")):
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Hands a file, or the names in a folder, over to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
