"""Hands the marts over: a new file, moved into the place of the old one at once."""

import os
from collections.abc import Collection
from pathlib import Path

import duckdb

from meta_pipeline.errors import WarehouseError
from meta_pipeline.files import written_beside
from meta_pipeline.warehouse.connection import transaction

# Older DuckDB tools read this; the warehouse's own v1.5.0 they do not.
MARTS_STORAGE = "v1.4.0"


def publish(
    connection: duckdb.DuckDBPyConnection,
    target: Path,
    *,
    schema: str = "marts",
    only: Collection[str] | None = None,
) -> dict[str, int]:
    """Copies the tables of `schema`, with comments, into the file `target`.

    `only` names the tables that are built today: one that no model makes any more would be
    handed over with figures that nobody renews.

    Returns the rows of each mart. Readers of the old file go on undisturbed, new ones get the
    new file; at no moment is there none. Raises `WarehouseError` when there are no marts.
    """
    names = [
        name
        for (name,) in connection.execute(
            "select table_name from duckdb_tables() where schema_name = ? "
            "and database_name = current_database() order by 1",
            [schema],
        ).fetchall()
        if only is None or name in only
    ]
    if not names:
        raise WarehouseError(
            f"the warehouse holds no table in schema {schema!r}",
            hint="run `meta-pipeline sync`, which builds the marts",
        )
    with written_beside(target) as fresh:
        counts = _copy(connection, schema, names, fresh)
        _sync(fresh)
    return counts


def _copy(
    connection: duckdb.DuckDBPyConnection, schema: str, names: list[str], target: Path
) -> dict[str, int]:
    path = str(target).replace("'", "''")
    connection.execute(f"attach '{path}' as handover (storage_version '{MARTS_STORAGE}')")
    try:
        # Else each table and each comment would be synced by itself.
        with transaction(connection):
            counts = {}
            for name in names:
                connection.execute(f'create table handover."{name}" as from "{schema}"."{name}"')
                row = connection.execute(f'select count(*) from handover."{name}"').fetchone()
                counts[name] = row[0] if row else 0
            for statement in _comments(connection, schema, names):
                connection.execute(statement)
    finally:
        connection.execute("detach handover")
    return counts


def _comments(connection: duckdb.DuckDBPyConnection, schema: str, names: list[str]) -> list[str]:
    """The statements that repeat the tables' and columns' comments in the copy."""
    rows = connection.execute(
        """
        select table_name, null as column_name, comment from duckdb_tables()
        where schema_name = $schema and database_name = current_database()
            and comment is not null
        union all
        select table_name, column_name, comment from duckdb_columns()
        where schema_name = $schema and database_name = current_database()
            and comment is not null
        """,
        {"schema": schema},
    ).fetchall()
    statements = []
    for table, column, comment in rows:
        if table not in names:
            continue
        thing = f'table handover."{table}"'
        if column is not None:
            thing = f'column handover."{table}"."{column}"'
        text = comment.replace("'", "''")
        statements.append(f"comment on {thing} is '{text}'")
    return statements


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
