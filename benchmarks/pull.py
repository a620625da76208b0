"""What a pull costs: this pipeline beside a plain script, on one simulator, in one run.

    .venv/bin/python benchmarks/pull.py

benchmarks/README.md says what is measured and how. Runs on loopback alone and stops by itself.
Exits with 1 when the two sides do not hold the same rows, or when more is asked of Meta than
the scenario allows; never because of a time.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from roles import BenchmarkError, ask, child, simulator

# Before anything in the agency is deleted: of that the plain script would not learn.
NOW = datetime(2026, 9, 22, 12, tzinfo=UTC)
LAST_DAY = date(2026, 7, 29)
PAGE_SIZE = 500
TARGET = 1.5
SIDES = ("pipeline", "plain")
CHILD_SECONDS = 600.0
"""What is still running after so long is killed, and the benchmark with it."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Accounts, days and level to pull, and the generated agency that has just that many rows.

    Of an agency's campaigns the fourth was archived in 2025 and delivers nothing, so `shape`
    has one campaign more than deliver. `allowed` is the most insights requests.
    """

    name: str
    title: str
    report: str
    level: str
    days: int
    shape: Mapping[str, int]
    rows: int
    allowed: int

    @property
    def since(self) -> date:
        """The first day kept."""
        return LAST_DAY - timedelta(days=self.days - 1)


def scenario_a() -> Scenario:
    """One account, 30 days, 20 campaigns."""
    return Scenario(
        name="A",
        title="1 account, 30 days, campaign level",
        report="campaign_daily",
        level="campaign",
        days=30,
        shape={"clients": 1, "campaigns": 21, "adsets": 2, "ads": 2},
        rows=600,
        allowed=2,
    )


def scenario_b(ads: int) -> Scenario:
    """Ten accounts (eight clients, two of them with two), 90 days, `ads` ads an account."""
    return Scenario(
        name="B",
        title=f"10 accounts, 90 days, ad level, {ads} ads each",
        report="ad_daily",
        level="ad",
        days=90,
        shape={"clients": 8, "campaigns": 6, "adsets": 5, "ads": ads // 25},
        rows=10 * 90 * ads,
        allowed=10 * -(-97 * ads // PAGE_SIZE) + 10,
    )


# The plain script. It runs in a process that knows nothing of the pipeline.


def run_plain(task: dict[str, Any]) -> dict[str, Any]:
    """Pulls the accounts one after another into one table, which it replaces."""
    import duckdb
    import pandas as pd
    import requests

    started = _spent()
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {task['token']}"
    rows = []
    for account in (account for client in task["clients"] for account in client["ad_accounts"]):
        params = {
            "fields": ",".join(task["fields"]),
            "level": task["level"],
            "time_range": json.dumps({"since": task["since"], "until": task["until"]}),
            "time_increment": "1",
            "limit": str(PAGE_SIZE),
        }
        while True:
            response = session.get(
                f"{task['url']}/{task['version']}/{account}/insights", params=params, timeout=120
            )
            response.raise_for_status()
            answer = response.json()
            rows += answer["data"]
            if "next" not in answer.get("paging", {}):
                break
            params["after"] = answer["paging"]["cursors"]["after"]
    frame = pd.DataFrame(rows, columns=task["fields"])
    for name in task["lists"]:
        frame[name] = [json.dumps(v) if isinstance(v, list) else None for v in frame[name]]
    with duckdb.connect(f"{task['folder']}/plain.duckdb") as connection:
        connection.execute("create or replace table insights as select * from frame")
    return _spent_since(started)


# The pipeline, and what reads both results.


def run_pipeline(task: dict[str, Any]) -> dict[str, Any]:
    """Pulls one report for every client through the spool into the warehouse."""
    from meta_pipeline.config import Client, Settings
    from meta_pipeline.dates import Span
    from meta_pipeline.pulling import Puller
    from meta_pipeline.reports import REPORTS

    started = _spent()
    span = Span(date.fromisoformat(task["since"]), date.fromisoformat(task["until"]))
    clients = [
        Client(id=c["id"], name=c["name"], ad_accounts=c["ad_accounts"]) for c in task["clients"]
    ]
    now = datetime.fromisoformat(task["now"])
    puller = Puller(Settings(), clients, now=lambda: now)
    outcomes = puller.pull(REPORTS[task["report"]], {client.id: [span] for client in clients})
    spent = _spent_since(started)
    failures = [failure.message for outcome in outcomes for failure in outcome.failures]
    if failures:
        raise BenchmarkError(f"{len(failures)} pulls failed, the first with: {failures[0]}")
    return spent


def run_compare(task: dict[str, Any]) -> dict[str, Any]:
    """What each side holds of the days kept, and how many of their rows differ."""
    import duckdb

    with duckdb.connect() as connection:
        folder, key = task["folder"], task["key"]
        connection.execute(f"attach '{folder}/warehouse.duckdb' as pipeline (read_only)")
        connection.execute(f"attach '{folder}/plain.duckdb' as plain (read_only)")
        connection.execute(
            f"""
            create temp table kept as
            select
                asset_id, day::text as day, payload->>'{key}' as entity,
                payload->>'spend' as spend, payload->>'impressions' as impressions
            from pipeline.raw.records where valid_to is null;
            create temp table pulled as
            select 'act_' || account_id as asset_id, date_start, {key}, spend, impressions
            from plain.insights;
            """
        )
        sums = "count(*), sum(spend::decimal(18, 2))::text, sum(impressions::bigint)::bigint"
        held = {
            side: connection.execute(f"select {sums} from {table}").fetchone()
            for side, table in zip(SIDES, ("kept", "pulled"), strict=True)
        }
        differing, versions, received = connection.execute(
            """
            select
                (
                    select count(*) from (
                        (from kept except from pulled) union all (from pulled except from kept)
                    )
                ),
                (select count(*) from pipeline.raw.records),
                (
                    select sum((request->>'rows')::bigint)::bigint
                    from (
                        select unnest(from_json(manifest->'requests', '["JSON"]')) as request
                        from pipeline.raw.pulls
                    )
                )
            """
        ).fetchall()[0]
    return {**held, "differing": differing, "versions": versions, "received": received}


def run_simulator(shape: dict[str, Any]) -> dict[str, Any]:
    """Serves a generated agency until standard input ends."""
    from meta_pipeline.simulator import RunningSimulator, generated_agency

    with RunningSimulator(generated_agency(**shape, gaps=False), now=NOW) as meta:
        print(meta.url, flush=True)
        sys.stdin.read()
    return {}


def _spent() -> tuple[float, float]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), usage.ru_utime + usage.ru_stime


def _spent_since(started: tuple[float, float]) -> dict[str, Any]:
    wall, cpu = (after - before for before, after in zip(started, _spent(), strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"work_wall": wall, "work_cpu": cpu, "peak": peak}


ROLES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "pipeline": run_pipeline,
    "plain": run_plain,
    "compare": run_compare,
    "simulator": run_simulator,
}


# The benchmark itself: starts the others, measures them, compares.


def run_role(role: str, task: Mapping[str, Any]) -> dict[str, Any]:
    """Runs a role in a fresh process; what it printed, with the CPU of the whole process."""
    env = {
        "META_ACCESS_TOKEN": task.get("token", ""),
        "META_PIPELINE_HOME": task["folder"],
        "META_GRAPH_URL": task.get("url", ""),
    }
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = child(__file__, role, task, env, CHILD_SECONDS)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return found | {"cpu": cpu}


class Benchmark:
    """One scenario on one simulator, round after round."""

    def __init__(self, scenario: Scenario, url: str) -> None:
        from meta_pipeline.config import API_VERSION
        from meta_pipeline.reports import ACTION_FIELDS, REPORTS

        report = REPORTS[scenario.report]
        self.scenario = scenario
        self.url = url
        self.held: dict[str, Any] = {}
        self.task = {
            "url": url,
            "version": API_VERSION,
            "token": "benchmark",
            "report": report.name,
            "level": scenario.level,
            "fields": report.fields,
            "lists": ("outbound_clicks", *ACTION_FIELDS),
            "key": report.key[0],
            "since": f"{scenario.since}",
            "until": f"{LAST_DAY}",
            "clients": ask(url, "clients")["data"],
        }

    def round(self, number: int, *, again: bool) -> list[dict[str, Any]]:
        """Both sides into an empty folder, compared; with `again`, the same pull once more."""
        measured = []
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            order = SIDES if number % 2 else SIDES[::-1]
            for hour, name in enumerate(
                (self.scenario.name, "C") if again else (self.scenario.name,)
            ):
                task = self.task | {"folder": folder, "now": f"{NOW + timedelta(hours=hour)}"}
                measured += [self._measure(name, side, task) for side in order]
                self._compare(name, task)
        return measured

    def _measure(self, name: str, side: str, task: dict[str, Any]) -> dict[str, Any]:
        ask(self.url, "reset", {})
        result = run_role(side, task)
        kinds = ask(self.url, "requests")["by_kind"]
        requests = kinds.get("insights", 0)
        if requests > self.scenario.allowed or set(kinds) != {"insights"}:
            raise BenchmarkError(f"{name}, {side}: {kinds}, allowed {self.scenario.allowed}")
        return result | {"scenario": name, "side": side, "requests": requests}

    def _compare(self, name: str, task: dict[str, Any]) -> None:
        held = run_role("compare", task)
        rows, _, _ = held["pipeline"]
        if held["pipeline"] != held["plain"] or held["differing"]:
            raise BenchmarkError(f"{name}: the sides differ: {held}")
        if rows != self.scenario.rows or held["versions"] != rows:
            raise BenchmarkError(f"{name}: {self.scenario.rows} rows expected, held: {held}")
        if name != "C":
            self.held = held


def report_table(measured: list[dict[str, Any]]) -> str:
    """Medians as Markdown, one line a scenario and side, and the ratios below each pair."""
    columns = ("requests", "work_wall", "work_cpu", "cpu", "peak")
    lines = [
        "| scenario | side | requests | wall, s | CPU, s | CPU with start-up, s | peak, MB |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for name in sorted({one["scenario"] for one in measured}):
        found = {}
        for side in SIDES:
            of_side = [m for m in measured if m["scenario"] == name and m["side"] == side]
            found[side] = [statistics.median(m[column] for m in of_side) for column in columns]
            requests, wall, cpu, total, peak = found[side]
            lines.append(
                f"| {name} | {side} | {requests:.0f} | {wall:.2f} | {cpu:.2f} | {total:.2f} "
                f"| {peak / 1e6:.0f} |"
            )
        ratios = (f"{a / b:.2f}" for a, b in zip(*(found[side] for side in SIDES), strict=True))
        lines.append(f"| {name} | **pipeline / plain** | {' | '.join(ratios)} |")
    return "\n".join(lines)


def ratios_by_round(measured: list[dict[str, Any]]) -> str:
    """How far the CPU ratio strays from round to round, one range a scenario."""
    found = []
    for name in sorted({one["scenario"] for one in measured}):
        pipeline, plain = (
            [m["work_cpu"] for m in measured if m["scenario"] == name and m["side"] == side]
            for side in SIDES
        )
        ratios = [a / b for a, b in zip(pipeline, plain, strict=True)]
        found.append(f"{name} {min(ratios):.2f} to {max(ratios):.2f}")
    return ", ".join(found)


def measure(rounds: int, ads: int) -> list[dict[str, Any]]:
    """Every scenario, after one round that is not counted, which fills the simulator's caches."""
    measured = []
    for scenario, again in ((scenario_a(), False), (scenario_b(ads), True)):
        with simulator(__file__, scenario.shape) as url:
            benchmark = Benchmark(scenario, url)
            for number in range(rounds + 1):
                print(f"{scenario.name}: round {number} of {rounds}", file=sys.stderr)
                found = benchmark.round(number, again=again)
                measured += found if number else []
            rows, spend, impressions = benchmark.held["pipeline"]
            print(
                f"{scenario.name}: {scenario.title}, {scenario.since} to {LAST_DAY}. "
                f"Kept {rows:,} rows, spend {spend}, impressions {impressions:,}, the same on "
                f"both sides; the pipeline was sent {benchmark.held['received']:,} rows."
            )
    print("C: B pulled once more, unchanged; the pipeline wrote no new version.\n")
    return measured


def main() -> int:
    """Runs the benchmark; 1 when the comparison does not stand."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--role", choices=ROLES, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5, help="rounds to take medians of (5)")
    parser.add_argument(
        "--ads", type=int, default=50, choices=(25, 50, 100, 200), help="ads an account in B (50)"
    )
    given = parser.parse_args()
    if given.role:
        print(json.dumps(ROLES[given.role](json.loads(sys.stdin.readline()))))
        return 0
    if given.rounds < 1:
        parser.error("--rounds must be at least 1")
    try:
        measured = measure(given.rounds, given.ads)
    except (BenchmarkError, subprocess.TimeoutExpired) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(report_table(measured))
    print(
        f"\nMedians of {given.rounds} rounds, {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} "
        f"cores, Python {platform.python_version()}. CPU ratio by round: "
        f"{ratios_by_round(measured)}. Target: at most {TARGET} in B."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
