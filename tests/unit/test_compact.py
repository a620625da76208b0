"""Compacting: old versions go, everything else stays, and the file shrinks, or nothing happened."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from unit_desk import Desk, account_row, ad_row, at, day

from meta_pipeline.errors import WarehouseError
from meta_pipeline.landing import KEPT_REPORTS, Spool, compact, create_schema, load, reload
from meta_pipeline.reports import REPORTS
from meta_pipeline.warehouse import writing

NOW = datetime(2027, 12, 1, tzinfo=UTC)


@pytest.fixture
def warehouse(filled: Path, tmp_path: Path) -> Path:
    """A copy of the filled warehouse, with its spool."""
    shutil.copytree(filled / "spool", tmp_path / "spool")
    return Path(shutil.copy(filled / "warehouse.duckdb", tmp_path))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a warehouse whose rows changed on 12, 14 and 16 November.

    It has marts and views beside raw.
    """
    folder = tmp_path_factory.mktemp("filled")
    with writing(folder / "warehouse.duckdb") as connection:
        create_schema(connection)
        desk = Desk(connection, Spool(folder / "spool"))
        for number in (10, 12, 14, 16):
            spend = str(number)
            account = [account_row(day(1), spend=spend)]
            desk.landed(account, day(1), pulled=at(number), report="account_daily")
            ads = [ad_row(day(1), ad=str(ad), spend=spend) for ad in range(3)]
            desk.landed(ads if number < 16 else ads[:2], day(1), pulled=at(number))
            campaign = {"id": "1", "name": f"Name {number}"}
            desk.landed([campaign], pulled=at(number), report="campaigns")
        connection.execute(
            """
            create schema marts; create schema staging;
            create table marts.fct_ads (ad text not null, spend decimal(18, 6));
            comment on table marts.fct_ads is 'What an ad''s day cost.';
            comment on column marts.fct_ads.spend is 'Money.';
            insert into marts.fct_ads select i, i / 7 from range(1000) as t(i);
            create view staging.ads as
            select * from warehouse.raw.records where report = 'ad_daily';
            create view staging.newest as
            select * from warehouse.staging.ads where valid_to is null;
            comment on view staging.newest is 'Newest rows.';
            """
        )
    return folder


def ask(warehouse: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a query, with times in UTC."""
    with writing(warehouse) as connection:
        return connection.execute(sql).fetchall()


VERSIONS = "select * from raw.records order by all"
SHAPE = """
select schema_name, table_name, column_name, data_type, is_nullable, comment from duckdb_columns()
where not internal
union all select schema_name, table_name, null, null, null, comment from duckdb_tables()
union all select schema_name, view_name, sql, null, null, comment from duckdb_views()
where not internal
order by all
"""


def test_what_was_superseded_before_the_horizon_is_gone(warehouse: Path) -> None:
    """Newest versions stay, those superseded later, and all of the account and of objects."""
    before = ask(warehouse, VERSIONS)
    found = compact(warehouse, at(15), NOW)
    after = ask(warehouse, VERSIONS)
    gone = [row for row in before if row not in after]
    assert found.dropped == {"ad_daily": 6}
    assert found.versions == len(before) == len(after) + 6
    assert {(row[1], row[-1]) for row in gone} == {("ad_daily", at(12)), ("ad_daily", at(14))}
    # One that vanished on the 16th and two that changed then were still what was known on the 15th.
    (known,) = ask(
        warehouse,
        "select count(*) from raw.records where report = 'ad_daily' "
        "and valid_from <= '2026-11-15T12:00:00Z' and valid_to > '2026-11-15T12:00:00Z'",
    )
    assert known == (3,)


def test_everything_else_is_as_it_was(warehouse: Path) -> None:
    """Tables, views, comments, constraints, the ledger, and the number of the next load."""
    tables = ("raw.pulls", "raw.coverage", "raw.clients", "marts.fct_ads", "staging.newest")
    rows = {table: ask(warehouse, f"from {table} order by all") for table in tables}
    shape = ask(warehouse, SHAPE)
    ((loads,),) = ask(warehouse, "select max(load_seq) from raw.pulls")
    compact(warehouse, at(15), NOW)
    assert {table: ask(warehouse, f"from {table} order by all") for table in tables} == rows
    assert ask(warehouse, SHAPE) == shape
    assert ask(warehouse, "select nextval('raw.load_seq')") == [(loads + 1,)]


def test_the_next_pull_lands_as_if_nothing_had_happened(warehouse: Path, tmp_path: Path) -> None:
    """It closes and opens the same versions, and its load is above all before."""
    compact(warehouse, at(15), NOW)
    spool = Spool(tmp_path / "spool")
    with writing(warehouse) as connection:
        desk = Desk(connection, spool)
        (top,) = desk.all("select max(load_seq) from raw.pulls")
        manifest = desk.spooled([ad_row(day(1), ad="0", spend="16")], day(1), pulled=at(20))
        landed = load(connection, spool, manifest)
        assert (landed.opened, landed.closed) == (0, 1)
        ((seq,),) = desk.all("select max(load_seq) from raw.pulls")
        assert seq > top[0]


def test_the_file_shrinks_and_keeps_its_format(tmp_path: Path) -> None:
    """By more than half when three of four versions go; compressed with zstd as before."""
    path = tmp_path / "warehouse.duckdb"
    with writing(path) as connection:
        create_schema(connection)
        connection.execute(
            """
            insert into raw.records
            select 'acme', 'ad_daily', 'act_1', '', '2026-10-01', i::text,
                md5((i * 7)::text) || repeat(md5(i::text), 20), md5(i::text), 'p',
                '2026-11-01T00:00:00Z',
                case when i % 4 > 0 then '2026-11-02T00:00:00Z'::timestamptz end
            from range(60000) as t(i)
            """
        )
    before = path.stat().st_size
    found = compact(path, at(15), NOW)
    assert found.versions_dropped == 45000
    assert (found.size_before, found.size_after) == (before, path.stat().st_size)
    assert path.stat().st_size < before / 2
    storage = "from pragma_storage_info('raw.records') where column_name = 'payload'"
    kinds = f"select distinct compression {storage} and segment_type = 'VARCHAR'"
    assert ask(path, kinds) == [("ZSTD",)]
    tags = "select tags['storage_version'] from duckdb_databases() where not internal"
    assert ask(path, tags) == [("v1.5.0+",)]


def test_the_horizon_is_written_down(warehouse: Path) -> None:
    """Whoever asks what was known earlier finds that this is gone, and since when."""
    compact(warehouse, at(13), datetime(2026, 11, 20, tzinfo=UTC))
    compact(warehouse, at(15), NOW)
    assert ask(warehouse, "from raw.compactions order by compacted_at") == [
        (datetime(2026, 11, 20, tzinfo=UTC), at(13), 3),
        (NOW, at(15), 3),
    ]


def test_without_anything_to_drop_nothing_is_written(warehouse: Path) -> None:
    """Nor by a dry run, which says what would be dropped."""
    inode = warehouse.stat().st_ino
    assert compact(warehouse, at(15), NOW, is_dry=True).dropped == {"ad_daily": 6}
    assert compact(warehouse, at(11), NOW).dropped == {}
    assert warehouse.stat().st_ino == inode
    assert ask(warehouse, "from raw.compactions") == []


def test_without_a_warehouse(tmp_path: Path) -> None:
    """The hint says what makes one; none is made."""
    with pytest.raises(WarehouseError, match="no warehouse yet"):
        compact(tmp_path / "warehouse.duckdb", at(15), NOW)
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from meta_pipeline.landing import compact as _
module = sys.modules["meta_pipeline.landing.compact"]
owner = Path if sys.argv[2] == "replace" else module
setattr(owner, sys.argv[2], lambda *args: os.kill(os.getpid(), 9))
module.compact(
    Path(sys.argv[1]), datetime(2026, 11, 15, 12, tzinfo=UTC), datetime(2027, 12, 1, tzinfo=UTC)
)
"""


@pytest.mark.parametrize("step", ["_copy", "_compare", "_sync", "replace"])
def test_killed_at_any_step_the_old_file_stands(warehouse: Path, step: str) -> None:
    """With every version; the next try succeeds, and leaves no second file."""
    before = ask(warehouse, VERSIONS)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(warehouse), step], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert ask(warehouse, VERSIONS) == before
    assert compact(warehouse, at(15), NOW).versions_dropped == 6
    names = {path.name for path in warehouse.parent.iterdir()}
    assert names == {"warehouse.duckdb", "warehouse.duckdb.lock", "spool"}


def test_a_copy_that_differs_is_refused(warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were rows lost on the way, the old file would stay."""
    module = sys.modules["meta_pipeline.landing.compact"]
    real = module._tables
    calls: Iterator[int] = iter(range(9))

    def forgetful(*args: Any) -> list[str]:
        return real(*args)[:-1] if next(calls) == 0 else real(*args)

    monkeypatch.setattr(module, "_tables", forgetful)
    before = ask(warehouse, VERSIONS)
    with pytest.raises(WarehouseError, match="has 0 rows, not 13"):
        compact(warehouse, at(15), NOW)
    assert ask(warehouse, VERSIONS) == before


def test_a_full_disk_leaves_the_old_file(warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to do; nothing half written is left."""

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(WarehouseError, match="No space left") as raised:
        compact(warehouse, at(15), NOW)
    assert "make room" in str(raised.value.hint)
    assert not list(warehouse.parent.glob(".warehouse.compact*"))


def test_reload_brings_the_dropped_versions_back(warehouse: Path, tmp_path: Path) -> None:
    """The spool has every answer."""
    before = ask(warehouse, VERSIONS)
    compact(warehouse, at(15), NOW)
    reload(warehouse, Spool(tmp_path / "spool"))
    assert ask(warehouse, VERSIONS) == before


def test_what_stays_is_small_and_known() -> None:
    """tests/dbt holds the models against this."""
    assert {"account_daily", "accounts", "post_insights"} <= KEPT_REPORTS
    assert set(REPORTS) > KEPT_REPORTS
