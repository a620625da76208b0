"""What the dashboard's pages hold, read from the marts: figures by day, names, freshness."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from duckdb import DuckDBPyConnection

from meta_pipeline.errors import ConfigError
from meta_pipeline.freshness import freshness_of
from meta_pipeline.reporting.dashboard import queries

MATURITIES = ("open", "provisional", "settling", "attributing", "final")
"""By their place in this list, maturities are written into the page."""

EPOCH = date(1970, 1, 1).toordinal()


def read_data(connection: DuckDBPyConnection, client_ids: Sequence[str]) -> dict[str, Any]:
    """What the pages hold of these clients: plain values, days as days since 1970-01-01."""
    known = connection.execute(queries.CLIENTS).fetchall()
    names = {row[0] for row in known}
    for client_id in client_ids:
        if client_id not in names:
            raise ConfigError(
                f"unknown client {client_id!r}",
                hint=f"the marts have {', '.join(sorted(names)) or 'no client'}",
            )
    wanted = [row for row in known if (row[0] in client_ids if client_ids else row[3])]
    seen = connection.execute("select max(pulled_at) from mart_coverage").fetchone()
    newest_pull = seen[0] if seen else None
    tables = {
        name: _by_client(connection, query)
        for name, query in (
            ("daily", queries.DAILY),
            ("campaigns", queries.CAMPAIGN_DAILY),
            ("platforms", queries.PLATFORM_DAILY),
            ("coverage", queries.COVERAGE),
            ("organic", queries.ORGANIC),
            ("names", queries.CAMPAIGNS),
            ("accounts", queries.ACCOUNTS),
            ("reports", queries.REPORTS),
        )
    }
    fresh = _freshness(connection, newest_pull)
    clients = []
    for client_id, name, result, _is_active in wanted:
        own = {table: rows.of(client_id) for table, rows in tables.items()}
        days = own["daily"]["day"] + own["organic"]["day"]
        clients.append(
            {
                "id": client_id,
                "name": name or client_id,
                "result": result,
                "newest": max(days, default=None),
                "oldest": min(days, default=None),
                "is_cut": False,
                "freshness": fresh.get(client_id),
                **own,
            }
        )
    return {
        "schema": 1,
        "maturities": MATURITIES,
        "pulled_at": plain(newest_pull),
        "clients": clients,
        "index": None,
    }


@dataclass(frozen=True, slots=True)
class _Tables:
    """A query's rows by client, each as columns; a client without rows has empty columns."""

    columns: tuple[str, ...]
    rows: Mapping[str, list[tuple[Any, ...]]]

    def of(self, client_id: str) -> dict[str, list[Any]]:
        rows = self.rows.get(client_id, [])
        return {
            name: [plain(row[place]) for row in rows]
            for place, name in enumerate(self.columns, start=1)
        }


def _by_client(connection: DuckDBPyConnection, query: str) -> _Tables:
    cursor = connection.execute(query)
    columns = tuple(column[0] for column in cursor.description or ())
    rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in cursor.fetchall():
        rows[row[0]].append(row)
    return _Tables(columns[1:], rows)


def plain(value: Any) -> Any:
    """A value as JSON has it: days as numbers, times as text in UTC, amounts as short numbers."""
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.toordinal() - EPOCH
    return value


def _freshness(connection: DuckDBPyConnection, at: datetime | None) -> dict[str, dict[str, Any]]:
    """Each client's state as of the newest pull of any: a page has no clock of its own."""
    if at is None:
        return {}
    return {
        one.client_id: {
            "state": one.state(at),
            "data_through": plain(one.data_through),
            "settled_through": plain(one.settled_through),
            "last_pull": plain(one.last_pull),
            "gaps": one.gaps,
            "late": len(one.late),
            "days": {name: one.days[name] for name in MATURITIES if name in one.days},
        }
        for one in freshness_of(connection, at)
    }


def day_of(number: int | None) -> date | None:
    """The day of a number in the page."""
    return None if number is None else date.fromordinal(number + EPOCH)
