"""Handing the marts over: all at once, with their comments, or not at all."""

import json
import subprocess
import sys
import venv
from collections.abc import Iterator
from datetime import UTC, datetime
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


ROUNDS = 6
STREAM = """
import sys, duckdb
while True:
    connection = duckdb.connect(sys.argv[1], read_only=True)
    rows = connection.execute(
        "select count(*), count(distinct round), min(round), (select round from dim_round) "
        "from fct_ads"
    ).fetchone()
    connection.close()
    print(*rows, flush=True)
"""


def test_readers_that_open_all_the_while_never_see_half(
    warehouse: duckdb.DuckDBPyConnection, marts: Path
) -> None:
    """Processes that open the file in a loop find it, whole and of one build, at every try."""

    def publish_round(number: int) -> None:
        warehouse.execute(
            "create or replace table marts.fct_ads as "
            f"select i as ad, {number} as round from range(10000 * {number}) as t(i);"
            f"create or replace table marts.dim_round as select {number} as round"
        )
        publish(warehouse, marts)

    publish_round(1)
    command = [sys.executable, "-c", STREAM, str(marts)]
    readers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    seen: list[str] = []
    try:
        for number in range(2, ROUNDS + 1):
            seen += [read_line(reader) for reader in readers]  # each has opened meanwhile
            publish_round(number)
    finally:
        for reader in readers:
            reader.kill()
    for reader in readers:
        rest, errors = reader.communicate()
        assert errors == ""
        seen += [line for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    rounds = set()
    for line in seen:
        rows, builds, round_of_rows, round_of_dim = map(int, line.split())
        assert (rows, builds, round_of_dim) == (10000 * round_of_rows, 1, round_of_rows)
        rounds.add(round_of_rows)
    assert len(rounds) > 1, "no reader saw a second build"


def read_line(reader: subprocess.Popen[str]) -> str:
    """The next line of a process; its errors where there is none."""
    assert reader.stdout is not None
    assert reader.stderr is not None
    line = reader.stdout.readline()
    return line or reader.stderr.read()


OLDER = "1.4"
OLD_READER = """
import duckdb, json, sys
assert duckdb.__version__.startswith(sys.argv[2]), duckdb.__version__
with duckdb.connect(sys.argv[1], read_only=True) as con:
    con.execute("set TimeZone = 'UTC'")
    # Python needs another package for instants; their text is theirs all the same.
    sql = "select * replace (pulled_at::text as pulled_at) from fct_kinds"
    rows = con.execute(sql).fetchall()
    comments = con.execute(
        "select column_name, comment from duckdb_columns() where table_name = 'fct_kinds' "
        "and comment is not null union all "
        "select null, comment from duckdb_tables() where comment is not null order by 1"
    ).fetchall()
print(json.dumps([rows, comments], default=str))
"""


@pytest.fixture(scope="session")
def older_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python of its own with an older DuckDB; skips where none can be installed."""
    folder = tmp_path_factory.mktemp("older")
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    command = [python, "-m", "pip", "install", "--quiet", "--only-binary=:all:"]
    command += ["--timeout=10", "--retries=1", f"duckdb=={OLDER}.*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        pytest.skip(f"DuckDB {OLDER} cannot be installed here: {done.stderr.strip()[-200:]}")
    return python


def test_an_older_duckdb_reads_every_kind_of_column(
    warehouse: duckdb.DuckDBPyConnection, marts: Path, older_python: str
) -> None:
    """Analysts' tools lag behind: what 1.4 reads are the values and comments that were written."""
    warehouse.execute(
        """
        create table marts.fct_kinds as
        select
            'acme' as client_id, date '2026-11-01' as day, 1.234567::decimal(18, 6) as spend,
            9000000000::bigint as impressions, 0.5::double as ctr, true as is_current,
            timestamptz '2026-11-02 12:00:00+00' as pulled_at, null::varchar as note;
        comment on table marts.fct_kinds is 'One of each.';
        comment on column marts.fct_kinds.spend is 'Money.';
        """
    )
    publish(warehouse, marts)
    done = subprocess.run(
        [older_python, "-c", OLD_READER, str(marts), OLDER],
        env={"TZ": "UTC"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    rows, comments = json.loads(done.stdout)
    (row,) = rows
    assert row[:6] == ["acme", "2026-11-01", "1.234567", 9000000000, 0.5, True]
    assert datetime.fromisoformat(row[6]) == datetime(2026, 11, 2, 12, tzinfo=UTC)
    assert row[7] is None
    assert ["spend", "Money."] in comments
    assert [None, "One of each."] in comments
