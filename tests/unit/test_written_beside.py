"""Files that are there whole or not at all, and what killed writers left."""

import os
from pathlib import Path

import pytest

from meta_pipeline.files import ABANDONED_AFTER, written_beside


def names_in(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def fill_a_disk(place: Path) -> None:
    """Writes half of a file."""
    with written_beside(place) as fresh:
        fresh.write_text("half")
        raise OSError(28, "No space left on device")


def test_the_file_is_there_when_the_block_ends_well(tmp_path: Path) -> None:
    """Not before, and nothing else."""
    place = tmp_path / "folder" / "page.html"
    with written_beside(place) as fresh:
        fresh.write_text("new")
        assert not place.exists()
    assert place.read_text() == "new"
    assert names_in(place.parent) == ["page.html"]


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    """And no half of the new one."""
    place = tmp_path / "page.html"
    place.write_text("old")
    with pytest.raises(OSError, match="No space left"):
        fill_a_disk(place)
    assert place.read_text() == "old"
    assert names_in(tmp_path) == ["page.html"]


def test_what_was_abandoned_goes_and_what_is_being_written_stays(tmp_path: Path) -> None:
    """Another process may be at it right now."""
    place = tmp_path / "marts.duckdb"
    names = {"old": ".marts.duckdb.12.tmp", "log": ".marts.duckdb.12.tmp.wal"}
    for name in names.values():
        (tmp_path / name).touch()
        moment = (tmp_path / name).stat().st_mtime - ABANDONED_AFTER - 1
        os.utime(tmp_path / name, (moment, moment))
    (tmp_path / ".marts.duckdb.34.tmp").touch()
    with written_beside(place) as fresh:
        fresh.touch()
    assert names_in(tmp_path) == [".marts.duckdb.34.tmp", "marts.duckdb"]
