"""The connection checks of Dagster: `meta-pipeline check`, asked by a run."""

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from meta_pipeline.config import load_clients
from meta_pipeline.defs import build, defs
from meta_pipeline.defs.checks import connection_definitions
from meta_pipeline.defs.partitions import register
from meta_pipeline.defs.raw import raw_key
from meta_pipeline.pulling import Puller
from meta_pipeline.simulator import generated_agency
from tests.integration.conftest import Pipeline, dagster_instance, running_pipeline

NAMES = {"connection_acme_dental", "connection_cafe_luna"}


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    """One pipeline for the tests of this module, which pull nothing."""
    with running_pipeline(generated_agency(clients=2)) as one:
        yield one


def everything(pipeline: Pipeline) -> dg.Definitions:
    """The definitions that the UI loads."""
    clients = load_clients(pipeline.settings)
    puller = Puller(pipeline.settings, clients)
    return dg.Definitions.merge(
        build(pipeline.settings, clients, puller),
        connection_definitions(clients, pipeline.settings),
    )


def evaluations(definitions: dg.Definitions, *names: str) -> dict[str, dg.AssetCheckEvaluation]:
    """What the selected checks say."""
    keys = [dg.AssetCheckKey(raw_key("accounts"), name) for name in names]
    job = definitions.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection=set(), asset_check_selection=set(keys)
    )
    with dagster_instance() as instance:
        result = job.execute_in_process(instance=instance)
    assert result.success
    return {one.check_name: one for one in result.get_asset_check_evaluations()}


def test_loading_the_definitions_asks_meta_nothing(pipeline: Pipeline):
    """Definitions are loaded again and again; each check is there and blocks nothing."""
    before = len(pipeline.meta.requests)
    loaded = everything(pipeline)
    keys = loaded.resolve_asset_graph().asset_check_keys
    assert {key.name for key in keys if key.asset_key == raw_key("accounts")} == NAMES
    assert len(pipeline.meta.requests) == before


def test_a_good_connection_passes(pipeline: Pipeline):
    """The result holds every finding as a table."""
    found = evaluations(everything(pipeline), *NAMES)
    assert {name: one.passed for name, one in found.items()} == dict.fromkeys(NAMES, True)
    table = found["connection_acme_dental"].metadata["findings"]
    assert isinstance(table, dg.TableMetadataValue)
    assert len(table.records) > 8


def test_one_client_can_be_checked_alone(pipeline: Pipeline):
    """A selected check asks about its own client only."""
    before = len(pipeline.meta.requests)
    found = evaluations(everything(pipeline), "connection_cafe_luna")
    assert set(found) == {"connection_cafe_luna"}
    asked = pipeline.meta.requests[before:]
    assert asked
    assert not [request for request in asked if pipeline.accounts[0] in request.path]


@pytest.mark.parametrize(
    ("token", "severity"),
    [
        ("invalid-token", dg.AssetCheckSeverity.ERROR),
        ("user-token", dg.AssetCheckSeverity.WARN),
    ],
)
def test_what_is_amiss_is_graded(
    pipeline: Pipeline,
    monkeypatch: pytest.MonkeyPatch,
    token: str,
    severity: dg.AssetCheckSeverity,
):
    """A refused token is an ERROR, a risky one a WARN; the run is good, and no token is told."""
    monkeypatch.setenv("META_ACCESS_TOKEN", token)
    found = evaluations(everything(pipeline), "connection_acme_dental")
    one = found["connection_acme_dental"]
    assert (one.passed, one.severity) == (False, severity)
    assert token not in repr(one)


def test_pulls_do_not_run_them(pipeline: Pipeline):
    """Neither the pipeline's own definitions nor what pulls by itself holds a connection check."""
    clients = load_clients(pipeline.settings)
    own = build(pipeline.settings, clients, Puller(pipeline.settings, clients))
    names = {key.name for key in own.resolve_asset_graph().asset_check_keys}
    assert not names & NAMES
    loaded = everything(pipeline)
    graph = loaded.resolve_asset_graph()
    for schedule, expected in (("intraday_delivery", set()), ("connections_daily", NAMES)):
        job = loaded.resolve_schedule_def(schedule).job
        assert isinstance(job, UnresolvedAssetJobDefinition)
        assert {key.name for key in job.selection.resolve_checks(graph)} == expected
    with dagster_instance() as instance:
        register(instance, clients)
        context = dg.build_sensor_context(instance, repository_def=loaded.get_repository_def())
        requests = loaded.resolve_sensor_def("daily_sync").evaluate_tick(context).run_requests
    assert requests
    assert [one.asset_check_keys for one in requests] == [[]] * len(requests)


def test_the_ui_loads_them_all(pipeline: Pipeline):
    """What `dagster dev` loads holds the checks and their schedule."""
    loaded = defs()
    assert isinstance(loaded, dg.Definitions)
    names = {schedule.name for schedule in loaded.schedules or ()}
    assert {"connections_daily", "intraday_delivery"} <= names
