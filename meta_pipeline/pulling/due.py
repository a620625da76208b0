"""Which days are due to be pulled again: by the policy, and by what was pulled before.

What a run should cover is read from the published marts, which a program may read while another
one writes the warehouse. They may lag behind, so they name too many days rather than too few; the
run itself looks into the warehouse and asks for what is due there.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from meta_pipeline.config import Client
from meta_pipeline.dates import Span
from meta_pipeline.pulling.memory import zone_info
from meta_pipeline.reports import PAD_DAYS, PAGE_TIME_ZONE, REPORTS, Report, reports_of
from meta_pipeline.repulls import Policy, bridged, due_days, free_gap

log = logging.getLogger(__name__)

_ORGANIC = [report.name for report in REPORTS.values() if report.surface != "ads"]

_DAYS = """
    select client_id, report, asset_id, day, pulled_whole_at from mart_coverage
    where day >= $since and pulled_whole_at is not null
        and (coverage in ('pulled', 'confirmed_empty') or report = any($organic))
"""


@dataclass(frozen=True, slots=True)
class Published:
    """What the marts say of earlier pulls: each client's policy, each ad account's time zone, and
    by client, report and asset when each day was last pulled whole, and believably."""

    policies: Mapping[str, Policy] = field(default_factory=dict)
    zones: Mapping[str, str] = field(default_factory=dict)
    pulled: Mapping[tuple[str, str, str], Mapping[date, datetime]] = field(default_factory=dict)


def due_spans(marts: Path, clients: Iterable[Client], now: datetime) -> list[Span]:
    """What a run for these clients has to cover at `now`, newest first.

    Spans of the daily reports that lie less than a week apart are one. Without marts all of the
    window is due.
    """
    return spans_due(read_published(marts, now), clients, now)


def spans_due(known: Published, clients: Iterable[Client], now: datetime) -> list[Span]:
    """`due_spans` by what was read before, for several lists of clients."""
    days: set[date] = set()
    for client in clients:
        policy = known.policies.get(client.id, Policy())
        for report in reports_of(grain="day"):
            if not client.gets(report):
                continue
            for asset in client.assets(report.surface):
                zone = known.zones.get(asset) or client.timezone
                if report.surface != "ads":
                    zone = PAGE_TIME_ZONE
                pulled = known.pulled.get((client.id, report.name, asset), {})
                due = due_days(policy, zone_info(zone), now, pulled)
                days |= {day for day in due if not client.start_date or day >= client.start_date}
    return bridged(days, PAD_DAYS)[::-1]


def asked_days(
    report: Report, due: Mapping[str, Set[date]], wanted: Set[date], dead: Set[str]
) -> Mapping[str, Set[date]]:
    """Of the days wanted, what to ask of each part: those that are due of it, and those between
    that cost nothing.

    A metric that is `dead` is never pulled and always due: it costs no call, and goes along with
    the others, lest they are asked for its days.
    """
    asked: dict[str, Set[date]] = {
        part: wanted & {day for span in bridged(days & wanted, free_gap(report)) for day in span}
        for part, days in due.items()
    }
    living = [days for part, days in asked.items() if part not in dead]
    if living:
        asked |= dict.fromkeys(dead, set().union(*living))
    return asked


def read_zones(marts: Path) -> dict[str, str]:
    """The time zone of each ad account that the marts know one of."""
    with _reading(marts) as connection:
        return _zones(connection) if connection else {}


def read_policies(marts: Path) -> dict[str, Policy]:
    """The policy of each client that the marts have one of; for others it is the default."""
    with _reading(marts) as connection:
        return _policies(connection) if connection else {}


def read_published(marts: Path, now: datetime) -> Published:
    """What the marts know that bears on what is due at `now`; nothing without marts."""
    with _reading(marts) as connection:
        if connection is None:
            return Published()
        policies = _policies(connection)
        reach = max(one.given_up for one in (Policy(), *policies.values()))
        values = {"since": now.astimezone(UTC).date() - timedelta(days=reach), "organic": _ORGANIC}
        pulled: dict[tuple[str, str, str], dict[date, datetime]] = {}
        if _has(connection, "mart_coverage", "pulled_whole_at"):
            for client, report, asset, day, when in connection.execute(_DAYS, values).fetchall():
                pulled.setdefault((client, report, asset), {})[day] = when
        return Published(policies, _zones(connection), pulled)


def _zones(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    rows = connection.execute(
        "select ad_account_id, time_zone from dim_ad_accounts where time_zone is not null"
    )
    return dict(rows.fetchall())


def _policies(connection: duckdb.DuckDBPyConnection) -> dict[str, Policy]:
    if not _has(connection, "mart_repull_policy", "daily_through"):
        return {}
    rows = connection.execute("select client_id, daily_through from mart_repull_policy").fetchall()
    return {client: Policy(daily_through=days) for client, days in rows}


def _has(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> bool:
    """Whether the file has the column; marts of an older version lack the newest ones."""
    found = connection.execute(
        "select 1 from duckdb_columns() where table_name = ? and column_name = ?", [table, column]
    )
    return found.fetchone() is not None


@contextmanager
def _reading(marts: Path) -> Iterator[duckdb.DuckDBPyConnection | None]:
    """The marts, or None without any. A file that is no database is one that a sync replaces:
    it is warned of, and counts as none."""
    if not marts.exists():
        yield None
        return
    try:
        connection = duckdb.connect(str(marts), read_only=True)
    except duckdb.Error as error:
        log.warning("%s cannot be read, so nothing in it is believed: %s", marts, error)
        yield None
        return
    with connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection
