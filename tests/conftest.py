"""Where the tests keep their files: in memory, when there is enough of it.

Most of what a pipeline's test does on a disk is waiting until SQLite, DuckDB and the spool have
been synced, which halves the speed of the slow ones and proves nothing. What is written is the
same.
PYTEST_DEBUG_TEMPROOT, which pytest reads itself, names another folder.
"""

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
NEEDED = 4 * 2**30


def pytest_configure() -> None:
    """Points pytest's and Python's temporary folders to memory, before either is used."""
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > NEEDED:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
        tempfile.tempdir = os.environ["PYTEST_DEBUG_TEMPROOT"]
