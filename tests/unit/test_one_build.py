"""When the marts are built, with two assets in place of all models."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import pytest

from meta_pipeline.defs.raw import raw_key
from meta_pipeline.defs.transformations import EVERY_REPORT, one_build_for_all

PULLED, WAITING = raw_key("account_daily"), raw_key("ad_daily")


@dg.asset(key=PULLED)
def pulled() -> None:
    """A report that lands."""


@dg.asset(key=WAITING)
def waiting() -> None:
    """A report whose step waits for a quota."""


@dg.asset(key=raw_key("clients"))
def clients() -> None:
    """clients.yml."""


@dg.asset(
    key=EVERY_REPORT,
    deps=[PULLED, WAITING, raw_key("clients")],
    automation_condition=one_build_for_all(),
)
def model() -> None:
    """What is built."""


class Sensor:
    """The automation conditions' sensor, tick by tick."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance, self.cursor = instance, None
        self.definitions = dg.Definitions(assets=[pulled, waiting, clients, model])
        for key in (PULLED, raw_key("clients")):
            self.land(key)  # run tags are looked at only for events that follow another one
        self.builds_at(9, 0)

    def builds_at(self, hour: int, minute: int) -> bool:
        """Whether a tick at this time (of one day, UTC) asks for the build."""
        result = dg.evaluate_automation_conditions(
            self.definitions,
            self.instance,
            dg.AssetSelection.assets(EVERY_REPORT),
            evaluation_time=datetime(2026, 11, 26, hour, minute, 30, tzinfo=UTC),
            cursor=self.cursor,
        )
        self.cursor = result.cursor
        return bool(result.total_requested)

    def land(self, key: dg.AssetKey) -> None:
        """Something new of an asset, or its build."""
        self.instance.report_runless_asset_event(dg.AssetMaterialization(key))

    def wait_for_quota(self) -> dg.DagsterRun:
        """A run that goes on."""
        return self.instance.create_run_for_job(
            self.definitions.resolve_implicit_global_asset_job_def(),
            asset_selection=frozenset([WAITING]),
            status=dg.DagsterRunStatus.STARTED,
        )


@pytest.fixture
def sensor() -> Iterator[Sensor]:
    """After its first tick, at nine."""
    with dg.instance_for_test() as instance:
        yield Sensor(instance)


def test_who_waits_for_a_quota_holds_up_the_others_for_half_an_hour_at_most(sensor: Sensor):
    """What landed is built while another pull goes on, 10 to 30 minutes later; what lands after
    that build waits as long again."""
    sensor.wait_for_quota()
    sensor.land(PULLED)
    assert [sensor.builds_at(9, minute) for minute in (1, 9, 11, 20, 21, 29)] == [False] * 6
    assert sensor.builds_at(9, 30)
    sensor.land(EVERY_REPORT)
    assert not sensor.builds_at(9, 31)
    sensor.land(PULLED)
    assert [sensor.builds_at(9, minute) for minute in (32, 39, 40, 49)] == [False] * 4
    assert sensor.builds_at(9, 50)


def test_without_anything_new_nobody_builds_however_long_it_waits(sensor: Sensor):
    """A pull that goes on is no reason to build."""
    sensor.wait_for_quota()
    assert not any(sensor.builds_at(9, minute) for minute in (1, 20, 30, 40, 50))


def test_what_landed_is_built_as_soon_as_the_pull_has_ended(sensor: Sensor):
    """However short it was."""
    run = sensor.wait_for_quota()
    sensor.land(PULLED)
    assert not sensor.builds_at(9, 1)
    sensor.instance.report_run_canceled(run)
    assert sensor.builds_at(9, 2)
    assert not sensor.builds_at(9, 3)
