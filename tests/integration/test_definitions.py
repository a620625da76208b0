"""What Dagster shows and runs."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import dagster as dg
import duckdb
import pytest

from meta_pipeline.config import Client, load_clients
from meta_pipeline.dates import Span
from meta_pipeline.defs import build, transformations
from meta_pipeline.defs.launch import Launcher, RunError
from meta_pipeline.defs.partitions import ONLY_DUE, RANGE_END, RANGE_START, Grid, register
from meta_pipeline.defs.raw import BEGUN_TAG, PULL_POOL, raw_key
from meta_pipeline.defs.resources import Warehouse
from meta_pipeline.defs.retries import Retries
from meta_pipeline.defs.transformations import PUBLISHED
from meta_pipeline.event_log import BatchedSqliteEventLogStorage
from meta_pipeline.landing import Landed, PullFailure
from meta_pipeline.pulling import Errand, Outcome, Puller
from meta_pipeline.quality import CHECKS
from meta_pipeline.reports import DEFAULT_REPORTS, REPORTS, Report, reports_of
from tests.integration.conftest import NOW, Pipeline, dagster_instance

DAYS = Span(NOW.date() - timedelta(days=4), NOW.date() - timedelta(days=2))
AD_DAILY = raw_key("ad_daily")
REFUSAL = {
    "error": {
        "message": "(#200) Ad account owner has NOT grant ads_read permission",
        "type": "OAuthException",
        "code": 200,
        "fbtrace_id": "Aabc",
    }
}


@pytest.fixture
def puller(pipeline: Pipeline) -> Puller:
    """What pulls for the pipeline's clients."""
    return Puller(pipeline.settings, load_clients(pipeline.settings))


@pytest.fixture
def definitions(pipeline: Pipeline, puller: Puller) -> dg.Definitions:
    """The pipeline's definitions."""
    return build(pipeline.settings, load_clients(pipeline.settings), puller)


@pytest.fixture
def instance(pipeline: Pipeline) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance of the test's own."""
    with dagster_instance() as one:
        register(one, load_clients(pipeline.settings))
        yield one


def test_the_graph_explains_itself(definitions: dg.Definitions):
    """Every asset has a description, a group, kinds and owners; raw ones have partitions."""
    graph = definitions.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.group_name in {"raw", "seeds", "staging", "intermediate", "marts", "delivery"}
        assert node.kinds, key
        assert node.owners, key
    for report in REPORTS.values():
        assert graph.get(raw_key(report.name)).partitions_def is not None
    # One table holds all reports, and yet each staging model hangs on its own report.
    staging = graph.get(dg.AssetKey(["staging", "stg_meta__ad_daily"]))
    assert staging.parent_keys == {AD_DAILY}


def test_the_next_days_run_leaves_alone_what_is_not_due(
    pipeline: Pipeline, instance: dg.DagsterInstance, definitions: dg.Definitions
):
    """Its rectangle may cover more: what is known stays green, what was never pulled stays grey,
    and Meta is asked for what is due alone."""
    pulled = Span(NOW.date() - timedelta(days=28), NOW.date() - timedelta(days=1))
    assert run(definitions, instance, ["ad_daily"], range_tags(pulled)).success
    wednesday = NOW + timedelta(days=3)
    pipeline.move_to(wednesday)
    wide = Span(NOW.date() - timedelta(days=40), pulled.until)
    assert run(definitions, instance, ["ad_daily"], range_tags(wide) | ONLY_DUE).success
    asked = pipeline.raw(
        "select client_id, list(distinct day order by day) from raw.coverage "
        f"where report = 'ad_daily' and pulled_at >= '{wednesday.isoformat()}' "
        "group by client_id order by client_id"
    )
    # A Sunday that was 27 days old at its last pull; one that was 13, and from there on.
    due = [date(2026, 10, 25), *Span(date(2026, 11, 8), date(2026, 11, 21))]
    assert asked == [("acme-dental", due), ("cafe-luna", due)]
    assert instance.get_materialized_partitions(AD_DAILY) == keys("acme-dental", pulled) | keys(
        "cafe-luna", pulled
    )


def test_a_refused_client_leaves_the_others_green(
    pipeline: Pipeline, puller: Puller, instance: dg.DagsterInstance, definitions: dg.Definitions
):
    """In one range run the landed partitions are materialized and only the failed ones are not;
    the next run that succeeds fills them in, and nothing is doubled."""
    refused = pipeline.accounts[1]
    pipeline.meta.fail_next(f"{refused}/insights", 403, REFUSAL)
    result = run(definitions, instance, ["ad_daily"], range_tags(DAYS))
    assert not result.success
    assert instance.get_materialized_partitions(AD_DAILY) == keys("acme-dental", DAYS)
    message = failure_of(result)
    assert "code 200" in message
    assert refused in message
    assert pipeline.raw(
        "select client_id, status, count(*) from raw.coverage group by all order by 1"
    ) == [("acme-dental", "pulled", 3), ("cafe-luna", "failed", 3)]
    assert run(definitions, instance, ["ad_daily"], range_tags(DAYS)).success
    assert instance.get_materialized_partitions(AD_DAILY) == keys("acme-dental", DAYS) | keys(
        "cafe-luna", DAYS
    )
    doubled = pipeline.raw(
        "select count(*) - count(distinct (day, entity_key)) from raw.records "
        "where valid_to is null and client_id = 'acme-dental'"
    )
    assert doubled == [(0,)]


def test_a_range_run_asks_once_a_client_and_report(
    pipeline: Pipeline, instance: dg.DagsterInstance, definitions: dg.Definitions
):
    """Two clients by three days by seven ads reports are fourteen insights requests."""
    reports = [report for report in reports_of(grain="day") if report.surface == "ads"]
    names = [report.name for report in reports if report.is_default]
    assert run(definitions, instance, names, range_tags(DAYS)).success
    kinds = [request.kind for request in pipeline.meta.requests]
    assert kinds.count("insights") == 2 * len(names)


def test_archived_objects_are_not_lost(
    pipeline: Pipeline, instance: dg.DagsterInstance, definitions: dg.Definitions
):
    """A campaign archived since keeps its old days at every level, as the account's total does."""
    days = Span(date(2025, 12, 29), date(2025, 12, 31))
    # Rows of 28 days count a day many times.
    daily = [r for r in reports_of(grain="day") if r.surface == "ads" and not r.rolling_days]
    names = [report.name for report in daily if report.is_default]
    tags = {RANGE_START: f"cafe-luna|{days.since}", RANGE_END: f"cafe-luna|{days.until}"}
    assert run(definitions, instance, names, tags).success
    (truth,) = pipeline.truth(pipeline.accounts[1], str(days.since), str(days.until))
    account = pipeline.meta.source.account(pipeline.accounts[1])
    assert account is not None
    campaigns = pipeline.meta.source.campaigns(account)
    archived = [one.id for one in campaigns if one.status_on(NOW.date()) == "ARCHIVED"]
    found = pipeline.raw(
        """
        select report, sum((payload->>'spend')::decimal(18, 6)) from raw.records
        where valid_to is null group by report order by report
        """
    )
    assert found == [(name, Decimal(truth["spend"])) for name in sorted(names)]
    spent = pipeline.raw(
        f"""
        select count(*) from raw.records
        where report = 'ad_daily' and (payload->>'campaign_id') in ('{"', '".join(archived)}')
        """
    )
    assert spent[0][0] > 0


def test_a_single_partition_run(
    pipeline: Pipeline, instance: dg.DagsterInstance, definitions: dg.Definitions
):
    """One cell of the grid, as the UI launches it, pulls one client's day."""
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        partition_key=dg.MultiPartitionKey({"client": "cafe-luna", "day": str(DAYS.since)}),
        asset_selection=[AD_DAILY],
        instance=instance,
    )
    assert result.success
    assert pipeline.raw("select distinct client_id, cast(day as text) from raw.coverage") == [
        ("cafe-luna", str(DAYS.since))
    ]


def test_one_failure_keeps_no_other_report_from_being_asked(pipeline: Pipeline):
    """The healthy client has every report, although the other one's first report failed."""
    refused = pipeline.accounts[1]
    pipeline.meta.fail_next(f"{refused}/insights", 403, REFUSAL)
    summary = pipeline.sync("2026-11-18", "2026-11-20")
    assert {failure["client"] for failure in summary.failures()} == {"cafe-luna"}
    reports = pipeline.raw(
        "select distinct report from raw.coverage where client_id = 'acme-dental' order by 1"
    )
    assert [name for (name,) in reports] == sorted(DEFAULT_REPORTS)
    gaps = pipeline.marts("select distinct coverage from mart_freshness where client_id like 'a%'")
    assert gaps == [("pulled",)]


def test_what_nobody_foresaw_is_said(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch):
    """A full disk is no failure of Meta's, and no success: it ends the command with its reason."""
    clients = load_clients(pipeline.settings)
    puller = Puller(pipeline.settings, clients)
    launcher = Launcher(pipeline.settings, clients, puller)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(puller, "pull", full)
    with pytest.raises(RunError, match="No space left on device"):
        launcher.pull("snapshot", ["acme-dental"], DAYS)


@pytest.mark.parametrize("interruption", [dg.DagsterExecutionInterruptedError, InterruptedError])
def test_an_interrupted_step_is_no_failure(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, interruption: type[BaseException]
):
    """Ctrl-C in the middle of a step ends the command as interrupted, and nobody seeks a defect."""
    clients = load_clients(pipeline.settings)
    puller = Puller(pipeline.settings, clients)
    launcher = Launcher(pipeline.settings, clients, puller)

    def stopped(*_: object, **__: object) -> None:
        raise interruption

    monkeypatch.setattr(puller, "pull", stopped)
    with pytest.raises(KeyboardInterrupt):
        launcher.pull("snapshot", ["acme-dental"], DAYS)


def test_a_killed_backfill_holds_up_nobody(pipeline: Pipeline):
    """SIGKILL in the middle of a pull, then of the build: the next command ends those runs, frees
    the slot, goes on where they stopped, and neither loses nor doubles a row."""
    # The second client's answer is under way when the first one's has landed.
    pipeline.meta.fail_next(f"{pipeline.accounts[1]}/insights", None, delay_seconds=20, times=1)
    days = ["--from", str(DAYS.since), "--to", str(DAYS.until)]
    names = ["--report", "account_daily", "--report", "ad_daily"]
    command = [str(Path(sys.executable).with_name("meta-pipeline")), "backfill", *days, *names]
    kill_when(command, lambda _: asked_for_insights(pipeline))
    with dg.DagsterInstance.get() as instance:
        claimed = instance.event_log_storage.get_concurrency_info(PULL_POOL).claimed_slots
        assert len(claimed) == 1
        dbt = kill_when(command, dbt_of)
        assert dbt is not None
        assert is_gone(dbt)
        killed = instance.get_run_by_id(claimed[0].run_id)
        assert killed is not None
        assert killed.status is dg.DagsterRunStatus.FAILURE
        asked = len(pipeline.meta.requests)
        assert subprocess.run(command, check=False, capture_output=True).returncode == 0
        assert len(pipeline.meta.requests) == asked
        assert all(run.is_finished for run in instance.get_runs())
    found = pipeline.marts(
        "select ad_account_id, sum(spend) from fct_account_daily group by all order by 1"
    )
    true = {
        account: sum(
            Decimal(row["spend"])
            for row in pipeline.truth(account, str(DAYS.since), str(DAYS.until))
        )
        for account in pipeline.accounts
    }
    assert dict(found) == true
    doubled = pipeline.raw(
        "select count(*) - count(distinct (report, day, entity_key)) from raw.records "
        "where valid_to is null"
    )
    assert doubled == [(0,)]


def kill_when(command: list[str], seen: Callable[[int], Any]) -> Any:
    """Starts a command and kills it as soon as `seen`, given its process, sees something."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with process:
        while not (found := seen(process.pid)):
            assert process.poll() is None, "it ended before it could be killed"
            Event().wait(0.05)
        process.kill()
    return found


def dbt_of(pid: int) -> int | None:
    """The process of the dbt build that a process has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    for child in children.read_text().split() if children.exists() else ():
        line = Path(f"/proc/{child}/cmdline")
        words = line.read_bytes() if line.exists() else b""
        # Before that it is the script that ties it to its parent.
        if b"\0build\0" in words and b"prctl" not in words:
            return int(child)
    return None


def is_gone(pid: int) -> bool:
    """Whether a process ends within ten seconds."""
    for _ in range(100):
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or ") Z " in stat.read_text():
            return True
        Event().wait(0.1)
    return False


def test_a_throttled_step_comes_back_by_itself(
    pipeline: Pipeline,
    puller: Puller,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
):
    """What landed at any try is green while it waits for the rest, which alone it asks for again.
    In the end all are green, and each cell was told once, in one batch with the others of its try
    and with what came of that."""
    clients = load_clients(pipeline.settings)
    acme, cafe = clients
    definitions = build(pipeline.settings, clients, puller, Retries(first=0.05))
    ask = puller.pull
    tries: list[datetime | None] = []
    green: list[set[str]] = []
    batches: list[int] = []
    write = BatchedSqliteEventLogStorage.store_event_batch

    def store(storage: BatchedSqliteEventLogStorage, events: Sequence[dg.EventLogEntry]) -> None:
        landed = [one for one in events if one.get_dagster_event().is_step_materialization]
        batches.extend([len(landed)] if landed else [])
        write(storage, events)

    def pull(report: Report, wanted: dict[str, list[Span]], **how: Any) -> list[Outcome]:
        tries.append(how["fresh_since"])
        green.append(instance.get_materialized_partitions(AD_DAILY))
        back = clients[: len(tries) - 1]
        landed = ask(report, {one.id: wanted[one.id] for one in back}, **how)
        return [*landed, *map(throttled, clients[len(back) :])]

    def throttled(client: Client) -> Outcome:
        out_of_quota = PullFailure(kind="throttled", message="wait")
        errand = Errand(client, REPORTS["ad_daily"], client.ad_accounts[0], *days)
        return Outcome(errand, (Landed("1", "failed", failure=out_of_quota, span=DAYS),))

    days = DAYS, DAYS.until, DAYS.since
    monkeypatch.setattr(puller, "pull", pull)
    monkeypatch.setattr(BatchedSqliteEventLogStorage, "store_event_batch", store)
    result = run(definitions, instance, ["ad_daily"], range_tags(DAYS))
    assert result.success
    assert batches == [DAYS.days, DAYS.days]
    assert [event.event_type_value for event in result.all_events].count("STEP_UP_FOR_RETRY") == 2
    assert tries == [None, NOW, NOW]
    assert green == [set(), set(), keys(acme.id, DAYS)]
    kinds = [request.kind for request in pipeline.meta.requests]
    assert kinds.count("insights") == 2
    cells = keys(acme.id, DAYS) | keys(cafe.id, DAYS)
    grid = Grid(clients, NOW.date()).definition("day")
    found = instance.get_status_by_partition(AD_DAILY, list(cells), grid)
    assert found == dict.fromkeys(cells, dg.AssetPartitionStatus.MATERIALIZED)
    told = [
        (one.partition, one.metadata["try_rows"].value)
        for record in instance.fetch_materializations(AD_DAILY, limit=100).records
        if (one := record.asset_materialization)
    ]
    rows = dict(
        pipeline.raw(
            "select client_id, count(*) from raw.records where valid_to is null group by 1"
        )
    )
    assert sorted(told) == sorted(
        (key, rows[one.id]) for one in clients for key in keys(one.id, DAYS)
    )


def test_a_resumed_run_asks_for_what_it_lacks(
    pipeline: Pipeline, instance: dg.DagsterInstance, definitions: dg.Definitions
):
    """ "Re-execute from failure" leaves out what the failed run landed; a run anew asks for all."""
    pipeline.meta.fail_next(f"{pipeline.accounts[1]}/insights", 403, REFUSAL)
    failed = run(definitions, instance, ["ad_daily"], range_tags(DAYS))
    assert not failed.success
    before = len(pipeline.meta.requests)
    repeat = {
        "dagster/is_resume_retry": "true",
        "dagster/root_run_id": failed.run_id,
        "dagster/parent_run_id": failed.run_id,
    }
    job = definitions.resolve_implicit_global_asset_job_def()
    first = instance.get_run_by_id(failed.run_id)
    assert first is not None
    assert BEGUN_TAG in first.tags
    resumed = job.execute_in_process(
        asset_selection=[AD_DAILY], tags=range_tags(DAYS) | repeat, instance=instance
    )
    assert resumed.success
    asked = pipeline.meta.requests[before:]
    assert [request.kind for request in asked].count("insights") == 1


def asked_for_insights(pipeline: Pipeline) -> bool:
    """Whether the second client has been asked for its insights, and the first one has landed."""
    paths = [request.path for request in pipeline.meta.requests if request.kind == "insights"]
    return all(any(account in path for path in paths) for account in pipeline.accounts)


def test_half_a_range_is_refused(instance: dg.DagsterInstance, definitions: dg.Definitions):
    """A run with range tags and a single key's tags would lose most of its range."""
    tags = range_tags(DAYS) | {"dagster/partition/day": str(DAYS.since)}
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        asset_selection=[AD_DAILY], tags=tags, instance=instance, raise_on_error=False
    )
    assert not result.success
    assert "most of it would be lost" in failure_of(result)


def test_days_not_begun_stay_grey(
    pipeline: Pipeline, instance: dg.DagsterInstance, definitions: dg.Definitions
):
    """At 3 h UTC New York's day has not begun: the run is good, the cell is not claimed."""
    job = definitions.resolve_implicit_global_asset_job_def()
    for asset in ("accounts", "ad_daily"):
        early = datetime(2026, 11, 22, 3, tzinfo=UTC)
        pipeline.move_to(early)
        key = "acme-dental"
        if asset == "ad_daily":
            key = dg.MultiPartitionKey({"client": key, "day": str(early.date())})
        assert job.execute_in_process(
            partition_key=key, asset_selection=[raw_key(asset)], instance=instance
        ).success
    assert instance.get_materialized_partitions(AD_DAILY) == set()
    assert pipeline.raw("select count(*) from raw.coverage where report = 'ad_daily'") == [(0,)]


def test_checks_tell_of_all_clients_and_hold_up_nothing(pipeline: Pipeline):
    """Four days after the last pull its open days are late and the client is stale: an ERROR, with
    tables and plots, after which the marts are published all the same."""
    clients = load_clients(pipeline.settings)
    outcomes: list[Outcome] = []
    launcher = Launcher(
        pipeline.settings,
        clients,
        Puller(pipeline.settings, clients, listener=outcomes.append),
    )
    assert launcher.pull("snapshot", ["acme-dental"], DAYS)
    assert launcher.pull("day", ["acme-dental"], DAYS)
    launcher.build()
    first = pipeline.settings.marts.stat()
    pipeline.move_to(NOW + timedelta(days=4))
    launcher.build()
    assert pipeline.settings.marts.stat().st_ino != first.st_ino
    found = newest_checks()
    late, stale = found["settled_pull"], found["fresh_delivery"]
    assert (late.passed, late.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert late.metadata["days_late"].value == 2  # the third was settled when it was pulled
    table = late.metadata["table"]
    assert isinstance(table, dg.TableMetadataValue)
    (record,) = table.records
    assert record.data["client_id"] == "acme-dental"
    assert str(record.data["run"]) in str(late.description)
    assert str(late.metadata["plot"].value).startswith(
        "![Days that wait for a later pull](data:image/png;base64,"
    )
    assert (stale.passed, stale.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert stale.metadata["clients_stale"].value == 1
    assert stale.metadata["clients_never_pulled"].value == 1
    good = {name for name, check in found.items() if check.passed}
    assert good == {check.name for check in CHECKS} - {"settled_pull", "fresh_delivery"}
    assert found["fit_to_report"].description == (
        "0 of 2 clients fit to report; not fit: acme-dental, cafe-luna"
    )
    assert_partitions_say_what_the_marts_say(pipeline)
    published = newest_metadata(PUBLISHED)
    assert str(published["spend"].value).startswith("![Spend of the last 60 days](data:image/png")
    assert "plot" not in found["coverage"].metadata
    with dg.DagsterInstance.get() as instance:
        (record,) = instance.fetch_observations(PUBLISHED, limit=1).records
    assert record.asset_observation is not None
    assert isinstance(record.asset_observation.metadata["clients"], dg.TableMetadataValue)


def assert_partitions_say_what_the_marts_say(pipeline: Pipeline) -> None:
    """Maturity, rows and pull of each cell of the grid are those of mart_coverage."""
    known = pipeline.marts(
        "select cast(day as text), maturity, pulled_at from mart_coverage "
        "where client_id = 'acme-dental' and report = 'account_daily' order by day"
    )
    assert len(known) == DAYS.days
    for day, maturity, pulled_at in known:
        told = newest_metadata(raw_key("account_daily"), f"acme-dental|{day}")
        assert told["maturity"].value == maturity
        assert told["pulled_at"].value == pulled_at.timestamp()
        assert told["dagster/partition_row_count"].value == 1
        assert told["api_version_served"].value == "v26.0"
        assert told["requests_of_its_pulls"].value == 1


class Dbt:
    """In place of dbt: each build leaves its number in every mart, and fails on command."""

    def __init__(self, warehouse: Path, models: dg.AssetsDefinition) -> None:
        self.marts = [key.path[-1] for key in models.keys if key.path[0] == "marts"]
        self.warehouse, self.number = warehouse, 0
        self.error: BaseException | None = None

    def cli(self, *_: Any, **__: Any) -> "Dbt":
        """A build that is about to begin."""
        self.number += 1
        return self

    def stream(self) -> Iterator[Any]:
        """Builds, and raises when a test fails."""
        with duckdb.connect(str(self.warehouse)) as connection:
            connection.execute("create schema if not exists marts")
            for mart in self.marts:
                connection.execute(f"create or replace table marts.{mart} as select {self.number}")
        yield from ()
        if self.error is not None:
            raise self.error


def test_marts_are_published_only_if_their_tests_passed(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
):
    """A build that failed or was stopped after another one, whosever it was, keeps them back until
    all are built well again; so does a new home, and a project that changed. One of some models
    mends nothing, and harms nothing."""
    monkeypatch.setattr(transformations, "newly_settled", lambda *_: ())
    monkeypatch.setattr(transformations, "pictures", lambda _: {})
    settings = pipeline.settings
    project = transformations.dbt_project(settings)
    models = transformations.transformation_assets(project)
    grid = Grid(load_clients(settings), NOW.date())
    published = transformations.published_asset(project, models, settings, grid)
    dbt = Dbt(settings.warehouse, models)

    def done(
        *what: dg.AssetsDefinition,
        some: dg.AssetKey | None = None,
        error: BaseException | None = None,
    ) -> bool:
        dbt.error = error
        return dg.materialize(
            [models, published],
            selection=[some] if some else list(what),
            resources={"dbt": dbt, "warehouse": Warehouse.of(settings)},
            raise_on_error=False,
        ).success

    def handed_over() -> int:
        return pipeline.marts(f"from {dbt.marts[0]}")[0][0]

    one = dg.AssetKey(["marts", dbt.marts[0]])
    assert not done(published)
    assert done(models)
    assert done(published)
    assert handed_over() == 1
    assert done(some=one)
    assert done(published)
    for stopped in (dg.Failure("a test failed"), KeyboardInterrupt()):
        with suppress(KeyboardInterrupt):
            assert not done(models, error=stopped)
        assert not done(published)
        assert done(some=one)
        assert not done(published)
        assert handed_over() == dbt.number - 2
        assert done(models)
        assert done(published)
    monkeypatch.setattr(transformations, "fingerprint", lambda _: "another")
    assert done(some=one)
    assert not done(published)
    assert done(models)
    assert done(published)
    assert handed_over() == dbt.number


def newest_metadata(
    key: dg.AssetKey, partition: str | None = None
) -> Mapping[str, dg.MetadataValue]:
    """What the newest materialization of an asset, or of one of its partitions, says."""
    with dg.DagsterInstance.get() as instance:
        wanted = dg.AssetRecordsFilter(key, asset_partitions=[partition] if partition else None)
        (record,) = instance.fetch_materializations(wanted, limit=1).records
    assert record.asset_materialization is not None
    return record.asset_materialization.metadata


def newest_checks() -> dict[str, dg.AssetCheckEvaluation]:
    """What the checks of the published marts, which come last in a build, said last."""
    with dg.DagsterInstance.get() as instance:
        records = instance.get_event_records(
            dg.EventRecordsFilter(dg.DagsterEventType.ASSET_CHECK_EVALUATION), limit=len(CHECKS) + 1
        )
    events = [record.event_log_entry.dagster_event for record in records]
    evaluations = [event.asset_check_evaluation_data for event in events if event]
    return {one.check_name: one for one in evaluations}


def run(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    names: list[str],
    tags: dict[str, str],
) -> dg.ExecuteInProcessResult:
    """A run of reports over the range that `tags` name."""
    return definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        asset_selection=[raw_key(name) for name in names],
        tags=tags,
        instance=instance,
        raise_on_error=False,
    )


def range_tags(span: Span) -> dict[str, str]:
    """The rectangle of both clients by `span`."""
    return {
        RANGE_START: f"acme-dental|{span.since}",
        RANGE_END: f"cafe-luna|{span.until}",
    }


def keys(client: str, span: Span) -> set[str]:
    """A client's partitions."""
    return {f"{client}|{day}" for day in span}


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    """The message of the step that failed."""
    (event,) = [e for e in result.all_events if e.event_type_value == "STEP_FAILURE"]
    return str(event.step_failure_data.error) + str(event.step_failure_data.user_failure_data)
