"""The one writer: who has the lock, what a broken file is called, and how payloads are kept."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from unit_desk import ad_row, day

from meta_pipeline.errors import WarehouseError
from meta_pipeline.landing import create_schema
from meta_pipeline.warehouse import connection as connection_module
from meta_pipeline.warehouse import locked, writing

HOLD_LOCK = """
import sys
from pathlib import Path
from meta_pipeline.warehouse import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
HOLD_FILE = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """Where a warehouse is going to be."""
    return tmp_path / "home" / "warehouse.duckdb"


@contextmanager
def another_process(program: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has hold of `path` and lets go when its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def acquired(path: Path) -> bool:
    """Whether the lock is free."""
    with locked(path, timeout=5):
        return True


def test_what_is_written_is_there_afterwards(warehouse: Path) -> None:
    """The folder is made, the file is closed, times are UTC."""
    with writing(warehouse) as con:
        con.execute("create table t as select timestamptz '2026-11-22 12:00:00+00' as moment")
        assert con.execute("select current_setting('TimeZone')").fetchall() == [("UTC",)]
    with writing(warehouse) as con:
        found = con.execute("select moment, moment::varchar from t").fetchall()
    assert found == [(datetime(2026, 11, 22, 12, tzinfo=UTC), "2026-11-22 12:00:00+00")]


def test_a_second_process_is_kept_out_and_told_by_whom(warehouse: Path) -> None:
    """After a short wait the error names the holder and says what to do."""
    with another_process(HOLD_LOCK, warehouse) as holder:
        for attempt in (locked, writing):
            with (
                pytest.raises(WarehouseError, match=rf"process {holder.pid}\)") as raised,
                attempt(warehouse, timeout=0.05),
            ):
                pytest.fail("two writers at once")
            assert str(warehouse) in raised.value.message
            assert "wait for it to end" in str(raised.value.hint)


def test_the_lock_keeps_its_own_process_out_as_well(warehouse: Path) -> None:
    """Two threads are two writers."""
    with (
        locked(warehouse),
        pytest.raises(WarehouseError, match="is being written by"),
        locked(warehouse, timeout=0.05),
    ):
        pytest.fail("two writers at once")


def test_a_holder_without_a_name_is_another_process(warehouse: Path) -> None:
    """The note beside the lock may be missing or odd."""
    for note in ("", '{"pid": 1}'):
        with locked(warehouse):
            warehouse.with_name("warehouse.duckdb.holder").write_text(note)
            with (
                pytest.raises(WarehouseError, match="written by another process"),
                locked(warehouse, timeout=0.05),
            ):
                pytest.fail("two writers at once")


@pytest.mark.parametrize("is_killed", [False, True])
def test_the_lock_is_free_when_its_holder_is_gone(warehouse: Path, is_killed: bool) -> None:
    """An orderly end and SIGKILL alike; nobody has to clear anything away."""
    with another_process(HOLD_LOCK, warehouse) as holder:
        if is_killed:
            holder.kill()
        else:
            holder.communicate("")
        holder.wait(timeout=20)
        assert acquired(warehouse)
    assert not warehouse.with_name("warehouse.duckdb.holder").exists()


@pytest.mark.parametrize("attempt", [locked, writing])
def test_the_lock_is_free_after_an_exception(warehouse: Path, attempt: object) -> None:
    """So is the file: nothing of ours has it open any more."""
    opening = writing if attempt is writing else locked
    with pytest.raises(RuntimeError, match="mine"), opening(warehouse):
        raise RuntimeError("mine")
    assert acquired(warehouse)
    with another_process(HOLD_FILE, warehouse) as process:
        assert process.poll() is None


def test_a_file_open_in_another_program_is_named(
    warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody opened the warehouse with DuckDB: wait a little, then say so."""
    monkeypatch.setattr(connection_module, "FOREIGN_LOCK_TIMEOUT", 0.05)
    warehouse.parent.mkdir()
    with another_process(HOLD_FILE, warehouse) as holder:
        with pytest.raises(WarehouseError, match="open in another program") as raised:
            open_and_close(warehouse)
        assert str(warehouse) in raised.value.message
        assert f"PID {holder.pid}" in raised.value.message
        assert "marts.duckdb" in str(raised.value.hint)
    assert acquired(warehouse)


def test_a_file_that_is_let_go_in_time_is_opened(
    warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait is there to be used."""
    monkeypatch.setattr(connection_module, "FOREIGN_LOCK_TIMEOUT", 60)
    warehouse.parent.mkdir()
    with another_process(HOLD_FILE, warehouse) as holder:
        assert holder.stdin is not None
        holder.stdin.close()
        open_and_close(warehouse)


def open_and_close(path: Path) -> None:
    """Opens the warehouse as a writer does."""
    with writing(path) as con:
        con.execute("select 1")


@pytest.mark.parametrize("content", [b"no database at all", b"\0" * 20000])
def test_a_broken_file_is_refused_with_the_way_out(warehouse: Path, content: bytes) -> None:
    """The spool has everything, so the hint is to rebuild; the file is not touched."""
    warehouse.parent.mkdir()
    warehouse.write_bytes(content)
    with pytest.raises(WarehouseError, match="cannot be opened") as raised:
        open_and_close(warehouse)
    assert "meta-pipeline reload" in str(raised.value.hint)
    assert warehouse.read_bytes() == content
    assert acquired(warehouse)


def test_payloads_are_kept_with_zstd(warehouse: Path) -> None:
    """DuckDB drops the wish without a word when the file's format is too old for it."""
    with writing(warehouse) as con:
        create_schema(con)
        con.execute(
            """
            insert into raw.records
            select 'acme', 'ad_daily', 'act_1', '', ?, i::varchar, ? || i || '"}', 'hash', 'p',
                now(), null
            from range(20000) as t(i)
            """,
            [day(1), str(ad_row(day(1)))],
        )
        con.execute("checkpoint")
        kinds = con.execute(
            """
            select distinct compression from pragma_storage_info('raw.records')
            where column_name = 'payload' and segment_type = 'VARCHAR'
            """
        ).fetchall()
    assert kinds == [("ZSTD",)]


def test_the_warehouse_is_written_in_the_format_named() -> None:
    """What the constant says is a format that this DuckDB knows."""
    wanted = connection_module.WAREHOUSE_STORAGE
    with duckdb.connect(config={"storage_compatibility_version": wanted}) as con:
        found = con.execute("select current_setting('storage_compatibility_version')").fetchall()
    assert found == [(wanted,)]
