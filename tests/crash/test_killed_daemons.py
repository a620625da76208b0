"""Dagster's own programs, killed under a backfill of the UI, or there twice: it ends whole."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
import yaml
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.storage.tags import BACKFILL_ID_TAG
from house import NOW, SINCE, UNTIL, House

from meta_pipeline.config import load_clients, load_settings
from meta_pipeline.defs import build
from meta_pipeline.defs.partitions import register
from meta_pipeline.defs.raw import PULL_POOL, raw_key
from meta_pipeline.project import project_file
from meta_pipeline.pulling import Puller
from meta_pipeline.simulator import RunningSimulator, generated_agency
from tests.homes import parsed_home

pytestmark = pytest.mark.crash

BIN = Path(sys.executable).parent
REPORTS = ("account_daily", "ad_daily")
LONGEST = 420.0
"""Seconds; a daemon looks every half minute."""

Rows = set[tuple[Any, ...]]


class Office:
    """A home with Dagster's code server and daemons, each a process of its own."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house = house
        self.folder = folder
        self.programs: dict[str, subprocess.Popen[bytes]] = {}
        self.workspace = folder / "workspace.yaml"
        self.socket = folder / "code.sock"
        server = {"socket": str(self.socket), "location_name": "meta_pipeline"}
        self.workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))

    def open(self, *daemons: str) -> None:
        """Starts the code server as deploy/ does, and daemons."""
        module = ("--module-name", "meta_pipeline.defs")
        subprocess.run(
            [sys.executable, "-m", "meta_pipeline.defs.orphans"], check=True, capture_output=True
        )
        self._start(
            "code", "dagster", "code-server", "start", "--socket", str(self.socket), *module
        )
        asked = [BIN / "dagster", "api", "grpc-health-check", "--socket", str(self.socket)]
        self.until(
            lambda: subprocess.run(asked, check=False, capture_output=True).returncode == 0,
            "the code server does not answer",
        )
        for name in daemons:
            self._start(name, "dagster-daemon", "run", "--workspace", str(self.workspace))

    def kill(self) -> None:
        """SIGKILL to all of it, runs included, as when the machine goes down."""
        lost = [
            one
            for program in self.programs.values()
            if program.poll() is None
            for one in (*_below(program.pid), psutil.Process(program.pid))
        ]
        for process in lost:
            process.kill()
        psutil.wait_procs(lost, timeout=20)
        for program in self.programs.values():
            program.wait()
        self.programs.clear()
        self.socket.unlink(missing_ok=True)

    def until(self, is_so: Callable[[], Any], otherwise: str) -> None:
        """Waits until something is so; fails with what the programs said when it never is."""
        deadline = time.monotonic() + LONGEST
        while not is_so():
            if time.monotonic() > deadline:
                said = (f"{p.name}:\n{p.read_text()[-3000:]}" for p in self.folder.glob("*.log"))
                pytest.fail("\n".join((otherwise, *said)))
            time.sleep(0.2)

    def _start(self, name: str, program: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.programs[name] = subprocess.Popen(
                [BIN / program, *arguments], stdout=log, stderr=log, start_new_session=True
            )


def _below(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


@pytest.fixture
def meta() -> Iterator[RunningSimulator]:
    """A simulated Meta with two clients whose figures stand still."""
    with RunningSimulator(generated_agency(clients=2, campaigns=2, ads=2), now=NOW) as one:
        yield one


@pytest.fixture
def truth(tmp_path: Path, meta: RunningSimulator) -> Rows:
    """The rows that an undisturbed pull lands."""
    twin = House(tmp_path / "twin", meta)
    twin.pull(*REPORTS)
    return twin.rows()


@pytest.fixture
def office(
    tmp_path: Path, meta: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Office]:
    """An office that is not open yet; its clients are registered."""
    with parsed_home() as home, ExitStack() as stack:
        house = House(home, meta)
        for name, value in house.variables().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
        (home / "dagster").mkdir()
        (home / "dagster" / "dagster.yaml").write_text(project_file("dagster.yaml").read_text())
        folder = tmp_path / "office"
        folder.mkdir()
        one = Office(house, folder)
        stack.callback(one.kill)
        yield one


def ask_for_backfill(instance: dg.DagsterInstance) -> str:
    """What the UI's button does: two reports of both clients over all days. Its id."""
    settings = load_settings()
    clients = load_clients(settings)
    register(instance, clients)
    days = [f"2026-09-0{day}" for day in range(1, 5)]
    assert (days[0], days[-1]) == (SINCE, UNTIL)
    keys = [
        dg.MultiPartitionKey({"client": client.id, "day": day})
        for client in clients
        for day in days
    ]
    backfill = PartitionBackfill.from_asset_partitions(
        backfill_id="thebackfill",
        asset_graph=build(settings, clients, Puller(settings, clients)).resolve_asset_graph(),
        partition_names=keys,
        asset_selection=[raw_key(name) for name in REPORTS],
        backfill_timestamp=time.time(),
        tags={},
        dynamic_partitions_store=instance,
        all_partitions=False,
        title=None,
        description=None,
        run_config=None,
    )
    instance.add_backfill(backfill)
    return backfill.backfill_id


def runs_of(instance: dg.DagsterInstance, backfill_id: str) -> Sequence[dg.DagsterRun]:
    """The runs that the backfill started, and their repetitions."""
    return instance.get_runs(dg.RunsFilter(tags={BACKFILL_ID_TAG: backfill_id}))


def status_of(instance: dg.DagsterInstance, backfill_id: str) -> BulkActionStatus:
    """How far the backfill is."""
    backfill = instance.get_backfill(backfill_id)
    assert backfill is not None
    return backfill.status


def assert_whole(office: Office, instance: dg.DagsterInstance, truth: Rows) -> None:
    """What an undisturbed pull lands stands once; nobody holds the pool."""
    assert office.house.rows() == truth
    assert office.house.doubled() == []
    assert office.house.unpulled() == []
    assert instance.event_log_storage.get_concurrency_info(PULL_POOL).claimed_slots == []


def test_all_of_dagster_is_killed_under_a_backfill(office: Office, truth: Rows) -> None:
    """In the middle of a pull. Started again, it runs what was killed once more, and the backfill
    goes on to its end."""
    meta = office.house.meta
    meta.reset()
    meta.fail_next("/insights", None, delay_seconds=30, times=1)
    with dg.DagsterInstance.get() as instance:
        backfill = ask_for_backfill(instance)
        office.open("daemon")
        office.until(
            lambda: any(request.kind == "insights" for request in meta.requests),
            "Meta was never asked",
        )
        office.kill()
        office.house.assert_sound()
        assert status_of(instance, backfill) is BulkActionStatus.REQUESTED
        office.open("daemon")
        office.until(
            lambda: status_of(instance, backfill) is not BulkActionStatus.REQUESTED,
            "the backfill did not go on",
        )
        ends = {run.status for run in runs_of(instance, backfill)}
        assert ends == {dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS}
        assert status_of(instance, backfill) is BulkActionStatus.COMPLETED_SUCCESS
        assert_whole(office, instance, truth)


def test_two_daemons_at_once(office: Office, truth: Rows) -> None:
    """Whatever each of them starts, every row stands once."""
    with dg.DagsterInstance.get() as instance:
        backfill = ask_for_backfill(instance)
        office.open("daemon", "another")
        office.until(
            lambda: status_of(instance, backfill) is not BulkActionStatus.REQUESTED,
            "the backfill did not end",
        )
        office.until(
            lambda: all(run.is_finished for run in runs_of(instance, backfill)), "runs did not end"
        )
        assert status_of(instance, backfill) is BulkActionStatus.COMPLETED_SUCCESS
        assert_whole(office, instance, truth)
