"""What stands in a file of DuckDB, so that two of them can be compared."""

from pathlib import Path
from typing import Any

import duckdb


def contents(path: Path, schema: str = "main") -> dict[str, list[tuple[Any, ...]]]:
    """Every table of a DuckDB file, row by row. `load_seq` counts loads, and is no figure."""
    found = {}
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute(
            "select table_name, list(column_name order by column_index) from duckdb_columns() "
            "join duckdb_tables() using (schema_name, table_name) "
            "where schema_name = ? and column_name <> 'load_seq' group by all",
            [schema],
        ).fetchall()
        for table, names in tables:
            listed = ", ".join(f'"{name}"' for name in names)
            sql = f'select {listed} from "{schema}"."{table}" order by all'
            found[table] = connection.execute(sql).fetchall()
    assert found
    return found
