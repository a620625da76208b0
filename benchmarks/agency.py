"""What an agency costs by its clients: a night of backfill, then a daily sync, on the simulator.

    .venv/bin/python benchmarks/agency.py

benchmarks/README.md says what is measured and how. Runs on loopback alone, and stops by itself.
Exits with 1 when a night fails, when the marts lack a client-day, or when a client needs more
requests than it should; never because of a time.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial, wraps
from pathlib import Path
from threading import Lock
from typing import Any

from agency_model import Night, markdown
from roles import BenchmarkError, ask, child, simulator

SIZES = (10, 100, 1000)
FIRST_NIGHT = datetime(2026, 11, 20, 22, tzinfo=UTC)
SYNC = datetime(2026, 11, 21, 22, tzinfo=UTC)
RATE = 60
"""Simulated seconds in a second, of Meta's clock and of the one by which quotas are waited for."""

REPORTS = ("account_daily", "campaign_daily")
SHAPE: Mapping[str, Any] = {"campaigns": 2, "adsets": 1, "ads": 1}
MOST_REQUESTS = 8
"""Requests a client and night: one for each report of each account, and a list of accounts."""

CHILD_SECONDS = 3000.0
"""What is still running after so long is killed, and the benchmark with it."""


# The simulator, in a process of its own.


def run_simulator(task: dict[str, Any]) -> None:
    """Serves an agency under Meta's real limits until standard input ends."""
    from meta_pipeline.simulator import RunningSimulator, generated_agency

    source = generated_agency(clients=task["clients"] + 1, **SHAPE)
    with RunningSimulator(source, now=FIRST_NIGHT, clock_rate=RATE, enforce_quotas=True) as meta:
        print(meta.url, flush=True)
        sys.stdin.read()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"cpu": time.process_time(), "peak": peak}), flush=True)


# A night, in a process of its own, as the schedule starts one.


class FlyingClock:
    """The simulator's time, read once and carried on at the same rate."""

    def __init__(self, url: str) -> None:
        self._base = datetime.fromisoformat(ask(url, "clock")["now"])
        self._since = time.monotonic()
        self._lock = Lock()
        self.waited = 0.0

    def now(self) -> datetime:
        """The simulated moment, in UTC."""
        return self._base + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Simulated seconds since the beginning."""
        return RATE * (time.monotonic() - self._since)

    def sleep(self, seconds: float) -> None:
        """Lets so many simulated seconds pass."""
        with self._lock:
            self.waited += seconds
        time.sleep(seconds / RATE)


class Spent:
    """Processor time of this process by what it was spent on."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._lock = Lock()

    def count(self, owner: Any, name: str, clock: Callable[[], float]) -> None:
        """From now on adds what calls of `owner.name` take, by `clock`."""
        called = getattr(owner, name)

        @wraps(called)
        def counted(*args: Any, **kwargs: Any) -> Any:
            begun = clock()
            try:
                return called(*args, **kwargs)
            finally:
                with self._lock:
                    self.seconds[name] = self.seconds.get(name, 0.0) + clock() - begun

        setattr(owner, name, counted)


def run_night(task: dict[str, Any]) -> None:
    """A backfill of what is missing of the last `days` days, or (0) a daily sync."""
    from meta_pipeline import clock
    from meta_pipeline.cli.sync import synchronise
    from meta_pipeline.config import load_clients, load_settings
    from meta_pipeline.dates import Span
    from meta_pipeline.defs import raw
    from meta_pipeline.defs.launch import Launcher
    from meta_pipeline.graph import QuotaLedger
    from meta_pipeline.pulling import Puller, due_spans

    spent = Spent()
    spent.count(Puller, "pull", time.process_time)
    spent.count(Puller, "_work", time.thread_time)
    spent.count(Launcher, "build", time.process_time)
    spent.count(raw, "partition_metadata", time.process_time)
    flying = FlyingClock(os.environ["META_GRAPH_URL"])
    settings = load_settings()
    clients = load_clients(settings)
    pulled = clients[:-1]
    now = clock.now()
    before = time.process_time()
    if days := task["days"]:
        last = now.date() - timedelta(days=1)
        spans, due = [Span(last - timedelta(days=days - 1), last)], None
    else:
        spans = due = due_spans(settings.marts, pulled, now)
    summary = synchronise(
        settings,
        clients,
        pulled,
        Span(min(one.since for one in spans), max(one.until for one in spans)),
        due=due,
        only_missing=due is None,
        reports=frozenset({"accounts", *REPORTS}),
        make_puller=partial(
            Puller,
            quota=QuotaLedger(settings.quota, flying.now),
            sleep=flying.sleep,
            monotonic=flying.monotonic,
        ),
    )
    inside = time.process_time() - before
    failures = sorted({f.message for outcome in summary.outcomes for f in outcome.failures})
    if failures:
        raise BenchmarkError(f"{len(failures)} kinds of failures, the first: {failures[0]}")
    took = spent.seconds
    own, dbt = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    dbt_cpu = dbt.ru_utime + dbt.ru_stime
    known = took["pull"] + took["partition_metadata"] + took["build"]
    found = {
        "days": sum(one.days for one in spans),
        "days_over": sum(day < now.date() for span in spans for day in span),
        "cpu_start": before,
        "cpu_ask": took["_work"],
        "cpu_land": took["pull"] - took["_work"],
        "cpu_dagster": inside - known,
        "cpu_metadata": took["partition_metadata"],
        "cpu_build": took["build"] + dbt_cpu,
        "peak": own.ru_maxrss * 1024,
        "peak_dbt": dbt.ru_maxrss * 1024,
        "waited": flying.waited,
    }
    print(f"spans: {spans}", file=sys.stderr)
    print(json.dumps(found | published(settings.marts, spans)), flush=True)


def published(marts: Path, spans: Sequence[Any]) -> dict[str, int]:
    """How many client-days of the spans the marts know, and how many accounts there are."""
    from meta_pipeline.warehouse import reading_marts

    days = [day for span in spans for day in span]
    with reading_marts(marts) as connection:
        known, clients = connection.execute(
            """
            select count(distinct (client_id, day)), count(distinct client_id) from mart_coverage
            where report = 'account_daily' and list_contains($days, day)
                and coverage in ('pulled', 'confirmed_empty')
            """,
            {"days": days},
        ).fetchall()[0]
    return {"client_days": known, "clients_known": clients}


# The benchmark itself: starts the others, measures them, says what follows.


def run_role(
    role: str, task: Mapping[str, Any], home: Path, url: str, now: datetime
) -> dict[str, Any]:
    """Runs a role in a fresh process; what it printed last, with the wall time it took."""
    env = {
        "META_ACCESS_TOKEN": "benchmark",
        "META_PIPELINE_HOME": str(home),
        "META_PIPELINE_CLIENTS": str(home / "clients.yml"),
        "META_PIPELINE_NOW": now.isoformat(),
        "META_GRAPH_URL": url,
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    begun = time.perf_counter()
    found = child(__file__, role, task, env, CHILD_SECONDS)
    return found | {"wall": time.perf_counter() - begun}


def write_clients(url: str, days: int, path: Path) -> None:
    """The simulated clients as a clients.yml: ad accounts alone, few reports. JSON is YAML.

    They begin with the backfill, or older weeks would be due too. The last one, which no night
    pulls, gives Dagster's grid the length that it has after two years.
    """
    taken = ("id", "name", "ad_accounts", "result")
    clients = [
        {name: one[name] for name in taken}
        | {
            "reports": ["accounts", *REPORTS],
            "start_date": f"{FIRST_NIGHT.date() - timedelta(days=days)}",
        }
        for one in ask(url, "clients")["data"]
    ]
    clients[-1]["start_date"] = "2025-01-01"
    path.write_text(json.dumps({"version": 1, "clients": clients}))


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    files = [path] if path.is_file() else (one for one in path.rglob("*") if one.is_file())
    return sum(one.stat().st_size for one in files)


def measure(clients: int, days: int) -> list[Night]:
    """The nights of an agency of so many clients, from nothing."""
    nights: list[Night] = []
    told: dict[str, Any] = {}
    simulated = simulator(__file__, {"clients": clients}, told)
    with tempfile.TemporaryDirectory(prefix="agency-") as folder, simulated as url:
        home = Path(folder)
        write_clients(url, days, home / "clients.yml")
        before = 0
        for name, now, length in (("backfill", FIRST_NIGHT, days), ("sync", SYNC, 0)):
            ask(url, "reset", {})
            ask(url, "clock", {"now": now.isoformat()})
            found = run_role("night", {"days": length}, home, url, now)
            asked = ask(url, "requests")
            night = Night(
                kind=name,
                clients=clients,
                requests=asked["total"],
                refused=asked["refused"],
                warehouse=size_of(home / "warehouse.duckdb"),
                marts=size_of(home / "marts.duckdb"),
                spool=size_of(home / "spool"),
                dagster=size_of(home / "dagster"),
                grown=size_of(home) - before,
                **found,
            )
            before += night.grown
            print(json.dumps(asdict(night)), flush=True)
            nights.append(night)
            refuse(night)
    print(f"simulator: {told['cpu']:.0f} s of CPU, {told['peak'] / 1e6:.0f} MB", flush=True)
    return nights


def refuse(night: Night) -> None:
    """Raises `BenchmarkError` for a night that lacks a day, or asked for more than it should."""
    if night.clients_known != night.clients or night.client_days < night.clients * night.days_over:
        raise BenchmarkError(f"the marts know {night.client_days} client-days: {night}")
    if night.requests > MOST_REQUESTS * night.clients:
        raise BenchmarkError(f"{night.requests} requests for {night.clients} clients")


def main() -> None:
    """Measures, and prints the tables of benchmarks/README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, nargs="+", default=SIZES)
    parser.add_argument("--days", type=int, default=7, help="days of the backfill")
    parser.add_argument("--role", choices=sorted(ROLES), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.role:
        ROLES[asked.role](json.loads(sys.stdin.readline()))
        return
    nights = [night for clients in asked.clients for night in measure(clients, asked.days)]
    print(markdown(nights))


ROLES = {"simulator": run_simulator, "night": run_night}

if __name__ == "__main__":
    try:
        main()
    except BenchmarkError as error:
        sys.exit(f"error: {error}")
