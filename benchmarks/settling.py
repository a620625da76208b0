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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any, TypedDict

import duckdb
import pandas as pd
from roles import BenchmarkError

from meta_pipeline.project import project_file
from meta_pipeline.simulator import Source, account_truth, generated_agency
from meta_pipeline.simulator.source import Account

FIRST_DAY = date(2026, 6, 1)
MEASURED_DAYS = 56
"""Days whose pulls the curves are made from."""

TESTED_DAYS = 28
"""Days after these, of clients whose curve is their own."""

AGES = (1, 2, 3, 7)
BASES = ("agency", "client")
PULL_HOUR = 12
SUMMED_DAYS = 28


class Shape(TypedDict):
    """How many objects an account has."""

    campaigns: int
    adsets: int
    ads: int


SHAPES: dict[str, Shape] = {
    "small": {"campaigns": 4, "adsets": 2, "ads": 2},
    "large": {"campaigns": 8, "adsets": 3, "ads": 3},
}
"""About nine results a day and account, and about sixty."""


# How much an estimate may err, of what the known number errs, at the ages judged. Sums are what the
# expected numbers are for, but values from the third day on: single orders differ too much. On
# single days results_likely may be no worse than the known number; where most days lack nothing it
# is practically the same. Values have no such estimate, and their expectation is worse on the days
# of small accounts: README.md has by how much.
JUDGED_AGES = (1, 2, 3)
Limits = tuple[float, float, float]
SUMS: dict[str, Limits] = {"results": (0.75, 0.9, 1.0), "result_value": (0.9, 1.0, 1.7)}
DAYS: dict[tuple[str, str], Limits] = {
    ("small", "results"): (1.05, 1.05, 1.05),
    ("large", "results"): (0.9, 1.0, 1.0),
    ("small", "result_value"): (1.75, 1.5, 1.7),
    ("large", "result_value"): (1.0, 1.1, 1.1),
}
BAND = (0.75, 0.95)
"""Within which the share of final numbers in the 80 % band has to lie."""


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
    """Mean absolute errors in results (values: in results of the account's average value)."""

    known: float
    expected: float
    likely: float | None
    known_sum: float
    expected_sum: float
    covered: float


def errors(rows: Sequence[dict[str, Any]], metric: str) -> Error:
    """Errors of single days, and of sums of 28 days of an account, all of them at one age."""
    worth = {
        account: sum(r["final_value"] for r in rows if r["ad_account_id"] == account)
        / max(1, sum(r["final"] for r in rows if r["ad_account_id"] == account))
        for account in {row["ad_account_id"] for row in rows}
    }
    is_value = metric == "result_value"
    sums: dict[tuple[str, int], list[float]] = {}
    known, expected, likely, covered = [], [], [], []
    for row in rows:
        if row[f"{metric}_expected"] is None:
            continue
        unit = worth[row["ad_account_id"]] if is_value else 1.0
        final = row["final_value"] if is_value else row["final"]
        said, guess = float(row[metric] or 0), row[f"{metric}_expected"]
        known.append(abs(said - final) / unit)
        expected.append(abs(guess - final) / unit)
        if not is_value:
            likely.append(abs(row["results_likely"] - final))
        low, high = row[f"{metric}_expected_low"], row[f"{metric}_expected_high"]
        covered.append(low - 1e-9 <= final <= high + 1e-9)
        block = (row["day"] - FIRST_DAY).days // SUMMED_DAYS
        both = sums.setdefault((row["ad_account_id"], block), [0.0, 0.0])
        both[0] += (said - final) / unit
        both[1] += (guess - final) / unit
    return Error(
        statistics.fmean(known),
        statistics.fmean(expected),
        statistics.fmean(likely) if likely else None,
        statistics.fmean(abs(one) for one, _ in sums.values()),
        statistics.fmean(abs(other) for _, other in sums.values()),
        statistics.fmean(covered),
    )


def measure(seed: int, shape: str, clients: int) -> dict[tuple[str, int, str], Error]:
    """One agency: errors by basis, age and metric."""
    source = generated_agency(seed, clients, **SHAPES[shape])
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
                    "insert into raw.clients (client_id, name, result, is_active)"
                    " values (?, ?, ?, true)",
                    [name, name, result],
                )
            seen = [
                look
                for client, account in accounts
                if client in measured
                for age in (*range(8), 14, 29)
                for look in at_age(source, client, account, days, age)
            ]
            land(connection, seen, results)
            fill_zones(connection, accounts)
        sql = dbt_run(warehouse, work)
        found: dict[tuple[str, int, str], Error] = {}
        with duckdb.connect(str(warehouse)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            for basis, tested in zip(BASES, ([*days, *later], later), strict=True):
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
                    if (found_bases := {row["expected_basis"] for row in rows}) != {basis}:
                        raise BenchmarkError(f"seed {seed}: {found_bases}, not {basis}")
                    for metric in ("results", "result_value"):
                        found[basis, age, metric] = errors(rows, metric)
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


HEADING = """| accounts | basis | metric | age, days | day: known | expected | likely | \
28 days: known | expected | in the band |
|---|---|---|---:|---:|---:|---:|---:|---:|---:|"""

Run = dict[tuple[str, int, str], Error]


def middle(runs: Sequence[Run], key: tuple[str, int, str], name: str) -> float | None:
    """The median over the agencies; None where the number does not exist."""
    found = [getattr(run[key], name) for run in runs]
    return None if None in found else statistics.median(found)


def report_table(shape: str, runs: Sequence[Run]) -> str:
    """Medians as Markdown, one line a basis, metric and age."""
    lines = []
    for key in sorted(runs[0], key=lambda k: (k[0], k[2] != "results", k[1])):
        basis, age, metric = key
        numbers = [
            "" if (number := middle(runs, key, name)) is None else f"{number:.2f}"
            for name in ("known", "expected", "likely", "known_sum", "expected_sum")
        ]
        covered = f"{middle(runs, key, 'covered'):.0%}"
        cells = (shape, basis, metric, str(age), *numbers, covered)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def misses(runs: Mapping[str, Sequence[Run]]) -> list[str]:
    """Where estimates err more than they may, or the band holds too few or too many: each kind of
    account, basis, metric and age judged by itself.
    """
    found = []
    for shape, of_shape in runs.items():
        for basis, (place, age), metric in product(BASES, enumerate(JUDGED_AGES), SUMS):
            key, name = (basis, age, metric), f"{shape}, {basis}, {metric}, age {age}"
            on_days = "likely" if metric == "results" else "expected"
            for new, old, limit in (
                (on_days, "known", DAYS[shape, metric][place]),
                ("expected_sum", "known_sum", SUMS[metric][place]),
            ):
                error, known = middle(of_shape, key, new), middle(of_shape, key, old)
                if error is None or known is None or error > limit * known:
                    found.append(f"{name}: {new} errs by {error}, {old} by {known} (x {limit})")
            covered = middle(of_shape, key, "covered")
            if covered is None or not BAND[0] <= covered <= BAND[1]:
                found.append(f"{name}: {covered} in the band, not {BAND[0]} to {BAND[1]}")
    return found


def main() -> int:
    """Runs the backtest; 1 when the estimate is no better where it has to be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3, help="agencies to take medians of (3)")
    parser.add_argument("--clients", type=int, default=10, help="clients of each, half tested (10)")
    given = parser.parse_args()
    started = time.perf_counter()
    runs: dict[str, list[Run]] = {shape: [] for shape in SHAPES}
    for shape, of_shape in runs.items():
        for seed in range(1, given.seeds + 1):
            print(f"{shape}: seed {seed} of {given.seeds}", file=sys.stderr)
            of_shape.append(measure(seed, shape, given.clients))
    print("\n".join([HEADING, *(report_table(shape, found) for shape, found in runs.items())]))
    worse = misses(runs)
    print(
        f"\n{given.seeds} seeds, {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, {time.perf_counter() - started:.0f} s"
    )
    for line in worse:
        print(f"error: {line}", file=sys.stderr)
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
