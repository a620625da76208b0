"""How near the estimate of a day's final results comes, on days and clients it was not made from.

Truth at every age comes straight from the simulator's source. Curves are measured by the dbt
models on the pulls of some clients; then the compiled SQL of `fct_results_daily` estimates days
that are known to nobody: all days of other clients (basis agency), and later days of the same
clients (basis client). Needs no network; takes about four minutes and stops by itself.
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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from meta_pipeline.project import project_file
from meta_pipeline.simulator import Source, account_truth, generated_agency
from meta_pipeline.simulator.source import Account

FIRST_DAY = date(2026, 6, 1)
MEASURED_DAYS = 45
"""Days whose pulls the curves are made from."""

TESTED_DAYS = 35
"""Days after these, of clients whose curve is their own."""

AGES = (1, 2, 3, 7)
PULL_HOUR = 12
WEEK = 7

SHAPES: dict[str, dict[str, int]] = {
    "small": {"campaigns": 4, "adsets": 2, "ads": 2},
    "large": {"campaigns": 8, "adsets": 3, "ads": 3},
}


class BenchmarkError(Exception):
    """The comparison does not stand."""


@dataclass(frozen=True)
class Seen:
    """A day of an account as it was at one moment; `value` is None for results without one."""

    client_id: str
    account_id: str
    currency: str
    day: date
    pulled_at: datetime
    ends_at: datetime
    spend: str
    impressions: int
    results: int
    value: str | None


def looked_at(
    source: Source, client_id: str, account: Account, since: date, until: date, at: datetime | None
) -> Iterator[Seen]:
    """Days of an account as they were at a moment, or in the end."""
    for row in account_truth(source, account, since, until, by="day", as_of=at):
        day = date.fromisoformat(row["date_start"])
        ends = day_end(day, account)
        yield Seen(
            client_id,
            account.id,
            account.currency,
            day,
            at or ends + timedelta(days=60),
            ends,
            row["spend"],
            row["impressions"],
            row["results"],
            row["result_value"] if float(row["result_value"]) else None,
        )


def pull_time(account: Account, day: date, age: int) -> datetime:
    """The first noon UTC at which a pull of the day is so many whole days old."""
    over = day_end(day, account)
    noon = datetime.combine(over.date(), datetime.min.time(), UTC) + timedelta(hours=PULL_HOUR)
    return noon + timedelta(days=age + (noon < over))


def day_end(day: date, account: Account) -> datetime:
    """The instant at which the day is over in the account's time zone."""
    midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), account.zone)
    return midnight.astimezone(UTC)


def at_age(
    source: Source, client_id: str, account: Account, days: Sequence[date], age: int
) -> list[Seen]:
    """Each day as it was at that age."""
    found = []
    for day in days:
        found += looked_at(source, client_id, account, day, day, pull_time(account, day, age))
    return found


def days_from(first: date, count: int) -> list[date]:
    """So many days."""
    return [first + timedelta(days=n) for n in range(count)]


def payload(seen: Seen, result: str) -> str:
    """The row of `account_daily`, as Meta would send it."""
    row: dict[str, Any] = {
        "account_currency": seen.currency,
        "spend": seen.spend,
        "impressions": str(seen.impressions),
        "clicks": "0",
        "actions": [{"action_type": result, "value": str(seen.results)}],
    }
    if seen.value is not None:
        row["action_values"] = [{"action_type": result, "value": seen.value}]
    return json.dumps(row)


def land(
    connection: duckdb.DuckDBPyConnection, seen: Sequence[Seen], results: dict[str, str]
) -> None:
    """Writes looks at days as pulls, versions and coverage, as landing would."""
    looks = pd.DataFrame(
        {
            "client_id": [s.client_id for s in seen],
            "asset_id": [s.account_id for s in seen],
            "day": [s.day for s in seen],
            "pulled_at": [s.pulled_at for s in seen],
            "payload": [payload(s, results[s.client_id]) for s in seen],
        }
    )
    connection.register("looks", looks)
    connection.execute(
        """
        insert into raw.pulls
        select
            asset_id || day || pulled_at, client_id, 'account_daily', asset_id, '', day, day,
            day, day, pulled_at, 'complete', 'v26.0', 'v26.0', null, 1, 0, 1, '{}', null, 1, []
        from looks;

        insert into raw.records
        with changed as (
            select *
            from looks
            qualify payload is distinct from lag(payload) over (
                partition by asset_id, day order by pulled_at
            )
        )
        select
            client_id, 'account_daily', asset_id, '', day, '[]', payload, '',
            asset_id || day || pulled_at, pulled_at,
            lead(pulled_at) over (partition by asset_id, day order by pulled_at)
        from changed;

        insert into raw.coverage
        select
            client_id, 'account_daily', asset_id, '', day, 'pulled', null, 1, '',
            max(pulled_at), null, null, 1
        from looks group by all;
        """
    )


def dbt_run(warehouse: Path, work: Path) -> str:
    """Builds the curves with all that they are made of; the compiled SQL of the estimate."""
    project = project_file("dbt_project")
    command = [
        *(str(Path(sys.executable).parent / "dbt"), "--quiet", "build"),
        *("--select", "+fct_results_daily", "--resource-type", "seed", "--resource-type", "model"),
        *("--project-dir", str(project), "--profiles-dir", str(project)),
        *("--target-path", str(work / "target"), "--log-path", str(work / "logs")),
    ]
    env = os.environ | {"META_PIPELINE_WAREHOUSE": str(warehouse)}
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if run.returncode:
        raise BenchmarkError(run.stdout[-2000:] + run.stderr[-2000:])
    (compiled,) = (work / "target" / "compiled").rglob("marts/fct_results_daily.sql")
    return compiled.read_text(encoding="utf-8")


def estimate(
    connection: duckdb.DuckDBPyConnection, sql: str, known: Sequence[Seen], final: Sequence[Seen]
) -> list[dict[str, Any]]:
    """The estimate of each day beside what came of it."""
    truth = {(s.account_id, s.day): s for s in final}
    table = pd.DataFrame(
        {
            "client_id": [s.client_id for s in known],
            "ad_account_id": [s.account_id for s in known],
            "day": [s.day for s in known],
            "account_currency": [s.currency for s in known],
            "results": [float(s.results) for s in known],
            "result_value": [None if s.value is None else float(s.value) for s in known],
            "pulled_at": [s.pulled_at for s in known],
            "settles_at": [s.ends_at + timedelta(days=28) for s in known],
        }
    )
    connection.register("known", table)
    connection.execute(
        """
        create or replace table marts.fct_account_daily as
        select
            client_id, ad_account_id, day, null::varchar as result_action_type, account_currency,
            null::decimal(18, 6) as spend, results::decimal(18, 6) as results,
            result_value::decimal(18, 6) as result_value, null::double as cost_per_result,
            null::varchar as note, 'settling' as maturity, pulled_at, settles_at
        from known
        """
    )
    result = connection.execute(sql)
    names = [column[0] for column in result.description]
    rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    for row in rows:
        seen = truth.get((row["ad_account_id"], row["day"]))
        row["final"] = seen.results if seen else 0
        row["final_value"] = float((seen and seen.value) or 0)
    return rows


@dataclass(frozen=True)
class Error:
    """Mean absolute errors, of the known number and of the estimate, and the band's coverage."""

    known: float
    estimated: float
    known_week: float
    estimated_week: float
    covered: float


def errors(rows: Sequence[dict[str, Any]], metric: str, final: str) -> Error:
    """Errors of the days, and of the sums of seven days of an account."""
    rows = [row for row in rows if row[f"{metric}_expected"] is not None]
    weeks: dict[tuple[str, int], list[float]] = {}
    known, estimated, covered = [], [], []
    for row in rows:
        truth, said = row[final], float(row[metric] or 0)
        guess = row[f"{metric}_expected"]
        known.append(abs(said - truth))
        estimated.append(abs(guess - truth))
        low, high = row[f"{metric}_expected_low"], row[f"{metric}_expected_high"]
        covered.append(low - 1e-9 <= truth <= high + 1e-9)
        sums = weeks.setdefault(
            (row["ad_account_id"], row["day"].toordinal() // WEEK), [0.0, 0.0]
        )
        sums[0] += said - truth
        sums[1] += guess - truth
    return Error(
        statistics.fmean(known),
        statistics.fmean(estimated),
        statistics.fmean(abs(one) for one, _ in weeks.values()),
        statistics.fmean(abs(other) for _, other in weeks.values()),
        statistics.fmean(covered),
    )


def measure(seed: int, shape: str, clients: int) -> dict[tuple[str, int, str], Error]:
    """One agency: errors by basis, age and metric."""
    source = generated_agency(seed=seed, clients=clients, **SHAPES[shape])
    accounts = [
        (client.id, account)
        for client in source.clients()
        for account in map(source.account, client.ad_accounts)
        if account is not None
    ]
    names = [client.id for client in source.clients()]
    measured = set(names[: clients // 2])
    results = {client: account.result for client, account in accounts}
    days = days_from(FIRST_DAY, MEASURED_DAYS)
    later = days_from(FIRST_DAY + timedelta(days=MEASURED_DAYS), TESTED_DAYS)
    with tempfile.TemporaryDirectory(prefix="settling-") as folder:
        warehouse, work = Path(folder) / "warehouse.duckdb", Path(folder)
        with duckdb.connect(
            str(warehouse), config={"storage_compatibility_version": "v1.5.0"}
        ) as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(files("meta_pipeline.landing").joinpath("schema.sql").read_text())
            for name, result in results.items():
                connection.execute(
                    "insert into raw.clients values (?, ?, ?, null, null, null, true)",
                    [name, name, result],
                )
            seen = [
                look
                for client, account in accounts
                if client in measured
                for age in (*range(WEEK + 1), 14, 29)
                for look in at_age(source, client, account, days, age)
            ]
            land(connection, seen, results)
            fill_zones(connection, accounts)
        sql = dbt_run(warehouse, work)
        found: dict[tuple[str, int, str], Error] = {}
        with duckdb.connect(str(warehouse)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            for basis, tested in (("agency", [*days, *later]), ("client", later)):
                chosen = [a for a in accounts if (a[0] in measured) == (basis == "client")]
                final = [
                    look
                    for client, account in chosen
                    for look in looked_at(source, client, account, tested[0], tested[-1], None)
                ]
                for age in AGES:
                    known = [
                        look
                        for client, account in chosen
                        for look in at_age(source, client, account, tested, age)
                    ]
                    rows = estimate(connection, sql, known, final)
                    if {row["expected_basis"] for row in rows} != {basis}:
                        raise BenchmarkError(f"seed {seed}: {basis} expected")
                    for metric, truth in (("results", "final"), ("result_value", "final_value")):
                        found[basis, age, metric] = errors(rows, metric, truth)
    return found


def fill_zones(
    connection: duckdb.DuckDBPyConnection, accounts: Sequence[tuple[str, Account]]
) -> None:
    """The accounts' own rows, which tell where their days end."""
    for client, account in accounts:
        row = {"name": account.id, "currency": account.currency}
        row["timezone_name"] = account.zone.key
        connection.execute(
            "insert into raw.records values (?, 'accounts', ?, '', null, '[]', ?, '', '', ?, null)",
            [client, account.id, json.dumps(row), datetime(2026, 6, 1, tzinfo=UTC)],
        )


def main() -> int:
    """Runs the backtest; 1 when the estimate is no better where it has to be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3, help="agencies to take medians of (3)")
    parser.add_argument("--clients", type=int, default=10, help="clients of each, half tested (10)")
    given = parser.parse_args()
    started = time.perf_counter()
    for shape in SHAPES:
        runs = []
        for seed in range(1, given.seeds + 1):
            print(f"{shape}: seed {seed} of {given.seeds}", file=sys.stderr)
            runs.append(measure(seed, shape, given.clients))
        for basis, age, metric in runs[0]:
            of_runs = [run[basis, age, metric] for run in runs]
            middle = [
                statistics.median(getattr(one, name) for one in of_runs)
                for name in ("known", "estimated", "known_week", "estimated_week", "covered")
            ]
            print(f"| {shape} | {basis} | {metric} | {age} | "
                f"{middle[0]:.4g} | {middle[1]:.4g} | {middle[2]:.4g} | {middle[3]:.4g} | "
                f"{middle[4]:.0%} |", flush=True)
    print(
        f"\n{given.seeds} seeds, {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, {time.perf_counter() - started:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
