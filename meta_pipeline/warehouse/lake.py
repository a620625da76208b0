"""A DuckLake in place of the warehouse's file: the connection, and the one writer's lock.

Rows are Parquet files below `Lake.data`, and the catalog, in Postgres, says which count. Several
machines may read and write it. Two loads at once would still contradict each other: DuckLake finds
out about deletes of both, by table, and not about two appends that each believed to be the first.
So there is one writer here too, by an advisory lock of the catalog's Postgres, which is gone with
its process.
"""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb

from meta_pipeline.config import Lake
from meta_pipeline.errors import ConfigError, WarehouseError

NAME = "warehouse"
"""What the lake is called in a connection, as the file warehouse.duckdb is."""

_EXTENSIONS = ("ducklake", "httpfs", "postgres_scanner")
_LOCK = 0x6D657461  # "meta": any number that all workers share

# Files that nobody reads any more go with the maintenance that follows each publishing. Until then
# an older state can be read (`at (timestamp => ...)`).
_KEPT = "7 days"
_OPTIONS = {"parquet_compression": "zstd", "expire_older_than": _KEPT, "delete_older_than": _KEPT}


def connect_lake(lake: Lake) -> duckdb.DuckDBPyConnection:
    """A connection whose tables are those of the lake; times are in UTC.

    Raises `WarehouseError` when the catalog or the files cannot be reached.
    """
    place_extensions(lake.extensions)
    connection = duckdb.connect(config={"extension_directory": str(lake.extensions)})
    try:
        connection.execute("set TimeZone = 'UTC'")
        for name in _EXTENSIONS:
            connection.execute(f"install {name}; load {name}")
        if secret := s3_secret(lake):
            words = ", ".join(f"{key} '{_quoted(value)}'" for key, value in secret.items())
            connection.execute(f"create secret (type s3, {words})")
        catalog, data = _quoted(lake.catalog), _quoted(lake.data)
        connection.execute(f"attach 'ducklake:{catalog}' as {NAME} (data_path '{data}')")
        connection.execute(f"use {NAME}")
        _set_options(connection)
    except duckdb.Error as error:
        connection.close()
        raise WarehouseError(
            f"the DuckLake cannot be opened: {error}",
            hint="check META_PIPELINE_LAKE, META_PIPELINE_LAKE_DATA and the credentials of both; "
            "docs/scale.md says how they are set",
        ) from None
    return connection


def place_extensions(folder: Path) -> None:
    """Puts the extensions of the extra `lake` where DuckDB looks for them below `folder`.

    Without the extra DuckDB downloads them itself, once.
    """
    platform = duckdb.execute("pragma platform").fetchone()
    assert platform is not None
    place = folder / f"v{duckdb.__version__}" / platform[0]
    place.mkdir(parents=True, exist_ok=True)
    for name in _EXTENSIONS:
        found = find_spec(f"duckdb_extension_{name}")
        if found is None or found.origin is None:
            continue
        file = f"{name}.duckdb_extension"
        source = Path(found.origin).parent / "extensions" / f"v{duckdb.__version__}" / file
        if source.exists() and not (place / file).exists():
            fresh = place / f".{file}.{socket.gethostname()}.{os.getpid()}"
            fresh.symlink_to(source)
            fresh.replace(place / file)


def s3_secret(lake: Lake) -> dict[str, str]:
    """What DuckDB has to know to read and write s3://, as its secret's words; else nothing.

    Keys, roles and addresses are found as AWS's own tools find them (environment, profile, role of
    the machine). Other object stores are reached by persistent secrets of DuckDB's own.
    """
    if urlsplit(lake.data).scheme != "s3":
        return {}
    try:
        from botocore.session import Session  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise ConfigError(
            "META_PIPELINE_LAKE_DATA is on S3, and botocore is not installed",
            hint="install meta-pipeline[lake]",
        ) from None
    session = Session()
    credentials = session.get_credentials()
    if credentials is None:
        raise ConfigError(
            "META_PIPELINE_LAKE_DATA is on S3, and there are no credentials for it",
            hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role",
        )
    keys = credentials.get_frozen_credentials()
    secret = {
        "key_id": keys.access_key,
        "secret": keys.secret_key,
        "session_token": keys.token or "",
        "region": session.get_config_variable("region") or "us-east-1",
    }
    address = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if address:
        parts = urlsplit(address)
        secret |= {"endpoint": parts.netloc, "url_style": "path"}
        secret["use_ssl"] = "false" if parts.scheme == "http" else "true"
    return secret


@contextmanager
def locked_lake(words: str, *, timeout: float) -> Iterator[None]:
    """Holds the writer's lock of the lake whose catalog libpq reaches by `words`.

    Raises `WarehouseError` that names the holder when it is not free within `timeout` seconds, or
    when Postgres cannot be reached.
    """
    try:
        import psycopg2
    except ImportError:
        raise ConfigError(
            "META_PIPELINE_LAKE is in Postgres, and psycopg2 is not installed",
            hint="install meta-pipeline[lake]",
        ) from None
    name = f"{Path(sys.argv[0]).name} (process {os.getpid()} on {socket.gethostname()})"
    try:
        connection = psycopg2.connect(words, application_name=name)
    except psycopg2.Error as error:
        raise WarehouseError(
            f"the catalog of the DuckLake cannot be reached: {error}",
            hint="check META_PIPELINE_LAKE, and that Postgres runs",
        ) from None
    with closing(connection):
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute("select set_config('lock_timeout', %s, false)", (f"{timeout * 1000:.0f}",))
        try:
            cursor.execute("select pg_advisory_lock(%s)", (_LOCK,))
        except psycopg2.errors.LockNotAvailable:
            raise WarehouseError(
                f"the DuckLake is being written by {_holder(cursor)}; waited {timeout:.0f} s",
                hint="wait for it to end, or stop it, then run the same command again",
            ) from None
        yield


def tidy_lake(connection: duckdb.DuckDBPyConnection) -> None:
    """Merges small files, and takes away those that no state of the last seven days needs.

    Every load writes files of its own: without this a year of pulls would be read file by file.
    """
    connection.execute(f"checkpoint {NAME}")


def shrink_lake(connection: duckdb.DuckDBPyConnection) -> None:
    """Writes files with deleted rows anew, without them, and tidies up.

    Otherwise a file stays as it is until nearly all of its rows are deleted.
    """
    connection.execute(f"call ducklake_rewrite_data_files('{NAME}', delete_threshold => 0)")
    tidy_lake(connection)


def lake_size(connection: duckdb.DuckDBPyConnection) -> int:
    """The bytes of the files whose rows count now, without the lists of deleted rows."""
    row = connection.execute(
        f"select coalesce(sum(file_size_bytes), 0) from ducklake_table_info('{NAME}')"
    ).fetchone()
    return int(row[0]) if row else 0


def _set_options(connection: duckdb.DuckDBPyConnection) -> None:
    rows = connection.execute(f"select option_name, value from ducklake_options('{NAME}')")
    known = dict(rows.fetchall())
    for option, value in _OPTIONS.items():
        if known.get(option) != value:
            connection.execute(f"call {NAME}.set_option('{option}', '{value}')")


def _holder(cursor: Any) -> str:
    cursor.execute(
        "select application_name from pg_locks join pg_stat_activity using (pid) "
        "where locktype = 'advisory' and granted and objid = %s "
        "and pg_locks.database = (select oid from pg_database where datname = current_database())",
        (_LOCK,),
    )
    row = cursor.fetchone()
    return row[0] if row else "another process"


def _quoted(text: str) -> str:
    return text.replace("'", "''")
