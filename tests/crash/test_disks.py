"""A disk that is full or read-only: the command says so, and nothing is lost when it is mended."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from house import REPORTS, SINCE, UNTIL, House

pytestmark = pytest.mark.crash

BACKFILL = ("--no-build", "backfill", "--from", SINCE, "--to", UNTIL)
REPORT_OPTIONS = tuple(word for name in REPORTS for word in ("--report", name))
MEGABYTES = 48

Rows = set[tuple[Any, ...]]


def mount(*words: str) -> None:
    """Mounts, or skips the test where that is not allowed."""
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of a few megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("a small disk can be mounted by root alone")
    mount("-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(place))
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def small_house(disk: Path, house: House) -> House:
    """A home on that disk."""
    return replace(house, path=Path(shutil.copytree(house.path, disk / "home")))


def fill(disk: Path, left: int) -> Path:
    """Fills the disk until so many kilobytes are left; the file that does it."""
    ballast = disk / "ballast"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free - left * 1024)
    return ballast


def assert_clear(said: str, *words: str) -> None:
    """What, and the next step, without a traceback."""
    assert "Traceback" not in said, said
    assert "error: " in said, said
    assert "hint: " in said, said
    for word in words:
        assert word in said, said


# Dagster cannot begin; SQLite or the warehouse ends early; the spool or a load does.
@pytest.mark.parametrize("left", [0, 300, 1500])
def test_a_full_disk(small_house: House, disk: Path, truth: Rows, left: int) -> None:
    """The error names it and the next step; with room, the same command makes all whole."""
    ballast = fill(disk, left)
    said = small_house.run(*BACKFILL, *REPORT_OPTIONS, expected=1)
    assert_clear(said, "make room", str(disk))
    ballast.unlink()
    if small_house.knows_pulls():
        assert small_house.rows() <= truth
        assert small_house.doubled() == []
    small_house.age(hours=2)
    small_house.run(*BACKFILL, *REPORT_OPTIONS)
    assert small_house.rows() == truth
    assert small_house.doubled() == []
    assert small_house.leftovers() == []


def test_a_disk_that_is_read_only(small_house: House, disk: Path, truth: Rows) -> None:
    """The error names it and the next step; what had landed is there afterwards."""
    small_house.run(*BACKFILL, *REPORT_OPTIONS)
    mount("-o", "remount,ro", str(disk))
    said = small_house.run(*BACKFILL, *REPORT_OPTIONS, "--again", expected=1)
    mount("-o", "remount,rw", str(disk))
    assert_clear(said, "Read-only file system", "let this user write there")
    assert small_house.rows() == truth
    small_house.run(*BACKFILL, *REPORT_OPTIONS, "--again")
    assert small_house.rows() == truth
    assert small_house.doubled() == []
