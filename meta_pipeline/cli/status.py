"""`status`: how far each client's numbers go and how settled they are."""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import orjson
from rich.table import Table

from meta_pipeline import clock
from meta_pipeline.cli.app import EXIT_STALE
from meta_pipeline.cli.progress import print_table
from meta_pipeline.config import Settings, load_settings
from meta_pipeline.errors import ConfigError
from meta_pipeline.freshness import Freshness, freshness_of
from meta_pipeline.graph.quota import BucketUsage, QuotaLedger
from meta_pipeline.warehouse import reading_marts

_STALE_STATES = ("stale", "never pulled")


def run_status(client_ids: Sequence[str], *, as_json: bool) -> int:
    """Runs `meta-pipeline status`; returns its exit code."""
    now = clock.now()
    settings = load_settings()
    with reading_marts(settings.marts) as marts:
        found = freshness_of(marts, now)
        assets = marts.execute(_ASSETS).fetchall()
    known = {one.client_id for one in found}
    for client_id in client_ids:
        if client_id not in known:
            raise ConfigError(
                f"unknown client {client_id!r}", hint=f"the marts have {', '.join(sorted(known))}"
            )
    shown = [one for one in found if not client_ids or one.client_id in client_ids]
    quotas = _quotas(settings, assets)
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(_document(shown, now, quotas)) + b"\n")
    else:
        print_table(freshness_table(shown, now, quotas))
    return EXIT_STALE if any(one.state(now) in _STALE_STATES for one in shown) else 0


_ASSETS = """
select client_id, asset_id from mart_coverage group by all order by all
"""


def _quotas(
    settings: Settings, assets: Sequence[tuple[str, str]]
) -> Mapping[str, list[BucketUsage]]:
    """What is known of the quotas that count for each client: its assets' and the app's."""
    if not settings.quota.exists():  # nothing was ever asked from here, and nothing is made now
        return {}
    # Quotas run by the wall clock, also where META_PIPELINE_NOW stands still.
    ledger = QuotaLedger(settings.quota, lambda: datetime.now(UTC))
    found: dict[str, dict[object, BucketUsage]] = {}
    try:
        for client_id, asset_id in assets:
            for one in ledger.usage(asset_id):
                found.setdefault(client_id, {})[one.bucket] = one
    finally:
        ledger.close()
    return {client_id: list(several.values()) for client_id, several in found.items()}


def _used(quotas: Sequence[BucketUsage]) -> float | None:
    """The highest share in use of any quota, in percent; None when nothing is known of now."""
    return max((one.percent for one in quotas if one.is_current), default=None)


def _quota_in_words(quotas: Sequence[BucketUsage]) -> str:
    if blocked := [one.blocked_until for one in quotas if one.blocked_until is not None]:
        return f"used up until {max(blocked):%H:%M}"
    used = _used(quotas)
    return "-" if used is None else f"{used:.0f} %"


def freshness_table(
    found: Sequence[Freshness],
    now: datetime,
    quotas: Mapping[str, Sequence[BucketUsage]] | None = None,
) -> Table:
    """One row a client: how far its numbers go, how many days are how settled, and its quota."""
    table = Table(
        *("client", "state", "data through", "settled through", "last pull (UTC)"),
        *("gaps", "left out", "quota", "days"),
    )
    for one in found:
        days = ", ".join(f"{count} {maturity}" for maturity, count in sorted(one.days.items()))
        table.add_row(
            one.client_id,
            one.state(now),
            str(one.data_through or "-"),
            str(one.settled_through or "-"),
            one.last_pull.strftime("%Y-%m-%d %H:%M") if one.last_pull else "-",
            str(one.gaps),
            str(one.missing_days),
            _quota_in_words((quotas or {}).get(one.client_id, ())),
            days or "-",
        )
    return table


def _document(
    found: Sequence[Freshness], now: datetime, quotas: Mapping[str, Sequence[BucketUsage]]
) -> dict[str, object]:
    clients = [
        {
            "client_id": one.client_id,
            "state": one.state(now),
            "data_through": one.data_through,
            "settled_through": one.settled_through,
            "last_pull": one.last_pull,
            "gaps": one.gaps,
            "days_by_maturity": one.days,
            "late_days": len(one.late),
            "missing_days": one.missing_days,
            "missing": [
                {"ad_account_id": account, "since": span.since, "until": span.until}
                for account, span in one.missing
            ],
            "quota_percent": _used(quotas.get(one.client_id, ())),
            "quotas": [
                {
                    "kind": quota.bucket.kind,
                    "asset_id": quota.bucket.asset_id,
                    "percent": quota.percent,
                    "is_current": quota.is_current,
                    "seen_at": quota.seen_at,
                    "blocked_until": quota.blocked_until,
                }
                for quota in quotas.get(one.client_id, ())
            ],
        }
        for one in found
    ]
    return {"schema": 1, "now": now, "clients": clients}
