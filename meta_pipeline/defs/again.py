"""Another try on the same day for the clients whose daily pull failed."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg
from dagster._core.storage.tags import SENSOR_NAME_TAG

from meta_pipeline.defs.failures import failed_pulls
from meta_pipeline.defs.partitions import PART_TAG, RANGE_END, RANGE_START, clients_of, registered
from meta_pipeline.pulling import adjacent

TRIES = "meta_pipeline/tries"
"""The tag of a run of the daily sync: which try of its day it is, from the second on."""

PAUSES = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=3))
"""How long after a failed run its clients are pulled again, after the first, second and third try.
After the fourth they wait for the next day's turn, and a person has been told."""

_LOOKED_BACK = timedelta(days=1)
_OVER = dg.DagsterRunStatus.FAILURE


@dataclass(frozen=True, slots=True)
class Again:
    """What of a failed run is asked again: neighbours in Dagster's order, and what failed for one
    of them. `start` and `end` are the first and the last client's partitions."""

    run_id: str
    part: str
    clients: tuple[str, ...]
    keys: tuple[dg.AssetKey, ...]
    start: str
    end: str
    tries: int


def due_again(
    instance: dg.DagsterInstance, sensor: str, wanted: Collection[str], at: datetime
) -> Iterator[Again]:
    """The pulls to be tried again at `at` (UTC, by Dagster's clock), of runs that `sensor` made.

    What counts for a client is its newest run of a part (objects, days, months) over the same days,
    since a turn makes one run for each span that is due: one that goes on or went well leaves
    nothing to do, and so does one that a person cancelled. Clients of a failed
    run that had not failed themselves are left out; when its process was killed, all of them are
    asked again, for the steps that had not ended well.
    """
    ids = registered(instance)
    newest = dg.RunsFilter(tags={SENSOR_NAME_TAG: sensor}, created_after=at - _LOOKED_BACK)
    seen: set[tuple[str, ...]] = set()
    for record in instance.get_run_records(newest):
        run = record.dagster_run
        part, tries = run.tags.get(PART_TAG, ""), int(run.tags.get(TRIES, "1"))
        asked = (part, *(_day(run.tags.get(end, "")) for end in (RANGE_START, RANGE_END)))
        mine = {name for name in clients_of(run.tags, ids) if (name, *asked) not in seen}
        seen |= {(name, *asked) for name in mine}
        if run.status is not _OVER or tries > len(PAUSES) or record.end_time is None:
            continue
        if at.timestamp() - record.end_time < PAUSES[tries - 1].total_seconds():
            continue
        failed = _failed(instance, run)
        again = {name for some in failed.values() for name in (mine if some is None else some)}
        for group in adjacent(ids, again & mine & set(wanted)):
            keys = [key for key, some in failed.items() if some is None or some & set(group)]
            yield Again(
                run.run_id,
                part,
                tuple(group),
                tuple(sorted(keys)),
                _moved(run.tags[RANGE_START], group[0]),
                _moved(run.tags[RANGE_END], group[-1]),
                tries + 1,
            )


def _failed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dict[dg.AssetKey, set[str] | None]:
    """The assets of which not all landed, with the clients that failed; None where nobody said."""
    told: dict[str, set[str] | None] = {}
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = entry.get_dagster_event()
        pulls = failed_pulls(event.step_failure_data)
        told[event.step_key or ""] = None if pulls is None else {one.client for one in pulls}
    done = {
        entry.get_dagster_event().step_key
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_SUCCESS)
    }
    steps = {key: key.to_python_identifier() for key in run.asset_selection or ()}
    return {key: told.get(step) for key, step in steps.items() if step not in done}


def _moved(corner: str, client: str) -> str:
    """The partition of another client on the same day."""
    day = _day(corner)
    return f"{client}|{day}" if day else client


def _day(corner: str) -> str:
    """The day or month of a range's end; of objects, nothing."""
    return corner.partition("|")[2]
