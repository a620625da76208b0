"""Dagster's own programs, killed under a backfill of the UI, or there twice: it ends whole."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
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
from tests.servers import BIN, Programs

pytestmark = pytest.mark.crash

REPORTS = ("account_daily", "ad_daily")
LONGEST = 420.0
"""Seconds; a daemon looks every half minute."""

Rows = set[tuple[Any, ...]]


class Office:
    """A home with Dagster's code server and daemons, each a process of its own."""

    def __init__(self, house: House, programs: Programs) -> None:
        self.house = house
        self.until = programs.until
        self.kill = programs.kill
        self._programs = programs

    def open(self, *daemons: str) -> None:
        """Starts the code server as deploy/ does, and daemons."""
        subprocess.run(
            [sys.executable, "-m", "meta_pipeline.defs.orphans"], check=True, capture_output=True
        )
        self._programs.start_code_server()
        for name in daemons:
            self._programs.start_daemon(name)


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
    folder = tmp_path / "office"
    folder.mkdir()
    with parsed_home() as home, Programs(folder, longest=LONGEST) as programs:
        house = House(home, meta)
        for name, value in house.variables().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
        (home / "dagster").mkdir()
        (home / "dagster" / "dagster.yaml").write_text(project_file("dagster.yaml").read_text())
        yield Office(house, programs)
        programs.kill()


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
