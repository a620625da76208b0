"""Runs whose code server is gone: ended before the next one starts, their slots freed."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

from meta_pipeline.defs.launch import LAUNCHER_TAG
from meta_pipeline.defs.orphans import end_orphans

POOL = "duckdb_writer"


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An instance with this project's settings."""
    settings = yaml.safe_load(Path("dagster.yaml").read_text())
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(settings))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dg.DagsterInstance.get() as one:
        yield one


def begun(
    instance: dg.DagsterInstance,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
    tags: dict[str, str] | None = None,
) -> str:
    """A run in some state, as a process that is gone has left it; its id."""

    @dg.job
    def pulls() -> None:
        pass

    return instance.create_run_for_job(pulls, status=status, tags=tags).run_id


def status_of(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    """How a run stands."""
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_a_run_without_its_code_server_fails_and_gives_its_slot_back(instance: dg.DagsterInstance):
    """The slot that it held can be claimed by the next run."""
    run_id = begun(instance)
    storage = instance.event_log_storage
    storage.initialize_concurrency_limit_to_default(POOL)
    assert storage.claim_concurrency_slot(POOL, run_id, "pull").is_claimed
    assert not storage.claim_concurrency_slot(POOL, begun(instance), "pull").is_claimed
    ended = end_orphans(instance)
    assert run_id in ended
    assert status_of(instance, run_id) is dg.DagsterRunStatus.FAILURE
    assert storage.claim_concurrency_slot(POOL, begun(instance), "pull").is_claimed


@pytest.mark.parametrize(
    "status",
    [
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.SUCCESS,
        dg.DagsterRunStatus.FAILURE,
    ],
)
def test_runs_not_begun_or_over_stay_as_they_are(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus
):
    """The queue goes on where it was."""
    run_id = begun(instance, status)
    assert end_orphans(instance) == []
    assert status_of(instance, run_id) is status


def test_runs_of_the_command_line_are_not_the_code_servers(instance: dg.DagsterInstance):
    """A sync that runs beside the services is not ended by their restart."""
    run_id = begun(instance, tags={LAUNCHER_TAG: "some.lock"})
    assert end_orphans(instance) == []
    assert status_of(instance, run_id) is dg.DagsterRunStatus.STARTED
