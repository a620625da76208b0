"""Backups: what is in them, what they refuse, and that a damaged one is not restored."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from meta_pipeline.backup import Backup, BackupError, back_up, restore
from meta_pipeline.config import Settings
from meta_pipeline.errors import ConfigError, WarehouseError
from meta_pipeline.landing import create_schema
from meta_pipeline.warehouse import locked, writing

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PAGE = "client=acme/report=ads/1-ab.json.zst"
MANIFEST = "client=acme/report=ads/1.json"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home with a warehouse of one table, one pull in the spool, quotas and clients."""
    settings = at(tmp_path / "old")
    with writing(settings.warehouse) as warehouse:
        create_schema(warehouse)
        warehouse.execute("create table figures as select 42 as spend")
    settings.marts.write_bytes(b"marts")
    settings.clients_file.write_text("version: 1\n")
    for name in (PAGE, MANIFEST, "clients.json", "client=acme/report=ads/.2.json.ab.tmp"):
        path = Path(settings.spool) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return settings


def at(home: Path) -> Settings:
    """The settings of a home."""
    return Settings.model_construct(home=home, clients_file=home.parent / f"{home.name}.yml")


@pytest.fixture
def busy_quota(settings: Settings) -> Iterator[sqlite3.Connection]:
    """A connection whose last write is still in the log of quota.sqlite, not in the file."""
    with closing(sqlite3.connect(settings.quota, isolation_level=None)) as quota:
        quota.execute("pragma journal_mode = wal")
        quota.execute("create table paces (percent real)")
        quota.execute("insert into paces values (75)")
        yield quota


def taken(settings: Settings, target: Path) -> Backup:
    """A backup of a home and of the Dagster home below it."""
    return back_up(settings, settings.home / "dagster", target, NOW)


def test_everything_comes_back(settings: Settings, busy_quota: sqlite3.Connection, tmp_path: Path):
    """Warehouse, marts, quotas, spool, clients and Dagster's state; no half-written file."""
    runs = settings.home / "dagster" / "history" / "runs.db"
    runs.parent.mkdir(parents=True)
    with closing(sqlite3.connect(runs)) as database:
        database.execute("create table runs (run_id text)")
    (settings.home / "dagster" / "launchers").mkdir()
    (settings.home / "dagster" / "launchers" / "a.lock").touch()
    backup = taken(settings, tmp_path / "backup")
    new = at(tmp_path / "new")
    restored = restore(new, new.home / "dagster", tmp_path / "backup")
    assert restored.kept == []
    assert restored.backup == backup
    assert backup.elsewhere is None
    with closing(duckdb.connect(str(new.warehouse), read_only=True)) as warehouse:
        assert warehouse.execute("from figures").fetchall() == [(42,)]
    with closing(sqlite3.connect(new.quota)) as quota:
        assert quota.execute("select percent from paces").fetchall() == [(75.0,)]
    assert files_below(new.home) == {
        "warehouse.duckdb",
        "warehouse.duckdb.lock",
        "marts.duckdb",
        "quota.sqlite",
        "dagster/history/runs.db",
        f"spool/{PAGE}",
        f"spool/{MANIFEST}",
        "spool/clients.json",
    }
    assert new.clients_file.read_text() == "version: 1\n"


def test_what_the_writer_of_a_dead_process_left_in_the_log_is_in_the_copy(
    settings: Settings, tmp_path: Path
):
    """A warehouse whose log was never moved into the file is copied with what the log holds."""
    with closing(duckdb.connect(str(settings.warehouse))) as warehouse:
        warehouse.execute("set checkpoint_threshold = '1 GB'")
        warehouse.execute("pragma disable_checkpoint_on_shutdown")
        warehouse.execute("insert into figures values (43)")
    assert settings.warehouse.with_name("warehouse.duckdb.wal").exists()
    taken(settings, tmp_path / "backup")
    copy = tmp_path / "backup" / "home" / "warehouse.duckdb"
    with closing(duckdb.connect(str(copy), read_only=True)) as warehouse:
        assert warehouse.execute("from figures order by 1").fetchall() == [(42,), (43,)]


def test_a_backup_waits_for_the_writer(settings: Settings, tmp_path: Path):
    """While a load or build holds the lock nothing is copied; the error says who has it."""
    with locked(settings.warehouse), pytest.raises(WarehouseError, match="is being written"):
        back_up(settings, settings.home / "dagster", tmp_path / "backup", NOW, wait=0.05)
    assert not (tmp_path / "backup" / "backup.json").exists()


@pytest.mark.parametrize("name", ["home/warehouse.duckdb", f"home/spool/{PAGE}"])
def test_a_damaged_backup_restores_nothing(settings: Settings, tmp_path: Path, name: str):
    """One changed byte stops the restore before anything stands in its place."""
    taken(settings, tmp_path / "backup")
    path = tmp_path / "backup" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    new = at(tmp_path / "new")
    with pytest.raises(BackupError, match="is not what was backed up"):
        restore(new, new.home / "dagster", tmp_path / "backup")
    assert {path.name for path in new.home.iterdir()} == {"warehouse.duckdb.lock"}
    assert not new.clients_file.exists()


def test_a_missing_file_restores_nothing(settings: Settings, tmp_path: Path):
    """A backup that was copied without one of its files is not restored."""
    taken(settings, tmp_path / "backup")
    (tmp_path / "backup" / "home" / "spool" / PAGE).unlink()
    new = at(tmp_path / "new")
    with pytest.raises(BackupError, match="No such file"):
        restore(new, new.home / "dagster", tmp_path / "backup")
    assert not new.warehouse.exists()


@pytest.mark.parametrize("name", ["../planted", "home/../../planted", "/planted"])
def test_a_backup_names_nothing_outside_of_it(settings: Settings, tmp_path: Path, name: str):
    """A list that somebody else wrote puts no file elsewhere than into the home."""
    taken(settings, tmp_path / "backup")
    path = tmp_path / "backup" / "backup.json"
    described = json.loads(path.read_text())
    described["files"][0]["path"] = name
    path.write_text(json.dumps(described))
    new = at(tmp_path / "new")
    with pytest.raises(BackupError, match="not in the backup's folder"):
        restore(new, new.home / "dagster", tmp_path / "backup")
    assert not new.home.exists()


def test_an_unfinished_backup_is_none(settings: Settings, tmp_path: Path):
    """Without its list, which is written last, a folder is no backup."""
    taken(settings, tmp_path / "backup")
    (tmp_path / "backup" / "backup.json").unlink()
    new = at(tmp_path / "new")
    with pytest.raises(ConfigError, match="no finished backup"):
        restore(new, new.home / "dagster", tmp_path / "backup")


@pytest.mark.parametrize("name", ["warehouse.duckdb", "spool/clients.json", "dbt/built_from"])
def test_a_used_home_is_left_alone(settings: Settings, tmp_path: Path, name: str):
    """A restore mixes with nothing: whatever lies in the home is refused, and stays."""
    taken(settings, tmp_path / "backup")
    new = at(tmp_path / "new")
    path = new.home / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(ConfigError, match="is not empty"):
        restore(new, new.home / "dagster", tmp_path / "backup")
    assert path.read_text() == "mine"
    assert not new.marts.exists()


def test_clients_and_dagster_that_are_there_are_kept(settings: Settings, tmp_path: Path):
    """A newer clients.yml and a Dagster home in use outside the data are not replaced."""
    old, place = tmp_path / "dagster", tmp_path / "dagster" / "history" / "runs.db"
    place.parent.mkdir(parents=True)
    with closing(sqlite3.connect(place)) as database:
        database.execute("create table runs (run_id text)")
    back_up(settings, old, tmp_path / "backup", NOW)
    new = at(tmp_path / "new")
    new.clients_file.write_text("version: 1 # newer\n")
    restored = restore(new, old, tmp_path / "backup")
    assert restored.kept == [new.clients_file, old]
    assert new.clients_file.read_text() == "version: 1 # newer\n"


def test_what_people_wrote_and_what_was_told_comes_back(settings: Settings, tmp_path: Path):
    """Notes and logos beside clients.yml, and the alerts; a logo elsewhere is somebody else's."""
    config = tmp_path / "config"
    settings = settings.model_copy(update={"clients_file": config / "clients.yml"})
    for name in ("clients.yml", "notes/acme/2026-10.md", "logos/acme.png", "notes/acme/draft.txt"):
        (config / name).parent.mkdir(parents=True, exist_ok=True)
        (config / name).write_text(name)
    (tmp_path / "other.png").write_text("other")
    with writing(settings.warehouse) as warehouse:
        for logo in ("logos/acme.png", "logos/gone.png", "../other.png", None):
            brand = json.dumps({"color": "#112233", "logo": logo})
            warehouse.execute(
                "insert into raw.clients by name select ? as client_id, 'n' as name,"
                " 'lead' as result, true as is_active, '{}' as targets, ? as brand",
                [logo or "without", brand],
            )
    with closing(sqlite3.connect(settings.alerts_ledger)) as ledger:
        ledger.execute("create table causes (id text)")
    taken(settings, tmp_path / "backup")
    new = at(tmp_path / "new").model_copy(update={"clients_file": tmp_path / "new" / "clients.yml"})
    note = new.home / "notes" / "acme" / "2026-10.md"
    note.parent.mkdir(parents=True)
    note.write_text("newer")
    assert restore(new, new.home / "dagster", tmp_path / "backup").kept == [note]
    assert note.read_text() == "newer"
    assert (new.home / "logos" / "acme.png").read_text() == "logos/acme.png"
    with closing(sqlite3.connect(new.alerts_ledger)) as ledger:
        assert ledger.execute("select count(*) from causes").fetchall() == [(0,)]
    saved = files_below(tmp_path / "backup" / "clients")
    assert saved == {"notes/acme/2026-10.md", "logos/acme.png"}


def with_runs(dagster_home: Path) -> None:
    """Gives Dagster's home two databases and the log of a step."""
    for name in ("history/runs.db", "schedules/schedules.db"):
        path = dagster_home / name
        path.parent.mkdir(parents=True)
        with closing(sqlite3.connect(path)) as database:
            database.execute("create table rows (id text)")
    (dagster_home / "storage").mkdir()
    (dagster_home / "storage" / "step.err").write_text("said")


def files_below(folder: Path) -> set[str]:
    """The paths of the files there."""
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("is_there", [True, False])
def test_a_full_disk_restores_nothing_and_the_next_restore_all(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool
):
    """Wherever it struck: half a Dagster home would be kept by the next one, as one in use."""
    with_runs(tmp_path / "old_dagster")
    back_up(settings, tmp_path / "old_dagster", tmp_path / "backup", NOW)
    new, dagster = at(tmp_path / "new"), tmp_path / "volume" / "dagster"
    if is_there:
        (dagster / "history").mkdir(parents=True)
        (dagster / "dagster.yaml").write_text("mine")
    before = files_below(tmp_path / "volume")
    copyfile = shutil.copyfile

    def full(source: Path, target: Path) -> Path:
        if target.name == "schedules.db" and target.is_relative_to(tmp_path / "volume"):
            raise OSError(28, "No space left on device")
        return copyfile(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfile", full)
        with pytest.raises(BackupError, match="No space left"):
            restore(new, dagster, tmp_path / "backup")
    assert files_below(new.home) == {"warehouse.duckdb.lock"}
    assert not new.clients_file.exists()
    assert files_below(tmp_path / "volume") == before
    assert restore(new, dagster, tmp_path / "backup").kept == []
    whole = {"history/runs.db", "schedules/schedules.db", "storage/step.err"}
    assert files_below(dagster) - {"dagster.yaml"} == whole


def test_what_cannot_be_moved_undoes_the_restore(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The warehouse is last; what stood in its place before it goes."""
    with_runs(settings.home / "dagster")
    taken(settings, tmp_path / "backup")
    new = at(tmp_path / "new")
    rename = Path.rename

    def broken(path: Path, place: Path) -> Path:
        if place == new.warehouse:
            raise OSError(5, "Input/output error")
        return rename(path, place)

    monkeypatch.setattr(Path, "rename", broken)
    with pytest.raises(BackupError, match="Input/output"):
        restore(new, new.home / "dagster", tmp_path / "backup")
    assert files_below(new.home) == {"warehouse.duckdb.lock"}
    assert not new.clients_file.exists()


@pytest.mark.parametrize("where", [".", "backups", "dagster/backups"])
def test_a_backup_lies_elsewhere(settings: Settings, where: str):
    """A backup inside the home would be lost with it."""
    with pytest.raises(ConfigError, match="lies in what is to be backed up"):
        taken(settings, settings.home / where)


def test_a_folder_in_use_is_no_target(settings: Settings, tmp_path: Path):
    """An older backup is not written over."""
    taken(settings, tmp_path / "backup")
    with pytest.raises(ConfigError, match="is not empty"):
        taken(settings, tmp_path / "backup")


def test_dagsters_state_in_postgres_is_named(settings: Settings, tmp_path: Path):
    """What is not in the backup is said."""
    dagster = settings.home / "dagster"
    dagster.mkdir()
    (dagster / "dagster.yaml").write_text("storage: {postgres: {postgres_url: {env: X}}}\n")
    assert taken(settings, tmp_path / "backup").elsewhere == "postgres"


def test_without_a_warehouse_there_is_nothing_to_back_up(tmp_path: Path):
    """The error names the command that makes one, and makes no folder."""
    with pytest.raises(WarehouseError, match="does not exist") as raised:
        taken(at(tmp_path / "none"), tmp_path / "backup")
    assert "sync" in str(raised.value.hint)
    assert not (tmp_path / "backup").exists()
