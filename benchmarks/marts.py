"""What building the marts costs: everything, seven changed days, nothing changed, by raw rows.

    .venv/bin/python benchmarks/marts.py

benchmarks/README.md says what is measured and how. Needs no network; works in a temporary folder
and stops by itself. Exits with 1 when a build fails or does not hold the days it should; never
because of a time.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from roles import BenchmarkError

from meta_pipeline.landing import create_schema
from meta_pipeline.warehouse import publish

PROJECT = Path(__file__).resolve().parents[1] / "dbt_project"
LAST_DAY = date(2026, 11, 21)
MAX_DAYS = 365
CHANGED_DAYS = 7
SIZES = (10_000, 100_000, 1_000_000)
ON_REQUEST = 10_000_000
BUILD_SECONDS = 3600.0
"""A build that takes longer is killed, and the benchmark with it."""

# Rows that one account has on one day, by report: two campaigns, four ad sets, ten ads.
SHAPE: Mapping[str, int] = {
    "account_daily": 1,
    "account_28d": 1,
    "campaign_daily": 2,
    "adset_daily": 4,
    "ad_daily": 10,
    "platform_daily": 8,
    "age_gender_daily": 12,
    "country_daily": 3,
}
CHECKED = tuple(report for report in SHAPE if report.endswith("_daily"))
ACCOUNT_DAY = sum(SHAPE.values())

CASES = ("full", "7 days", "nothing")


@dataclass(frozen=True)
class Size:
    """Accounts and days that make about so many raw rows."""

    accounts: int
    days: int

    @classmethod
    def of(cls, rows: int) -> "Size":
        """A year of as many accounts as it takes; below that, fewer days of one."""
        accounts = max(1, round(rows / ACCOUNT_DAY / MAX_DAYS))
        return cls(accounts, min(MAX_DAYS, round(rows / ACCOUNT_DAY / accounts)))

    @property
    def since(self) -> date:
        """The first day."""
        return LAST_DAY - timedelta(days=self.days - 1)


# Payloads as Meta writes them: figures as text, ids and names at each level, six action types in
# four attribution windows with their values. `k` numbers the rows of one account and day.
ROWS = """
    with days as (
        select
            unnest(generate_series($since::date, $until::date, interval 1 day))::date as day
    ),
    numbered as (
        select
            a as account, day, k,
            hash(a, day, k, $round) as h,
            'c' || a || '_' || (k % 2) as campaign,
            's' || a || '_' || (k % 4) as adset,
            'a' || a || '_' || k as ad
        from range($accounts) as accounts(a), days, range($rows) as numbers(k)
        -- Written account by account, day by day, as pulls land.
        order by a, day, k
    ),
    figured as (
        select
            *,
            h % 20000 as impressions,
            h % 300 as clicks,
            (h % 100000) / 100 as spend,
            list_transform(
                ['link_click', 'post_engagement', 'page_engagement', 'video_view',
                    'purchase', 'omni_purchase'],
                lambda action: {
                    'action_type': action, 'value': (h % 97)::text, '1d_click': (h % 31)::text,
                    '7d_click': (h % 89)::text, '1d_view': (h % 8)::text
                }
            ) as actions
        from numbered
    ),
    packed as (
        select
            account, day, k,
            to_json({
                'account_currency': 'EUR', 'spend': spend::text, 'impressions': impressions::text,
                'clicks': clicks::text, 'inline_link_clicks': (clicks // 2)::text,
                'reach': (impressions // 2)::text, 'frequency': '2.000000',
                'unique_clicks': (clicks // 2)::text, 'date_start': day::text,
                'date_stop': day::text, 'account_id': account::text,
                'campaign_id': campaign, 'campaign_name': 'Campaign ' || campaign,
                'adset_id': adset, 'adset_name': 'Ad set ' || adset,
                'ad_id': ad, 'ad_name': 'Ad ' || ad, 'objective': 'OUTCOME_SALES',
                'optimization_goal': 'OFFSITE_CONVERSIONS',
                'attribution_setting': '7d_click_1d_view',
                'publisher_platform':
                    ['facebook', 'instagram', 'messenger', 'audience_network'][k // 2 % 4 + 1],
                'age': ['18-24', '25-34', '35-44'][k // 2 % 3 + 1],
                'gender': ['female', 'male'][k // 6 % 2 + 1],
                'country': ['DE', 'FR', 'US'][k % 3 + 1],
                'actions': actions,
                'action_values': list_filter(
                    actions, lambda action: contains(action.action_type, 'purchase')
                )
            })::text as payload
        from figured
    )
    insert into raw.records (
        client_id, report, asset_id, part, day, entity_key, payload, payload_hash, pull_id,
        valid_from, valid_to
    )
    select
        'client-' || (account // 5), $report, 'act_' || account, '', day, to_json([k])::text,
        payload, md5(payload), 'pull-' || ($first + account), $pulled_at::timestamptz, null
    from packed
"""


def land_accounts(con: duckdb.DuckDBPyConnection, size: Size) -> None:
    """Clients of five ad accounts each, and the object of each account, which has its time zone."""
    at = {"accounts": size.accounts, "at": f"{LAST_DAY + timedelta(days=1)}T12:00:00Z"}
    con.execute(
        "insert into raw.clients (client_id, name, result, is_active) "
        "select distinct 'client-' || (a // 5), 'Client', 'omni_purchase', true "
        "from range($accounts) as t(a)",
        {"accounts": size.accounts},
    )
    con.execute(
        "insert into raw.client_assets (client_id, asset_id, surface) "
        "select 'client-' || (a // 5), 'act_' || a, 'ads' from range($accounts) as t(a)",
        {"accounts": size.accounts},
    )
    con.execute(
        """
        insert into raw.records
        select 'client-' || (a // 5), 'accounts', 'act_' || a, '', null, '["act_' || a || '"]',
            to_json({'id': 'act_' || a, 'name': 'Account', 'currency': 'EUR',
                'timezone_name': 'Europe/Berlin', 'account_status': 1})::text,
            '', 'pull-' || ($first + a), $at::timestamptz, null
        from range($accounts) as t(a)
        """,
        at | {"first": enter_pulls(con, size, "accounts", at["at"], None)},
    )


def enter_pulls(
    con: duckdb.DuckDBPyConnection, size: Size, report: str, at: str, since: date | None
) -> int:
    """A pull of each account in the ledger, from `since` on; the first load's number. The others
    follow it account by account."""
    row = con.execute("select coalesce(max(load_seq), 0) + 1 from raw.pulls").fetchone()
    assert row is not None
    con.execute(
        """
        insert into raw.pulls (pull_id, client_id, report, asset_id, part, since, until, pulled_at,
            status, api_version, requests, bytes, row_count, manifest, load_seq)
        select 'pull-' || ($first + a), 'client-' || (a // 5), $report, 'act_' || a, '',
            $since::date, $until::date, $at::timestamptz, 'complete', 'v26.0', 1, 0, 0, '{}',
            $first + a
        from range($accounts) as t(a)
        """,
        {
            "first": row[0],
            "accounts": size.accounts,
            "report": report,
            "at": at,
            "since": since,
            "until": since and LAST_DAY,
        },
    )
    return int(row[0])


def land(con: duckdb.DuckDBPyConnection, size: Size, since: date, number: int) -> int:
    """Pulls all reports of all accounts from `since` on; each row differs from its last version.

    Returns how many rows landed.
    """
    at = f"{LAST_DAY + timedelta(days=1 + number)}T12:00:00Z"
    con.execute("begin")
    for report, rows in SHAPE.items():
        first = enter_pulls(con, size, report, at, since)
        known = {"report": report, "since": since, "at": at}
        con.execute(
            "update raw.records set valid_to = $at::timestamptz "
            "where report = $report and day >= $since and valid_to is null",
            known,
        )
        con.execute(
            "delete from raw.coverage where report = $report and day >= $since",
            {"report": report, "since": since},
        )
        con.execute(
            ROWS,
            {
                "since": since,
                "until": LAST_DAY,
                "accounts": size.accounts,
                "rows": rows,
                "round": number,
                "report": report,
                "pulled_at": at,
                "first": first,
            },
        )
        con.execute(
            """
            insert into raw.coverage (client_id, report, asset_id, part, day, status, row_count,
                pull_id, pulled_at, load_seq)
            select 'client-' || (a // 5), $report, 'act_' || a, '', day::date, 'pulled', $rows,
                'pull-' || ($first + a), $at::timestamptz, $first + a
            from range($accounts) as t(a),
                generate_series($since::date, $until::date, interval 1 day) as d(day)
            """,
            known | {"rows": rows, "first": first, "accounts": size.accounts, "until": LAST_DAY},
        )
    con.execute("commit")
    con.execute("checkpoint")
    days = (LAST_DAY - since).days + 1
    return days * size.accounts * ACCOUNT_DAY


class Bench:
    """One warehouse of one size, and what its builds cost."""

    def __init__(self, size: Size, work: Path) -> None:
        self.size, self.work = size, work
        self.warehouse = work / "warehouse.duckdb"
        self.landings = 0
        self.measured: list[dict[str, Any]] = []
        with self.open() as con:
            create_schema(con)
            land_accounts(con, size)
            self.rows = land(con, size, size.since, self.landings)

    @contextmanager
    def open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The warehouse as landing opens it."""
        with duckdb.connect(
            str(self.warehouse), config={"storage_compatibility_version": "v1.5.0"}
        ) as con:
            con.execute("set TimeZone = 'UTC'")
            yield con

    def round(self) -> None:
        """A full build, one after a re-pull of seven days, and one after nothing."""
        self.build("full", "--full-refresh")
        self.check()
        self.landings += 1
        with self.open() as con:
            since = max(self.size.since, LAST_DAY - timedelta(days=CHANGED_DAYS - 1))
            land(con, self.size, since, self.landings)
        self.build("7 days")
        self.check()
        self.build("nothing")
        self.check()

    def build(self, case: str, *args: str) -> None:
        """What a sync does at its end: models and tests by dbt in a process, then publishing."""
        dbt = str(Path(sys.executable).with_name("dbt"))
        command = [dbt, "build", *args, "--quiet", "--project-dir", str(PROJECT)]
        command += ["--profiles-dir", str(PROJECT), "--target-path", str(self.work / "target")]
        command += ["--log-path", str(self.work / "logs")]
        began = time.perf_counter()
        done = subprocess.run(
            command,
            env=os.environ | {"META_PIPELINE_WAREHOUSE": str(self.warehouse)},
            capture_output=True,
            text=True,
            check=False,
            timeout=BUILD_SECONDS,
        )
        built = time.perf_counter() - began
        if done.returncode:
            raise BenchmarkError(f"{case}: dbt failed\n{done.stdout}\n{done.stderr}")
        began = time.perf_counter()
        with self.open() as con:
            publish(con, self.work / "marts.duckdb")
        published = time.perf_counter() - began
        nodes = json.loads((self.work / "target" / "run_results.json").read_text())["results"]
        seconds = {one["unique_id"]: one["execution_time"] for one in nodes}
        self.measured.append({"case": case, "build": built, "publish": published, "nodes": seconds})

    def check(self) -> None:
        """The marts hold every day that landed, at its newest version."""
        with self.open() as con:
            for report in CHECKED:
                found = con.execute(
                    f"""
                    select count(*), sum(spend) from marts.fct_{report}
                    union all
                    select count(*), sum((payload->>'spend')::decimal(18, 6)) from raw.records
                    where report = '{report}' and valid_to is null
                    """
                ).fetchall()
                if found[0] != found[1]:
                    raise BenchmarkError(f"fct_{report} holds {found[0]}, landed {found[1]}")


def layer(node: str) -> str:
    """Of what kind a node of dbt is: a fact by day, another mart, a test, the rest."""
    kind, _, name = node.partition(".")
    if kind in ("test", "unit_test"):
        return "tests"
    if kind == "seed" or not name.startswith("meta_pipeline."):
        return "rest"
    name = name.removeprefix("meta_pipeline.")
    if name.startswith("fct_"):
        return "facts"
    return "other marts" if name.startswith(("dim_", "mart_")) else "rest"


LAYERS = ("facts", "other marts", "tests", "rest")


def report_table(found: Mapping[int, Bench]) -> str:
    """Medians as Markdown, one line a size and case."""
    lines = [
        "| raw rows | case | dbt build, s | of the nodes: facts | other marts | tests | rest "
        "| publish, s |",
        "|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for bench in found.values():
        for case in CASES:
            runs = [one for one in bench.measured if one["case"] == case]
            sums = [
                statistics.median(
                    sum(s for node, s in run["nodes"].items() if layer(node) == name)
                    for run in runs
                )
                for name in LAYERS
            ]
            build = statistics.median(run["build"] for run in runs)
            published = statistics.median(run["publish"] for run in runs)
            lines.append(
                f"| {bench.rows:,} | {case} | {build:.1f} "
                f"| {' | '.join(f'{s:.1f}' for s in sums)} | {published:.1f} |"
            )
    return "\n".join(lines)


def dearest(bench: Bench, case: str, top: int = 6) -> str:
    """The nodes that took longest in the last build of a case."""
    nodes = next(one for one in reversed(bench.measured) if one["case"] == case)["nodes"]
    found = sorted(nodes.items(), key=lambda one: -one[1])[:top]
    return ", ".join(f"{node.split('.')[2]} {seconds:.1f}" for node, seconds in found)


def main() -> int:
    """Runs the benchmark; 1 when a build fails or holds the wrong days."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=1, help="rounds to take medians of (1)")
    parser.add_argument("--rows", type=int, action="append", help="another size; repeatable")
    parser.add_argument(
        "--ten-million", action="store_true", help=f"{ON_REQUEST:,} raw rows as well"
    )
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error("--rounds must be at least 1")
    sizes = given.rows or [*SIZES, *([ON_REQUEST] if given.ten_million else [])]
    found: dict[int, Bench] = {}
    try:
        for rows in sizes:
            with tempfile.TemporaryDirectory(prefix="meta-pipeline-marts-") as work:
                size = Size.of(rows)
                print(f"{size.accounts} accounts, {size.days} days", file=sys.stderr)
                bench = found[rows] = Bench(size, Path(work))
                for number in range(given.rounds):
                    print(f"  round {number + 1} of {given.rounds}", file=sys.stderr)
                    bench.round()
                for case in CASES:
                    print(f"  {case}: {dearest(bench, case)}", file=sys.stderr)
    except (BenchmarkError, subprocess.TimeoutExpired) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(report_table(found))
    print(
        f"\nMedians of {given.rounds} rounds, {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} "
        f"cores, Python {platform.python_version()}, DuckDB {duckdb.__version__}."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
