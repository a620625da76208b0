"""Another try on the same day for clients whose daily pull failed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.storage.tags import SENSOR_NAME_TAG

from meta_pipeline.config import load_clients
from meta_pipeline.defs import build
from meta_pipeline.defs.again import PAUSES, TRIES, Again, due_again
from meta_pipeline.defs.partitions import PART_TAG, RANGE_END, RANGE_START, register
from meta_pipeline.defs.raw import raw_key
from meta_pipeline.defs.schedules import repeated
from meta_pipeline.landing import Landed, PullFailure
from meta_pipeline.pulling import Outcome
from tests.integration.conftest import Pipeline, dagster_instance
from tests.integration.echo import Echo, write_clients

CLIENTS = ("acme", "bolt", "cafe")
LAST = "2026-11-20"
REPORTS = ("account_daily", "campaign_daily")


class Desk:
    """An instance in which the daily sync's runs are executed at once, and fail on command."""

    def __init__(self, pipeline: Pipeline, instance: dg.DagsterInstance) -> None:
        self.puller = Echo(pipeline, load_clients(pipeline.settings))
        self.instance = instance
        self.job = build(
            pipeline.settings, tuple(self.puller.clients.values()), self.puller
        ).resolve_implicit_global_asset_job_def()
        self.failing: dict[str, set[str]] = {}
        self.puller.became = self.became

    def became(self, outcome: Outcome) -> Outcome:
        """The outcome, failed when the client and the report are to fail."""
        errand = outcome.errand
        if errand.report.name not in self.failing.get(errand.client.id, ()):
            return outcome
        refused = PullFailure(kind="permission", message="no right to read")
        return replace(outcome, landed=(Landed("1", "failed", failure=refused, span=errand.span),))

    def run(self, request: dg.RunRequest | None = None) -> None:
        """Runs two reports of one day of all clients, as the daily sync does; or a repetition."""
        tags = {
            RANGE_START: f"acme|{LAST}",
            RANGE_END: f"cafe|{LAST}",
            PART_TAG: "day",
            **(request.tags if request else {}),
            SENSOR_NAME_TAG: "daily_sync",
        }
        keys = (request and request.asset_selection) or [raw_key(name) for name in REPORTS]
        self.job.execute_in_process(
            asset_selection=list(keys), tags=tags, instance=self.instance, raise_on_error=False
        )

    def due(self, after: timedelta) -> list[Again]:
        """What is to be tried again when so much time has passed."""
        at = datetime.now(UTC) + after
        return list(due_again(self.instance, "daily_sync", self.puller.clients, at))


@pytest.fixture
def desk(pipeline: Pipeline) -> Iterator[Desk]:
    """Three neighbours."""
    write_clients(pipeline, dict.fromkeys(CLIENTS, "UTC"))
    with dagster_instance() as instance:
        register(instance, load_clients(pipeline.settings))
        yield Desk(pipeline, instance)


def test_only_what_failed_is_tried_again_and_only_after_a_pause(desk: Desk):
    """Two clients that are no neighbours make two runs, each of its own reports."""
    desk.failing = {"acme": {"account_daily"}, "cafe": {"account_daily", "campaign_daily"}}
    desk.run()
    assert desk.due(PAUSES[0] - timedelta(minutes=1)) == []
    first, second = desk.due(PAUSES[0])
    assert (first.clients, first.keys) == (("acme",), (raw_key("account_daily"),))
    assert second.clients == ("cafe",)
    assert second.keys == (raw_key("account_daily"), raw_key("campaign_daily"))
    request = repeated(second)
    assert request.tags[RANGE_START] == request.tags[RANGE_END] == f"cafe|{LAST}"
    assert request.tags["dagster/priority"] == "-1"


def test_a_client_has_four_tries_a_day(desk: Desk):
    """With longer and longer pauses; then it waits for its next turn."""
    desk.failing = {"bolt": {"account_daily"}}
    desk.run()
    for number, pause in enumerate(PAUSES, start=2):
        assert desk.due(pause - timedelta(minutes=1)) == []
        (one,) = desk.due(pause)
        request = repeated(one)
        assert request.tags[TRIES] == str(number)
        desk.run(request)
    assert desk.due(timedelta(hours=23)) == []


def test_a_try_that_goes_well_is_the_last(desk: Desk):
    """And a failure of a day ago is the next turn's affair."""
    desk.failing = {"bolt": {"account_daily"}}
    desk.run()
    assert desk.due(timedelta(hours=25)) == []
    (one,) = desk.due(PAUSES[0])
    desk.failing = {}
    desk.run(repeated(one))
    assert desk.due(timedelta(hours=5)) == []


def test_a_turns_runs_of_other_days_hide_nothing(desk: Desk):
    """A lone day that never landed gives the turn a second run: whatever becomes of that one, what
    failed in the first is tried again, and so does the other way round."""
    lone = dg.RunRequest(tags={RANGE_START: "acme|2026-10-05", RANGE_END: "cafe|2026-10-05"})
    desk.failing = {"bolt": {"account_daily"}}
    desk.run()
    desk.failing = {}
    desk.run(lone)
    (one,) = desk.due(PAUSES[0])
    assert (one.clients, one.start, one.end) == (("bolt",), f"bolt|{LAST}", f"bolt|{LAST}")
    desk.failing = {"acme": {"account_daily"}}
    desk.run(lone)
    assert [one.start for one in desk.due(PAUSES[0])] == ["acme|2026-10-05", f"bolt|{LAST}"]


def test_all_clients_of_a_killed_run_are_asked_again(desk: Desk):
    """Nobody said who failed. While the repetition goes on, nothing is due."""
    tags = {RANGE_START: f"acme|{LAST}", RANGE_END: f"cafe|{LAST}", PART_TAG: "day"}
    killed = desk.instance.create_run_for_job(
        desk.job,
        asset_selection=frozenset(map(raw_key, REPORTS)),
        tags=tags | {SENSOR_NAME_TAG: "daily_sync"},
        status=dg.DagsterRunStatus.STARTED,
    )
    assert desk.due(PAUSES[0]) == []
    desk.instance.report_run_failed(killed, "killed")
    (one,) = desk.due(PAUSES[0])
    assert one.clients == CLIENTS
    assert set(one.keys) == {raw_key(name) for name in REPORTS}
