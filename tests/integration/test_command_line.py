"""The command line: what a person types, and what comes back when it is wrong."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from typer.main import get_command

from meta_pipeline.cli import main
from meta_pipeline.cli.app import app
from meta_pipeline.simulator import generated_agency
from tests.integration.conftest import TOKEN, Pipeline, running_pipeline

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process: its exit code, stdout and stderr."""

    def invoke(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["meta-pipeline", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capfd.readouterr()
        code = stop.value.code
        return (code if isinstance(code, int) else 0), out, err

    return invoke


def assert_clear(err: str, *parts: str) -> None:
    """The message has an error, a hint and these parts, and no traceback or token."""
    assert re.search("^error: ", err, re.MULTILINE)
    assert "\nhint: " in err
    assert "Traceback" not in err
    assert TOKEN not in err
    for part in parts:
        assert part in err


def test_every_command_has_help_and_stands_in_the_readme():
    """A command without help text, or missing from README.md, does not pass."""
    readme = Path("README.md").read_text(encoding="utf-8")
    for name, command in get_command(app).commands.items():  # pyright: ignore[reportAttributeAccessIssue]
        assert command.help, name
        assert f"meta-pipeline {name}" in readme, name


def test_a_query_that_is_interrupted_interrupts_the_command(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB makes an error of its own of Ctrl-C."""

    def query() -> None:
        raise RuntimeError("Query interrupted") from KeyboardInterrupt()

    monkeypatch.setattr("meta_pipeline.cli.app.app", query)
    code, _, err = run("reload")
    assert (code, err) == (130, "interrupted; what had landed is kept\n")


def test_help_is_quick_and_needs_no_configuration():
    """`--help` imports neither Dagster nor dbt nor DuckDB."""
    code = (
        "import sys; from meta_pipeline.cli.app import app; "
        "sys.exit(any(m in sys.modules for m in ('dagster', 'dbt', 'duckdb', 'requests')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_missing_token(pipeline: Pipeline, run: Run):
    """Without a token nothing is asked; the message names the variable."""
    pipeline.patch.delenv("META_ACCESS_TOKEN")
    code, out, err = run("sync")
    assert (code, out) == (2, "")
    assert_clear(err, "acme-dental", "META_ACCESS_TOKEN")
    assert pipeline.meta.requests == []
    assert not pipeline.settings.warehouse.exists()


def test_unknown_client(pipeline: Pipeline, run: Run):
    """An unknown client is refused with the ones that are known."""
    code, _, err = run("sync", "-c", "nope")
    assert code == 2
    assert_clear(err, "unknown client 'nope'", "acme-dental, cafe-luna")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("version: 1\nclients: [", ("line", "not YAML")),
        ("version: 1\nclients:\n  - id: a\n    name: A\n", ("ad_accounts",)),
        (
            "version: 1\nclients:\n  - {id: a, name: A, ad_accounts: [act_1], colour: red}\n",
            ("clients.0.colour", "unknown key"),
        ),
        (
            f"version: 1\nclients:\n  - {{id: a, name: A, ad_accounts: [act_1], token: {TOKEN}}}\n",
            ("line 3", "access token", "token_env"),
        ),
    ],
)
def test_malformed_clients_file(pipeline: Pipeline, run: Run, text: str, parts: tuple[str, ...]):
    """A clients.yml that cannot be is refused with the file, the place and the problem."""
    (pipeline.home / "clients.yml").write_text(text)
    code, _, err = run("sync")
    assert code == 2
    assert_clear(err, "clients.yml", *parts)
    assert not pipeline.settings.warehouse.exists()


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--from", "2026-11-10", "--to", "2026-11-01"), "before it starts"),
        (("--from", "2020-01-01", "--to", "2020-02-01"), "37 months"),
        (("--from", "2026-11-01", "--to", "2026-12-31"), "has not begun"),
        (("--preset", "lifetime"), "unknown preset"),
        (("--preset", "last_7d", "--to", "2026-11-01"), "exclude each other"),
        (("--from", "2025-01-01", "--to", "2025-01-31"), "before the first client's start"),
    ],
)
def test_impossible_ranges(pipeline: Pipeline, run: Run, arguments: tuple[str, ...], part: str):
    """A range that cannot be asked for is refused before anything is asked."""
    code, _, err = run("sync", *arguments)
    assert code == 2
    assert_clear(err, part)
    assert pipeline.meta.requests == []


def test_warehouse_open_in_another_program(pipeline: Pipeline, run: Run):
    """A warehouse that another program holds is named, with its process, and left as it is."""
    pipeline.settings.warehouse.parent.mkdir(parents=True, exist_ok=True)
    script = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); "
        "sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(pipeline.settings.warehouse)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        code, _, err = run("sync", "--preset", "last_3d")
        holder.communicate("")
    assert code == 1
    assert_clear(err, "open in another program", f"PID {holder.pid}", "marts.duckdb")


def test_corrupt_warehouse_and_its_cure(pipeline: Pipeline, run: Run):
    """A corrupt warehouse is named with the command that rebuilds it, and the command does."""
    assert pipeline.sync("2026-11-18", "2026-11-20", "acme-dental").failures() == []
    before = pipeline.marts("select * exclude (load_seq) from fct_ad_daily order by all")
    pipeline.settings.warehouse.write_bytes(b"this was a database" * 1000)
    code, _, err = run("sync", "--preset", "last_3d")
    assert code == 1
    assert_clear(err, "warehouse.duckdb cannot be opened", "meta-pipeline reload")
    assert run("reload")[0] == 0
    assert pipeline.marts("select * exclude (load_seq) from fct_ad_daily order by all") == before
    assert len(list(pipeline.home.glob("warehouse.2026*.duckdb"))) == 1


def test_account_the_token_cannot_see(run: Run):
    """One refused account fails its client with the next step; the other client is published."""
    source = generated_agency(clients=2)
    seen = {TOKEN: {"acme-dental"}}
    with running_pipeline(source, tokens=seen) as pipeline:
        code, out, err = run("sync", "--from", "2026-11-15", "--to", "2026-11-17", "--json")
        refused = source.clients()[1]
        assert code == 3
        assert "Traceback" not in err
        document = json.loads(out)
        assert document["schema"] == 1
        assert {failure["client"] for failure in document["failures"]} == {refused.id}
        assert {failure["kind"] for failure in document["failures"]} == {"permission"}
        assert "System users > (user) > Assign assets" in document["failures"][0]["hint"]
        found = pipeline.marts("select distinct client_id from fct_account_daily")
        assert found == [("acme-dental",)]
        # Asked about its account, refused, and then left alone.
        asked = [r for r in pipeline.meta.requests if refused.ad_accounts[0] in r.path]
        assert {r.kind for r in asked} == {"objects"}
        assert_status(run, refused.id)


def assert_status(run: Run, refused: str) -> None:
    """`status` says which client was never pulled, and its exit code says that one is stale."""
    code, out, _ = run("status", "--json")
    states = {one["client_id"]: one["state"] for one in json.loads(out)["clients"]}
    assert code == 5
    assert states == {"acme-dental": "fresh", refused: "never pulled"}
    code, out, _ = run("status", "-c", "acme-dental")
    assert code == 0
    assert re.search(r"acme-dental +│ fresh", out)


def test_expired_token(pipeline: Pipeline, run: Run):
    """A token that Meta refuses ends with exit code 4, in Meta's words, with the next step."""
    pipeline.patch.setenv("META_ACCESS_TOKEN", "expired-token-of-the-tests")
    code, out, err = run("sync", "--preset", "last_3d")
    assert code == 4
    assert "code 190/463" in err
    assert "Generate token" in err
    assert "expired-token-of-the-tests" not in out + err
    assert not pipeline.settings.marts.exists()


def test_one_account_from_the_environment_alone(pipeline: Pipeline, run: Run):
    """META_AD_ACCOUNT_ID and a token are enough: one client, no file."""
    account = pipeline.accounts[0]
    pipeline.patch.setenv("META_PIPELINE_CLIENTS", str(pipeline.home / "absent.yml"))
    pipeline.patch.setenv("META_AD_ACCOUNT_ID", account.removeprefix("act_"))
    code, out, _ = run("sync", "--from", "2026-11-18", "--to", "2026-11-20")
    assert code == 0
    assert out.strip() == str(pipeline.settings.marts)
    with duckdb.connect(out.strip(), read_only=True) as marts:
        found = marts.execute(
            "select distinct client_id, ad_account_id from fct_ad_daily"
        ).fetchall()
    assert found == [(account, account)]


def test_status_before_the_first_sync(pipeline: Pipeline, run: Run):
    """Without marts `status` names the command that makes them."""
    code, _, err = run("status")
    assert code == 1
    assert_clear(err, "no marts yet", "meta-pipeline sync")
