"""The schema `raw` where it is missing, in DuckDB's own file or in a DuckLake."""

from importlib.resources import files

import duckdb

from meta_pipeline.warehouse import is_lake, transaction

# Words of schema.sql that a DuckLake refuses: it compresses every column with zstd
# (`warehouse.lake`), and `next_load` does without a sequence.
_DUCKDB_ALONE = ("create sequence if not exists raw.load_seq;", "using compression zstd")


# A load reads what is known of its clients, and a merge of small files stays within a client.
_BY_CLIENT = ("pulls", "records", "coverage")


def create_schema(connection: duckdb.DuckDBPyConnection) -> None:
    """Creates `raw.*` where it is missing."""
    statements = files("meta_pipeline.landing").joinpath("schema.sql").read_text()
    if not is_lake(connection):
        connection.execute(statements)
        return
    known = connection.execute(
        "select 1 from duckdb_tables() where schema_name = 'raw' and table_name = 'compactions' "
        "and database_name = current_database()"
    ).fetchone()
    if known:  # each comment would be another commit
        return
    for words in _DUCKDB_ALONE:
        statements = statements.replace(words, "")
    with transaction(connection):
        connection.execute(statements)
        for table in _BY_CLIENT:
            connection.execute(f"alter table raw.{table} set partitioned by (client_id)")


def next_load(connection: duckdb.DuckDBPyConnection) -> int:
    """A number above those of all loads before. A DuckLake has no sequence to take it from."""
    if is_lake(connection):
        return highest_load(connection) + 1
    row = connection.execute("select nextval('raw.load_seq')").fetchone()
    assert row is not None
    return row[0]


def highest_load(connection: duckdb.DuckDBPyConnection) -> int:
    """The highest number of a load so far, 0 before the first.

    Rows that have it are replaced by rows with a higher one alone.
    """
    row = connection.execute(
        "select max(load_seq) from (select load_seq from raw.pulls "
        "union all select load_seq from raw.coverage)"
    ).fetchone()
    return (row[0] if row else None) or 0
