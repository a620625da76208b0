"""Two processes on one home: one waits for the other, and nothing is doubled."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest
from house import REPORTS, SINCE, UNTIL, House

from meta_pipeline.defs.transformations import _tied

BACKFILL = ("--no-build", "backfill", "--from", SINCE, "--to", UNTIL)
REPORT_OPTIONS = tuple(word for name in REPORTS for word in ("--report", name))

Rows = set[tuple[Any, ...]]


def test_two_pulls_at_once_land_once(bare_house: House, truth: Rows) -> None:
    """Each key stands once, and each pull is in the ledger once."""
    other = bare_house.start("pull", *REPORTS)
    bare_house.pull(*REPORTS)
    said, _ = other.communicate(timeout=120)
    assert other.returncode == 0, said
    assert bare_house.rows() == truth
    assert bare_house.doubled() == []
    assert bare_house.unpulled() == []


@pytest.mark.crash
def test_two_first_commands_at_once(bare_house: House, truth: Rows) -> None:
    """On an empty home, where both would make Dagster's tables and parse dbt's project."""
    both = [bare_house.start(*BACKFILL, *REPORT_OPTIONS) for _ in range(3)]
    # Read side by side, or one of them waits for its pipe to be emptied.
    said: dict[int, str] = {}

    def read(number: int, process: subprocess.Popen) -> None:
        said[number] = process.communicate(timeout=400)[0]

    readers = [threading.Thread(target=read, args=one) for one in enumerate(both)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert [process.returncode for process in both] == [0, 0, 0], said
    assert bare_house.rows() == truth
    assert bare_house.doubled() == []
    assert bare_house.unfinished_runs() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_what_is_tied_dies_with_its_parent(tmp_path: Path) -> None:
    """A dbt that outlives a killed command would hold the warehouse."""
    child = tmp_path / "child"
    child.write_text("#!/bin/sh\necho $$ > $1.new\nmv $1.new $1\nexec sleep 60\n")
    child.chmod(0o755)
    script = _tied(str(child), tmp_path / "dbt" / "target")
    start = f"import subprocess; subprocess.run([{str(script)!r}, {str(tmp_path / 'pid')!r}])"
    parent = subprocess.Popen([sys.executable, "-c", start])
    for _ in range(500):
        if (tmp_path / "pid").exists():
            break
        psutil.wait_procs([psutil.Process()], timeout=0.05)
    tied = psutil.Process(int((tmp_path / "pid").read_text()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert psutil.wait_procs([tied], timeout=10)[1] == []


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_what_is_tied_does_not_begin_without_its_parent(tmp_path: Path) -> None:
    """A parent that was killed before the tie was made is not told of any more."""
    child = tmp_path / "child"
    child.write_text(f"#!/bin/sh\ntouch {tmp_path / 'begun'}\n")
    child.chmod(0o755)
    script = _tied(str(child), tmp_path / "dbt" / "target")
    # Of a process that is nobody's parent.
    orphan = script.read_text().replace('"$PPID"', '"4194305"')
    script.write_text(orphan)
    assert subprocess.run([str(script)], capture_output=True, check=False).returncode != 0
    assert not (tmp_path / "begun").exists()
