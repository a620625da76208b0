"""What landing makes of the same pulls in a DuckLake and in a file."""

import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import orjson
import psycopg2
import pytest

from meta_pipeline.config import Lake
from meta_pipeline.errors import WarehouseError
from meta_pipeline.landing import (
    Manifest,
    Spool,
    compact,
    create_schema,
    load_all,
    load_missing,
    reload,
)
from meta_pipeline.landing.clients import store_clients
from meta_pipeline.warehouse import tidy_lake, writing
from tests.unit.unit_desk import FAILURE, TABLES, Desk, account_row, ad_row, at, day

pytestmark = pytest.mark.scale
pytest.importorskip("duckdb_extension_ducklake", reason="needs tests/scale/requirements.lock")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake, its catalog and its files below this machine's folder."""
    return Lake(str(tmp_path / "catalog.ducklake"), str(tmp_path / "data"), tmp_path / "extensions")


@pytest.fixture
def postgres_lake(postgres: str, tmp_path: Path) -> Lake:
    """An empty lake with its catalog in a database of its own."""
    words = f"user=dagster host={postgres.rsplit('host=')[-1]}"
    with closing(psycopg2.connect(f"dbname=postgres {words}")) as connection:
        connection.autocommit = True
        connection.cursor().execute("create database landing")
    return Lake(f"postgres:dbname=landing {words}", str(tmp_path / "data"), tmp_path / "extensions")


def some_pulls(spool: Spool, count: int, seed: int) -> list[Manifest]:
    """Pulls of a few clients as they come: restated, vanished, empty, failed, late, superseded."""
    rng = random.Random(seed)
    found = []
    with duckdb.connect() as connection:
        desk = Desk(connection, spool)
        for number in range(count):
            client = rng.choice(["acme", "luna", "nord"])
            first, days = rng.randint(1, 5), rng.randint(0, 3)
            report = rng.choice(["ad_daily", "ad_daily", "account_daily", "accounts"])
            span = [day(first + n) for n in range(days + 1)]
            rows: list[Any] = []
            for on in span:
                if report == "account_daily" and rng.random() < 0.7:
                    rows.append(account_row(on, spend=str(rng.randint(0, 3))))
                if report == "ad_daily":
                    spend = str(rng.randint(1, 3))
                    rows += [ad_row(on, ad=a, spend=spend) for a in "123" if rng.random() < 0.5]
            account = {"id": "act_1", "name": f"Account {rng.randint(1, 2)}"}
            found.append(
                desk.spooled(
                    orjson.dumps(account) if report == "accounts" else rows,
                    None if report == "accounts" else span[0],
                    None if report == "accounts" else span[-1],
                    report=report,
                    client=client,
                    pulled=at(10) + timedelta(minutes=rng.randint(0, 500)),
                    failure=FAILURE if rng.random() < 0.15 else None,
                    pull_id=f"p{number:03}",
                )
            )
    return found


def everything(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[Any, ...]]]:
    """All that is in `raw`."""
    return {
        table: connection.execute(f"from raw.{table} order by all").fetchall() for table in TABLES
    }


@contextmanager
def in_a_file(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A new warehouse in a file."""
    with writing(path) as connection:
        create_schema(connection)
        yield connection


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_batches_in_a_lake_leave_what_pulls_in_a_file_leave(
    lake: Lake, tmp_path: Path, seed: int
) -> None:
    """Row for row, load numbers included, however the pulls fall into batches.

    Maintenance in between changes nothing.
    """
    spool = Spool(tmp_path / "spool")
    pulls = some_pulls(spool, 40, seed)
    with in_a_file(tmp_path / "warehouse.duckdb") as connection:
        landed = load_all(connection, spool, pulls)
        expected = everything(connection)
    rng, rest, found = random.Random(seed), list(pulls), []
    while rest:
        size = rng.choice([1, 2, 5, 12])
        batch, rest = rest[:size], rest[size:]
        with writing(lake) as connection:
            create_schema(connection)
            found += load_all(connection, spool, batch)
            if rng.random() < 0.4:
                tidy_lake(connection)
    with writing(lake) as connection:
        assert everything(connection) == expected
    assert found == landed
    assert len(expected["records"]) > 40
    assert {row[10] for row in expected["pulls"]} >= {"complete", "failed"}


def test_a_batch_lands_whole_or_not_at_all(lake: Lake, tmp_path: Path) -> None:
    """When the commit does not come, nothing of it is there, and the spool makes up for it."""
    spool = Spool(tmp_path / "spool")
    pulls = some_pulls(spool, 6, seed=4)
    with writing(lake) as connection:
        create_schema(connection)
        before = everything(connection)

        class Broken:
            """A connection that is cut off before its last statement."""

            def execute(self, sql: str, *values: Any) -> duckdb.DuckDBPyConnection:
                if "insert into raw.records" in sql and "desk.raw.records" in sql:
                    raise ConnectionError("the network is gone")
                return connection.execute(sql, *values)

        with pytest.raises(ConnectionError):
            load_all(Broken(), spool, pulls)  # pyright: ignore[reportArgumentType]
        assert everything(connection) == before
        assert len(load_missing(connection, spool)) == len(pulls)


def test_a_lake_is_filled_from_the_spool(lake: Lake, tmp_path: Path) -> None:
    """`reload` makes of a spool what it makes in a file, load numbers apart, and again the same."""
    spool = Spool(tmp_path / "spool")
    some_pulls(spool, 20, seed=5)
    with in_a_file(tmp_path / "warehouse.duckdb") as connection:
        store_clients(connection, spool.clients())
        load_missing(connection, spool)
        expected = everything(connection)
    for _ in range(2):
        assert len(reload(lake, spool)) == 20
        with writing(lake) as connection:
            found = everything(connection)
        assert found["records"] == expected["records"]
        assert [row[:-1] for row in found["coverage"]] == [row[:-1] for row in expected["coverage"]]


def test_one_writer_at_a_time_also_of_a_lake(postgres_lake: Lake) -> None:
    """Who waits is told who writes; afterwards the lock is free."""
    with (
        writing(postgres_lake),
        pytest.raises(WarehouseError, match=r"written by .*\(process \d+ on"),
        writing(postgres_lake, timeout=0.5),
    ):
        pass
    with writing(postgres_lake, timeout=0.5) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_lake_is_compacted_as_a_file_is(lake: Lake, tmp_path: Path) -> None:
    """The same versions go, the same stay, no file has deleted rows, and again is nothing."""
    spool = Spool(tmp_path / "spool")
    pulls = some_pulls(spool, 40, seed=6)
    horizon, now = at(10) + timedelta(minutes=300), at(20)
    path = tmp_path / "warehouse.duckdb"
    with in_a_file(path) as connection:
        load_all(connection, spool, pulls)
    with writing(lake) as connection:
        create_schema(connection)
        load_all(connection, spool, pulls)
    expected = compact(path, horizon, now)
    dry = compact(lake, horizon, now, is_dry=True)
    found = compact(lake, horizon, now)
    assert (dry.versions, dry.dropped, dry.size_after) == (found.versions, found.dropped, None)
    assert (found.versions, found.dropped) == (expected.versions, expected.dropped)
    assert found.versions_dropped > 0
    with writing(path) as here, writing(lake) as there:
        files = there.execute(
            "select count(data_file) > 0, count(delete_file) "
            "from ducklake_list_files('warehouse', 'records', schema => 'raw')"
        ).fetchall()
        assert files == [(True, 0)]
        assert everything(there) == everything(here)
        columns = "horizon, versions_dropped"
        noted = there.execute(f"select {columns} from raw.compactions").fetchall()
        assert noted == here.execute(f"select {columns} from raw.compactions").fetchall()
    assert compact(lake, horizon, now).dropped == {}
