"""When what is pulled without anyone asking. All times are UTC."""

from collections.abc import Sequence

import dagster as dg

from meta_pipeline import clock
from meta_pipeline.config import Client
from meta_pipeline.dates import TRAILING_DAYS, trailing
from meta_pipeline.defs.partitions import Grid
from meta_pipeline.defs.raw import report_keys
from meta_pipeline.reports import Grain


def schedules(clients: Sequence[Client], grid: Grid) -> list[dg.ScheduleDefinition]:
    """Objects first, then days, then months: each one run for all clients.

    They start stopped; the marts follow by their automation conditions.
    """
    times: tuple[tuple[Grain, str, str], ...] = (
        ("snapshot", "objects_daily", "0 5 * * *"),
        ("day", "trailing_window_daily", "15 5 * * *"),
        ("month", "months_daily", "45 5 * * *"),
    )
    return [_schedule(clients, grid, *one) for one in times if report_keys(one[0], clients)]


def _schedule(
    clients: Sequence[Client], grid: Grid, grain: Grain, name: str, cron: str
) -> dg.ScheduleDefinition:
    descriptions = {
        "snapshot": "Accounts, campaigns, ad sets, ads, creatives and Instagram accounts of every "
        "client as they stand now.",
        "day": f"Every daily report of the last {TRAILING_DAYS} days again, since Meta restates "
        "figures for that long; as few requests as it takes.",
        "month": "Reach of the running month, and of the last one while it still moves.",
    }

    keys = report_keys(grain, clients)

    @dg.schedule(
        name=name,
        cron_schedule=cron,
        description=descriptions[grain],
        # The connections' checks have a schedule of their own.
        target=dg.AssetSelection.assets(*keys).without_checks(),
    )
    def pulled_again() -> dg.RunRequest | dg.SkipReason:
        window = trailing(clock.now().date())
        span = window.clamped(since=grid.first_day)
        if span is None:
            return dg.SkipReason(f"the first client starts on {grid.first_day}")
        return dg.RunRequest(
            run_key=f"{name}:{window.until}",
            tags=grid.range_tags(grain, clients[0].id, clients[-1].id, span),
        )

    return pulled_again
