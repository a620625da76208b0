"""`backfill`: history of any clients, in as few runs as can be, without what has landed."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import Any

import orjson
from rich.table import Table

from meta_pipeline import clock
from meta_pipeline.cli.asked import beyond_retention, choose_span
from meta_pipeline.cli.progress import console, print_table, steps
from meta_pipeline.cli.summary import report_of
from meta_pipeline.cli.sync import FRESH_HOURS, Job, missing, synchronise
from meta_pipeline.config import (
    Client,
    Settings,
    load_clients,
    load_settings,
    select_clients,
    token_of,
)
from meta_pipeline.dates import Span
from meta_pipeline.errors import ConfigError
from meta_pipeline.graph import QuotaLedger
from meta_pipeline.pulling import Estimate, Puller, estimate
from meta_pipeline.reports import REPORTS, Grain, reports_of

# Measured on two cores: what Dagster needs for a partition of a report, planned and landed.
EVENT_SECONDS = 0.015
# Taken, not measured: a question to Meta takes about two seconds, and eight are in flight.
REQUEST_SECONDS = 2.0 / 8
# Without an earlier build to go by.
BUILD_SECONDS = 120.0
BASIS = (
    f"{REQUEST_SECONDS:g} s a request (taken), {EVENT_SECONDS * 1000:.0f} ms a partition and "
    "report (measured)"
)

_GRAINS: tuple[Grain, ...] = ("snapshot", "day", "month")


def run_backfill(
    *,
    since: date,
    until: date,
    client_ids: list[str],
    report_names: list[str],
    again: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Runs `meta-pipeline backfill`; returns its exit code."""
    settings = load_settings()
    clients = load_clients(settings)
    wanted = select_clients(clients, client_ids)
    reports = choose_reports(report_names, wanted)
    now = clock.now()
    span = choose_span(since, until, None, now.date(), wanted)
    lost = beyond_retention(Span(since, until), now.date())
    fresh_since = None if again else now - timedelta(hours=FRESH_HOURS)
    if dry_run:
        preview = _preview(settings, clients, wanted, span, reports, fresh_since, again=again)
        if as_json:
            sys.stdout.buffer.write(orjson.dumps(preview.document()) + b"\n")
        else:
            _show(preview)
        return 0
    for client in wanted:
        token_of(client)
    summary = synchronise(
        settings,
        clients,
        wanted,
        span,
        lost=lost,
        fresh_since=fresh_since,
        reports=reports,
        only_missing=not again,
    )
    return report_of(summary, settings, wanted, as_json=as_json)


def choose_reports(names: Sequence[str], clients: Sequence[Client]) -> frozenset[str]:
    """The reports named, or all; with the accounts, whose time zone says when a day begins.

    Raises `ConfigError` for a name that is none, or that no client gets.
    """
    for name in names:
        if name not in REPORTS:
            raise ConfigError(f"unknown report {name!r}", hint=f"there are {', '.join(REPORTS)}")
        if not any(client.gets(REPORTS[name]) for client in clients):
            raise ConfigError(
                f"no client gets the report {name!r}", hint="name it under `reports` in clients.yml"
            )
    return frozenset({*names, "accounts"}) if names else frozenset(REPORTS)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a backfill would do; all but the runs and partitions is estimated.

    `quotas` are what Meta last said, in percent used; times are UTC.
    """

    span: Span
    clients: Sequence[str]
    reports: Sequence[str]
    runs: int
    partitions: int
    known: int
    cost: Estimate
    build_seconds: float | None
    quotas: Sequence[Mapping[str, Any]]

    @property
    def minutes(self) -> int:
        """How long it may take when no quota runs out."""
        seconds = self.partitions * EVENT_SECONDS + self.cost.requests * REQUEST_SECONDS
        return ceil((seconds + (self.build_seconds or BUILD_SECONDS)) / 60)

    @property
    def basis(self) -> str:
        """What the minutes are estimated from."""
        if self.build_seconds is None:
            return f"{BASIS}, {BUILD_SECONDS:.0f} s for the build (taken)"
        return f"{BASIS}, {self.build_seconds:.0f} s for the build (as the last one took)"

    def document(self) -> dict[str, Any]:
        """The JSON document of `--dry-run --json`."""
        unknown = [{"client": client, "report": report} for client, report in self.cost.unknown]
        return {
            "schema": 1,
            "since": self.span.since,
            "until": self.span.until,
            "clients": self.clients,
            "reports": self.reports,
            "runs": self.runs,
            "partitions": self.partitions,
            "errands_known": self.known,
            "requests_estimated": self.cost.requests,
            "rows_estimated": self.cost.rows,
            "rows_unknown_for": unknown,
            "minutes_estimated": self.minutes,
            "minutes_basis": self.basis,
            "quotas": self.quotas,
        }


def _preview(
    settings: Settings,
    clients: tuple[Client, ...],
    wanted: Sequence[Client],
    span: Span,
    reports: frozenset[str],
    fresh_since: datetime | None,
    *,
    again: bool,
) -> Preview:
    from meta_pipeline.defs.launch import Launcher

    puller = Puller(settings, clients, fresh_since=fresh_since)
    with steps() as shown, shown.step("definitions"):
        launcher = Launcher(settings, clients, puller)
    ids = {client.id: client for client in wanted}
    jobs: list[tuple[Grain, Job]] = []
    surveys, known = [], 0
    for grain in _GRAINS:
        some = [
            puller.survey(report, {name: [span] for name in ids}, only=None if again else "missing")
            for report in reports_of(grain=grain)
            if report.name in reports
        ]
        surveys += some
        known += sum(len(survey.known) for survey in some)
        if again:
            jobs.append((grain, Job(ids, span, reports)))
        elif found := missing(puller, reports, ids, span, grain):
            jobs.append((grain, found))
    runs, partitions = 1, 0  # the build
    for grain, job in jobs:
        for group, keys in launcher.runs(grain, job.clients, job.reports):
            runs += 1
            partitions += len(group) * len(keys) * _units(grain, job.span)
    return Preview(
        span=span,
        clients=list(ids),
        reports=sorted({s.report.name for s in surveys if s.errands}),
        runs=runs,
        partitions=partitions,
        known=known,
        cost=estimate(surveys),
        build_seconds=launcher.last_build(),
        quotas=_quotas(settings, wanted),
    )


def _units(grain: Grain, span: Span) -> int:
    """How many partitions a client has of a grain."""
    if grain == "snapshot":
        return 1
    return span.days if grain == "day" else sum(day.day == 1 for day in span.months())


def _quotas(settings: Settings, clients: Sequence[Client]) -> list[dict[str, Any]]:
    """What is known of the quotas of the app and of each client's accounts."""
    if not settings.quota.exists():
        return []
    ledger = QuotaLedger(settings.quota, lambda: datetime.now(UTC))
    found: dict[Any, dict[str, Any]] = {}
    for asset, client in [("", ""), *((one, c.id) for c in clients for one in c.all_assets)]:
        for usage in ledger.usage(asset):
            found.setdefault(
                usage.bucket,
                {
                    "client": client or None,
                    "kind": usage.bucket.kind,
                    "asset_id": usage.bucket.asset_id or None,
                    "percent_used": usage.percent,
                    "is_current": usage.is_current,
                    "seen_at": usage.seen_at,
                    "blocked_until": usage.blocked_until,
                },
            )
    ledger.close()
    return list(found.values())


def _show(preview: Preview) -> None:
    cost = preview.cost
    rows = f"{cost.rows:,}"
    if cost.unknown:
        rows += f", and unknown for {len(cost.unknown)} reports of clients never pulled"
    worst = max(preview.quotas, key=lambda one: one["percent_used"], default=None)
    quota = "nothing known"
    if worst is not None:
        age = "" if worst["is_current"] else ", which is old"
        seen = f"{worst['seen_at']:%H:%M} UTC{age}"
        quota = f"{worst['percent_used']:.0f} % of {worst['kind']} used ({seen})"
    table = Table("what", "backfill")
    for name, value in (
        ("days", str(preview.span)),
        ("clients", ", ".join(preview.clients)),
        ("reports with something missing", str(len(preview.reports))),
        ("runs in Dagster", str(preview.runs)),
        ("partitions", f"{preview.partitions:,}"),
        ("requests (estimate)", f"{cost.requests:,}"),
        ("rows (estimate)", rows),
        ("minutes (estimate)", f"{preview.minutes}: {preview.basis}"),
        ("quota, the fullest", quota),
    ):
        table.add_row(name, value)
    print_table(table)
    console.print("nothing was asked; without --dry-run it is")
