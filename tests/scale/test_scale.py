"""Several workers for one pipeline: its marts are those of one machine, row for row.

Dagster's state and the lake's catalog are in Postgres, runs go through Redis to two Celery workers,
spool and Parquet files are on S3 (moto). The daily sync is turned on, and the daemon does the rest.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
import yaml
from upath import UPath

from meta_pipeline.config import load_clients
from meta_pipeline.defs.partitions import register
from meta_pipeline.landing import Spool, reload
from meta_pipeline.pulling import Puller
from meta_pipeline.simulator import generated_agency
from meta_pipeline.warehouse import is_lake, writing
from tests.integration.conftest import Pipeline, running_pipeline
from tests.servers import BIN, Programs
from tests.tables import contents

pytestmark = pytest.mark.scale

SCALE = Path(__file__).parents[2] / "deploy" / "scale"
WORKERS = ("one", "two")
REPORTS = ["campaigns", "ads", "campaign_daily", "ad_daily", "account_monthly", "page_daily"]
LONGEST = float(os.environ.get("META_PIPELINE_TEST_SECONDS", "2400"))
_ENDED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}


@dataclass(frozen=True)
class Fleet:
    """The pipeline that several workers have pulled and built, and what each of them logged."""

    pipeline: Pipeline
    logs: dict[str, str]
    runs: list[dg.DagsterRun]


@pytest.fixture(scope="module")
def fleet(
    postgres: str, redis: str, s3: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    """Three clients, synced by schedule and built; all processes have ended."""
    folder = tmp_path_factory.mktemp("fleet")
    programs = Programs(folder, longest=LONGEST)
    with running_pipeline(generated_agency(clients=3)) as one, programs:
        home = one.home
        clients = yaml.safe_load((home / "clients.yml").read_text())
        clients["defaults"] = {"reports": REPORTS}
        for client in clients["clients"]:
            client["start_date"] = "2026-11-16"
        (home / "clients.yml").write_text(yaml.safe_dump(clients))
        words = f"dbname=postgres user=dagster host={postgres.rsplit('host=')[-1]}"
        for name, value in {
            "DAGSTER_POSTGRES_URL": postgres,
            "CELERY_BROKER_URL": redis,
            "META_PIPELINE_SPOOL": "s3://agency/spool",
            "META_PIPELINE_LAKE": f"postgres:{words}",
            "META_PIPELINE_LAKE_DATA": "s3://agency/lake",
            "META_PIPELINE_CLIENTS_PER_RUN": "1",
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(SCALE.parents[1]),
        }.items():
            one.patch.setenv(name, value)
        # What the parsed project of other tests was made for is a file.
        shutil.rmtree(home / "dbt")
        (home / "dagster").mkdir()
        shutil.copyfile(SCALE / "dagster.yaml", home / "dagster" / "dagster.yaml")
        with dg.DagsterInstance.get() as instance:
            register(instance, load_clients(one.settings))
            start_all(programs)
            wait_until_quiet(instance, programs)
            runs = list(instance.get_runs())
        programs.end()
        logs = {name: programs.log(name).read_text() for name in WORKERS}
        yield Fleet(one, logs, runs)


def start_all(programs: Programs) -> None:
    """Starts the code server, the workers and the daemon, and turns the daily sync on."""
    dagster = BIN / "dagster"
    pool = [dagster, "instance", "concurrency", "set", "meta_pulls", str(len(WORKERS))]
    subprocess.run(pool, check=True)
    programs.start_code_server()
    for name in WORKERS:
        more = ["--", "--concurrency", "1"]
        options = ["-A", "dagster_celery.app", "-y", str(SCALE / "celery.yaml"), "-n", name]
        programs.start(name, "dagster-celery", "worker", "start", *options, *more)
    turned_on = [dagster, "sensor", "start", "daily_sync", "-w", programs.workspace]
    subprocess.run(turned_on, check=True)
    programs.start_daemon()


def wait_until_quiet(instance: dg.DagsterInstance, programs: Programs) -> None:
    """Waits until every run has ended, a build among them, and a minute later none has begun."""
    quiet = 0

    def is_quiet() -> bool:
        nonlocal quiet
        runs = instance.get_runs()
        if any(run.status == dg.DagsterRunStatus.FAILURE for run in runs):
            programs.fail(str({run.run_id[:8]: (run.status.value, run.tags) for run in runs}))
        ended = any(map(is_build, runs)) and all(run.status in _ENDED for run in runs)
        quiet = quiet + 1 if ended else 0
        return quiet >= 9

    programs.until(is_quiet, "runs did not end", every=8)


def is_build(run: dg.DagsterRun) -> bool:
    """Whether a run publishes the marts."""
    return dg.AssetKey(["delivery", "published_marts"]) in (run.asset_selection or ())


def test_both_workers_pulled_and_no_run_failed(fleet: Fleet):
    """Each client's objects, days and months were runs of their own, on any of the two."""
    assert {run.status for run in fleet.runs} == {dg.DagsterRunStatus.SUCCESS}
    turns = {run.tags.get("meta_pipeline/turn") for run in fleet.runs} - {None}
    assert len(turns) == 3
    for name, log in fleet.logs.items():
        assert "execute_job" in log, name
        assert "succeeded" in log, name


def test_rows_are_in_the_lake_and_answers_on_s3(fleet: Fleet):
    """No warehouse and no spool lie below the home; the lake's files do not either."""
    home = fleet.pipeline.home
    assert not (home / "warehouse.duckdb").exists()
    assert not (home / "spool").exists()
    with writing(fleet.pipeline.settings.place) as connection:
        assert is_lake(connection)
        files = connection.execute(
            "from ducklake_list_files('warehouse', 'records', schema => 'raw')"
        )
        names = [row[0] for row in files.fetchall()]
    assert names
    assert all(name.startswith("s3://agency/lake/") for name in names)
    assert len(list(Spool("s3://agency/spool").manifests())) > 0


def test_the_marts_are_those_of_one_machine(fleet: Fleet, tmp_path: Path):
    """The same answers, landed into one file and built there, give the same marts."""
    from meta_pipeline.defs.launch import Launcher

    home = tmp_path / "home"
    spool = UPath("s3://agency/spool")
    for path in spool.rglob("*"):
        if path.is_file():
            copy = home / "spool" / str(path).removeprefix(str(spool)).lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    expected = fleet.pipeline.settings.marts
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SPOOL", "LAKE", "LAKE_DATA", "CLIENTS_PER_RUN"):
            patch.delenv(f"META_PIPELINE_{name}")
        patch.setenv("META_PIPELINE_HOME", str(home))
        patch.setenv("DAGSTER_HOME", str(home / "dagster"))
        settings = fleet.pipeline.settings
        clients = load_clients(settings)
        reload(settings.warehouse, Spool(settings.spool))
        Launcher(settings, clients, Puller(settings, clients)).build()
    ours, theirs = contents(settings.marts), contents(expected)
    assert ours.keys() == theirs.keys()
    assert sum(map(len, ours.values())) > 500
    different = [table for table in ours if ours[table] != theirs[table]]
    assert different == []
