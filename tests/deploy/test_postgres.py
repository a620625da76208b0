"""Dagster's state in Postgres, the services on it, and what a backup of such a pipeline brings."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from configparser import RawConfigParser
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from threading import Event
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from meta_pipeline.cli.app import app
from meta_pipeline.config import load_clients
from meta_pipeline.dates import Span
from meta_pipeline.defs.launch import Launcher
from meta_pipeline.pulling import Puller
from meta_pipeline.simulator import generated_agency
from tests.integration.conftest import Pipeline, running_pipeline
from tests.servers import BIN, Programs
from tests.tables import contents

DEPLOY = Path("deploy").resolve()
REPORTS = ["campaigns", "ads", "campaign_daily", "ad_daily", "account_monthly"]
DAYS = ("2026-11-18", "2026-11-20")
SERVICES = ("code", "daemon", "webserver")


@pytest.fixture(scope="module")
def pipeline(postgres: str) -> Iterator[Pipeline]:
    """One client, pulled and built once, its runs in Postgres; the tests below run in order."""
    with running_pipeline(generated_agency(clients=1)) as one:
        home = one.home
        one.patch.setenv("DAGSTER_POSTGRES_URL", postgres)
        (home / "dagster").mkdir()
        shutil.copyfile(DEPLOY / "dagster.postgres.yaml", home / "dagster" / "dagster.yaml")
        clients = yaml.safe_load((home / "clients.yml").read_text())
        clients["defaults"] = {"reports": REPORTS}
        (home / "clients.yml").write_text(yaml.safe_dump(clients))
        assert one.sync(*DAYS).failures() == []
        yield one


@pytest.fixture(scope="module")
def backup(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `meta-pipeline backup` made of it."""
    folder = tmp_path_factory.mktemp("backup") / "today"
    said = run("backup", "--to", str(folder))
    assert "Dagster's runs are in postgres" in said
    return folder


def run(*arguments: str) -> str:
    """What a command that ends well says, on stdout and stderr."""
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@contextmanager
def another_home(home: Path) -> Iterator[Path]:
    """A new home, with Dagster's state in SQLite below it, as the environment names it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("META_PIPELINE_HOME", str(home))
        patch.setenv("META_PIPELINE_CLIENTS", str(home / "clients.yml"))
        patch.setenv("DAGSTER_HOME", str(home / "dagster"))
        yield home


def rows_in(postgres: str, sql: str) -> list[tuple[Any, ...]]:
    """What a query of Dagster's own tables answers."""
    engine = create_engine(postgres)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]
    finally:
        engine.dispose()


def test_runs_and_materializations_are_in_postgres(pipeline: Pipeline, postgres: str):
    """Every run is there and succeeded, each pulled day too; no SQLite file was made."""
    statuses = rows_in(postgres, "select distinct status from runs")
    assert statuses == [("SUCCESS",)]
    days = rows_in(
        postgres,
        "select partition from event_logs where dagster_event_type = 'ASSET_MATERIALIZATION' "
        """and asset_key = '["raw", "ad_daily"]' order by 1""",
    )
    assert days == [(f"acme-dental|2026-11-{day}",) for day in (18, 19, 20)]
    assert list((pipeline.home / "dagster").rglob("*.db")) == []


def test_a_restored_home_holds_the_same(pipeline: Pipeline, backup: Path, tmp_path: Path):
    """Warehouse, marts and clients are those of before, and `status` can be asked at once."""
    with another_home(tmp_path / "home") as home:
        run("restore", "--from", str(backup))
        assert "acme-dental" in run("status")
    assert (home / "clients.yml").read_bytes() == (pipeline.home / "clients.yml").read_bytes()
    assert contents(home / "marts.duckdb") == contents(pipeline.settings.marts)
    for schema in ("raw", "marts"):
        restored = contents(home / "warehouse.duckdb", schema)
        assert restored == contents(pipeline.settings.warehouse, schema)


def test_the_spool_alone_gives_the_same_marts_and_so_does_sqlite(
    pipeline: Pipeline, backup: Path, tmp_path: Path
):
    """Of a backup only spool and clients.yml are left: `reload` makes the marts of before.

    Its runs are in SQLite, so where Dagster keeps its state changes no figure.
    """
    with another_home(tmp_path / "home") as home:
        shutil.copytree(backup / "home" / "spool", home / "spool")
        shutil.copyfile(backup / "clients.yml", home / "clients.yml")
        shutil.copytree(pipeline.home / "dbt" / "target", home / "dbt" / "target")
        run("reload")
        assert list((home / "dagster").rglob("runs.db"))
    assert contents(home / "marts.duckdb") == contents(pipeline.settings.marts)


def test_a_killed_pull_frees_its_slot(pipeline: Pipeline, postgres: str):
    """SIGKILL in the middle of a pull: the next command frees its slot in Postgres."""
    claimed = "select count(*) from concurrency_slots where run_id is not null"
    pipeline.meta.fail_next("objects", None, delay_seconds=20, times=1)
    command = [str(BIN / "meta-pipeline"), "sync", "--from", DAYS[1], "--to", DAYS[1]]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with process:
        while process.poll() is None and rows_in(postgres, claimed) == [(0,)]:
            Event().wait(0.1)
        process.kill()
    assert rows_in(postgres, claimed) == [(1,)]
    # Only the pulls of a day: nothing has to be built to see that they go on.
    clients = load_clients(pipeline.settings)
    launcher = Launcher(pipeline.settings, clients, Puller(pipeline.settings, clients))
    day = date.fromisoformat(DAYS[1])
    assert launcher.pull("day", ["acme-dental"], Span(day, day))
    assert rows_in(postgres, claimed) == [(0,)]
    ended = rows_in(postgres, "select status from runs where status <> 'SUCCESS'")
    assert ended == [("FAILURE",)]


def start_of(service: str) -> str:
    """The command that the unit of a service starts."""
    unit = RawConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # pyright: ignore[reportAttributeAccessIssue]
    unit.read(DEPLOY / "systemd" / f"meta-pipeline-{service}.service")
    return unit["Service"]["ExecStart"]


def test_the_services_start_and_say_that_they_are_healthy(
    pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory
):
    """The units' own commands, on Postgres, become healthy by the units' own check.

    The check fails before they run, and names the first that does not answer. A client that is
    written into clients.yml then shows by itself.
    """
    folder = tmp_path_factory.mktemp("services")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code = folder / "code.sock"
    workspace = folder / "workspace.yaml"
    written = (DEPLOY / "systemd" / "workspace.yaml").read_text()
    workspace.write_text(written.replace("/run/meta-pipeline/code.sock", str(code)))
    environment = os.environ | {
        "META_PIPELINE_BIN": str(BIN),
        "META_PIPELINE_SOCKET": str(code),
        "META_PIPELINE_PORT": str(port),
    }

    def ask_health(*services: str, wait: int = 180) -> str:
        asked = [str(DEPLOY / "systemd" / "health"), "--wait", str(wait), *services]
        found = subprocess.run(asked, env=environment, check=False, capture_output=True, text=True)
        assert (found.returncode == 0) == (found.stderr == "")
        return found.stderr

    assert "webserver is not healthy" in ask_health("webserver", wait=0)
    with Programs(folder) as programs:
        # The others look for the code location when they start.
        for service in SERVICES:
            command = (
                start_of(service)
                .replace("/opt/meta-pipeline/.venv/bin", str(BIN))
                .replace("/run/meta-pipeline/code.sock", str(code))
                .replace("/opt/meta-pipeline/deploy/systemd/workspace.yaml", str(workspace))
                .replace("--port 3000", f"--port {port}")
                .split()
            )
            programs.start(service, *command, environment=environment)
            if service == "code":
                assert ask_health(service) == ""
        if said := ask_health(*SERVICES):
            programs.fail(said)
        assert wait_for_clients(port, 1) == ["acme-dental"]
        add_client(pipeline.home / "clients.yml", "newcomer")
        assert wait_for_clients(port, 2) == ["acme-dental", "newcomer"]


def wait_for_clients(port: int, count: int) -> list[str]:
    """The clients in the grid, as soon as there are so many; after three minutes in any case."""
    for _ in range(90):
        found = clients_in_the_grid(port)
        if len(found) >= count:
            break
        Event().wait(2)
    return clients_in_the_grid(port)


def add_client(path: Path, client_id: str) -> None:
    """Writes one more client into clients.yml."""
    clients = yaml.safe_load(path.read_text())
    clients["clients"].append({"id": client_id, "name": client_id, "ad_accounts": ["act_1"]})
    path.write_text(yaml.safe_dump(clients))


def clients_in_the_grid(port: int) -> list[str]:
    """The clients that the webserver shows for the asset of campaigns."""
    answer = ask_graphql(
        port,
        'query { assetNodeOrError(assetKey: {path: ["raw", "campaigns"]}) '
        "{ ... on AssetNode { partitionKeys } } }",
    )
    return answer["data"]["assetNodeOrError"]["partitionKeys"]


def ask_graphql(port: int, query: str) -> dict[str, Any]:
    """What the webserver answers."""
    request = Request(
        f"http://127.0.0.1:{port}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urlopen(request, timeout=60) as answer:
        found = json.load(answer)
    assert "errors" not in found, found
    return found
