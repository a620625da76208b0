"""Publishing and rebuilding that are killed: one of the two files is there, whole."""

from typing import Any

import duckdb
import pytest
from house import REPORTS, House

Rows = set[tuple[Any, ...]]


def numbers_in(house: House) -> tuple[Any, ...] | None:
    """What the marts handed over hold."""
    with duckdb.connect(str(house.marts), read_only=True) as marts:
        return marts.execute("select count(*), sum(spend) from marts.fct_ad_daily").fetchone()


def build(house: House, rows: int) -> None:
    """Puts a mart into the warehouse, in place of dbt."""
    with house.opened() as connection:
        connection.execute("create schema if not exists marts")
        connection.execute(
            "create or replace table marts.fct_ad_daily as "
            "select range as ad_id, 2 as spend from range(?)",
            [rows],
        )
        connection.execute("comment on table marts.fct_ad_daily is 'A row an ad and day.'")


@pytest.mark.parametrize(
    ("point", "is_new"),
    [
        ("marts half copied", False),
        ("marts copied, not moved", False),
        ("after the marts are moved", True),
    ],
)
def test_killed_while_publishing(bare_house: House, point: str, is_new: bool) -> None:
    """Analysts have the old marts or the new ones; the next publishing hands the new ones over."""
    house = bare_house
    build(house, 10)
    house.run("publish")
    build(house, 30)
    house.kill("publish", point=point)
    assert numbers_in(house) == ((30, 60) if is_new else (10, 20))
    assert bool(house.leftovers()) is not is_new
    house.age(hours=2)
    house.run("publish")
    assert numbers_in(house) == (30, 60)
    assert house.leftovers() == []


@pytest.mark.parametrize("point", ["old warehouse set aside", "after the warehouse is moved"])
def test_killed_while_the_warehouse_is_replaced(bare_house: House, truth: Rows, point: str) -> None:
    """There is always a warehouse with all rows, the old one or the new one."""
    house = bare_house
    house.pull(*REPORTS)
    house.kill("reload", point=point)
    assert house.rows() == truth
    house.run("reload")
    assert house.rows() == truth
    assert house.doubled() == []
    assert house.leftovers() == []
