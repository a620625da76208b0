"""A clock that jumps back, a page in the spool that is not what was written."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from house import NOW, REPORTS, House

from meta_pipeline.landing import DAMAGED, Landed, Spool, reload
from meta_pipeline.simulator import RunningSimulator, generated_agency

Rows = set[tuple[Any, ...]]
# So young that Meta still restates them.
DAYS = "2026-11-17:2026-11-20"


@pytest.fixture
def moving() -> Iterator[RunningSimulator]:
    """A simulated Meta whose clock is moved."""
    with RunningSimulator(generated_agency(clients=1, campaigns=2, ads=2), now=NOW) as meta:
        yield meta


def pull(house: House, clock: datetime) -> None:
    """Pulls young days by a computer that believes it is `clock`."""
    clocked = {"META_PIPELINE_NOW": clock.isoformat(), "CRASH_DAYS": DAYS}
    House(house.path, house.meta, clocked).pull("accounts", "account_daily", "ad_daily")


def test_a_clock_that_jumps_back_loses_nothing(tmp_path: Path, moving: RunningSimulator) -> None:
    """Answers that seem older replace none and date none back; with the clock right, all is new."""
    house, twin = House(tmp_path / "home", moving), House(tmp_path / "twin", moving)
    pull(house, NOW)
    first = house.rows()
    moving.clock.move_to(NOW + timedelta(days=1))
    pull(house, NOW - timedelta(days=2))
    assert house.rows() == first
    with house.opened() as connection:
        statuses = connection.execute(
            "select status, count(*) from raw.pulls where pulled_at < ? group by 1", [NOW]
        ).fetchall()
        known_at = connection.execute("select distinct pulled_at from raw.coverage").fetchall()
    assert [status for status, _ in statuses] == ["superseded"]
    assert known_at == [(NOW,)]
    moving.clock.move_to(NOW + timedelta(days=2))
    for one in (house, twin):
        pull(one, moving.clock.now())
    assert house.rows() == twin.rows() != first
    assert house.doubled() == []
    with house.opened() as connection:
        backward = connection.execute(
            "select count(*) from raw.records where valid_to <= valid_from"
        ).fetchone()
    assert backward == (0,)


def test_days_first_pulled_by_a_slow_clock_are_called_less_settled(
    tmp_path: Path, moving: RunningSimulator
) -> None:
    """A pull that believes itself two days early never makes a day look older than it is."""
    house = House(tmp_path / "home", moving)
    pull(house, NOW - timedelta(days=2))
    with house.opened() as connection:
        known = connection.execute(
            "select max(pulled_at), max(day) from raw.coverage where status <> 'failed'"
        ).fetchone()
    assert known is not None
    assert known[0] == NOW - timedelta(days=2)
    # By that clock the last of them has just begun.
    assert known[1] <= (NOW - timedelta(days=2)).date()
    pull(house, NOW)
    assert {str(row[4]) for row in house.rows() if row[1] == "account_daily"} == {
        f"2026-11-{day}" for day in (17, 18, 19, 20)
    }


def rebuilt(house: House) -> list[Landed]:
    """What a rebuild from the spool could not read."""
    landed = reload(house.warehouse, Spool(house.path / "spool"))
    return [one for one in landed if one.failure and one.failure.kind == DAMAGED]


@pytest.mark.parametrize(
    "damage", ["changed", "missing", pytest.param("cut short", marks=pytest.mark.crash)]
)
def test_a_damaged_page_is_set_aside_and_pulled_again(
    bare_house: House, truth: Rows, damage: str
) -> None:
    """The rebuild lands the others, names the gap and the command that fills it."""
    house = bare_house
    house.pull(*REPORTS)
    folder = house.path / "spool" / "client=acme-dental" / "report=ad_daily"
    (page,) = folder.glob("*.zst")
    packed = page.read_bytes()
    if damage == "missing":
        page.unlink()
    else:
        page.write_bytes(packed[:-30] if damage == "cut short" else packed[:60] + os.urandom(99))
    (broken,) = rebuilt(house)
    assert broken.failure is not None
    assert page.name in broken.failure.message
    assert broken.failure.hint is not None
    assert (
        "`meta-pipeline backfill --from 2026-09-01 --to 2026-09-04 --report ad_daily "
        "-c acme-dental --again`" in broken.failure.hint
    )
    assert [p.name for p in folder.glob("*.damaged")] == (
        [] if damage == "missing" else [f"{page.name}.damaged"]
    )
    assert house.rows() == {row for row in truth if row[1] != "ad_daily"}
    assert {row[1] for row in house.unpulled()} == {"ad_daily"}
    house.pull("ad_daily")
    assert house.rows() == truth
    assert house.unpulled() == []
    # Once more from the spool: the newer answer stands, the damage is told again.
    rebuilt(house)
    assert house.rows() == truth
