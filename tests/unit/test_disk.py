"""Errors of disks and damaged files: whoever raises them, a person reads what, where, what next."""

import sqlite3
from pathlib import Path

import duckdb
import pytest

from meta_pipeline.cli import app as commands
from meta_pipeline.disk import hint_of, root_in_disk


def raised_by(action: object) -> Exception:
    """What a call raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 (whatever it is)
        action()  # type: ignore[operator]
    return caught.value


def test_what_is_behind_an_error_is_found() -> None:
    """Dagster and SQLAlchemy wrap what SQLite says."""
    full = sqlite3.OperationalError("database or disk is full")
    outer = RuntimeError("step failed")
    outer.__cause__ = ValueError("insert into runs ...")
    outer.__cause__.__cause__ = full
    assert root_in_disk(outer) is full
    assert "make room" in (hint_of(str(full)) or "")


def test_what_has_nothing_to_do_with_disks_stays_what_it_is() -> None:
    """A defect is no full disk: its traceback is needed."""
    assert root_in_disk(ZeroDivisionError("division by zero")) is None
    assert hint_of("no such column: spend") is None


def test_errors_as_they_are_raised_are_known(tmp_path: Path) -> None:
    """By Python, SQLite and DuckDB themselves, of which the words are not ours."""
    locked, torn = tmp_path / "read.db", tmp_path / "torn.duckdb"
    with sqlite3.connect(locked) as made:
        made.execute("create table t (x)")
    made.close()
    read_only = sqlite3.connect(f"file:{locked}?mode=ro", uri=True)
    found = [raised_by(lambda: read_only.execute("insert into t values (1)"))]
    read_only.close()
    found.append(raised_by(lambda: sqlite3.connect(tmp_path / "none" / "x.db")))
    torn.write_bytes(b"no database" * 2000)
    found.append(raised_by(lambda: duckdb.connect(str(torn))))
    found.append(raised_by(lambda: Path("/dev/full").write_text("x")))
    steps = [hint_of(str(root_in_disk(error))) for error in found]
    words = ["let this user write", "let this user write", "meta-pipeline reload", "make room"]
    assert [word in (step or "") for word, step in zip(words, steps, strict=True)] == [True] * 4


def test_a_full_disk_ends_a_command_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What, where and the next step, and exit code 1."""

    def full() -> None:
        raise RuntimeError("run failed") from sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(commands, "app", full)
    monkeypatch.setenv("DAGSTER_HOME", "/srv/meta/dagster")
    with pytest.raises(SystemExit) as stop:
        commands.main()
    assert stop.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith(
        "error: database or disk is full (an SQLite file below /srv/meta/dagster)\nhint: make room"
    )


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised on."""

    def broken() -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(commands, "app", broken)
    with pytest.raises(ZeroDivisionError):
        commands.main()
