"""What objects were and when, the calendar, the metrics, and which ad accounts are pulled."""

import re
import shutil
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from dbt_warehouse import BEYOND, CREATIVES, DENTAL, OUTDOOR, ROOT, Warehouse

from meta_pipeline.graph.catalog import entries

CAMPAIGN = {"id": "c1", "name": "Spring 2", "status": "ACTIVE", "daily_budget": "5000"}
CAMPAIGN |= {"lifetime_budget": "0", "start_time": "2026-03-21T22:33:56-0700"}
RENAMED = CAMPAIGN | {"name": "Spring 3", "daily_budget": "6000"}


@pytest.fixture
def copy(built: Warehouse, tmp_path: Path) -> Warehouse:
    """The built warehouse, to be changed."""
    return Warehouse(Path(shutil.copy(built.path, tmp_path)), built.work, built.load_seq)


def compiled(warehouse: Warehouse, mart: str) -> str:
    """The SQL of a mart, as dbt compiled it."""
    folder = warehouse.work / "target/compiled/meta_pipeline/models/marts"
    return (folder / f"{mart}.sql").read_text(encoding="utf-8")


def build(warehouse: Warehouse, *marts: str) -> None:
    """Build marts anew, without dbt."""
    with warehouse.connect() as con:
        for mart in marts:
            con.execute(f"create or replace table marts.{mart} as {compiled(warehouse, mart)}")


def documented(warehouse: Warehouse, columns: str) -> list[tuple[Any, ...]]:
    """What the query of docs/marts.md finds from November on, of the dental client."""
    page = (ROOT / "docs" / "marts.md").read_text(encoding="utf-8")
    (sql,) = re.findall(r"## As of the day\n.*?```sql\n(.*?);\n```", page, re.DOTALL)
    sql = sql.replace("acme-dental", "dental")
    with warehouse.connect(read_only=True) as con:
        con.execute("set schema = 'marts'")
        return con.execute(
            f"select {columns} from ({sql}) where day >= date '2026-11-01' order by day"
        ).fetchall()


def land_campaign(warehouse: Warehouse, at: str, *campaigns: Mapping[str, Any]) -> None:
    """List the dental client's campaigns anew."""
    warehouse.land("dental", "campaigns", DENTAL, {None: campaigns}, pulled_at=at)


def at(day: int, hour: int = 12, minute: int = 0) -> datetime:
    """A time of November 2026, UTC."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


@pytest.fixture
def changed(copy: Warehouse) -> Warehouse:
    """A campaign renamed on the evening of 3 November (New York), gone on the 5th, back on the 7th.

    Its facts are those of 1 to 8 November; it was first listed at noon (UTC) of the 2nd.
    """
    land_campaign(copy, "2026-11-03T12:00:00Z", CAMPAIGN | {"updated_time": "2026-11-02T20:00:00Z"})
    land_campaign(copy, "2026-11-04T04:30:00Z", RENAMED)
    land_campaign(copy, "2026-11-05T12:00:00Z")
    land_campaign(copy, "2026-11-07T12:00:00Z", RENAMED)
    build(copy, "dim_campaigns_history", "dim_campaigns")
    with copy.connect() as con:
        con.execute(
            """
            insert into marts.fct_campaign_daily
            select facts.* replace (
                day + cast(n as integer) as day, settles_at + n * interval 24 hour as settles_at
            )
            from marts.fct_campaign_daily as facts, range(1, 8) as days (n)
            where client_id = 'dental' and day = date '2026-11-01'
            """
        )
    return copy


def test_versions_with_the_same_attributes_are_one_stretch(changed: Warehouse) -> None:
    """A new updated_time is no change; a return after a gap is a stretch of its own."""
    assert changed.query(
        "select valid_from, valid_to, is_first_known, campaign_name, daily_budget, lifetime_budget"
        " from marts.dim_campaigns_history where client_id = 'dental' order by valid_from"
    ) == [
        (at(2), at(4, 4, 30), True, "Spring 2", Decimal(50), None),
        (at(4, 4, 30), at(5), False, "Spring 3", Decimal(60), None),
        (at(7), None, False, "Spring 3", Decimal(60), None),
    ]


# Day of November, and what a campaign was when it ended.
OF_THE_DAY = [
    (1, "Spring 2", 50, "first_known"),
    (2, "Spring 2", 50, "as_of"),
    (3, "Spring 3", 60, "as_of"),
    (4, "Spring 3", 60, "as_of"),
    (5, "Spring 3", 60, "last_known"),
    (6, "Spring 3", 60, "last_known"),
    (7, "Spring 3", 60, "as_of"),
    (8, "Spring 3", 60, "as_of"),
]


def test_a_renamed_campaign_keeps_its_old_name_on_past_days(changed: Warehouse) -> None:
    """Name and budget are those known when the account's day ended; guesses are told."""
    columns = "day(day), campaign_name, daily_budget, attributes_basis"
    assert documented(changed, columns) == OF_THE_DAY
    current = "select campaign_name, daily_budget from marts.dim_campaigns where campaign_id = 'c1'"
    assert changed.query(f"{current} and client_id = 'dental'") == [("Spring 3", 60)]


def test_what_was_never_listed_keeps_its_row(changed: Warehouse) -> None:
    """A fact without an object in the history is not lost, and has the name that it came with."""
    with changed.connect() as con:
        con.execute("delete from marts.dim_campaigns_history")
    columns = "day(day), campaign_name, daily_budget, attributes_basis"
    assert documented(changed, columns) == [
        (day, "Spring", None, "never listed") for day, *_ in OF_THE_DAY
    ]


ADSET = {"id": "s1", "campaign_id": "c1", "name": "Local", "daily_budget": "123456"}
AD = {"id": "a1", "campaign_id": "c1", "adset_id": "s1", "name": "Smile", "status": "ACTIVE"}
AD |= {"creative": {"id": "k1"}}
CREATIVE = dict(CREATIVES[1])


@pytest.mark.parametrize(
    ("report", "row", "change", "column"),
    [
        ("campaigns", CAMPAIGN, {"effective_status": "PAUSED"}, "effective_status"),
        ("campaigns", CAMPAIGN, {"bid_strategy": "COST_CAP"}, "bid_strategy"),
        ("campaigns", CAMPAIGN, {"stop_time": "2026-12-01T00:00:00-0500"}, "stop_time"),
        ("adsets", ADSET, {"daily_budget": "123457"}, "daily_budget"),
        ("adsets", ADSET, {"lifetime_budget": "5"}, "lifetime_budget"),
        ("adsets", ADSET, {"campaign_id": "c2"}, "campaign_id"),
        ("adsets", ADSET, {"optimization_goal": "REACH"}, "optimization_goal"),
        ("ads", AD, {"creative": {"id": "k2"}}, "creative_id"),
        ("ads", AD, {"adset_id": "s2"}, "adset_id"),
        ("ads", AD, {"status": None}, "status"),
        ("creatives", CREATIVE, {"title": "Grin"}, "title"),
        ("creatives", CREATIVE, {"body": "Call now"}, "body"),
        ("creatives", CREATIVE, {"object_story_spec": None}, "link"),
    ],
)
def test_a_change_of_an_attribute_opens_a_stretch(
    copy: Warehouse, report: str, row: dict[str, Any], change: dict[str, Any], column: str
) -> None:
    """A first value, a last one, another one; a field that nobody tracks opens none."""
    mart = f"dim_{report}_history"
    object_id = f"{report.removesuffix('s')}_id"
    story = f"select {column} from ({{}}) where client_id = 'dental' and {object_id} = ?"
    story = f"{story.format(compiled(copy, mart))} order by valid_from"
    for day, version in ((3, row | {"updated_time": "2026-11-02T20:00:00Z"}), (4, row)):
        at = f"2026-11-0{day}T12:00:00Z"
        copy.land("dental", report, DENTAL, {None: [version]}, pulled_at=at)
    before = copy.query(story, row["id"])
    assert len(before) == 1
    landed = {None: [row | change]}
    copy.land("dental", report, DENTAL, landed, pulled_at="2026-11-05T12:00:00Z")
    after = copy.query(story, row["id"])
    assert len(after) == 2
    assert after[0] == before[0] != after[1]


def test_the_calendar_is_pythons(built: Warehouse) -> None:
    """Every day from the first that is covered to the end of the last year, with its week."""
    days = [BEYOND + timedelta(n) for n in range((date(2026, 12, 31) - BEYOND).days + 1)]
    assert built.query(
        "select day, year, quarter, month, day_of_month, iso_year, iso_week, weekday, is_weekend,"
        " month_name, weekday_name, week_start, month_start, month_end, days_in_month"
        " from marts.dim_dates order by day"
    ) == [
        (
            *(day, day.year, (day.month + 2) // 3, day.month, day.day, *day.isocalendar()),
            *(day.weekday() > 4, f"{day:%B}", f"{day:%A}", day - timedelta(day.weekday())),
            *(first := day.replace(day=1), end := first_of_next(first) - timedelta(1), end.day),
        )
        for day in days
    ]


def first_of_next(month: date) -> date:
    """The first day of the next month."""
    return (month + timedelta(31)).replace(day=1)


def test_a_warehouse_without_days_has_no_calendar(copy: Warehouse) -> None:
    """No clock fills it."""
    with copy.connect() as con:
        con.execute("delete from raw.coverage")
    assert copy.query(compiled(copy, "dim_dates")) == []


def test_the_metrics_are_those_of_the_catalogue(built: Warehouse) -> None:
    """Word for word, with text and nothing kept apart."""
    rows = built.query("select * from marts.dim_metrics order by surface, metric")
    assert rows == sorted(
        (
            *(one.surface, one.name, one.meaning, one.unit or None, one.additive or None),
            *(one.retention_months, one.retention_with_breakdowns, one.born, one.died),
            *(", ".join(one.replaced_by) or None, one.source),
        )
        for one in entries()
    )


def test_an_account_that_left_is_not_active(copy: Warehouse) -> None:
    """Nor is one of a client that left; the days of both say so."""
    active = "select ad_account_id, is_active from marts.{} group by all order by 1"
    for change, expected in (
        ("select 1", (True, True)),
        (f"delete from raw.client_assets where asset_id = '{OUTDOOR}'", (True, False)),
        ("update raw.clients set is_active = false", (False, False)),
    ):
        with copy.connect() as con:
            con.execute(change)
        build(copy, "dim_ad_accounts", "mart_freshness")
        for mart in ("dim_ad_accounts", "mart_freshness"):
            rows = copy.query(active.format(mart))
            assert rows == list(zip((DENTAL, OUTDOOR), expected, strict=True))


def test_an_account_of_another_client_is_not_active(copy: Warehouse) -> None:
    """An ad account may move from one client to another."""
    with copy.connect() as con:
        con.execute(
            f"update raw.client_assets set client_id = 'dental' where asset_id = '{OUTDOOR}'"
        )
    build(copy, "dim_ad_accounts")
    accounts = "select client_id, is_active from marts.dim_ad_accounts where ad_account_id = ?"
    assert copy.query(f"{accounts} order by 1", OUTDOOR) == [("dental", True), ("outdoor", False)]


def test_old_and_new_metrics_are_bridged_with_breaks(built: Warehouse) -> None:
    """Views and Viewers break where Meta renamed them; followers go on over a year's gap."""
    old, new = date(2025, 11, 14), date(2026, 11, 18)
    assert built.query(
        "select canonical, day, value, metric, comparable, is_break, split_part(series_id, '/', 5),"
        " is_additive from marts.mart_organic_bridge where surface = 'page' order by 1, 2"
    ) == [
        ("follows", old, 50, "page_follows", True, False, "1", False),
        ("follows", new, 55, "page_follows", True, False, "1", False),
        ("viewers", old, 300, "page_impressions_unique", False, False, "1", False),
        ("viewers", new, 400, "page_total_media_view_unique", True, True, "2", False),
        ("views", old, 700, "page_impressions", False, False, "1", False),
        ("views", new, 900, "page_media_view", True, True, "2", True),
    ]
    note = "select note from marts.mart_organic_bridge where metric = 'page_impressions'"
    assert built.query(note) == [("Retired; counted impressions, not views",)]


def test_a_bridged_figure_has_the_maturity_of_its_own_metric(built: Warehouse) -> None:
    """Pulled at 14 o'clock by itself; the Page's day in the fact is that of the oldest pull."""
    assert built.query(
        "select pulled_at, maturity, settles_at from marts.mart_organic_bridge"
        " where metric = 'page_media_view'"
    ) == [(at(20, 14), "settling", datetime(2026, 12, 17, 8, tzinfo=UTC))]


def test_the_bridge_agrees_with_the_facts(built: Warehouse) -> None:
    """The same figures, wide and long, Instagram's parts of a metric included."""
    facts = "select client_id, page_id as asset_id, day, views, viewers, interactions, follows"
    facts += ", new_follows, unfollows, page_visits from marts.fct_page_daily"
    instagram = "select client_id, instagram_account_id as asset_id, day, reach as viewers, views"
    instagram += ", interactions, accounts_engaged, new_follows, unfollows"
    instagram += " from marts.fct_instagram_daily"
    wide = f"({facts} union all by name {instagram})"
    long = (
        "select client_id, asset_id, day, canonical, value from marts.mart_organic_bridge"
        " order by all"
    )
    unpivoted = (
        f"select client_id, asset_id, day, canonical, value from (unpivot {wide}"
        " on columns(* exclude (client_id, asset_id, day)) into name canonical value value)"
        " order by all"
    )
    assert built.query(long) == built.query(unpivoted)
    assert built.query(long)


def test_a_series_breaks_with_every_change_of_metric_or_definition(copy: Warehouse) -> None:
    """There and back are two breaks; a missing day is none; other assets are not concerned."""
    with copy.connect() as con:
        con.execute("delete from seeds.metric_bridge where canonical in ('views', 'follows')")
        con.execute("delete from raw.records where report = 'page_daily'")
        con.execute("delete from raw.coverage where report = 'page_daily'")
        con.execute(
            """
            insert into seeds.metric_bridge values
            ('a', 'views', 'page', null, '2026-11-03', false, null),
            ('b', 'views', 'page', '2026-11-03', '2026-11-06', false, null),
            ('a', 'views', 'page', '2026-11-06', null, false, null),
            ('c', 'follows', 'page', null, '2026-11-03', false, null),
            ('c', 'follows', 'page', '2026-11-03', null, true, null)
            """
        )
    days = [date(2026, 11, n) for n in (1, 2, 3, 5, 6, 7)]
    for page in ("500", "501"):
        for metric in "abc":
            rows = {day: [{"name": metric, "value": 5}] for day in days}
            if page == "501":
                rows.pop(days[0])
            kept = {"pulled_at": "2026-11-20T12:00:00Z", "part": metric, "key": ("name",)}
            copy.land("dental", "page_daily", page, rows, **kept)
    sql = compiled(copy, "mart_organic_bridge")
    found = copy.query(
        f"select asset_id, canonical, string_agg(is_break::int, '' order by day), "
        f"string_agg(distinct split_part(series_id, '/', 5), '' order by 1), bool_or(is_additive)"
        f" from ({sql}) where surface = 'page' group by all order by all"
    )
    assert [row[:3] for row in found] == [
        ("500", "follows", "001000"),
        ("500", "views", "001010"),
        ("501", "follows", "01000"),
        ("501", "views", "01010"),
    ]
    series = f"select distinct series_id from ({sql}) where surface = 'page' order by 1"
    assert copy.query(series) == [
        (f"dental/{page}/page/{name}/{n}",)
        for page in ("500", "501")
        for name, count in (("follows", 2), ("views", 3))
        for n in range(1, count + 1)
    ]
    assert not any(row[4] for row in found), "what the catalogue does not know is not additive"
