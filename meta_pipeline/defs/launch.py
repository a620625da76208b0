"""Runs the pipeline from the command line, through Dagster, without its daemon.

The runs are written into the instance of DAGSTER_HOME (by default below the pipeline's home),
so the UI shows them beside its own.
"""

import atexit
import os
import secrets
import shutil
import time
import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path

import dagster as dg
from dagster._core.execution.plan.objects import StepFailureData
from dagster._core.storage.tags import MAX_RETRIES_TAG
from filelock import FileLock, Timeout

from meta_pipeline import clock
from meta_pipeline.config import Client, Settings
from meta_pipeline.dates import Span
from meta_pipeline.defs import build
from meta_pipeline.defs.failures import root_of, told_by
from meta_pipeline.defs.partitions import LAUNCHER_TAG, ONLY, PART_TAG, Grid, register, stretches
from meta_pipeline.defs.raw import raw_key, report_keys
from meta_pipeline.disk import hint_of
from meta_pipeline.errors import MetaPipelineError
from meta_pipeline.files import ABANDONED_AFTER, written_beside
from meta_pipeline.project import project_file
from meta_pipeline.pulling import Only, Puller
from meta_pipeline.reports import REPORTS, Grain

# Dagster's and dbt's own lines go to the log; the terminal is the command's.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

# What Ctrl-C raises inside a step. Dagster takes it for a failure of the step, unless it falls
# between two steps.
_INTERRUPTIONS = frozenset({"DagsterExecutionInterruptedError", "InterruptedError"})

_UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


class RunError(MetaPipelineError):
    """A step stopped for a reason that is not Meta's: the disk, the warehouse, a defect."""


class BuildError(MetaPipelineError):
    """A model, a test or the publishing failed; the marts handed over are the ones before."""


class Launcher:
    """Launches runs of the pipeline for `clients`, the whole file's, in this process."""

    def __init__(self, settings: Settings, clients: tuple[Client, ...], puller: Puller) -> None:
        self.log = settings.home / "logs" / "dagster.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._clients = {client.id: client for client in clients}
        self._grid = Grid(clients, clock.now().date())
        self._life = _begin_life(_prepare_home(settings))
        with _opening(self._life), dg.DagsterInstance.get() as instance:
            register(instance, clients)
            # Here, too: there may be nothing to run.
            self._bury_the_dead(instance)
        with self._logged():
            self._job = build(settings, clients, puller).resolve_implicit_global_asset_job_def()

    def pull(
        self,
        grain: Grain,
        client_ids: Iterable[str],
        span: Span,
        *,
        only: Only | None = None,
        reports: Collection[str] = REPORTS,
    ) -> bool:
        """Pulls the `reports` of `grain` that the clients get; whether all of it landed.

        `only` narrows the days asked for (see `Puller.pull`).

        One run for each stretch of clients that stand together in Dagster: a run covers a
        rectangle.
        """
        good = True
        for group, keys in self.runs(grain, client_ids, reports):
            tags = self._grid.range_tags(grain, group[0], group[-1], span)
            good &= self._run(keys, tags | ONLY[only] | {PART_TAG: grain})
        return good

    def runs(
        self, grain: Grain, client_ids: Iterable[str], reports: Collection[str] = REPORTS
    ) -> list[tuple[list[str], list[dg.AssetKey]]]:
        """The runs that `pull` makes: the clients and the assets of each."""
        wanted = {raw_key(name) for name in reports}
        with dg.DagsterInstance.get() as instance:
            groups = stretches(instance, set(client_ids))
        found = []
        for group in groups:
            getting = report_keys(grain, [self._clients[name] for name in group])
            if keys := [key for key in getting if key in wanted]:
                found.append((group, keys))
        return found

    def last_build(self) -> float | None:
        """Seconds that the newest successful build took; None without any."""
        asked = dg.RunsFilter(tags={PART_TAG: "build"}, statuses=[dg.DagsterRunStatus.SUCCESS])
        with dg.DagsterInstance.get() as instance:
            records = instance.get_run_records(filters=asked, limit=1)
        if not records or not records[0].start_time or not records[0].end_time:
            return None
        return records[0].end_time - records[0].start_time

    def build(self) -> None:
        """Registers the clients, builds and tests the marts, and publishes them.

        Raises `BuildError` when a model or a test fails; then nothing is published.
        """
        layers = self._job.asset_layer.asset_graph.materializable_asset_keys
        reports = {raw_key(report) for report in REPORTS}
        if not self._run(sorted(layers - reports), {PART_TAG: "build"}):
            raise BuildError(
                "the marts were not built; the ones published before are untouched",
                hint=f"see {self.log}, or the run in Dagster's UI",
            )

    def _run(self, keys: Sequence[dg.AssetKey], tags: dict[str, str]) -> bool:
        with self._logged(), dg.DagsterInstance.get() as instance:
            self._bury_the_dead(instance)
            try:
                result = self._job.execute_in_process(
                    asset_selection=list(keys),
                    tags=tags | {LAUNCHER_TAG: self._life.name, MAX_RETRIES_TAG: "0"},
                    instance=instance,
                    run_config=_QUIET,
                    # One report that failed for one client must not keep the others from
                    # being asked.
                    raise_on_error=False,
                )
            except dg.DagsterExecutionInterruptedError:
                raise KeyboardInterrupt from None
        for event in result.all_events:
            if event.is_step_failure:
                self._raise_unforeseen(event.step_failure_data)
        return result.success

    def _raise_unforeseen(self, failure: StepFailureData) -> None:
        """Raises what a step raised; a `dg.Failure` has been told where it arose.

        Raises `KeyboardInterrupt` where the step was interrupted.
        """
        error = failure.error
        if failure.user_failure_data is not None or error is None:
            return
        if root_of(error).cls_name in _INTERRUPTIONS:
            raise KeyboardInterrupt
        message, hint = told_by(error)
        hint = hint or hint_of(message) or f"the traceback is in Dagster's UI and in {self.log}"
        raise RunError(message, hint=hint)

    def _bury_the_dead(self, instance: dg.DagsterInstance) -> None:
        """Ends the runs whose launcher was killed, and frees the pool slots they hold.

        Nobody else does: Dagster's run monitoring needs its daemon. Without this the next run
        would wait for their slots for ever.
        """
        for run in instance.get_runs(filters=dg.RunsFilter(statuses=_UNFINISHED)):
            launcher = run.tags.get(LAUNCHER_TAG)
            if launcher is not None and not _is_alive(self._life.with_name(launcher)):
                instance.report_run_failed(run, "the process that ran this was killed")
                instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)

    @contextmanager
    def _logged(self) -> Iterator[None]:
        with (
            self.log.open("a", encoding="utf-8") as log,
            redirect_stdout(log),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # Dagster announces its beta parameters each time
            yield


def _prepare_home(settings: Settings) -> Path:
    """Makes DAGSTER_HOME, below the pipeline's home unless it is set, with its settings."""
    home = Path(os.environ.get("DAGSTER_HOME") or settings.home / "dagster").expanduser().resolve()
    os.environ["DAGSTER_HOME"] = str(home)
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        with written_beside(home / "dagster.yaml") as fresh:
            shutil.copyfile(project_file("dagster.yaml"), fresh)
    return home


def _opening(life: Path) -> FileLock:
    """What a process holds while it opens Dagster's instance: two that make its tables at once
    would both fail."""
    return FileLock(life.with_name("opening"))


def _begin_life(home: Path) -> Path:
    """Takes a lock that the operating system gives back when this process ends, however."""
    path = home / "launchers" / f"{secrets.token_hex(8)}.lock"
    path.parent.mkdir(exist_ok=True)
    _remove_locks_of_the_dead(path.parent)
    lock = FileLock(path)
    lock.acquire()
    atexit.register(path.unlink, missing_ok=True)
    atexit.register(lock.release)
    return path


def _remove_locks_of_the_dead(folder: Path) -> None:
    """Removes the locks of launchers that were killed; after an hour, since a lock that was made
    this moment is not held yet."""
    oldest = time.time() - ABANDONED_AFTER
    for path in folder.glob("*.lock"):
        with suppress(FileNotFoundError):  # another command has removed it
            if path.stat().st_mtime < oldest and not _is_alive(path):
                path.unlink()


def _is_alive(path: Path) -> bool:
    """Whether the launcher of this lock still runs."""
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
