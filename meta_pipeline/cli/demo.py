"""`demo`: the whole pipeline on the bundled simulator, from nothing to report and dashboard."""

import os
from datetime import timedelta
from pathlib import Path

import duckdb
import yaml
from rich.table import Table

from meta_pipeline import clock
from meta_pipeline.cli.asked import choose_span
from meta_pipeline.cli.progress import console, print_table
from meta_pipeline.cli.simulate import make_source
from meta_pipeline.cli.status import freshness_table
from meta_pipeline.cli.sync import synchronise
from meta_pipeline.config import Client, Settings, load_clients, load_settings
from meta_pipeline.errors import ConfigError, ReportError
from meta_pipeline.freshness import read_freshness
from meta_pipeline.reporting.dashboard import write_dashboard
from meta_pipeline.reporting.figures import MonthlyReport, read_report
from meta_pipeline.reporting.report import Wanted, make_report
from meta_pipeline.simulator import RunningSimulator, Source, default_today
from meta_pipeline.warehouse import reading_marts

# Any token opens the simulator.
_TOKEN = "simulator-token"

_MARK = "# Written by `meta-pipeline demo`: invented clients, or those of a replayed export."


def run_demo(
    *, replay: Path | None, mapping: Path | None, clients: int, days: int, seed: int
) -> int:
    """Runs `meta-pipeline demo`; returns its exit code.

    Everything is written below META_PIPELINE_HOME, by default `data/demo` (`data/replay`).
    """
    source = make_source(replay, mapping, clients=clients, seed=seed)
    now = default_today(source) or clock.now()
    last = source.last_day() or now.date() - timedelta(days=1)
    home = Path(os.environ.get("META_PIPELINE_HOME") or ("data/replay" if replay else "data/demo"))
    _claim(home)
    write_clients(source, home / "clients.yml")
    with RunningSimulator(source, now=now) as simulator:
        os.environ.update(
            META_PIPELINE_HOME=str(home),
            META_PIPELINE_CLIENTS=str(home / "clients.yml"),
            META_PIPELINE_NOW=now.isoformat(),
            META_GRAPH_URL=simulator.url,
            META_ACCESS_TOKEN=_TOKEN,
        )
        settings = load_settings()
        everyone = load_clients(settings)
        first = last - timedelta(days=days - 1)
        span = choose_span(first, last, None, now.date(), everyone)
        summary = synchronise(settings, everyone, everyone, span)
    _show(settings.marts)
    print_table(freshness_table(read_freshness(settings.marts, now), now))
    _deliver(settings, everyone[0])
    console.print(
        'open the marts: python -c "import duckdb; duckdb.connect('
        f"'{settings.marts}', read_only=True).sql('from mart_spend_trends').show()\"",
        markup=False,
    )
    return summary.exit_code(everyone)


def _deliver(settings: Settings, client: Client) -> None:
    """Writes a report and the dashboard, and says where they and the marts are."""
    with reading_marts(settings.marts) as marts:
        chosen = month_to_show(marts, client.id)
        wanted = Wanted(
            month=chosen.month,
            formats=("html",),
            out=settings.home / "reports",
            folder=settings.clients_file.parent,
            is_provisional_allowed=not chosen.is_final,
        )
        (report,) = make_report(marts, client, wanted).files
    dashboard, *_ = write_dashboard(settings.marts, settings.home / "dashboard.html")
    print(f"marts: {settings.marts}\nreport: {report}\ndashboard: {dashboard.path}")
    state = "final"
    if chosen.days_missing:
        state = f"provisional (--allow-provisional): {chosen.days_missing} of its days are missing"
    elif not chosen.is_final:
        state = f"provisional (--allow-provisional) until {chosen.settles_at:%Y-%m-%d %H:%M} UTC"
    console.print(f"the report: {client.name}, {chosen.month:%Y-%m}, {state}", markup=False)


def month_to_show(marts: duckdb.DuckDBPyConnection, client_id: str) -> MonthlyReport:
    """The newest month that is final; else the newest that is over and whole; else the newest.

    Raises `ReportError` when nothing is known of any month.
    """
    months = marts.execute(
        "select distinct month from mart_monthly_report where client_id = ? order by month desc",
        [client_id],
    ).fetchall()
    reports = [one for (month,) in months if (one := read_report(marts, client_id, month))]
    if not reports:
        raise ReportError(f"{client_id}: nothing is known of any month")
    whole = [one for one in reports if all(paid.is_over and paid.is_complete for paid in one.paid)]
    return next((one for one in reports if one.is_final), (whole or reports)[0])


def _claim(home: Path) -> None:
    """Makes the demo's home; refuses one in which somebody else's data lie."""
    clients = home / "clients.yml"
    is_own = clients.exists() and clients.read_text(encoding="utf-8").startswith(_MARK)
    if not is_own and (clients.exists() or (home / "warehouse.duckdb").exists()):
        raise ConfigError(
            f"{home} holds data that the demo did not make",
            hint="unset META_PIPELINE_HOME, or point it to an empty folder",
        )
    home.mkdir(parents=True, exist_ok=True)


def write_clients(source: Source, path: Path) -> None:
    """The simulated clients as a clients.yml."""
    clients = [
        {
            "id": client.id,
            "name": client.name,
            "ad_accounts": list(client.ad_accounts),
            "pages": list(client.pages),
            "instagram_accounts": list(client.instagram_accounts),
            "start_date": client.start_date,
            "result": client.result,
        }
        for client in source.clients()
    ]
    text = yaml.safe_dump({"version": 1, "clients": clients}, sort_keys=False)
    path.write_text(f"{_MARK}\n{text}", encoding="utf-8")


def _show(marts: Path) -> None:
    table = Table("mart", "rows", "what one row is")
    with duckdb.connect(str(marts), read_only=True) as connection:
        rows = connection.execute(
            "select table_name, comment from duckdb_tables() order by 1"
        ).fetchall()
        for name, comment in rows:
            count = connection.execute(f'select count(*) from "{name}"').fetchone()
            first_sentence = (comment or "").split(". ")[0].strip().rstrip(".")
            table.add_row(name, f"{count[0]:,}" if count else "", first_sentence)
    print_table(table)
