"""When what is pulled without anyone asking. All times are UTC."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg

from meta_pipeline import clock
from meta_pipeline.config import Client
from meta_pipeline.dates import FINAL_DAYS, trailing
from meta_pipeline.defs.partitions import ONLY_DUE, Grid
from meta_pipeline.defs.raw import report_keys
from meta_pipeline.pulling import due_spans
from meta_pipeline.reports import Grain


def schedules(clients: Sequence[Client], grid: Grid, marts: Path) -> list[dg.ScheduleDefinition]:
    """Objects first, then days, then months: each of them for all clients.

    They start stopped; the marts follow by their automation conditions. `marts` is the published
    file, which says what was pulled before.
    """
    times: tuple[tuple[Grain, str, str], ...] = (
        ("snapshot", "objects_daily", "0 5 * * *"),
        ("day", "trailing_window_daily", "15 5 * * *"),
        ("month", "months_daily", "45 5 * * *"),
    )
    return [_schedule(clients, grid, marts, *one) for one in times if report_keys(one[0], clients)]


def _schedule(
    clients: Sequence[Client], grid: Grid, marts: Path, grain: Grain, name: str, cron: str
) -> dg.ScheduleDefinition:
    descriptions = {
        "snapshot": "Accounts, campaigns, ad sets, ads, creatives and Instagram accounts of every "
        "client as they stand now.",
        "day": "Every daily report of the days that are due again, since Meta restates figures "
        "for 28 days: daily for a week, then week by week at 14 and 28 days, and whatever failed "
        "before. One run for each stretch of days.",
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
    def pulled_again() -> Iterator[dg.RunRequest | dg.SkipReason]:
        now = clock.now()
        window = trailing(now.date(), FINAL_DAYS)
        wanted = due_spans(marts, clients, now) if grain == "day" else [window]
        asked = [span for one in wanted if (span := one.clamped(since=grid.first_day))]
        for span in asked:
            yield dg.RunRequest(
                run_key=f"{name}:{window.until}:{span.until}",
                tags=grid.range_tags(grain, clients[0].id, clients[-1].id, span)
                | (ONLY_DUE if grain == "day" else {}),
            )
        if not asked:
            yield dg.SkipReason(f"the first client starts on {grid.first_day}")

    return pulled_again
