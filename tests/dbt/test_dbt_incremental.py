"""Building on what is there gives the same marts as building anew."""

import random
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dbt_warehouse import (
    AD,
    CAMPAIGN,
    DENTAL,
    INSTAGRAM,
    LATE,
    MARTS,
    NO_REACH,
    ORGANIC_DAY,
    OUTDOOR,
    PAGE,
    Warehouse,
    actions,
    insights,
    page_value,
)

from meta_pipeline.landing import compact

VANISHED, UNTOUCHED = date(2026, 10, 21), date(2026, 9, 1)
NEW = "act_300"

Snapshot = dict[str, list[tuple[Any, ...]]]


def snapshot(warehouse: Warehouse) -> Snapshot:
    """Every row of every mart, in one order."""
    return {mart: warehouse.query(f"select * from marts.{mart} order by all") for mart in MARTS}


def run(warehouse: Warehouse, *args: str) -> None:
    """Build the models without their tests."""
    result = warehouse.dbt("run", *args)
    assert result.returncode == 0, result.stdout


def land_news(warehouse: Warehouse) -> None:
    """A restated day, one whose rows vanished, organic metrics, another result, a new client."""
    at = "2026-11-21T12:00:00Z"
    row = insights("USD", "11.5", "1100", "22", actions=actions(lead="4"))
    levels: dict[str, dict[str, Any]] = {"account_daily": {}, "campaign_daily": CAMPAIGN}
    levels |= {"adset_daily": AD, "ad_daily": AD, "country_daily": CAMPAIGN | {"country": "US"}}
    levels |= {"account_28d": {"date_start": "2026-09-23"}}
    for report, ids in levels.items():
        days = {LATE: [{**row, **ids}], VANISHED: []}
        warehouse.land("dental", report, DENTAL, days, pulled_at=at)
    views = {date(2026, 11, 18): [page_value("page_media_view", date(2026, 11, 18), 950)]}
    views |= {date(2026, 11, 19): [page_value("page_media_view", date(2026, 11, 19), 20)]}
    warehouse.land("dental", "page_daily", PAGE, views, pulled_at=at, part="page_media_view")

    # The same figures, but Meta no longer keeps their reach.
    old = row | CAMPAIGN | {"age": "18-24", "gender": "female", "reach": None}
    warehouse.land(
        "dental", "age_gender_daily", DENTAL, {LATE: [old]}, pulled_at=at, reason=NO_REACH
    )
    engaged = {"name": "accounts_engaged", "period": "day", "total_value": {"value": 33}}
    for metric, value in (("accounts_engaged", [engaged]), ("reach", [])):
        days = {ORGANIC_DAY: value}
        warehouse.land("dental", "instagram_daily", INSTAGRAM, days, pulled_at=at, part=metric)
    viewers = {date(2026, 11, 19): [page_value("x", date(2026, 11, 19), 3100)]}
    metric = "page_total_media_view_unique"
    warehouse.land("dental", "page_28d", PAGE, viewers, pulled_at=at, part=metric)

    warehouse.load_seq += 1
    with warehouse.connect() as con:
        con.execute("update raw.clients set result = 'link_click' where client_id = 'outdoor'")
        con.execute(
            "update raw.coverage set load_seq = ? where client_id = 'outdoor'",
            [warehouse.load_seq],
        )

    land_zone_of_outdoor(warehouse, "Europe/Berlin", at)

    # The new client's insights land before its account tells the time zone.
    warehouse.add_client("cafe", result="purchase", assets={NEW: "ads"})
    days = {date(2026, 11, 20): [insights("EUR", "7", "70", "7", **AD)]}
    for report in ("account_daily", "campaign_daily", "ad_daily"):
        warehouse.land("cafe", report, NEW, days, pulled_at=at)


LEVELS: dict[str, list[dict[str, str]]] = {
    "account_daily": [{}],
    "campaign_daily": [CAMPAIGN, CAMPAIGN | {"campaign_id": "c2"}],
    "adset_daily": [AD, AD | {"adset_id": "s2"}],
    "ad_daily": [AD, AD | {"ad_id": "a2"}, AD | {"ad_id": "a3"}],
    "platform_daily": [CAMPAIGN | {"publisher_platform": name} for name in ("facebook", "x")],
    "age_gender_daily": [CAMPAIGN | {"age": "18-24", "gender": name} for name in ("f", "m")],
    "country_daily": [CAMPAIGN | {"country": name} for name in ("US", "CA")],
}


def land_randomly(warehouse: Warehouse, dice: random.Random, *, at: str) -> None:
    """Re-pulls of a report over some days: rows come, change, stay, go; days fail or are empty."""
    for report in dice.choices(list(LEVELS), k=15):
        first = date(2026, 8, dice.randint(2, 24))
        days: dict[date, list[Any]] = {}
        for number in range(dice.randint(1, 7)):
            seen = [ids for ids in LEVELS[report] if dice.random() < 0.7]
            days[first + timedelta(number)] = [
                insights("USD", str(dice.randint(0, 3)), "1000", "20", **ids)
                | {"actions": actions(lead=str(dice.randint(0, 2)))}
                for ids in seen
            ]
        status = dice.choice([None, None, None, "unconfirmed_empty", "failed"])
        if status is not None:
            days = {day: [] for day in days}
        warehouse.land("dental", report, DENTAL, days, pulled_at=at, status=status)


def land_zone_of_outdoor(warehouse: Warehouse, zone: str, at: str) -> None:
    """Another time zone of an account whose days have landed."""
    account = {"id": OUTDOOR, "name": "Outdoor", "currency": "JPY", "timezone_name": zone}
    warehouse.land("outdoor", "accounts", OUTDOOR, {None: [account]}, pulled_at=at)


def land_time_zones(warehouse: Warehouse) -> None:
    """The new client's account, later: its days end earlier than was assumed. And another one is
    back in the zone that it had at first.
    """
    land_zone_of_outdoor(warehouse, "Asia/Tokyo", "2026-11-21T13:00:00Z")
    account = {"id": NEW, "currency": "EUR", "timezone_name": "Pacific/Auckland"}
    warehouse.land("cafe", "accounts", NEW, {None: [account]}, pulled_at="2026-11-21T13:00:00Z")


@pytest.fixture(scope="module")
def builds(
    built: Warehouse, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Warehouse, Snapshot, Snapshot]:
    """Marts built on top of others in two steps, and the same marts built anew.

    Some of the pulls before each step are at random. Before the marts are built anew the warehouse
    is compacted.
    """
    path = Path(shutil.copy(built.path, tmp_path_factory.mktemp("incremental")))
    warehouse = Warehouse(path, built.work, built.load_seq)
    with warehouse.connect() as con:
        con.execute("update marts.fct_ad_daily set ad_name = 'Mark' where day = ?", [UNTOUCHED])
    dice = random.Random(20261121)
    land_news(warehouse)
    land_randomly(warehouse, dice, at="2026-11-21T12:30:00Z")
    run(warehouse)
    land_time_zones(warehouse)
    land_randomly(warehouse, dice, at="2026-11-22T12:30:00Z")
    run(warehouse)
    with warehouse.connect() as con:
        marked = con.execute("select count(*) from marts.fct_ad_daily where ad_name = 'Mark'")
        assert marked.fetchall() == [(1,)], "a day that no load touched was built again"
        con.execute("update marts.fct_ad_daily set ad_name = 'Smile' where ad_name = 'Mark'")
    added = snapshot(warehouse)
    # What is built anew is built from a warehouse that has lost all that may be lost.
    later = datetime(2027, 11, 21, tzinfo=UTC)
    assert {"ad_daily", "page_daily"} <= set(compact(warehouse.path, later, later).dropped)
    run(warehouse, "--full-refresh")
    return warehouse, added, snapshot(warehouse)


@pytest.mark.parametrize("mart", MARTS)
def test_incremental_equals_full_refresh(
    builds: tuple[Warehouse, Snapshot, Snapshot], mart: str
) -> None:
    """Row for row, whichever way the mart was built, with old versions at hand or without."""
    _, added, anew = builds
    assert added[mart] == anew[mart]


def test_restated_day_is_replaced(builds: tuple[Warehouse, Snapshot, Snapshot]) -> None:
    """The ad that Meta no longer reports on the day is gone, the other has its new figures."""
    warehouse, _, _ = builds
    rows = "select ad_id, spend, results from marts.fct_ad_daily where client_id = 'dental'"
    assert [(i, float(s), r) for i, s, r in warehouse.query(f"{rows} and day = ?", LATE)] == [
        ("a1", 11.5, 4)
    ]


@pytest.mark.parametrize("fact", ["fct_ad_daily", "fct_account_daily", "fct_actions_daily"])
def test_vanished_day_leaves_no_ghosts(
    builds: tuple[Warehouse, Snapshot, Snapshot], fact: str
) -> None:
    """A day of which a new pull brought no row has no row."""
    _, added, _ = builds
    assert not [row for row in added[fact] if row[0] == "dental" and VANISHED in row]
    assert [row for row in added[fact] if row[0] == "dental" and UNTOUCHED in row]


def test_changed_result_is_counted_in_the_past(
    builds: tuple[Warehouse, Snapshot, Snapshot],
) -> None:
    """A client's new result type changes the days already built."""
    warehouse, _, _ = builds
    results = "select result_action_type, results from marts.fct_ad_daily where ad_account_id = ?"
    assert warehouse.query(results, OUTDOOR) == [("link_click", 8981)]


def test_a_time_zone_that_comes_back_ends_the_days_again(
    builds: tuple[Warehouse, Snapshot, Snapshot],
) -> None:
    """Days built under the zone between have the end that they have in the one that is back."""
    _, added, _ = builds
    (row,) = [row for row in added["fct_account_daily"] if OUTDOOR in row]
    assert datetime(2026, 11, 17, 15, tzinfo=UTC) in row


def test_late_time_zone_corrects_the_maturity(
    builds: tuple[Warehouse, Snapshot, Snapshot],
) -> None:
    """Until its time zone is known, a day counts as open for as long as it may be anywhere."""
    warehouse, _, _ = builds
    days = "select day, maturity from marts.fct_account_daily where client_id = 'cafe'"
    assert warehouse.query(days) == [(date(2026, 11, 20), "settling")]
