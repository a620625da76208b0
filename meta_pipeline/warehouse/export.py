"""The marts as Parquet: a folder each, a folder a client in it, replaced as a whole.

    DIR/fct_ad_daily/_export.json
    DIR/fct_ad_daily/client_id=acme-dental/data_0.parquet
    DIR/mart_without_clients/data_0.parquet

A folder is written beside its place, read back and counted, and then moved. Only folders with an
`_export.json`, and hidden ones with the name of a mart, are ever replaced or taken away.
"""

import json
import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from filelock import FileLock, Timeout

from meta_pipeline.errors import ConfigError, WarehouseError

MARKER = "_export.json"
"""In each mart's folder: rows, columns with types and comments. Parquet readers skip `_` names."""

PARTITION = "client_id"

# Names of ours that are being written or taken away. Hidden, so that nobody reads them.
_NEW, _OLD = ".new", ".old"
_LOCK = ".export.lock"


@dataclass(frozen=True, slots=True)
class Exported:
    """One mart's folder: rows, and the clients that have any (none where marts have no client)."""

    mart: str
    path: Path
    rows: int
    clients: int


def export(marts: Path, target: Path, only: Collection[str] = ()) -> list[Exported]:
    """Writes the marts in the file `marts` below `target`, all or those named in `only`.

    All come from one state of the file, also when new marts are published meanwhile. Each mart's
    folder is replaced as a whole: a failure leaves the older export of the mart that it befell,
    and of those behind it, as they were. With all marts written, exports of marts that exist no
    more are taken away. Decimals keep their scale, instants are UTC.

    Raises `WarehouseError` when there are no marts, or a folder does not hold what was written;
    `ConfigError` for an unknown mart, or a target that cannot be written or holds other things.
    """
    if not marts.exists():
        raise WarehouseError(
            f"no marts yet: {marts} does not exist",
            hint="run `meta-pipeline sync`, which builds the marts",
        )
    try:
        connection = duckdb.connect(str(marts), read_only=True)
    except duckdb.Error as error:
        raise WarehouseError(
            f"{marts} cannot be opened: {error}",
            hint="run `meta-pipeline sync`, which publishes it anew",
        ) from None
    with connection:
        connection.execute("set TimeZone = 'UTC'")
        known = _marts(connection)
        names = _choose(known, only)
        try:
            with _locked(target):
                _prepare(target, known)
                found = [_export_one(connection, name, target) for name in names]
                if not only:
                    _forget(target, known)
        except (OSError, duckdb.IOException) as error:
            raise ConfigError(
                f"the export cannot be written to {target}: {error}",
                hint="name a folder that can be written and has room: "
                "`meta-pipeline export --to DIR`",
            ) from None
    return found


def _marts(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute(
        "select table_name from duckdb_tables() where not internal order by 1"
    ).fetchall()
    return [name for (name,) in rows]


def _choose(known: Sequence[str], only: Collection[str]) -> list[str]:
    for name in only:
        if name not in known:
            raise ConfigError(f"unknown mart {name!r}", hint=f"the marts are {', '.join(known)}")
    return [name for name in known if not only or name in only]


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    """Makes the folder and keeps other exports out of it."""
    if target.exists() and not target.is_dir():
        raise ConfigError(f"{target} is not a folder", hint="name another one with --to")
    target.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(target / _LOCK, timeout=0):
            yield
    except Timeout:
        raise ConfigError(
            f"another export is being written to {target}",
            hint="wait for it to end, or name another folder with --to",
        ) from None


def _prepare(target: Path, known: Collection[str]) -> None:
    """Refuses a folder that is somebody else's, of which nothing is touched; then ends what was
    cut short."""
    found = sorted(target.iterdir())
    for path in found:
        if not _is_hidden(path) and not _is_marked(path):
            raise ConfigError(
                f"{target} holds something that is not an export: {path.name}",
                hint="name an empty folder, or one that holds an older export and nothing else",
            )
    for path in found:
        if _is_hidden(path) and path.is_dir() and path.suffix in (_NEW, _OLD):
            _recover(path, known)


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(".")


def _is_marked(path: Path) -> bool:
    return (path / MARKER).is_file()


def _recover(path: Path, known: Collection[str]) -> None:
    """An old export whose successor never came goes back; anything else half done goes away.

    The marker is written last, and may be what was taken away first: then the name tells.
    """
    place = path.with_name(path.name.removeprefix(".").removesuffix(path.suffix))
    if path.suffix == _OLD and _is_marked(path) and not place.exists():
        path.rename(place)
    elif _is_marked(path) or place.name in known:
        shutil.rmtree(path)


def _export_one(connection: duckdb.DuckDBPyConnection, mart: str, target: Path) -> Exported:
    place = target / mart
    fresh, old = target / f".{mart}{_NEW}", target / f".{mart}{_OLD}"
    columns = _columns(connection, mart)
    try:
        rows, clients = _write(connection, mart, fresh, [one["name"] for one in columns])
        marker = {"schema": 1, "mart": mart, "rows": rows, "columns": columns}
        (fresh / MARKER).write_text(json.dumps(marker, ensure_ascii=False, indent=1) + "\n")
        _sync(fresh)
        _swap(fresh, place, old)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return Exported(mart, place, rows, clients)


def _columns(connection: duckdb.DuckDBPyConnection, mart: str) -> list[dict[str, Any]]:
    rows = connection.execute(
        "select column_name, data_type, comment from duckdb_columns() "
        "where table_name = ? and not internal order by column_index",
        [mart],
    ).fetchall()
    return [{"name": name, "type": kind, "comment": comment} for name, kind, comment in rows]


def _write(
    connection: duckdb.DuckDBPyConnection, mart: str, folder: Path, columns: Sequence[str]
) -> tuple[int, int]:
    """Writes the files and counts what they hold, by client: how many rows, how many clients.

    Raises `WarehouseError` when the files do not hold what the mart does.
    """
    folder.mkdir()
    keys = f'"{PARTITION}"' if PARTITION in columns else "null"
    count = f"select {keys}::varchar, count(*) from"
    expected = dict(connection.execute(f'{count} "{mart}" group by 1').fetchall())
    options = "format parquet, compression zstd"
    # Without rows there is no client to name a folder after: one file says the columns.
    if PARTITION in columns and expected:
        place, options = folder, f"{options}, partition_by ({PARTITION}), overwrite_or_ignore"
    else:
        place = folder / "data_0.parquet"
    connection.execute(f"copy \"{mart}\" to '{_quoted(place)}' ({options})")
    # Each by its name: a path may hold what a pattern would be read as. And unless told so, a
    # reader takes a client called 007 for the number 7.
    files = [str(path) for path in sorted(folder.rglob("*.parquet"))]
    read = "read_parquet(?, hive_partitioning = true, hive_types_autocast = false)"
    found = dict(connection.execute(f"{count} {read} group by 1", [files]).fetchall())
    if found != expected:
        raise WarehouseError(
            f"the export of {mart} does not hold the mart's rows: {found}, not {expected}",
            hint="run the same command again; the older export is as it was",
        )
    return sum(expected.values()), len(expected) if PARTITION in columns else 0


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _swap(fresh: Path, place: Path, old: Path) -> None:
    """Moves the new folder into place. One that holds files cannot be moved over another."""
    if place.exists():
        place.rename(old)
    try:
        fresh.rename(place)
    except OSError:
        if old.exists():
            old.rename(place)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _forget(target: Path, known: Collection[str]) -> None:
    for path in target.iterdir():
        if path.name not in known and _is_marked(path) and not _is_hidden(path):
            shutil.rmtree(path)
