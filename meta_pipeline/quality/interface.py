"""Checks of what Meta announces: versions that end, metrics that die."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime

from duckdb import DuckDBPyConnection

from meta_pipeline.config import Client
from meta_pipeline.graph import catalog, versions
from meta_pipeline.graph.catalog import Surface
from meta_pipeline.quality.result import (
    BARS,
    Cell,
    Plot,
    Result,
    bars_plot,
    severity_in,
    worst,
)
from meta_pipeline.reports import REPORTS

DYING_DAYS = 60
"""How long before its end a metric is worth a word."""

Asked = Mapping[tuple[Surface, str], Iterable[str]]
"""The clients that ask for a name, by where the catalogue keeps the name."""


def version_pin(connection: DuckDBPyConnection, now: datetime) -> Result:
    """API versions, of each report's newest pull, that are over, end soon or are not served.

    ERROR when another version answered than the one asked for, or when that is over in one of
    Meta's APIs; WARN when it ends within 60 days, is not known here, or Meta warns of it.
    """
    today = now.date()
    rows: list[tuple[Cell, ...]] = []
    bars: Counter[tuple[str, str]] = Counter()
    for client_id, asked, served, warning, reports, example in connection.execute(
        _VERSIONS
    ).fetchall():
        found = versions.version_findings(asked, served, warning, today)
        if not found:
            continue
        is_error = served != asked or versions.is_over(asked, today)
        severity = "error" if is_error else "warn"
        rows.append((client_id, asked, served, severity, reports, example, "; ".join(found)))
        bars[f"asked for {asked}", f"answered by {served}"] += 1
    rows.sort(key=lambda row: (row[3] != "error", str(row[0]), str(row[1])))
    message = "the pinned versions answer, and none ends soon"
    if rows:
        message = (
            f"{len({row[0] for row in rows})} clients; first: {rows[0][0]}: {rows[0][6]}. Then "
            f"run: meta-pipeline check -c {rows[0][0]}"
        )
    return Result(
        check="version_pin",
        severity=worst([severity_in(row[3]) for row in rows]),
        message=message,
        columns=(
            *("client_id", "asked_version", "served_version", "severity", "reports"),
            *("example", "finding"),
        ),
        rows=tuple(rows),
        counts={
            "clients": len({row[0] for row in rows}),
            "clients_served_another": len({row[0] for row in rows if row[1] != row[2]}),
        },
        plot=bars_plot("Versions asked for and served", "clients", bars),
    )


_VERSIONS = """
select
    client_id, asked_version, served_version, version_warning,
    count(distinct report) as reports, arg_max(report, pulled_at) as example
from mart_api_versions
where client_id in (select client_id from dim_clients where is_active)
    and (client_id, asset_id)
        not in (select (client_id, ad_account_id) from dim_ad_accounts where not is_active)
group by client_id, asked_version, served_version, version_warning
order by client_id, asked_version, served_version
"""


def asked_of_meta(clients: Iterable[Client]) -> Asked:
    """Every metric, field, breakdown and window that any client's reports ask for."""
    asked: dict[tuple[Surface, str], list[str]] = defaultdict(list)
    for client in clients:
        names: set[tuple[Surface, str]] = set()
        for report in REPORTS.values():
            if client.gets(report) and client.assets(report.surface):
                for surface, several in catalog.names_of(report).items():
                    names |= {(surface, name) for name in several}
        names |= {("window", window) for window in client.attribution_windows}
        for one in names:
            asked[one].append(client.id)
    return asked


def metric_deprecation(asked: Asked, now: datetime) -> Result:
    """What is asked for and dies within 60 days: WARN; what is dead and still asked for: ERROR."""
    today = now.date()
    rows: list[tuple[Cell, ...]] = []
    for (surface, name), client_ids in asked.items():
        entry = catalog.entry(surface, name)
        if entry is None or entry.died is None or (entry.died - today).days > DYING_DAYS:
            continue
        severity = "error" if entry.is_dead(today) else "warn"
        instead = ", ".join(entry.replaced_by) or "nothing"
        rows += [
            (client_id, surface, name, severity, str(entry.died), _left(entry.died, today), instead)
            for client_id in client_ids
        ]
    rows.sort(key=lambda row: (str(row[4]), str(row[1]), str(row[2]), str(row[0])))
    dying = {(row[1], row[2]): row for row in rows}
    message = f"nothing that is asked for dies within {DYING_DAYS} days"
    if rows:
        row = rows[0]
        message = (
            f"{len(dying)} names that are asked for die or are dead; first: {row[2]} ({row[1]}) on "
            f"{row[4]}, in its place {row[6]}. Install a newer meta-pipeline, or take the report "
            "or window out of clients.yml; docs/metrics.md has the dates"
        )
    records = [
        {"label": str(row[2]), "value": row[5], "group": str(row[1])}
        for row in list(dying.values())[:BARS]
    ]
    return Result(
        check="metric_deprecation",
        severity=worst([severity_in(row[3]) for row in rows]),
        message=message,
        columns=("client_id", "surface", "name", "severity", "dies_on", "days_left", "instead"),
        rows=tuple(rows),
        counts={"names": len(dying), "clients": len({row[0] for row in rows})},
        plot=Plot("bars", "What Meta stops answering", "days left", records) if records else None,
    )


def _left(died: date, today: date) -> int:
    return (died - today).days
