"""How a step that pulls waits for Meta: it ends its try, and is run again later."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from meta_pipeline.defs.partitions import LAUNCHER_TAG
from meta_pipeline.pulling import Outcome, Puller

# Kinds of failure that may pass by themselves within the hour.
_PASSING = frozenset({"throttled", "transient", "broken answer", "cursor expired"})
_MOST_RETRIES = 6


@dataclass(frozen=True, slots=True)
class Retries:
    """How long a step waits before it asks again, and when it gives up, in seconds.

    Without a time that Meta named the wait doubles each time. Whatever can be asked first decides:
    what else has not landed is asked then too, and waits on. Each wait is longer by a random part
    of a quarter, lest all come back at once. After `longest` from its start a run waits no more.
    """

    first: float = 60.0
    longest: float = 3600.0

    def wait(self, tries: int, gone: float, needed: Iterable[float | None]) -> float | None:
        """How long to wait after `tries` retries; None when that is not worth while.

        `gone` is for how long the run has gone on, `needed` when Meta's quota is back, for each
        question that is to be asked again; None where it is not a quota that it waits for.
        """
        wait = min(self.first * 2**tries if one is None else max(one, self.first) for one in needed)
        if tries >= _MOST_RETRIES or gone + wait > self.longest:
            return None
        return wait * random.uniform(1, 1.25)  # noqa: S311


def wait_for(
    context: dg.AssetExecutionContext, puller: Puller, outcomes: list[Outcome], retries: Retries
) -> float | None:
    """After how many seconds the step asks again; None when nothing failed that may pass, or there
    is no time left."""
    passing = [
        outcome
        for outcome in outcomes
        if any(failure.kind in _PASSING for failure in outcome.failures)
    ]
    if not passing or LAUNCHER_TAG in context.run.tags:
        return None
    back = puller.throttled
    waits = [back.get(one.errand.asset_id) for one in passing]
    started = context.instance.get_run_record_by_id(context.run.run_id)
    now = datetime.now(UTC)
    gone = now.timestamp() - (started.start_time or now.timestamp()) if started else 0.0
    needed = [until and (until - now).total_seconds() for until in waits]
    wait = retries.wait(context.retry_number, gone, needed)
    if wait is not None:
        context.log.warning(
            f"{len(passing)} questions failed for a reason that may pass; what has not landed is "
            f"asked again in {wait:.0f} s: {'; '.join(sorted({_first(one) for one in passing}))}"
        )
    return wait


def come_back(context: dg.AssetExecutionContext, wait: float) -> None:
    """Ends the step's try with `dg.RetryRequested`, to be run again after `wait` seconds.

    A step that waits gives its slot back: Dagster would keep it for the whole wait.
    """
    storage = context.instance.event_log_storage
    step = context.op_execution_context.get_step_execution_context().step.key
    storage.free_concurrency_slot_for_step(context.run.run_id, step)
    raise dg.RetryRequested(max_retries=_MOST_RETRIES, seconds_to_wait=wait)


def _first(outcome: Outcome) -> str:
    return f"{outcome.errand.client.id}: {outcome.failures[0].message}"
