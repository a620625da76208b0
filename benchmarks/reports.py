"""What the monthly reports of an agency cost, by one process and by as many as there are cores.

    .venv/bin/python benchmarks/reports.py

benchmarks/README.md says what is measured and how. Runs on loopback alone and stops by itself.
Exits with 1 when two ways of writing the same reports do not write the same bytes; never because
of a time.
"""

import argparse
import hashlib
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb
from roles import BenchmarkError

DAYS = 62
FEW = 10
"""Clients of the smaller agency, with which the memory of the larger is compared."""


@dataclass(frozen=True)
class Case:
    """Reports of so many clients in these formats, by so many processes."""

    clients: int
    formats: str
    processes: int


@dataclass(frozen=True)
class Cost:
    """Seconds of wall time and of CPU, and the peak memory of the largest process in MB.

    `digest` is of all files and their names.
    """

    wall: float
    cpu: float
    peak: float
    digest: str


def pulled(home: Path) -> None:
    """A demo's home: three clients, whose reports are copied."""
    command = [str(Path(sys.executable).with_name("meta-pipeline")), "demo", "--days", str(DAYS)]
    env = os.environ | {"META_PIPELINE_HOME": str(home)}
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if run.returncode:
        raise BenchmarkError(run.stdout[-2000:] + run.stderr[-2000:])


def multiply(marts: Path, clients: int) -> tuple[list[str], date]:
    """Copies clients until there are so many; their ids, and the newest month that is over."""
    with duckdb.connect(str(marts)) as connection:
        connection.execute("set enable_progress_bar = false")
        found = connection.execute("select client_id from dim_clients order by 1").fetchall()
        own = [name for (name,) in found]
        wanted = [f"{own[n % len(own)]}-{n:02}" for n in range(clients)]
        tables = connection.execute(
            "select table_name from duckdb_columns() where column_name = 'client_id'"
        ).fetchall()
        connection.execute("create temp table copies (copy text, client_id text)")
        pairs = [[name, own[n % len(own)]] for n, name in enumerate(wanted)]
        connection.executemany("insert into copies values (?, ?)", pairs)
        for (table,) in tables:
            connection.execute(
                f'insert into "{table}" select rows.* replace (copy as client_id) '
                f'from "{table}" as rows inner join copies using (client_id)'
            )
        (month,) = connection.execute(
            "select max(month) from mart_monthly_report where days_elapsed = days_in_month"
        ).fetchone() or (None,)
    if month is None:
        raise BenchmarkError("no month is over")
    return wanted, month


def child(given: dict[str, Any]) -> None:
    """Writes the reports in a process that did nothing else; prints what it cost."""
    from meta_pipeline.config import Client
    from meta_pipeline.reporting.many import Refused, make_reports
    from meta_pipeline.reporting.report import Wanted, formats

    clients = [
        Client.model_validate({"id": name, "name": name, "ad_accounts": [f"act_{n}"]})
        for n, name in enumerate(given["clients"], start=1)
    ]
    out = Path(given["out"])
    wanted = Wanted(
        month=date.fromisoformat(given["month"]),
        formats=formats(given["formats"]),
        out=out,
        folder=out,
        is_provisional_allowed=True,
    )
    started = time.perf_counter()
    made = list(make_reports(Path(given["marts"]), clients, wanted, processes=given["processes"]))
    wall = time.perf_counter() - started
    refused = [one.message for one in made if isinstance(one, Refused)]
    if refused:
        raise BenchmarkError("; ".join(refused))
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    digest = hashlib.sha256()
    for path in sorted(out.rglob("*.*")):
        digest.update(str(path.relative_to(out)).encode() + path.read_bytes())
    cost = Cost(
        wall,
        sum(one.ru_utime + one.ru_stime for one in used),
        max(one.ru_maxrss for one in used) / 1024,
        digest.hexdigest(),
    )
    print(json.dumps(asdict(cost)))


def measured(case: Case, marts: Path, names: Sequence[str], month: date) -> Cost:
    """One case in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="reports-") as out:
        given = asdict(case) | {"clients": names[: case.clients], "marts": str(marts)}
        given |= {"month": str(month), "out": out}
        command = [sys.executable, __file__, "--child", json.dumps(given)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise BenchmarkError(run.stderr[-2000:])
    return Cost(**json.loads(run.stdout))


def median(costs: Sequence[Cost], name: str) -> float:
    """The middle of one of the figures."""
    return statistics.median(getattr(one, name) for one in costs)


def table(costs: dict[Case, list[Cost]]) -> str:
    """Medians as Markdown, a line a case."""
    lines = [
        "| clients | formats | processes | wall, s | CPU, s | peak of the largest process, MB |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    for case, several in costs.items():
        wall, cpu, peak = (median(several, name) for name in ("wall", "cpu", "peak"))
        lines.append(
            f"| {case.clients} | {case.formats} | {case.processes} "
            f"| {wall:.1f} | {cpu:.1f} | {peak:.0f} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Runs the benchmark; 1 when the ways of writing differ in what they write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clients", type=int, default=50, help="clients of the agency (50)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds to take medians of (3)")
    parser.add_argument("--home", type=Path, help="a pipeline's home to take, instead of a demo's")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(json.loads(given.child))
        return 0
    cores = os.cpu_count() or 1
    cases = [
        Case(given.clients, "html", 1),
        Case(given.clients, "html", cores),
        Case(given.clients, "html,pdf", 1),
        Case(min(FEW, given.clients), "html,pdf", cores),
        Case(given.clients, "html,pdf", cores),
    ]
    costs: dict[Case, list[Cost]] = {case: [] for case in cases}
    with tempfile.TemporaryDirectory(prefix="reports-") as folder:
        home = given.home or Path(folder) / "home"
        if given.home is None:
            pulled(home)
        marts = Path(folder) / "marts.duckdb"
        shutil.copyfile(home / "marts.duckdb", marts)
        # Linux counts what a process held into the peak of those that it starts.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
            names, month = apart.submit(multiply, marts, given.clients).result()
        for _ in range(given.rounds):
            for case in cases:
                costs[case].append(measured(case, marts, names, month))
    print(f"{platform.platform()}, {cores} cores, Python {platform.python_version()}")
    print(table(costs))
    differ = [
        case
        for case in cases
        if case.clients == given.clients
        and len(
            {
                one.digest
                for other, several in costs.items()
                for one in several
                if (other.clients, other.formats) == (case.clients, case.formats)
            }
        )
        > 1
    ]
    for case in differ:
        print(f"not the same bytes: {case}", file=sys.stderr)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
