"""`status`: how far each client's numbers go and how settled they are."""

import sys
from collections.abc import Sequence
from datetime import datetime

import orjson
from rich.table import Table

from meta_pipeline import clock
from meta_pipeline.cli.app import EXIT_STALE
from meta_pipeline.cli.progress import print_table
from meta_pipeline.config import load_settings
from meta_pipeline.errors import ConfigError
from meta_pipeline.freshness import Freshness, read_freshness

_STALE_STATES = ("stale", "never pulled")


def run_status(client_ids: Sequence[str], *, as_json: bool) -> int:
    """Runs `meta-pipeline status`; returns its exit code."""
    now = clock.now()
    found = read_freshness(load_settings().marts, now)
    known = {one.client_id for one in found}
    for client_id in client_ids:
        if client_id not in known:
            raise ConfigError(
                f"unknown client {client_id!r}", hint=f"the marts have {', '.join(sorted(known))}"
            )
    shown = [one for one in found if not client_ids or one.client_id in client_ids]
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(_document(shown, now)) + b"\n")
    else:
        print_table(freshness_table(shown, now))
    return EXIT_STALE if any(one.state(now) in _STALE_STATES for one in shown) else 0


def freshness_table(found: Sequence[Freshness], now: datetime) -> Table:
    """One row a client: how far its numbers go, and how many days are how settled."""
    table = Table(
        "client", "state", "data through", "settled through", "last pull (UTC)", "gaps", "days"
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
            days or "-",
        )
    return table


def _document(found: Sequence[Freshness], now: datetime) -> dict[str, object]:
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
        }
        for one in found
    ]
    return {"schema": 1, "now": now, "clients": clients}
