"""Files that are there whole or not at all, whatever kills the process that writes them."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ABANDONED_AFTER = 3600.0
"""Seconds after which nobody still writes to a file beside its place; minutes are enough."""


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, moved there when the block ends well, else removed.

    Missing folders are made. What killed processes left there for an hour is removed, too.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(path.parent, f".{path.name}.*.tmp*")
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield fresh
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def remove_abandoned(folder: Path, pattern: str) -> None:
    """Removes the files of a folder that match, and that nobody has written to for an hour."""
    oldest = time.time() - ABANDONED_AFTER
    for path in folder.glob(pattern):
        # Another process may have moved or removed it meanwhile.
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                path.unlink()
