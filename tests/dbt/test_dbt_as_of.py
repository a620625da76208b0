"""Any report as it was known at a moment, and the moments of which not all is here any more."""

import re
import shutil
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt_warehouse import AD, CAMPAIGN, DENTAL, FIRST, PAGE, ROOT, Warehouse, actions, insights
from dbt_warehouse import page_value as paged

from meta_pipeline.landing import KEPT_REPORTS
from meta_pipeline.reports import REPORTS

RE_PULL = datetime(2026, 11, 2, 12, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
DAY = date(2026, 10, 20)
HORIZON = datetime(2026, 11, 10, tzinfo=UTC)
# What a staged report counts by: the newest versions, or those of the moment.
BY_VERSION = re.compile(r"and case\s+when getvariable\('as_of'\) is null then valid_to is null")


@pytest.fixture
def copy(built: Warehouse, tmp_path: Path) -> Warehouse:
    """The built warehouse, to be changed."""
    return Warehouse(Path(shutil.copy(built.path, tmp_path)), built.work, built.load_seq)


def known_on(built: Warehouse, sql: str, moment: datetime) -> list[tuple[Any, ...]]:
    """A query as of a moment."""
    with built.connect(read_only=True) as con:
        con.execute("set variable as_of = ?::timestamptz", [moment])
        return con.execute(sql).fetchall()


def staged(built: Warehouse) -> dict[str, tuple[str, str]]:
    """The model and its compiled SQL of each report that staging reads."""
    found = {}
    for model, sql in built.compiled().items():
        for report in re.findall(r"report = '(\w+)'", sql) if '"raw"."records"' in sql else ():
            if not model.endswith("_versions"):
                found[report] = (model, sql)
    return found


def asked(view: str, moment: datetime, warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """Two reports asked for as docs/marts.md says, at another moment than the page's."""
    page = (ROOT / "docs" / "marts.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sql\n(set variable as_of = .*?)```", page, re.S)
    (block,) = [one for one in blocks if f"from staging.{view}\n" in one]
    _, _, query = block.partition(";")
    return known_on(warehouse, query, moment)


def test_a_report_is_as_it_was_known_at_a_moment(built: Warehouse) -> None:
    """From the pull on that said it, up to the pull that said something else."""
    spend = f"select spend from staging.stg_meta__account_daily where day = '{FIRST}'"
    first = datetime(2026, 8, 2, 12, tzinfo=UTC)
    tick = timedelta(microseconds=1)
    assert known_on(built, spend, first - tick) == []
    assert known_on(built, spend, first) == [(8,)]
    assert known_on(built, spend, RE_PULL - tick) == [(8,)]
    assert known_on(built, spend, RE_PULL) == [(10,)] == built.query(spend)


def test_ads_and_campaigns_are_asked_as_the_page_says(copy: Warehouse) -> None:
    """An ad's spend and a campaign's leads, before and after a pull that changed both."""
    for at, spend, leads in (("2026-11-20", "7.5", "2"), ("2026-11-25", "9.25", "5")):
        row = insights("USD", spend, "100", "4", actions=actions(lead=leads, like="70"))
        pulled = f"{at}T12:00:00Z"
        copy.land("dental", "ad_daily", DENTAL, {DAY: [row | AD]}, pulled_at=pulled)
        copy.land("dental", "campaign_daily", DENTAL, {DAY: [row | CAMPAIGN]}, pulled_at=pulled)
    days = (datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 26, tzinfo=UTC))
    spent = [
        sum(row[-1] for row in asked("stg_meta__ad_daily", day, copy) if row[0] == "dental")
        for day in days
    ]
    leads = [
        sum(row[-1] for row in asked("stg_meta__campaign_daily", day, copy) if row[0] == "dental")
        for day in days
    ]
    assert spent[1] - spent[0] == Decimal("1.75")
    assert leads[1] - leads[0] == 3


def test_a_page_is_asked_as_the_page_says(copy: Warehouse) -> None:
    """Views of a day before and after a pull that changed them, and before any."""
    day = date(2026, 11, 18)
    answer = {day: [paged("page_media_view", day, 950)]}
    where = ("dental", "page_daily", PAGE, answer)
    key = ("name",)
    copy.land(*where, pulled_at="2026-11-25T12:00:00Z", part="page_media_view", key=key)
    views = [
        asked("stg_meta__page_daily", datetime(2026, 11, n, tzinfo=UTC), copy) for n in (19, 24, 26)
    ]
    assert views == [[], [("dental", PAGE, day, 900)], [("dental", PAGE, day, 950)]]


def test_posts_are_as_they_were_listed_at_a_moment(built: Warehouse) -> None:
    """One that is no longer listed was listed then; one of later does not exist yet."""
    posts = "select post_id, is_listed from staging.stg_meta__page_posts order by 1"
    listed = known_on(built, posts, datetime(2026, 11, 15, tzinfo=UTC))
    assert listed == [("500_1", True), ("500_2", True)]


def test_every_staged_report_follows_the_moment(built: Warehouse) -> None:
    """Before the first pull nothing was known."""
    views = built.query(
        "select view_name from duckdb_views() where schema_name = 'staging'"
        " and view_name not like '%versions' and sql like '%records%'"
    )
    assert len(views) > 10
    for (view,) in views:
        assert known_on(built, f"select count(*) from staging.{view}", LONG_AGO) == [(0,)], view


def test_a_moment_before_a_compaction_is_refused(copy: Warehouse) -> None:
    """By every report of which versions were dropped: what, where, and what to do."""
    with copy.connect() as con:
        con.execute("insert into raw.compactions values (?, ?, 1)", [HORIZON, HORIZON])
    compacted = {
        report: model for report, (model, _) in staged(copy).items() if report not in KEPT_REPORTS
    }
    assert set(compacted) == set(REPORTS) - KEPT_REPORTS
    for model in compacted.values():
        count = f"select count(*) from staging.{model}"
        with pytest.raises(duckdb.InvalidInputException) as refused:
            known_on(copy, count, HORIZON - timedelta(seconds=1))
        for words in ("2026-11-09 23:59:59+00", "before 2026-11-10 00:00:00+00", "reload"):
            assert words in str(refused.value), model
        # From the horizon on all is there, and without a moment nobody asks.
        assert known_on(copy, count, HORIZON)
        assert copy.query(count)


def test_what_is_never_compacted_answers_for_any_moment(copy: Warehouse) -> None:
    """The account by day, objects and posts keep every version."""
    with copy.connect() as con:
        con.execute("insert into raw.compactions values (?, ?, 1)", [HORIZON, HORIZON])
    spend = f"select spend from staging.stg_meta__account_daily where day = '{FIRST}'"
    assert known_on(copy, spend, datetime(2026, 8, 2, 12, tzinfo=UTC)) == [(8,)]
    for view in ("stg_meta__campaigns", "stg_meta__page_posts", "stg_meta__post_insights"):
        assert known_on(copy, f"select count(*) from staging.{view}", LONG_AGO) == [(0,)]


def test_no_model_reads_old_versions_of_what_may_be_dropped(built: Warehouse) -> None:
    """A model of a report that is compacted reads newest versions alone."""
    readers = {m: sql for m, sql in built.compiled().items() if '"raw"."records"' in sql}
    assert len(readers) > 20
    for model, sql in readers.items():
        reports = set(re.findall(r"report = '(\w+)'", sql))
        assert reports, f"{model} reads every report"
        assert BY_VERSION.search(sql) or reports <= KEPT_REPORTS, model
