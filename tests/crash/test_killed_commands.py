"""Commands that are killed: the same again, and the marts are true, and nothing is doubled."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pytest
from house import REPORTS, SINCE, UNTIL, House

from meta_pipeline.simulator import RunningSimulator, account_truth
from tests.homes import parsed_home

pytestmark = pytest.mark.crash

BACKFILL = ("backfill", "--from", SINCE, "--to", UNTIL)
REPORT_OPTIONS = tuple(word for name in REPORTS for word in ("--report", name))
MOMENTS = int(os.environ.get("CRASH_MOMENTS", "6"))
SEED = 20261122

Rows = set[tuple[Any, ...]]


@pytest.fixture(scope="module")
def seconds(meta: RunningSimulator) -> float:
    """How long the command takes undisturbed, from when its definitions are loaded."""
    with parsed_home() as home:
        house = House(home, meta)
        process = house.start("--no-build", *BACKFILL, *REPORT_OPTIONS)
        wait_for_log(house, process)
        begun = time.monotonic()
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said
        return time.monotonic() - begun


def wait_for_log(house: House, process: subprocess.Popen) -> None:
    """Waits until the command has begun with Dagster."""
    until(lambda: (house.path / "logs" / "dagster.log").exists() or process.poll() is not None)


def until(is_so: Callable[[], bool], seconds: float = 300) -> None:
    """Waits until something is so; fails when it never is."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.mark.parametrize("number", range(MOMENTS))
def test_killed_at_any_moment(house: House, truth: Rows, seconds: float, number: int) -> None:
    """What stands after the kill is Meta's; after the same command again all of it stands, once."""
    share = random.Random(f"{SEED}-{number}").random()
    process = house.start("--no-build", *BACKFILL, *REPORT_OPTIONS)
    wait_for_log(house, process)
    time.sleep(share * seconds)
    process.kill()
    process.communicate()
    if house.knows_pulls():
        assert house.doubled() == []
        assert house.rows() <= truth
    house.age(hours=2)
    house.run("--no-build", *BACKFILL, *REPORT_OPTIONS)
    assert house.rows() == truth
    assert house.doubled() == []
    assert house.unpulled() == []
    assert house.leftovers() == []
    assert house.unfinished_runs() == 0


@pytest.mark.parametrize("point", ["between dbt and publish", "marts copied, not moved"])
def test_killed_before_the_marts_are_handed_over(house: House, point: str) -> None:
    """There are no marts, rather than half of them; the same command again publishes true ones."""
    house.kill(*BACKFILL, *REPORT_OPTIONS, point=point)
    assert not house.marts.exists()
    house.assert_sound()
    house.age(hours=2)
    house.run(*BACKFILL, *REPORT_OPTIONS)
    assert_true(house)
    assert house.leftovers() == []


def test_killed_while_dbt_builds(house: House) -> None:
    """dbt goes with the process that started it, and frees the warehouse; then all is as above.

    What breaks afterwards is rebuilt from the spool: a damaged warehouse says how, and the marts
    come out the same.
    """
    process = house.start(*BACKFILL, *REPORT_OPTIONS)
    builds: list[psutil.Process] = []

    def is_building() -> bool:
        assert process.poll() is None, "the command ended before dbt was seen"
        children = psutil.Process(process.pid).children(recursive=True)
        builds[:] = [one for one in children if is_build(one)]
        return bool(builds) and house.warehouse.exists()

    until(is_building)
    time.sleep(2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    gone, alive = psutil.wait_procs(builds, timeout=10)
    assert (len(gone) > 0, alive) == (True, [])
    house.assert_sound()
    assert not house.marts.exists()
    house.run(*BACKFILL, *REPORT_OPTIONS)
    assert_true(house)
    before = marts_of(house)
    damage(house.warehouse)
    said = house.run(*BACKFILL, *REPORT_OPTIONS, expected=1)
    assert "meta-pipeline reload" in said
    assert "Traceback" not in said
    house.run("reload")
    assert marts_of(house) == before
    assert_true(house)


def is_build(process: psutil.Process) -> bool:
    """Whether it is dbt, and builds."""
    try:
        words = process.cmdline()
    except psutil.Error:
        return False
    return "build" in words and any(Path(word).name == "dbt" for word in words)


def damage(path: Path) -> None:
    """Overwrites all of a file but its first pages."""
    content = path.read_bytes()
    path.write_bytes(content[:12288] + os.urandom(len(content) - 12288))


def marts_of(house: House) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every mart, but for when and in which load it came."""
    with duckdb.connect(str(house.marts), read_only=True) as marts:
        tables = marts.execute(
            "select table_name, string_agg(format('\"{}\"', column_name), ', ') "
            "from duckdb_columns() where database_name = 'marts' "
            "and data_type not like 'TIMESTAMP%' and column_name <> 'load_seq' group by 1"
        ).fetchall()
        return {
            table: marts.execute(f"select {columns} from {table} order by all").fetchall()
            for table, columns in tables
        }


def assert_true(house: House) -> None:
    """Spend and impressions of every day are what the simulator says is true."""
    first, last = date.fromisoformat(SINCE), date.fromisoformat(UNTIL)
    with duckdb.connect(str(house.marts), read_only=True) as marts:
        found = marts.execute(
            "select ad_account_id, day, spend, impressions from fct_account_daily order by 1, 2"
        ).fetchall()
    right = []
    source = house.meta.source
    for account_id in (one for client in source.clients() for one in client.ad_accounts):
        account = source.account(account_id)
        assert account is not None
        right += [
            (account_id, date.fromisoformat(row["date_start"]), row["spend"], row["impressions"])
            for row in account_truth(source, account, first, last, by="day")
        ]
    assert len(found) == 4
    assert found == [(a, day, Decimal(str(s)), int(n)) for a, day, s, n in sorted(right)]
