"""Alerts through Dagster: runs and checks fail, and a webhook, a mailbox and a file hear of it."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from meta_pipeline.cli import main
from meta_pipeline.config import load_alerts, load_clients
from meta_pipeline.dates import Span
from meta_pipeline.defs import build
from meta_pipeline.defs.alerts import NOT_CONFIGURED, alert_definitions
from meta_pipeline.defs.partitions import RANGE_END, RANGE_START, clients_of, register
from meta_pipeline.defs.raw import raw_key
from meta_pipeline.pulling import Puller
from tests.integration.conftest import Pipeline, dagster_instance
from tests.integration.test_definitions import DAYS, REFUSAL, range_tags
from tests.unit.unit_sinks import HttpSink, SmtpSink, running_smtp, running_webhook

SECRET_PATH = "/services/T0SECRET/B0SECRET/xyzSECRETxyz"
PASSWORD = "correct-horse-battery"


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpSink]:
    """A webhook, whose address stands in HOOK."""
    with running_webhook() as sink:
        monkeypatch.setenv("HOOK", sink.url + SECRET_PATH)
        yield sink


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmtpSink]:
    """A mail server, whose password stands in SMTP_PASSWORD."""
    with running_smtp(password=PASSWORD) as sink:
        monkeypatch.setenv("SMTP_PASSWORD", PASSWORD)
        yield sink


@pytest.fixture
def told(pipeline: Pipeline, webhook: HttpSink, mailbox: SmtpSink) -> dg.Definitions:
    """The sensors of a clients.yml that names all three kinds of channel."""
    email = {
        "host": "127.0.0.1",
        "port": mailbox.port,
        "from": "pipeline@agency.example",
        "to": ["ops@agency.example"],
        "user": "pipeline",
        "password_env": "SMTP_PASSWORD",
        "starttls": False,
    }
    section = {"webhook_env": "HOOK", "email": email, "file": "alerts.jsonl"}
    with pipeline.settings.clients_file.open("a", encoding="utf-8") as file:
        file.write(f"\nalerts: {json.dumps(section)}\n")
    return sensors(pipeline)


@pytest.fixture
def instance(pipeline: Pipeline) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance of the test's own, on the disk."""
    with dagster_instance(pipeline.home) as one:
        register(one, load_clients(pipeline.settings))
        yield one


def sensors(pipeline: Pipeline) -> dg.Definitions:
    """The sensors of the pipeline as it is configured now."""
    settings = pipeline.settings
    return alert_definitions(settings, load_clients(settings), load_alerts(settings))


class Ticking:
    """A sensor with its cursor, evaluated as the daemon does it."""

    def __init__(
        self,
        definitions: dg.Definitions,
        name: str,
        instance: dg.DagsterInstance,
        checked: dg.Definitions | None = None,
    ) -> None:
        self._sensor = definitions.resolve_sensor_def(name)
        self._instance = instance
        self._checked = checked.get_repository_def() if checked else None
        self._cursor: str | None = None

    def tick(self) -> str:
        """One tick; what the sensor says of it."""
        context = dg.build_sensor_context(
            instance=self._instance, cursor=self._cursor, repository_def=self._checked
        )
        with context:
            data = self._sensor.evaluate_tick(context)
        self._cursor = data.cursor
        assert not data.run_requests
        for reaction in data.dagster_run_reactions or []:
            assert reaction.error is None
        return data.skip_message or ""


def pull(pipeline: Pipeline, instance: dg.DagsterInstance, days: Span) -> bool:
    """Pulls a report of both clients for some days; whether all of it landed."""
    clients = load_clients(pipeline.settings)
    definitions = build(pipeline.settings, clients, Puller(pipeline.settings, clients))
    job = definitions.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        asset_selection=[raw_key("ad_daily")],
        tags=range_tags(days),
        instance=instance,
        raise_on_error=False,
    ).success


def test_a_failed_run_is_told_once_and_its_end_too(
    pipeline: Pipeline,
    told: dg.Definitions,
    instance: dg.DagsterInstance,
    webhook: HttpSink,
    mailbox: SmtpSink,
):
    """Three refused days of a client are one message on each channel; the next good run ends it."""
    failed = Ticking(told, "alert_failed_runs", instance)
    mended = Ticking(told, "alert_mended_runs", instance)
    failed.tick()
    mended.tick()
    refused = pipeline.accounts[1]
    pipeline.meta.fail_next(f"{refused}/insights", 403, REFUSAL)
    assert not pull(pipeline, instance, DAYS)
    failed.tick()
    failed.tick()
    (text,) = webhook.texts
    assert text.startswith("ERROR cafe-luna: permission: HTTP 403, code 200: (#200) Ad account")
    assert f"ad_daily of {refused}, 3 partitions ({DAYS.since} to {DAYS.until})" in text
    assert " UTC" in text
    assert "Next step: " in text
    assert "acme-dental" not in text
    (mail,) = mailbox.mails
    assert mail["Subject"].startswith("[meta-pipeline] ERROR cafe-luna: permission")
    assert pull(pipeline, instance, DAYS)
    mended.tick()
    assert len(webhook.texts) == len(mailbox.mails) == 2
    assert webhook.texts[1].startswith("RESOLVED cafe-luna: permission")
    lines = (pipeline.home / "alerts.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["failed", "resolved"]
    assert_nowhere(pipeline.home, "SECRET", PASSWORD)


def test_what_nobody_foresaw_is_told(
    pipeline: Pipeline,
    told: dg.Definitions,
    instance: dg.DagsterInstance,
    webhook: HttpSink,
    monkeypatch: pytest.MonkeyPatch,
):
    """A full disk is a message about the step, and so is a run that never got to one."""
    failed = Ticking(told, "alert_failed_runs", instance)
    mended = Ticking(told, "alert_mended_runs", instance)
    failed.tick()
    mended.tick()
    with monkeypatch.context() as patch:
        patch.setattr(Puller, "pull", full)
        assert not pull(pipeline, instance, DAYS)
    failed.tick()
    killed = instance.create_run_for_job(checked_asset([]).resolve_implicit_global_asset_job_def())
    instance.report_run_failed(killed, "the run worker was killed")
    failed.tick()
    step, job = webhook.texts
    assert step.startswith("ERROR: raw__ad_daily: OSError: [Errno 28] No space left on device\n")
    assert "hint" not in step
    assert job.startswith("ERROR: job __ASSET_JOB: the run worker was killed\n")
    assert f"Run: {killed.run_id}" in job
    assert pull(pipeline, instance, DAYS)
    mended.tick()
    assert {text.split(":")[0] for text in webhook.texts[2:]} == {"RESOLVED"}
    assert len(webhook.texts) == 4


def full(*_: object, **__: object) -> None:
    """What a disk says that has no room."""
    raise OSError(28, "No space left on device")


def test_a_failed_check_is_told_by_client_and_tried_again(
    told: dg.Definitions, instance: dg.DagsterInstance, webhook: HttpSink, mailbox: SmtpSink
):
    """The first column says whom it concerns; what the webhook did not take comes at the next
    tick, and not again by e-mail."""
    wrong = [{"client_id": "cafe-luna", "days": 3, "run": "meta-pipeline sync -c cafe-luna"}]
    checked = checked_asset(wrong)
    sensor = Ticking(told, "alert_failed_checks", instance, checked)
    webhook.status, webhook.body = 503, "busy"
    run(checked, instance)
    assert "answered 503: busy" in sensor.tick()
    webhook.status = 200
    sensor.tick()
    sensor.tick()
    (text,) = webhook.texts
    grid = dg.AssetCheckKey(dg.AssetKey("grid"), "settled")
    newest = instance.get_latest_asset_check_evaluation_record(grid)
    assert newest is not None
    assert newest.partition == "2026-11-01"  # it failed, and is not told
    assert text.startswith("WARN cafe-luna: check coverage of published: 3 days are missing")
    assert "    days 3" in text
    assert "Next step: meta-pipeline sync -c cafe-luna" in text
    assert len(mailbox.mails) == 1
    wrong.clear()
    run(checked, instance)
    sensor.tick()
    assert webhook.texts[1].startswith("RESOLVED cafe-luna: check coverage")


def test_without_a_channel_the_sensors_say_so(pipeline: Pipeline, instance: dg.DagsterInstance):
    """They exist, stopped, and a tick says what is missing."""
    definitions = sensors(pipeline)
    sensor = definitions.resolve_sensor_def("alert_failed_checks")
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
    assert Ticking(definitions, "alert_failed_checks", instance).tick() == NOT_CONFIGURED


def test_with_a_channel_the_sensors_run(told: dg.Definitions):
    """Nobody has to turn them on."""
    assert {one.name: one.default_status for one in told.sensors or []} == dict.fromkeys(
        ("alert_failed_runs", "alert_mended_runs", "alert_failed_checks"),
        dg.DefaultSensorStatus.RUNNING,
    )


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({RANGE_START: "a|2026-11-01", RANGE_END: "b|2026-11-02"}, {"a", "b"}),
        ({RANGE_START: "b", RANGE_END: "c"}, {"b", "c"}),
        ({RANGE_START: "b|2026-11-01", RANGE_END: "gone|2026-11-02"}, set()),
        ({"dagster/partition": "c|2026-11-01"}, {"c"}),
        ({}, set()),
    ],
)
def test_the_clients_of_a_run(tags: dict[str, str], expected: set[str]):
    """Those between the corners of its rectangle, or the one of its only partition."""
    assert clients_of(tags, ["a", "b", "c"]) == expected


def test_the_command_tries_every_channel(
    pipeline: Pipeline,
    told: dg.Definitions,
    webhook: HttpSink,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    """0 when all took it, 1 when one did not, 2 when a variable is missing."""
    assert alerts_test(monkeypatch, "--json") == 0
    document = json.loads(capfd.readouterr().out)
    assert document["schema"] == 1
    assert [one["delivered"] for one in document["channels"]] == [True, True, True]
    assert webhook.texts[0].startswith("TEST: a test of this channel; nothing is wrong")
    webhook.status = 404
    assert alerts_test(monkeypatch) == 1
    out = capfd.readouterr().out
    assert "answered 404: ok" in out
    assert "SECRET" not in out
    monkeypatch.delenv("HOOK")
    assert alerts_test(monkeypatch) == 2
    assert "HOOK is not set" in capfd.readouterr().out


def test_the_command_without_a_channel(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    """It is told, with where a section stands to be copied."""
    assert alerts_test(monkeypatch) == 2
    assert "hint: add a section `alerts:`" in capfd.readouterr().err


def alerts_test(monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    """Runs `meta-pipeline alerts test`; its exit code."""
    monkeypatch.setattr(sys, "argv", ["meta-pipeline", "alerts", "test", *options])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)


def checked_asset(wrong: list[dict[str, str | int]]) -> dg.Definitions:
    """An asset with a check that fails while there is something `wrong`, and a partitioned one
    that always does."""

    days = dg.StaticPartitionsDefinition(["2026-11-01"])

    @dg.asset(partitions_def=days)
    def grid() -> None: ...

    @dg.asset_check(asset=grid, partitions_def=days)  # pyright: ignore[reportArgumentType]
    def settled() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False)

    @dg.asset
    def published() -> None: ...

    @dg.asset_check(asset=published, description="No day is missing.")  # pyright: ignore[reportArgumentType]
    def coverage() -> dg.AssetCheckResult:
        schema = dg.TableSchema([dg.TableColumn(name) for name in ("client_id", "days", "run")])
        table = dg.TableMetadataValue([dg.TableRecord(row) for row in wrong], schema=schema)
        return dg.AssetCheckResult(
            passed=not wrong,
            severity=dg.AssetCheckSeverity.WARN,
            description="3 days are missing" if wrong else "none is missing",
            metadata={"table": table} if wrong else {},
        )

    return dg.Definitions(assets=[grid, published], asset_checks=[settled, coverage])


def run(definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
    """Materializes and checks everything."""
    job = definitions.resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(instance=instance, partition_key="2026-11-01").success


def assert_nowhere(folder: Path, *secrets: str) -> None:
    """No file below the folder holds one of these."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "alerts.sqlite" for path in files)
    assert any(path.suffix == ".db" for path in files)  # Dagster's own
    for path in files:
        content = path.read_bytes()
        for secret in secrets:
            assert secret.encode() not in content, path
