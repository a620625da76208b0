"""What the warehouse remembers of earlier pulls, as far as it bears on the next one."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import duckdb

from meta_pipeline.config import Client
from meta_pipeline.dates import Span, retention_floor
from meta_pipeline.graph import organic
from meta_pipeline.graph.errors import DeadMetricError
from meta_pipeline.graph.retention import thins_before
from meta_pipeline.landing import PullFailure
from meta_pipeline.reports import REPORTS, Report, Surface

log = logging.getLogger(__name__)

DEAD_METRIC = DeadMetricError.kind

# Where no account has said its time zone yet, a day is taken to begin as late as it can.
LATEST_TIME_ZONE = "Etc/GMT+12"

DEAD_FOR = timedelta(days=14)
"""How long a metric that Meta refused as unknown is not asked for again. Retired ones stay
away, for every Page and version (third party, 2026-09); a fault of Meta's own passes."""

LIVING_FOR = timedelta(days=7)
"""How long an asset that answered a metric is asked for it itself, whatever another one was
refused: when a metric dies for all, each of them costs a call a day until then."""

_NEVER = datetime.min.replace(tzinfo=UTC)
_PULLS_LOOKED_AT = 5

Days = frozenset[tuple[str, str, str, date | None]]
"""Client, asset, part and day (None for a snapshot)."""

_FRESH = """
    select client_id, asset_id, part, day from raw.coverage
    where report = ? and pulled_at >= ? and (failed_at is null or failed_at < pulled_at)
"""
# Final, and as whole as Meta ever had it.
_FINAL = """
    select client_id, asset_id, part, day from raw.coverage
    where report = ? and day < ? and status = 'pulled' and reason is null
        and failed_at is null and pulled_at >= day + interval 30 day
"""
# No silence of a Page or Instagram account can be proved, so there any answer counts.
_PULLED = """
    select client_id, asset_id, part, day, pulled_at from raw.coverage
    where report = ? and day >= ? and pulled_at is not null
        and (status in ('pulled', 'confirmed_empty') or ?)
"""
_SETTLED = """
    select client_id, asset_id, part, day from raw.coverage
    where report = ? and status <> 'failed' and day < ?
"""


@dataclass(frozen=True, slots=True)
class Deaths:
    """Metrics that Meta no longer answers: for everybody, by surface and metric, and for one
    asset, by metric and asset. `living` are the assets that have just answered a metric."""

    everywhere: Mapping[tuple[Surface, str], PullFailure] = field(default_factory=dict)
    here: Mapping[tuple[str, str], PullFailure] = field(default_factory=dict)
    living: frozenset[tuple[str, str]] = frozenset()

    def of(self, surface: Surface, metric: str, asset_id: str) -> PullFailure | None:
        """Why a metric is not to be asked of an asset, or None."""
        own = metric, asset_id
        return self.here.get(own) or (
            None if own in self.living else self.everywhere.get((surface, metric))
        )


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known of one report before it is pulled.

    `zones` are the time zones of ad accounts; `deaths` are the metrics that Meta no longer
    answers, and what it said; `fresh` are the days that need not be asked again, `settled` the
    entries that coverage has of days about and beyond Meta's retention. `rows_a_day` is by client
    and asset. `pulled` has, by client, asset and part, the newest believable pull of each day.
    """

    zones: Mapping[str, str] = field(default_factory=dict)
    deaths: Deaths = field(default_factory=Deaths)
    rows_a_day: Mapping[tuple[str, str], float] = field(default_factory=dict)
    fresh: Days = frozenset()
    settled: Days = frozenset()
    pulled: Mapping[tuple[str, str, str], Mapping[date, datetime]] = field(default_factory=dict)

    def dead_parts(self, report: Report, asset_id: str) -> set[str]:
        """The metrics that are not asked of the asset, since Meta no longer answers them."""
        return {part for part in report.metrics if self.deaths.of(report.surface, part, asset_id)}

    def expected_rows(self, client: Client, asset_id: str, asked: Span | None) -> int | None:
        """Rows that a question over these days may have, by earlier answers; None if unknown."""
        rate = self.rows_a_day.get((client.id, asset_id))
        return None if rate is None or asked is None else ceil(rate * asked.days)


def read_memory(
    connection: duckdb.DuckDBPyConnection,
    report: Report,
    *,
    now: datetime,
    fresh_since: datetime | None,
    pulled_from: date | None = None,
) -> Memory:
    """What is known of `report`; with `fresh_since` also which days were pulled since then, with
    `pulled_from` when each day from that one on was pulled last."""
    # A day after the first that Meta keeps in any time zone.
    kept = max(retention_floor(now.date()), organic.first_day(now.date())) + timedelta(days=2)
    return Memory(
        zones=_time_zones(connection),
        deaths=_deaths(connection, report, now) if report.metrics else Deaths(),
        rows_a_day=_rows_a_day(connection, report),
        # Asked again, a day whose unique counts Meta has dropped since would lose them here too.
        fresh=_days(connection, _FRESH, [report.name, fresh_since])
        | _days(connection, _FINAL, [report.name, thins_before(report, now.date())]),
        settled=_days(connection, _SETTLED, [report.name, kept]),
        pulled=_pulled(connection, report, pulled_from),
    )


def _pulled(
    connection: duckdb.DuckDBPyConnection, report: Report, since: date | None
) -> dict[tuple[str, str, str], dict[date, datetime]]:
    """The newest believable pull of each day from `since` on, by client, asset and part."""
    found: dict[tuple[str, str, str], dict[date, datetime]] = {}
    values = [report.name, since, report.surface != "ads"]
    rows = connection.execute(_PULLED, values).fetchall()
    for client, asset, part, day, when in rows:
        found.setdefault((client, asset, part), {})[day] = when
    return found


def zone_info(name: str | None) -> ZoneInfo:
    """The time zone of that name; the latest on earth where it is unknown."""
    try:
        return ZoneInfo(name or LATEST_TIME_ZONE)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        log.warning("Meta names a time zone that is not known here: %r", name)
        return ZoneInfo(LATEST_TIME_ZONE)


def _days(connection: duckdb.DuckDBPyConnection, sql: str, values: list[object]) -> Days:
    """Client, asset, part and day of each row."""
    rows = connection.execute(sql, values).fetchall()
    return frozenset((client, asset, part, day) for client, asset, part, day in rows)


def _time_zones(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The time zone of each ad account whose own record has landed."""
    return dict(
        connection.execute(
            """
            select asset_id, payload->>'timezone_name' from raw.records
            where report = 'accounts' and valid_to is null
                and (payload->>'timezone_name') is not null
            """
        ).fetchall()
    )


def _deaths(connection: duckdb.DuckDBPyConnection, report: Report, now: datetime) -> Deaths:
    """What Meta refused as unknown within `DEAD_FOR` and has not answered since.

    A removal is the same for everybody, so what one client met counts for all of them, but not
    against an asset that has just answered: another may lack a metric for a reason of its own.
    """
    refused = connection.execute(
        """
        select
            report, part, asset_id,
            arg_max(manifest->'failure'->>'message', pulled_at), max(pulled_at)
        from raw.pulls
        where status = 'failed' and part <> '' and pulled_at > $since
            and (manifest->'failure'->>'kind') = $kind and report = any($reports)
        group by report, part, asset_id
        order by max(pulled_at)
        """,
        {"since": now - DEAD_FOR, "kind": DEAD_METRIC, "reports": list(REPORTS)},
    ).fetchall()
    answered = connection.execute(
        "select report, part, asset_id, max(pulled_at) from raw.pulls where status = 'complete' "
        "and part <> '' and row_count > 0 and report = any($reports) group by all",
        {"reports": list(REPORTS)},
    ).fetchall()
    newest: dict[tuple[Surface, str], datetime] = {}
    for name, part, _, when in answered:
        key = (REPORTS[name].surface, part)
        newest[key] = max(when, newest.get(key, when))
    own = {(part, asset): when for name, part, asset, when in answered if name == report.name}
    here, everywhere = {}, {}
    for name, part, asset, message, when in refused:
        if name == report.name and own.get((part, asset), _NEVER) < when:
            here[part, asset] = dead_again(message)
        key = (REPORTS[name].surface, part)
        if newest.get(key, _NEVER) < when:
            everywhere[key] = dead_again(message)
    living = frozenset(key for key, when in own.items() if when > now - LIVING_FOR)
    return Deaths(everywhere, here, living)


def dead_again(message: str) -> PullFailure:
    """The failure of a metric that is not asked for, since it is dead."""
    return PullFailure(
        kind=DEAD_METRIC, message=message, hint=DeadMetricError.advice, is_expected=True
    )


def _rows_a_day(
    connection: duckdb.DuckDBPyConnection, report: Report
) -> dict[tuple[str, str], float]:
    """Rows a day of each client's asset: the most in any of its last pulls."""
    if report.grain == "snapshot":
        return {}
    rows = connection.execute(
        """
        with last_pulls as (
            select
                client_id, asset_id, row_count / (until - since + 1) as rows_a_day
            from raw.pulls
            where report = $report and status = 'complete' and since is not null
            qualify
                row_number() over (partition by client_id, asset_id order by pulled_at desc)
                <= $pulls
        )
        select client_id, asset_id, max(rows_a_day) from last_pulls group by client_id, asset_id
        """,
        {"report": report.name, "pulls": _PULLS_LOOKED_AT},
    ).fetchall()
    return {(client, asset): rate for client, asset, rate in rows}
