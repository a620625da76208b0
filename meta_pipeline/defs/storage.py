"""How Dagster's own SQLite files are written."""

import os
import sqlite3
from functools import cache
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine


@cache
def write_events_fast() -> None:
    """Lets this process write Dagster's events without syncing the disk for each.

    A partition is two events, each written through a connection of its own; closing the last
    connection to a file moves the whole log into it and syncs, which was a third of the time.
    So one connection to each file stays open, and the events of an asset's partitions are written
    together. The files are in WAL mode: a crash of the process
    loses nothing, a power cut may lose the newest events, never the file, nor what landed.
    """
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "500")
    held: dict[str, sqlite3.Connection] = {}

    @event.listens_for(Engine, "connect")
    def relax(connection: Any, _record: Any) -> None:
        if not isinstance(connection, sqlite3.Connection):
            return
        connection.execute("pragma synchronous = normal")
        _, _, path = connection.execute("pragma database_list").fetchone()
        if not path:
            return
        if path not in held:
            held[path] = sqlite3.connect(path, check_same_thread=False)
        # A new file turns to WAL after its first connection: one that has not read since then
        # does not count as a user of the log, and the log is moved and synced at each close.
        held[path].execute("pragma schema_version").fetchone()
