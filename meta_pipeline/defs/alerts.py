"""Sensors that tell people of failed runs and checks; what they say is made in `alerts`."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import msgspec
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.dagster_run import DagsterRun

from meta_pipeline.alerts import (
    Cause,
    CheckOutcome,
    FailedPull,
    Ledger,
    cause_of_step,
    causes_of_check,
    causes_of_pulls,
    channels_of,
    deliver,
    rules_of,
    wanted,
)
from meta_pipeline.config import Alerts, Client, Settings
from meta_pipeline.defs.failures import failed_pulls, told_by
from meta_pipeline.defs.partitions import clients_of, registered
from meta_pipeline.quality import OVERVIEW

NOT_CONFIGURED = "nobody is told of failures: clients.yml has no `alerts:` that names a channel"

# What dagster-dbt says of a failed build begins with the command and the path of a log.
_DBT_ERRORS = "Errors parsed from dbt logs:"


def alert_definitions(
    settings: Settings, clients: Sequence[Client], alerts: Alerts | None
) -> dg.Definitions:
    """The three sensors. They run from the start if clients.yml says whom to tell.

    Runs of the command line are not told of, since it tells of its failures itself; what they
    mend is noticed, and their checks are told of like any others.
    """
    teller = _Teller(settings, alerts)
    ids = [client.id for client in clients]
    return dg.Definitions(sensors=[_failed(teller), _mended(teller), _checks(teller, ids)])


class _Teller:
    """The ledger and the channels of clients.yml."""

    def __init__(self, settings: Settings, alerts: Alerts | None) -> None:
        self.alerts = alerts or Alerts()
        self.ledger = Ledger(settings.alerts_ledger)
        self.channels = channels_of(self.alerts, settings)

    @property
    def status(self) -> dg.DefaultSensorStatus:
        """Whether the sensors run without being turned on."""
        is_used = bool(self.channels)
        return dg.DefaultSensorStatus.RUNNING if is_used else dg.DefaultSensorStatus.STOPPED

    def tell(self, log: Any) -> dg.SkipReason:
        """Delivers what is due, and says what came of it."""
        # Dagster's times are real ones, also where META_PIPELINE_NOW stands still.
        done = deliver(self.ledger, self.channels, rules_of(self.alerts), datetime.now(UTC))
        for problem in done.problems:
            log.error(problem)
        told = f"{done.delivered} messages delivered" if done.delivered else "nothing to tell"
        if done.problems:
            told = f"{done.delivered} messages delivered; the next tick tries again what failed: "
            told += "; ".join(done.problems)
        return dg.SkipReason(told)


def _failed(teller: _Teller) -> dg.SensorDefinition:
    @dg.run_failure_sensor(
        name="alert_failed_runs",
        default_status=teller.status,
        minimum_interval_seconds=30,
        description="Tells of failed runs of this code location: one message for each client and "
        "cause, however many partitions failed. Channels stand under `alerts:` in clients.yml.",
    )
    def alert_failed_runs(context: dg.RunFailureSensorContext) -> dg.SkipReason:
        if not teller.channels:
            return dg.SkipReason(NOT_CONFIGURED)
        run, instance = context.dagster_run, context.instance
        causes, failing = _causes_of(context)
        at = _ended_at(instance, run)
        teller.ledger.note_failures(wanted(causes, teller.alerts), at)
        good = _good(
            _steps_done(instance, run), clients_of(run.tags, registered(instance)), failing
        )
        teller.ledger.note_success(good, at)
        return teller.tell(context.log)

    return alert_failed_runs


def _mended(teller: _Teller) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name="alert_mended_runs",
        default_status=teller.status,
        minimum_interval_seconds=30,
        # Runs of the command line belong to no code location.
        monitor_all_code_locations=True,
        description="Notices which failures a successful run has mended, so that they are told "
        "as resolved, and told anew when they come back.",
    )
    def alert_mended_runs(context: dg.RunStatusSensorContext) -> dg.SkipReason:
        if not teller.channels:
            return dg.SkipReason(NOT_CONFIGURED)
        run, instance = context.dagster_run, context.instance
        done = {*_steps_done(instance, run), _job_place(run)}
        good = _good(done, clients_of(run.tags, registered(instance)), {})
        teller.ledger.note_success(good, _ended_at(instance, run))
        return teller.tell(context.log)

    return alert_mended_runs


def _checks(teller: _Teller, ids: Sequence[str]) -> dg.SensorDefinition:
    @dg.sensor(
        name="alert_failed_checks",
        default_status=teller.status,
        minimum_interval_seconds=60,
        description="Tells of asset checks whose newest evaluation failed, one message for each "
        "cause, and sends again what a channel has not taken. Checks of single partitions are "
        "left out: they paint the grid.",
    )
    def alert_failed_checks(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        if not teller.channels:
            return dg.SkipReason(NOT_CONFIGURED)
        now = datetime.now(UTC)
        causes, undecided = _failing_checks(context, ids)
        heard = {id(cause) for cause in wanted([cause for cause, _ in causes], teller.alerts)}
        kept = [(cause, at) for cause, at in causes if id(cause) in heard]
        teller.ledger.note_checks(kept, undecided, now)
        return teller.tell(context.log)

    return alert_failed_checks


def _causes_of(
    context: dg.RunFailureSensorContext,
) -> tuple[list[Cause], dict[str, set[str]]]:
    """What made a run fail, and which clients failed in each step that pulls."""
    run = context.dagster_run
    causes: list[Cause] = []
    pulls: list[FailedPull] = []
    steps: dict[str, str] = {}
    failing: dict[str, set[str]] = {}
    events = context.get_step_failure_events()
    for event in events:
        step, data = event.step_key or "", event.step_failure_data
        own = data.user_failure_data
        mine = failed_pulls(data)
        if mine is not None:
            pulls += mine
            steps |= {one.report: step for one in mine}
            failing[step] = {one.client for one in mine}
        elif own is not None:
            causes.append(cause_of_step(step, own.description or "", run=run.run_id))
        else:
            message, hint = told_by(data.error) if data.error else ("", "")
            message = message.partition(_DBT_ERRORS)[2] or message
            text = f"{message}\nhint: {hint}" if hint else message
            causes.append(cause_of_step(step, text, run=run.run_id))
    if not events:
        message = context.failure_event.message or ""
        causes.append(cause_of_step(_job_place(run), message, run=run.run_id))
    return [*causes_of_pulls(pulls, steps=steps, run=run.run_id), *causes], failing


def _good(
    done: set[str], asked: set[str], failing: Mapping[str, set[str]]
) -> Callable[[str, str], bool]:
    """Whether a step is good now for a client (or, without one, at all)."""

    def is_good(client: str, step: str) -> bool:
        if step in failing:
            return client in asked and client not in failing[step]
        return step in done and (not client or client in asked)

    return is_good


def _failing_checks(
    context: dg.SensorEvaluationContext, ids: Sequence[str]
) -> tuple[list[tuple[Cause, datetime]], set[str]]:
    """The causes that checks show now, with the time of the evaluation, and the checks of which
    nothing can be said: they are being evaluated, or their table leaves rows out."""
    assert context.repository_def is not None
    graph = context.repository_def.asset_graph
    # The newest of each at once; what is public asks for one check at a time.
    newest = context.instance.event_log_storage.get_latest_asset_check_execution_by_key(
        list(graph.asset_check_keys)
    )
    causes: list[tuple[Cause, datetime]] = []
    undecided: set[str] = set()
    for key, record in newest.items():
        # The overview tells nothing that another check has not told, and lists the fit ones too.
        if record.partition is not None or key.name == OVERVIEW.name:
            continue
        if record.status is AssetCheckExecutionRecordStatus.PLANNED or record.event is None:
            undecided.add(_check_place(key))
            continue
        event = record.event.dagster_event
        assert event is not None
        found = _outcome(event.asset_check_evaluation_data, graph.get(key).description or "")
        found = msgspec.structs.replace(found, run=record.run_id)
        if not found.is_whole:
            undecided.add(found.place)
        at = datetime.fromtimestamp(record.event.timestamp, UTC)
        causes += [(cause, at) for cause in causes_of_check(found, ids)]
    return causes, undecided


def _outcome(evaluation: AssetCheckEvaluation, meaning: str) -> CheckOutcome:
    tables = [one for one in evaluation.metadata.values() if isinstance(one, dg.TableMetadataValue)]
    rows: list[dict[str, str]] = []
    if tables:
        columns = [column.name for column in tables[0].schema.columns]
        for record in tables[0].records:
            rows.append({name: _cell(record.data.get(name)) for name in columns})
    count = evaluation.metadata.get("rows")
    return CheckOutcome(
        name=evaluation.check_name,
        asset=evaluation.asset_key.to_user_string(),
        passed=evaluation.passed,
        severity="error" if evaluation.severity is dg.AssetCheckSeverity.ERROR else "warn",
        description=evaluation.description or "",
        meaning=meaning,
        rows=tuple(rows),
        is_whole=not isinstance(count, dg.IntMetadataValue) or (count.value or 0) <= len(rows),
    )


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def _check_place(key: dg.AssetCheckKey) -> str:
    return f"{key.asset_key.to_user_string()}:{key.name}"


def _job_place(run: DagsterRun) -> str:
    return f"job {run.job_name}"


def _steps_done(instance: dg.DagsterInstance, run: DagsterRun) -> set[str]:
    records = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_SUCCESS)
    return {one.event_log_entry.step_key or "" for one in records.records}


def _ended_at(instance: dg.DagsterInstance, run: DagsterRun) -> datetime:
    record = instance.get_run_record_by_id(run.run_id)
    ended = record.end_time if record else None
    return datetime.fromtimestamp(ended, UTC) if ended else datetime.now(UTC)
