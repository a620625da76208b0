"""What happens without anyone asking: each client's daily sync, and delivery during the day.

What asks Meta starts stopped. What builds the marts asks nobody, and runs wherever the daemon does.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime

import dagster as dg

from meta_pipeline import clock
from meta_pipeline.config import Client, Settings, load_clients
from meta_pipeline.dates import FINAL_DAYS, Span, trailing
from meta_pipeline.defs.again import TRIES, Again, due_again
from meta_pipeline.defs.partitions import (
    ONLY_DUE,
    PART_TAG,
    RANGE_END,
    RANGE_START,
    Grid,
    stretches,
)
from meta_pipeline.defs.raw import raw_key, report_keys
from meta_pipeline.pulling import (
    days_under_way,
    due_clients,
    read_published,
    read_zones,
    spans_due,
)
from meta_pipeline.reports import REPORTS, Grain

INTRADAY_REPORTS = ("account_daily", "campaign_daily")
"""One or two requests an account: the day's spend, by campaign, and what proves empty days."""

TURN = "meta_pipeline/turn"
"""The tag of runs that nobody asked for: the clients that share them. dagster.yaml lets one run of
each value go on at a time, the first by priority, so that objects come before days."""

_PRIORITIES: Mapping[Grain, str] = {"snapshot": "2", "day": "1", "month": "0"}
_AFTER_ALL_OTHERS = "-1"
_SYNC = "daily_sync"
_EVERY_MINUTES = 5
_CLIENTS = raw_key("clients")


def sensors(settings: Settings, grid: Grid) -> list[dg.SensorDefinition]:
    """The daily sync, stopped at first, and what builds the marts."""
    builds = dg.AutomationConditionSensorDefinition(
        "default_automation_condition_sensor",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Builds, tests and publishes the marts once what was being pulled is in. "
        "It asks Meta nothing.",
    )
    return [daily_sync(settings, grid), builds]


def daily_sync(settings: Settings, grid: Grid) -> dg.SensorDefinition:
    """The sensor that pulls each client once a day, after its own midnight.

    Its cursor has the day of each client's last turn, so that what was missed while the daemon
    was down is made up for at the next tick, once. clients.yml is read at each tick. A client
    that is no partition yet has its turn as soon as it is one.
    """

    @dg.sensor(
        name=_SYNC,
        # Not a job of its own: objects, days and months are partitioned each in their own way.
        asset_selection=dg.AssetSelection.assets(_CLIENTS, *map(raw_key, REPORTS)),
        minimum_interval_seconds=60 * _EVERY_MINUTES,
        description="Pulls each client once a day, when the day has been over for its "
        "`sync_after` (3 hours) in its ad accounts' time zones: objects and posts, then the days "
        "that the re-pull policy makes due, then the months whose reach may still move. Clients "
        "that stand together in clients.yml and come due together share a run. A client whose "
        "pull failed gets up to three more tries on the same day.",
    )
    def pulled_daily(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        now = clock.now()
        clients = {client.id: client for client in load_clients(settings)}
        last = _read_cursor(context.cursor)
        turns = due_clients(now, clients.values(), read_zones(settings.marts), last)
        groups = stretches(context.instance, turns, settings.clients_per_run)
        taken = {name: turns[name] for group in groups for name in group}
        # Dagster's times are real ones, also where META_PIPELINE_NOW stands still.
        again = due_again(context.instance, _SYNC, clients.keys() - taken.keys(), datetime.now(UTC))
        requests = [*map(repeated, again)]
        if not groups and not requests:
            return dg.SkipReason(_why_nobody(turns))
        known = read_published(settings.marts, now)
        repository = context.repository_def
        # The connections' checks have a schedule of their own.
        checks = [
            check
            for check in (repository.asset_graph.asset_check_keys if repository else ())
            if check.asset_key != raw_key("accounts")
        ]
        for group in groups:
            some = [clients[name] for name in group]
            key = _digest({name: turns[name] for name in group})
            newest = max(turns[name] for name in group)
            window = trailing(newest, FINAL_DAYS)
            asked: Mapping[Grain, Sequence[Span]] = {
                "snapshot": [window],
                "day": spans_due(known, some, now),
                "month": [Span(window.since, newest)],
            }
            requests += [
                _request(grid, grain, some, span, f"{key}:{newest}", checks)
                for grain, spans in asked.items()
                for one in spans
                if (span := one.clamped(since=grid.first_day)) and report_keys(grain, some)
            ]
        days = {name: day for name, day in (last | taken).items() if name in clients}
        return dg.SensorResult(run_requests=requests, cursor=_write_cursor(days))

    return pulled_daily


def intraday_delivery(settings: Settings, grid: Grid) -> dg.ScheduleDefinition:
    """The schedule that pulls delivery of today and yesterday every six hours."""

    @dg.schedule(
        name="intraday_delivery",
        # Not at the full hour, when everybody asks Meta.
        cron_schedule="40 */6 * * *",
        target=dg.AssetSelection.assets(*map(raw_key, INTRADAY_REPORTS)),
        description="Spend and delivery of today and yesterday, by account and campaign, of every "
        "client: one or two requests an account. Such days are `open` or `provisional`, and the "
        "daily sync pulls them again when they are over.",
    )
    def pulled_intraday(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        now = clock.now()
        clients = {client.id: client for client in load_clients(settings)}
        under_way = days_under_way(now, clients.values(), read_zones(settings.marts))
        # The grid ends with UTC's day.
        span = under_way.clamped(since=grid.first_day, until=now.date())
        groups = stretches(context.instance, clients, settings.clients_per_run)
        for group in groups if span else ():
            assert span is not None
            yield dg.RunRequest(
                run_key=f"intraday:{_neighbours(group)}:{now:%Y-%m-%dT%H}",
                tags=grid.range_tags("day", group[0], group[-1], span) | {TURN: _neighbours(group)},
            )

    return pulled_intraday


def _request(
    grid: Grid,
    grain: Grain,
    clients: Sequence[Client],
    span: Span,
    key: str,
    checks: Sequence[dg.AssetCheckKey],
) -> dg.RunRequest:
    """A run of the reports of one grain that any of these adjacent clients gets."""
    keys = report_keys(grain, clients) + ([_CLIENTS] if grain == "snapshot" else [])
    neighbours = _neighbours([client.id for client in clients])
    tags = grid.range_tags(grain, clients[0].id, clients[-1].id, span)
    tags |= {TURN: neighbours, PART_TAG: grain, "dagster/priority": _PRIORITIES[grain]}
    return dg.RunRequest(
        run_key=f"{grain}:{neighbours}:{span}:{key}",
        asset_selection=keys,
        asset_check_keys=[check for check in checks if check.asset_key in keys],
        tags=tags | (ONLY_DUE if grain == "day" else {}),
    )


def repeated(again: Again) -> dg.RunRequest:
    """A run of what failed for some clients. It comes after those that have had no turn yet."""
    tags = {
        RANGE_START: again.start,
        RANGE_END: again.end,
        TURN: _neighbours(again.clients),
        PART_TAG: again.part,
        TRIES: str(again.tries),
        "dagster/priority": _AFTER_ALL_OTHERS,
    }
    return dg.RunRequest(
        run_key=f"again:{again.run_id}:{tags[TURN]}",
        asset_selection=list(again.keys),
        asset_check_keys=[],
        tags=tags | (ONLY_DUE if again.part == "day" else {}),
    )


def _why_nobody(turns: Mapping[str, date]) -> str:
    if turns:
        return f"{len(turns)} clients have no partitions yet; `clients_follow_file` makes them"
    return "no client's day has ended since its last turn"


def _neighbours(group: Sequence[str]) -> str:
    return f"{group[0]}..{group[-1]}"


def _digest(turns: Mapping[str, date]) -> str:
    """Names a set of clients and the days of their turns, however many there are."""
    return hashlib.sha256(_write_cursor(turns).encode()).hexdigest()[:12]


def _write_cursor(turns: Mapping[str, date]) -> str:
    return json.dumps({name: day.isoformat() for name, day in sorted(turns.items())})


def _read_cursor(cursor: str | None) -> dict[str, date]:
    return {name: date.fromisoformat(day) for name, day in json.loads(cursor or "{}").items()}
