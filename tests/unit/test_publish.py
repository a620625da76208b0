"""Handing the marts over: all at once, with their comments, or not at all."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from unit_desk import breaking

from meta_pipeline.errors import WarehouseError
from meta_pipeline.warehouse import publish


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse with two marts and other things beside them."""
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as con:
        con.execute(
            """
            create schema marts;
            create schema raw;
            create table raw.secret as select 1 as x;
            create table marts.fct_ads as
            select i as ad, 1.5::decimal(18, 4) as spend from range(3) as t(i);
            create table marts."dim odd" as select 1 as "a b";
            comment on table marts.fct_ads is 'What an ad''s day cost; "quoted".';
            comment on column marts.fct_ads.spend is 'Money, in the account''s currency – é.';
            """
        )
        yield con


@pytest.fixture
def marts(tmp_path: Path) -> Path:
    """Where the marts go."""
    return tmp_path / "marts.duckdb"


def read(marts: Path, sql: str) -> list[tuple[Any, ...]]:
    """What an analyst gets."""
    with duckdb.connect(str(marts), read_only=True) as con:
        return con.execute(sql).fetchall()


def files_beside(marts: Path) -> list[str]:
    """The files there, without the warehouse."""
    names = [path.name for path in marts.parent.iterdir()]
    return sorted(name for name in names if not name.startswith("warehouse"))


def test_every_mart_is_copied_and_nothing_else(
    warehouse: duckdb.DuckDBPyConnection, marts: Path
) -> None:
    """With its rows and types; the counts are handed back."""
    assert publish(warehouse, marts) == {"dim odd": 1, "fct_ads": 3}
    assert read(marts, "select table_name from duckdb_tables() order by 1") == [
        *(("dim odd",), ("fct_ads",))
    ]
    assert read(marts, "select sum(spend)::varchar, typeof(any_value(spend)) from fct_ads") == [
        ("4.5000", "DECIMAL(18,4)")
    ]
    assert read(marts, 'select "a b" from "dim odd"') == [(1,)]


def test_comments_are_carried_over(warehouse: duckdb.DuckDBPyConnection, marts: Path) -> None:
    """They are what documents the columns for whoever opens the file."""
    publish(warehouse, marts)
    assert read(marts, "select comment from duckdb_tables() where comment is not null") == [
        ('What an ad\'s day cost; "quoted".',)
    ]
    columns = "select column_name, comment from duckdb_columns() where comment is not null"
    assert read(marts, columns) == [("spend", "Money, in the account's currency – é.")]


def test_only_the_marts_file_is_left(warehouse: duckdb.DuckDBPyConnection, marts: Path) -> None:
    """No temporary file, no write-ahead log, nothing attached."""
    publish(warehouse, marts)
    assert files_beside(marts) == ["marts.duckdb"]
    attached = warehouse.execute("select database_name from duckdb_databases() where not internal")
    assert attached.fetchall() == [("warehouse",)]


def test_a_new_file_takes_the_place_of_the_old_one(
    warehouse: duckdb.DuckDBPyConnection, marts: Path
) -> None:
    """What is gone from the warehouse is gone from the marts; the file is another one."""
    publish(warehouse, marts)
    before = marts.stat().st_ino
    warehouse.execute('drop table marts."dim odd"; delete from marts.fct_ads where ad = 0')
    assert publish(warehouse, marts) == {"fct_ads": 2}
    assert read(marts, "select table_name from duckdb_tables()") == [("fct_ads",)]
    assert marts.stat().st_ino != before


READER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
for line in sys.stdin:
    print(connection.execute("select count(*) from fct_ads").fetchone()[0], flush=True)
"""


def test_an_open_reader_goes_on_undisturbed(
    warehouse: duckdb.DuckDBPyConnection, marts: Path
) -> None:
    """It keeps reading what it opened, while new readers get the new file."""
    publish(warehouse, marts)
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(marts)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert ask(reader) == "3\n"
        warehouse.execute("insert into marts.fct_ads select i, 1 from range(100, 50000) as t(i)")
        publish(warehouse, marts)
        assert ask(reader) == "3\n"
        assert read(marts, "select count(*) from fct_ads") == [(49903,)]
        reader.communicate("")


def ask(reader: subprocess.Popen[str]) -> str:
    """One answer of the reader."""
    assert reader.stdin is not None
    assert reader.stdout is not None
    reader.stdin.write("?\n")
    reader.stdin.flush()
    return reader.stdout.readline()


@pytest.mark.parametrize("statement", range(1, 9))
def test_a_failure_leaves_the_old_file_and_no_other(
    warehouse: duckdb.DuckDBPyConnection, marts: Path, statement: int
) -> None:
    """Wherever it happens, readers have what they had, and the next try succeeds."""
    publish(warehouse, marts)
    old = marts.read_bytes()
    warehouse.execute("insert into marts.fct_ads values (9, 9)")
    with pytest.raises(RuntimeError, match="fell over"):
        publish(breaking(warehouse, statement), marts)
    assert (marts.read_bytes(), files_beside(marts)) == (old, ["marts.duckdb"])
    assert publish(warehouse, marts)["fct_ads"] == 4


def test_a_move_that_fails_leaves_the_old_file(
    warehouse: duckdb.DuckDBPyConnection, marts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last step is the only one that readers see."""
    publish(warehouse, marts)
    old = marts.read_bytes()

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        publish(warehouse, marts)
    assert (marts.read_bytes(), files_beside(marts)) == (old, ["marts.duckdb"])


def test_without_marts_nothing_is_published(
    warehouse: duckdb.DuckDBPyConnection, marts: Path
) -> None:
    """The old file stays; the hint says what builds them."""
    publish(warehouse, marts)
    old = marts.read_bytes()
    with pytest.raises(WarehouseError, match="no table in schema 'empty'") as raised:
        publish(warehouse, marts, schema="empty")
    assert "meta-pipeline sync" in str(raised.value.hint)
    assert marts.read_bytes() == old


def test_a_path_with_a_quote_is_a_path(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """People name folders as they like."""
    target = tmp_path / "the agency's [files]" / "marts.duckdb"
    target.parent.mkdir()
    publish(warehouse, target)
    assert read(target, "select count(*) from fct_ads") == [(3,)]


def test_the_file_is_of_the_format_that_older_tools_read(
    warehouse: duckdb.DuckDBPyConnection, marts: Path
) -> None:
    """DuckDB says of an attached file in which version it is stored."""
    publish(warehouse, marts)
    with duckdb.connect() as con:
        con.execute(f"attach '{marts}' as marts (read_only)")
        (tags,) = con.execute(
            "select tags from duckdb_databases() where database_name = 'marts'"
        ).fetchall()[0]
    assert tags["storage_version"] == "v1.4.0+"
