"""What Dagster does by itself: whom it pulls, in which runs, and when it builds the marts."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from meta_pipeline.config import load_clients
from meta_pipeline.defs import build
from meta_pipeline.defs.partitions import LAUNCHER_TAG, ONLY_DUE, RANGE_END, RANGE_START, register
from meta_pipeline.defs.raw import raw_key
from meta_pipeline.defs.schedules import TURN
from meta_pipeline.defs.transformations import EVERY_REPORT, PUBLISHED
from meta_pipeline.reports import REPORTS
from tests.integration.conftest import NOW, Pipeline, dagster_instance
from tests.integration.echo import Echo, write_clients

ZONES = {"acme": "Australia/Sydney", "bolt": "America/New_York", "cafe": "Australia/Sydney"}
SYDNEYS_TURN = datetime(2026, 11, 21, 16, tzinfo=UTC)
LAST = date(2026, 11, 20)
PULLED = ("account_daily", "campaign_daily")


@pytest.fixture
def echo(pipeline: Pipeline) -> Echo:
    """The puller of the definitions."""
    write_clients(pipeline, ZONES)
    return Echo(pipeline, load_clients(pipeline.settings))


@pytest.fixture
def definitions(pipeline: Pipeline, echo: Echo) -> dg.Definitions:
    """The pipeline's definitions, for a client in New York between two in Sydney."""
    return build(pipeline.settings, tuple(echo.clients.values()), echo)


@pytest.fixture
def instance(pipeline: Pipeline, echo: Echo) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance of the test's own, which has partitions for the clients."""
    with dagster_instance() as one:
        register(one, echo.clients.values())
        yield one


# Whom it pulls, and in which runs.


def tick(
    definitions: dg.Definitions, instance: dg.DagsterInstance, cursor: str | None
) -> dg.SensorResult:
    """What the daily sync asks for, as its runs and its next cursor."""
    context = dg.build_sensor_context(
        instance, cursor=cursor, repository_def=definitions.get_repository_def()
    )
    data = definitions.resolve_sensor_def("daily_sync").evaluate_tick(context)
    return dg.SensorResult(run_requests=data.run_requests, cursor=data.cursor)


def rectangles(result: dg.SensorResult) -> list[tuple[str, str]]:
    """The corners of each run."""
    return [(one.tags[RANGE_START], one.tags[RANGE_END]) for one in list(result.run_requests or [])]


def test_the_first_tick_is_one_rectangle_a_grain(
    definitions: dg.Definitions, instance: dg.DagsterInstance
):
    """Objects first, with clients.yml; then the window's days, of which it asks for what is due;
    then the months, until one is final. Clients are neighbours, so they share the runs."""
    result = tick(definitions, instance, None)
    objects, days, months = list(result.run_requests or [])
    assert rectangles(result) == [
        ("acme", "cafe"),
        ("acme|2026-10-25", "cafe|2026-11-21"),
        ("acme|2026-10-01", "cafe|2026-11-01"),
    ]
    assert [one.tags["dagster/priority"] for one in (objects, days, months)] == ["2", "1", "0"]
    assert {one.tags[TURN] for one in (objects, days, months)} == {"acme..cafe"}
    assert [ONLY_DUE.items() <= one.tags.items() for one in (objects, days, months)] == [
        False,
        True,
        False,
    ]
    assert raw_key("clients") in (objects.asset_selection or [])
    # None of the clients has a Page, an Instagram account or asks for countries.
    assert raw_key("page_daily") not in (days.asset_selection or [])
    assert raw_key("ad_daily") in (days.asset_selection or [])
    assert months.asset_selection == [raw_key("account_monthly")]


def test_sydney_is_not_pulled_at_new_yorks_hour(
    pipeline: Pipeline, definitions: dg.Definitions, instance: dg.DagsterInstance
):
    """Its two clients come due sixteen hours before New York's, whose client lies between them: a
    run each. The day that has just ended there is asked for, although UTC is still on it."""
    all_done = '{"acme": "2026-11-20", "bolt": "2026-11-20", "cafe": "2026-11-20"}'
    pipeline.move_to(SYDNEYS_TURN - timedelta(minutes=5))
    assert rectangles(tick(definitions, instance, all_done)) == []
    pipeline.move_to(SYDNEYS_TURN)
    result = tick(definitions, instance, all_done)
    assert rectangles(result) == [
        ("acme", "acme"),
        ("acme|2026-10-25", "acme|2026-11-21"),
        ("acme|2026-10-01", "acme|2026-11-01"),
        ("cafe", "cafe"),
        ("cafe|2026-10-25", "cafe|2026-11-21"),
        ("cafe|2026-10-01", "cafe|2026-11-01"),
    ]
    assert rectangles(tick(definitions, instance, result.cursor)) == []
    pipeline.move_to(SYDNEYS_TURN + timedelta(hours=16))
    later = tick(definitions, instance, result.cursor)
    assert rectangles(later)[1] == ("bolt|2026-10-25", "bolt|2026-11-21")


def test_a_tick_that_is_repeated_asks_for_the_same_runs(
    pipeline: Pipeline, definitions: dg.Definitions, instance: dg.DagsterInstance
):
    """Dagster drops runs whose key it knows, so a daemon killed before it kept the cursor doubles
    nothing; the next day's runs have other keys."""

    def run_keys() -> list[str | None]:
        return [one.run_key for one in tick(definitions, instance, None).run_requests or []]

    first = run_keys()
    assert run_keys() == first
    pipeline.move_to(NOW + timedelta(days=1))
    assert not set(first) & set(run_keys())


def test_clients_yml_is_read_at_each_tick(
    pipeline: Pipeline, definitions: dg.Definitions, instance: dg.DagsterInstance
):
    """A client taken out is pulled no more; one that is no partition yet keeps its turn."""
    write_clients(pipeline, {"acme": ZONES["acme"], "new": "UTC", "cafe": ZONES["cafe"]})
    result = tick(definitions, instance, None)
    assert rectangles(result)[::3] == [("acme", "acme"), ("cafe", "cafe")]
    assert "new" not in str(result.cursor)


def test_delivery_during_the_day_asks_for_two_reports(
    pipeline: Pipeline, definitions: dg.Definitions, instance: dg.DagsterInstance
):
    """Today and yesterday in all time zones, as far as the grid goes; it starts stopped, like the
    daily sync."""
    schedule = definitions.resolve_schedule_def("intraday_delivery")
    sensor = definitions.resolve_sensor_def("daily_sync")
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
    with dg.build_schedule_context(instance) as context:
        (request,) = list(schedule.evaluate_tick(context).run_requests or [])
    assert request.tags[RANGE_START] == "acme|2026-11-21"
    assert request.tags[RANGE_END] == "cafe|2026-11-22"
    pipeline.move_to(datetime(2026, 11, 22, 2, tzinfo=UTC))  # New York is on the 21st
    with dg.build_schedule_context(instance) as context:
        (request,) = list(schedule.evaluate_tick(context).run_requests or [])
    assert request.tags[RANGE_START] == "acme|2026-11-20"


# When it builds the marts.


class Automation:
    """The automation conditions' sensor, tick by tick."""

    def __init__(
        self, definitions: dg.Definitions, instance: dg.DagsterInstance, mart: str | None = None
    ) -> None:
        self.definitions, self.instance = definitions, instance
        self.now = datetime(2026, 11, 26, 9, tzinfo=UTC)
        self.cursor = None
        chosen = dg.AssetSelection.all()
        if mart is not None:  # a tick looks at a few models in a tenth of the time
            chosen = dg.AssetSelection.assets(dg.AssetKey(["marts", mart])).upstream()
        keys = chosen.resolve(definitions.resolve_asset_graph())
        self.models = {key for key in keys if key.path[0] not in ("raw", "delivery")}
        # Run tags are looked at only for events that follow another one.
        instance.report_runless_asset_event(dg.AssetMaterialization(raw_key("clients")))
        self.tick()

    def tick(self, after: timedelta = timedelta(seconds=30)) -> set[dg.AssetKey]:
        """The assets that are asked for."""
        self.now += after
        result = dg.evaluate_automation_conditions(
            self.definitions,
            self.instance,
            dg.AssetSelection.assets(*self.models, PUBLISHED),
            evaluation_time=self.now,
            cursor=self.cursor,
        )
        self.cursor = result.cursor
        return {key for key in (*self.models, PUBLISHED) if result.get_num_requested(key)}

    def pull(self, **tags: str) -> None:
        """A run of two reports for a day of all clients."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        assert job.execute_in_process(
            asset_selection=[raw_key(name) for name in PULLED],
            tags={RANGE_START: f"acme|{LAST}", RANGE_END: f"cafe|{LAST}"} | tags,
            instance=self.instance,
        ).success

    def built(self, *more: dg.AssetKey) -> None:
        """All models are built."""
        for key in (*self.models, *more):
            self.instance.report_runless_asset_event(dg.AssetMaterialization(key))


@pytest.fixture
def automation(definitions: dg.Definitions, instance: dg.DagsterInstance) -> Automation:
    """The sensor after its first tick, for one mart, what it is made of, and the publishing."""
    return Automation(definitions, instance, "mart_coverage")


def test_all_models_look_at_all_reports(definitions: dg.Definitions):
    """Through the one that hangs on each of them."""
    graph = definitions.resolve_asset_graph()
    assert graph.get(EVERY_REPORT).parent_keys == {raw_key(name) for name in REPORTS}
    first = {
        key
        for key in graph.get_all_asset_keys() - {PUBLISHED}
        if key.path[0] not in ("raw", "delivery")
        and all(dep.path[0] == "raw" for dep in graph.get(key).parent_keys)
    }
    assert len({graph.get(key).automation_condition for key in first}) == 1


def test_one_build_once_all_that_was_being_pulled_is_in(
    definitions: dg.Definitions, instance: dg.DagsterInstance, echo: Echo
):
    """Not between two reports of a run, nor while another run goes on; then all models at once, and
    the publishing with them; then nothing until something lands."""
    automation = Automation(definitions, instance)
    asked: list[set[dg.AssetKey]] = []
    echo.told = lambda _report: asked.append(automation.tick())
    job = automation.definitions.resolve_implicit_global_asset_job_def()
    waiting = automation.instance.create_run_for_job(
        job,
        asset_selection=frozenset([raw_key("ad_daily")]),
        tags={RANGE_START: f"acme|{LAST}", RANGE_END: f"cafe|{LAST}"},
        status=dg.DagsterRunStatus.STARTED,
    )
    automation.pull()
    assert asked == [set(), set()]
    automation.instance.report_run_canceled(waiting)
    assert automation.tick() == {*automation.models, PUBLISHED}
    assert automation.tick() == set()
    automation.built(PUBLISHED)
    assert automation.tick() == set()


def test_nothing_is_published_by_itself_after_a_build_that_failed(automation: Automation):
    """Models that were built before a test failed start no publishing of their own."""
    automation.pull()
    assert automation.tick()
    automation.built()
    assert automation.tick() == set()
    assert automation.tick() == set()


def test_what_lands_as_a_build_ends_is_not_swallowed(automation: Automation):
    """Seen in one tick, the build's end and the new records start another build."""
    automation.pull()
    assert automation.tick()
    automation.built(PUBLISHED)
    automation.pull()
    assert automation.tick() == {*automation.models, PUBLISHED}


def test_pulls_of_the_command_line_start_no_build(automation: Automation):
    """It builds by itself when all its pulls are done."""
    automation.pull(**{LAUNCHER_TAG: "0.lock"})
    assert automation.tick() == set()


def test_once_a_day_it_is_built_in_any_case(automation: Automation):
    """So a build that failed is tried again, and the checks speak when no pull does."""
    assert automation.tick(timedelta(hours=8)) == set()
    assert automation.tick(timedelta(hours=1)) == {*automation.models, PUBLISHED}
    assert automation.tick() == set()


def test_dagster_finds_the_definitions_good(pipeline: Pipeline):
    """`dagster definitions validate` loads them as the webserver does."""
    command = [str(Path(sys.executable).with_name("dagster")), "definitions", "validate"]
    found = subprocess.run(
        [*command, "-m", "meta_pipeline.defs"],
        cwd=pipeline.home,
        env=os.environ | {"DAGSTER_HOME": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
