"""Runs single models of the project, as they were compiled, on a few rows made by hand."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
from dbt_warehouse import Warehouse

Row = Mapping[str, Any]


class Models:
    """An empty warehouse with the tables that models read, of the types that the build gave them.

    Rows go in by `add`; `build` runs one model and keeps its rows for the models that read it.
    """

    def __init__(self, built: Warehouse, folder: Path) -> None:
        self._built = built
        self._compiled = built.compiled()
        # Compiled models name the database after its file.
        self._connection = duckdb.connect(str(folder / "warehouse.duckdb"))
        self._connection.execute("set TimeZone = 'UTC'")

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def make(self, *tables: str) -> None:
        """Empty tables or views of the build, each as schema.name."""
        with self._built.connect(read_only=True) as con:
            for table in tables:
                columns = con.execute(f"describe {table}").fetchall()
                typed = ", ".join(f'"{name}" {kind}' for name, kind, *_ in columns)
                self._connection.execute(f"create schema if not exists {table.split('.')[0]}")
                self._connection.execute(f"create table {table} ({typed})")

    def add(self, table: str, rows: Iterable[Row]) -> None:
        """Rows into a table; columns left out are NULL."""
        for row in rows:
            names = ", ".join(row)
            marks = ", ".join("?" for _ in row)
            self._connection.execute(
                f"insert into {table} ({names}) values ({marks})", list(row.values())
            )

    def build(self, model: str) -> None:
        """The rows of a mart, from the tables as they are now."""
        sql = self._compiled[model]
        self._connection.execute(f"create or replace table marts.{model} as {sql}")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of one query."""
        return self._connection.execute(sql).fetchall()
