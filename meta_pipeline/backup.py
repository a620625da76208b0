"""A copy of everything that cannot be made again, taken while the pipeline runs, and its way back.

    <backup>/home/warehouse.duckdb, marts.duckdb, quota.sqlite, alerts.sqlite
    <backup>/home/spool/...
    <backup>/dagster/...       Dagster's state, where that is SQLite below DAGSTER_HOME
    <backup>/clients.yml
    <backup>/clients/...       what people put beside it: notes of reports, logos
    <backup>/backup.json       what there is, with sizes and hashes; written last

A backup without backup.json never finished. dbt's target, the logs and locks are left out: they
are made anew. No token is in any of these files, so none is in a backup.
"""

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb
import msgspec
import yaml

from meta_pipeline import __version__
from meta_pipeline.config import Settings
from meta_pipeline.errors import ConfigError, MetaPipelineError, WarehouseError
from meta_pipeline.warehouse import LOCK_TIMEOUT, locked, writing

_LIST = "backup.json"
_STAGING = ".restoring"
_CHUNK = 1 << 20
_BUSY_TIMEOUT = 60.0  # seconds for another process to end its transaction in a SQLite file


class BackupError(MetaPipelineError):
    """A backup cannot be taken, or is not whole."""


class BackedUpFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file: its path below the backup, its size in bytes, and its SHA-256 in hex."""

    path: str
    bytes: int
    sha256: str


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds.

    `pulls` is how many pulls the warehouse knew; the spool may hold newer ones, which the next
    pull lands. `elsewhere` says where Dagster keeps its state when that is not in the backup.
    """

    schema: int = 1
    made_at: datetime
    version: str
    pulls: int
    files: list[BackedUpFile]
    elsewhere: str | None = None


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a restore: the backup, and what was there already and was left as it is."""

    backup: Backup
    kept: list[Path]


def back_up(
    settings: Settings,
    dagster_home: Path,
    target: Path,
    now: datetime,
    *,
    wait: float = LOCK_TIMEOUT,
) -> Backup:
    """Copies the pipeline's files into the folder `target`, which is new or empty.

    The warehouse and the marts are copied under the writer's lock, so that both are of one
    moment and whole; runs wait meanwhile. Dagster's state is copied before, the spool after that,
    without the lock: its files are never changed, and every pull that the warehouse knows is in
    it. `wait` is how long another writer is waited for, in seconds. Raises `BackupError`,
    `WarehouseError` or `ConfigError`.
    """
    settings.refuse_shared("backup")
    if target.is_relative_to(settings.home) or target.is_relative_to(dagster_home):
        raise ConfigError(
            f"{target} lies in what is to be backed up",
            hint="choose a folder on another disk or machine",
        )
    if not settings.warehouse.exists():
        raise WarehouseError(
            f"{settings.warehouse} does not exist", hint="`meta-pipeline sync` makes it"
        )
    with _told(target):
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise ConfigError(f"{target} is not empty", hint="name a new folder for each backup")
        home = target / "home"
        home.mkdir()
        # First, so that Dagster claims nothing that the warehouse does not hold.
        for path in _dagster_files(dagster_home):
            copy = target / "dagster" / path.relative_to(dagster_home)
            (_copy_sqlite if path.suffix == ".db" else _copy)(path, copy)
        with writing(settings.warehouse, timeout=wait) as connection:
            # Moves the log into the file, which is then the whole database.
            connection.execute("checkpoint")
            pulls = _count_pulls(connection)
            for path in (settings.warehouse, settings.marts):
                if path.exists():
                    shutil.copyfile(path, home / path.name)
            logos = _logos(connection)
        _copy_handwritten(settings.clients_file, logos, target)
        for path in (settings.quota, settings.alerts_ledger):
            if path.exists():
                _copy_sqlite(path, home / path.name)
        spool = settings.home / "spool"
        for path in _spooled(spool):
            _copy(path, home / "spool" / path.relative_to(spool))
        _verify_copy(home / settings.warehouse.name, pulls)
        files = [_described(target, path) for path in sorted(_files(target))]
        backup = Backup(
            made_at=now,
            version=__version__,
            pulls=pulls,
            files=files,
            elsewhere=_elsewhere(dagster_home),
        )
        os.sync()  # backup.json must not reach the disk before what it speaks of
        with (target / _LIST).open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(backup)))
            file.flush()
            os.fsync(file.fileno())
    return backup


def restore(settings: Settings, dagster_home: Path, source: Path) -> Restored:
    """Puts a backup into META_PIPELINE_HOME, which must be empty, all of it or nothing.

    Each file is held against its hash. clients.yml, what lies beside it and Dagster's home are
    written only where there are none. Raises `BackupError`, `WarehouseError` or `ConfigError`.
    """
    settings.refuse_shared("restore")
    backup = _read(source)
    with _told(settings.home), locked(settings.warehouse):
        _refuse_used(settings, dagster_home, backup)
        staging = settings.home / _STAGING
        try:
            for file in backup.files:
                _copy_checked(source / file.path, staging / file.path, file)
            kept = _put_in_place(settings, dagster_home, staging)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        os.sync()
    return Restored(backup=backup, kept=kept)


def _read(source: Path) -> Backup:
    try:
        backup = msgspec.json.decode((source / _LIST).read_bytes(), type=Backup)
    except FileNotFoundError:
        raise ConfigError(
            f"{source} holds no finished backup: it has no {_LIST}",
            hint="name the folder that `meta-pipeline backup --to` was given",
        ) from None
    except (OSError, msgspec.DecodeError) as error:
        raise BackupError(
            f"{source / _LIST} cannot be read: {error}", hint="take another backup"
        ) from None
    if backup.schema != 1:
        raise BackupError(
            f"{source} was made by meta-pipeline {backup.version}, with another layout",
            hint="restore it with that version, then upgrade",
        )
    for path in (PurePosixPath(file.path) for file in backup.files):
        if path.is_absolute() or ".." in path.parts:
            raise BackupError(
                f"{source / _LIST} names {str(path)!r}, which is not in the backup's folder",
                hint="it was not written by `meta-pipeline backup`: use another one",
            )
    return backup


def _refuse_used(settings: Settings, dagster_home: Path, backup: Backup) -> None:
    """Raises `ConfigError` when the home holds anything that a restore would mix with.

    That goes for dbt's folder too: it says what the facts were built with, and others come back.
    """
    paths = (PurePosixPath(file.path).parts for file in backup.files)
    beside = {settings.clients_file.parent / parts[1] for parts in paths if parts[0] == "clients"}
    own = {settings.clients_file, dagster_home, *beside}
    lock = settings.warehouse.name
    allowed = {f"{lock}.lock", f"{lock}.holder", "lost+found", "logs"}
    used = sorted(p.name for p in settings.home.iterdir() if p not in own and p.name not in allowed)
    if used:
        raise ConfigError(
            f"{settings.home} is not empty: it holds {', '.join(used[:3])}",
            hint="point META_PIPELINE_HOME to an empty folder, or move the old files away",
        )


def _put_in_place(settings: Settings, dagster_home: Path, staging: Path) -> list[Path]:
    """Moves what was staged to where there is none, and returns what was there and differs.

    What lies elsewhere than in the home, maybe on another disk, is copied beside its place before
    anything is moved: what has no room or no right there leaves nothing behind.
    """
    missing, kept = _compared(settings, dagster_home, staging)
    beside = [(place.with_name(f".{place.name}{_STAGING}"), place) for _, place in missing]
    # The warehouse is last: a home without one is not taken for a restored one.
    parts = sorted((staging / "home").iterdir(), key=lambda p: p.name == settings.warehouse.name)
    moved: list[Path] = []
    try:
        for (source, _), (fresh, _) in zip(missing, beside, strict=True):
            _remove(fresh)
            for path in _files(source):
                _copy(path, fresh / path.relative_to(source))
        for fresh, place in [*beside, *((path, settings.home / path.name) for path in parts)]:
            fresh.rename(place)
            moved.append(place)
    except BaseException:
        for path in [*moved, *(fresh for fresh, _ in beside)]:
            _remove(path)
        raise
    return kept


def _compared(
    settings: Settings, dagster_home: Path, staging: Path
) -> tuple[list[tuple[Path, Path]], list[Path]]:
    """Of what lies elsewhere than in the home: what is missing there, as staged and with its
    place, and what is there and differs."""
    kept: list[Path] = []
    missing: list[tuple[Path, Path]] = []
    wanted = [(staging / "clients.yml", settings.clients_file)]
    for path in _files(staging / "clients"):
        place = settings.clients_file.parent / path.relative_to(staging / "clients")
        wanted.append((path, place))
    for saved, place in wanted:
        if saved.exists() and not place.exists():
            missing.append((saved, place))
        elif saved.exists() and saved.read_bytes() != place.read_bytes():
            kept.append(place)
    if (staging / "dagster").exists() and _is_used(dagster_home):
        kept.append(dagster_home)
    elif (staging / "dagster").exists():
        missing += _absent(staging / "dagster", dagster_home)
    return missing, kept


def _absent(source: Path, place: Path) -> Iterator[tuple[Path, Path]]:
    """What is below `source` and not yet at its place, whole folders where there are none."""
    if not place.exists():
        yield source, place
    elif source.is_dir() and place.is_dir():
        for path in sorted(source.iterdir()):
            yield from _absent(path, place / path.name)


def _files(path: Path) -> list[Path]:
    return [one for one in [path, *path.rglob("*")] if one.is_file()]


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _is_used(dagster_home: Path) -> bool:
    return dagster_home.exists() and any(
        path.suffix == ".db" for path in _dagster_files(dagster_home)
    )


def _count_pulls(connection: duckdb.DuckDBPyConnection) -> int:
    try:
        row = connection.execute("select count(*) from raw.pulls").fetchone()
    except duckdb.CatalogException:
        raise WarehouseError(
            "the warehouse holds no pulls", hint="`meta-pipeline sync` brings some"
        ) from None
    return row[0] if row else 0


def _verify_copy(warehouse: Path, pulls: int) -> None:
    """Raises `BackupError` when the copy knows another number of pulls."""
    with closing(duckdb.connect(str(warehouse), read_only=True)) as copied:
        if _count_pulls(copied) != pulls:
            raise BackupError(
                "the copy of the warehouse is not what was copied",
                hint="is another program writing warehouse.duckdb?",
            )


def _logos(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """What the clients name as their logos: paths that count from the folder of clients.yml."""
    rows = connection.execute("select distinct brand->>'logo' from raw.clients").fetchall()
    return [logo for (logo,) in rows if logo]


def _copy_handwritten(clients_file: Path, logos: Iterable[str], target: Path) -> None:
    """clients.yml, and below its folder the notes of reports and the logos that lie there."""
    if clients_file.exists():
        _copy(clients_file, target / "clients.yml")
    folder = clients_file.parent
    # Path's own `expanduser` raises where there is no such user.
    named = [folder / os.path.expanduser(logo) for logo in logos]  # noqa: PTH111
    own = [path for path in named if path.is_relative_to(folder) and ".." not in path.parts]
    for path in (*folder.glob("notes/*/*.md"), *own):
        if path.is_file():
            _copy(path, target / "clients" / path.relative_to(folder))


def _spooled(spool: Path) -> Iterator[Path]:
    """The files of the spool: the manifests there are now, and at least their pages.

    Pages are written before their manifest, so they are listed after it.
    """
    manifests = sorted(spool.glob("client=*/report=*/*.json"))
    yield from sorted(spool.glob("client=*/report=*/*.json.zst"))
    yield from manifests
    if (spool / "clients.json").exists():
        yield spool / "clients.json"


def _dagster_files(home: Path) -> Iterable[Path]:
    """Settings, SQLite files and the logs of steps; not the locks of running launchers."""
    found = [home / "dagster.yaml", *home.glob("history/**/*.db"), *home.glob("schedules/**/*.db")]
    return [path for path in (*found, *home.glob("storage/**/*")) if path.is_file()]


def _elsewhere(dagster_home: Path) -> str | None:
    """Where Dagster keeps its runs, when that is not SQLite below its home."""
    path = dagster_home / "dagster.yaml"
    settings: Any = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None
    storage = settings.get("storage") if isinstance(settings, dict) else None
    kinds = [kind for kind in storage or () if kind != "sqlite"]
    return ", ".join(kinds) or None


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _copy_sqlite(source: Path, target: Path) -> None:
    """Copies a database that others may be writing, by SQLite's own means, and checks it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # mode=rw, or a file that is gone would be made anew, empty.
    address = source.absolute().as_uri() + "?mode=rw"
    with (
        closing(sqlite3.connect(address, uri=True, timeout=_BUSY_TIMEOUT)) as original,
        closing(sqlite3.connect(target)) as copy,
    ):
        original.backup(copy)
        (verdict,) = copy.execute("pragma integrity_check").fetchone()
    if verdict != "ok":
        raise BackupError(f"{source} is damaged: {verdict}", hint="move it away and try again")


def _copy_checked(source: Path, target: Path, file: BackedUpFile) -> None:
    _copy(source, target)
    if (size := target.stat().st_size) != file.bytes or _hash(target) != file.sha256:
        raise BackupError(
            f"{source} is not what was backed up ({size} bytes, {file.bytes} then)",
            hint="restore another backup; from an intact spool alone `meta-pipeline reload` "
            "rebuilds the warehouse",
        )


def _described(root: Path, path: Path) -> BackedUpFile:
    name = str(PurePosixPath(path.relative_to(root)))
    return BackedUpFile(path=name, bytes=path.stat().st_size, sha256=_hash(path))


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Says in words what the disk, SQLite or DuckDB objects to."""
    try:
        yield
    except (OSError, sqlite3.Error, duckdb.Error) as error:
        raise BackupError(
            f"stopped at {folder}: {error}",
            hint="check space and rights there, then begin again with an empty folder",
        ) from error
