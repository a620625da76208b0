"""What the marts say about the rows of dbt_warehouse.py."""

import json
import shutil
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt_warehouse import (
    BEYOND,
    DEAD,
    EMPTY,
    GAP,
    INSTAGRAM,
    LATE,
    LONG_DAY,
    MARTS,
    NO_REACH,
    ORGANIC_DAY,
    PURCHASE_SYNONYMS,
    SHORT_DAY,
    Warehouse,
)

ASSETS = {"fct_instagram_daily": "instagram_account_id", "mart_coverage": "asset_id"}
ASSETS |= {"mart_organic_bridge": "asset_id", "mart_settling_curves": "metric"}
ASSETS |= {"mart_api_versions": "asset_id"}
ASSETS |= dict.fromkeys(("fct_page_28d", "fct_page_daily", "fct_posts"), "page_id")
ASSETS |= dict.fromkeys(
    ("mart_client_daily", "mart_monthly_report", "mart_pacing"), "account_currency"
)
GRAINS = {"fct_account_monthly": "month", "fct_posts": "post_id", "mart_api_versions": "report"}
GRAINS |= {"mart_campaign_period": "campaign_id", "mart_settling_curves": "age_days"}
GRAINS |= dict.fromkeys(("mart_monthly_report", "mart_pacing"), "month")
CLIENTS = {"mart_repull_policy"}  # one row a client


def test_build_has_no_warnings(built: Warehouse) -> None:
    """The build passes without a deprecation, a warning or a skipped node."""
    log = (built.work / "build.txt").read_text(encoding="utf-8")
    assert "WARN=0 ERROR=0 SKIP=0" in log
    assert "deprecat" not in log.lower()


def test_schemas_and_marts_are_named_as_promised(built: Warehouse) -> None:
    """The schemas carry no prefix, and marts holds the promised tables and nothing else."""
    tables = "select table_name from duckdb_tables() where schema_name = 'marts' order by 1"
    assert [name for (name,) in built.query(tables)] == sorted(MARTS)
    schemas = built.query("select distinct schema_name from duckdb_views() where not internal")
    assert sorted(name for (name,) in schemas) == ["intermediate", "staging"]


def test_every_mart_and_column_has_a_comment_in_the_warehouse(built: Warehouse) -> None:
    """An analyst finds the meaning of each column in the database itself."""
    bare = "select table_name, column_name from duckdb_columns()"
    bare += " where schema_name = 'marts' and coalesce(comment, '') = ''"
    assert built.query(bare) == []
    assert (
        built.query(
            "select table_name from duckdb_tables() where schema_name = 'marts'"
            " and coalesce(comment, '') = ''"
        )
        == []
    )


@pytest.mark.parametrize(
    "mart", [name for name in MARTS if name[:3] in ("fct", "mar") and name not in CLIENTS]
)
def test_marts_start_with_client_account_day(built: Warehouse, mart: str) -> None:
    """Client, asset, and day (month, post) come first in every fact."""
    columns = built.query(
        "select column_name from duckdb_columns() where schema_name = 'marts' and table_name = ?"
        " order by column_index",
        mart,
    )
    first = [name for (name,) in columns[:3]]
    asset = ASSETS.get(mart, "ad_account_id")
    assert first == ["client_id", asset, GRAINS.get(mart, "day")]


def test_spend_is_exact_and_ratios_follow_from_the_components(built: Warehouse) -> None:
    """Strings become decimals; ctr is a fraction, not Meta's percentage."""
    row = built.query(
        "select spend, impressions, clicks, link_clicks, ctr, link_ctr, cpc, link_cpc, cpm,"
        " results, cost_per_result, account_currency from marts.fct_account_daily"
        " where client_id = 'dental' and day = ?",
        LATE,
    )
    assert row == [(Decimal(10), 1000, 20, 10, 0.02, 0.01, 0.5, 1.0, 10.0, 2, 5.0, "USD")]


def test_conversion_without_delivery_survives(built: Warehouse) -> None:
    """A late conversion on an ad without delivery is a result; what Meta left out is NULL."""
    row = built.query(
        "select spend, link_clicks, reach, ctr, cpc, cpm, results, result_value"
        " from marts.fct_ad_daily where ad_id = 'unknown'"
    )
    assert row == [(0, None, None, None, None, None, 3, Decimal("45.5"))]


def test_one_purchase_under_nine_names_counts_once(built: Warehouse) -> None:
    """results takes the client's one action type; the long table keeps them all."""
    assert built.query(
        "select result_action_type, results, result_value, cost_per_result, account_currency"
        " from marts.fct_ad_daily where client_id = 'outdoor'"
    ) == [("purchase", 103, 515000, 500.0, "JPY")]
    names = built.query(
        "select action_type, actions, action_value from marts.fct_actions_daily"
        " where client_id = 'outdoor' and action_value is not null order by 1"
    )
    assert names == [(name, 103, 515000) for name in sorted(PURCHASE_SYNONYMS)]


def test_actions_are_long_by_attribution_window(built: Warehouse) -> None:
    """An action's own value is the window "default"; others appear when Meta sent them."""
    rows = built.query(
        "select attribution_window, actions, action_value from marts.fct_actions_daily"
        " where ad_id = 'unknown' order by 1"
    )
    assert rows == [("7d_click", 2, None), ("default", 3, Decimal("45.5"))]


def test_days_end_in_the_time_zone_of_the_account(built: Warehouse) -> None:
    """settles_at is 28 days after local midnight, on days of 23 and of 25 hours too."""
    rows = built.query(
        "select day, settles_at, maturity from marts.fct_account_daily"
        " where client_id = 'dental' and day in (?, ?) order by day",
        SHORT_DAY,
        LONG_DAY,
    )
    assert rows == [
        (SHORT_DAY, datetime(2026, 4, 6, 4, tzinfo=UTC), "final"),
        (LONG_DAY, datetime(2026, 11, 30, 5, tzinfo=UTC), "provisional"),
    ]


def test_budgets_are_in_major_units(built: Warehouse) -> None:
    """Yen have no minor unit; dollars have cents; "0" means that the budget is set elsewhere."""
    budgets = "select account_currency, daily_budget, lifetime_budget from marts.dim_campaigns"
    assert built.query(f"{budgets} where campaign_id = 'c1' order by 1") == [
        ("JPY", Decimal(5000), None),
        ("USD", Decimal(50), None),
    ]


def test_objects_only_in_insights_keep_their_names(built: Warehouse) -> None:
    """A deleted ad and campaign are in the dimensions, without a status."""
    campaign = "select campaign_name, status from marts.dim_campaigns where campaign_id = 'c9'"
    assert built.query(campaign) == [("Autumn", None)]
    ad = "select ad_name, status from marts.dim_ads where ad_id = 'unknown'"
    assert built.query(ad) == [("Deleted", None)]


def test_account_status_is_decoded(built: Warehouse) -> None:
    """A status that Meta has added since keeps its number."""
    rows = built.query("select account_status, time_zone from marts.dim_ad_accounts order by 1")
    assert rows == [("ACTIVE", "America/New_York"), ("UNKNOWN_555", "Asia/Tokyo")]


def test_gap_is_not_a_zero(built: Warehouse) -> None:
    """A failed day is absent from the trends and voids the windows over it; an empty day is 0."""
    trend = "select spend, spend_7d, spend_prior_7d, spend_mtd from marts.mart_spend_trends"
    assert built.query(f"{trend} where day = ?", GAP) == []
    assert built.query(f"{trend} where day = ?", EMPTY) == [(0, None, 70, None)]
    assert built.query(f"{trend} where day = '2026-10-09'") == [(10, 70, 70, 90)]


def test_month_is_compared_with_the_same_days_of_last_month(built: Warehouse) -> None:
    """The 31st is compared with the whole of a shorter month."""
    compared = "select spend_mtd, spend_mtd_last_month from marts.mart_spend_trends where day = ?"
    assert built.query(compared, date(2026, 9, 30)) == [(300, 300)]
    assert built.query(compared, date(2026, 10, 31)) == [(None, 300)]


def test_freshness_names_what_is_missing(built: Warehouse) -> None:
    """The worst report decides, and the reason names it."""
    ((coverage, reason, covered, missing),) = built.query(
        "select coverage, reason, reports_covered, reports_missing from marts.mart_freshness"
        " where client_id = 'dental' and day = ?",
        GAP,
    )
    assert (coverage, covered, missing) == ("never_pulled", 0, 4)
    assert "account_daily: HTTP 500" in reason
    assert "ad_daily: never pulled" in reason


def test_freshness_is_that_of_the_oldest_pull(built: Warehouse) -> None:
    """One report pulled before the day was over keeps the whole day open."""
    rows = built.query(
        "select maturity, pulled_at from marts.mart_freshness"
        " where client_id = 'dental' and day = ?",
        LONG_DAY,
    )
    assert rows == [("open", datetime(2026, 11, 1, 12, tzinfo=UTC))]


def test_month_matures_with_the_last_day_covered(built: Warehouse) -> None:
    """Reach of a month is Meta's own; it settles 28 days after the last day."""
    assert built.query(
        "select reach, month_end_covered, maturity, settles_at from marts.fct_account_monthly"
    ) == [(900, date(2026, 10, 31), "provisional", datetime(2026, 11, 29, 4, tzinfo=UTC))]


def test_page_metrics_go_by_todays_names(built: Warehouse) -> None:
    """Old and new metrics share a column, and the break is marked; dicts stay out."""
    assert built.query(
        "select views, views_metric, views_comparable, viewers, follows, interactions, pulled_at"
        " from marts.fct_page_daily order by day"
    ) == [
        (700, "page_impressions", False, 300, 50, None, datetime(2026, 11, 20, 12, tzinfo=UTC)),
        (900, "page_media_view", True, 400, 55, None, datetime(2026, 11, 20, 14, tzinfo=UTC)),
    ]


def test_a_missing_metric_has_its_reason_beside_the_null(built: Warehouse) -> None:
    """A dead Page metric costs itself, and the row says which it is."""
    page = "select page_visits, note from marts.fct_page_daily where day = ?"
    assert built.query(page, ORGANIC_DAY) == [(None, f"page_views_total: {DEAD}")]
    instagram = "select accounts_engaged, note from marts.fct_instagram_daily"
    assert built.query(instagram) == [(None, "accounts_engaged: HTTP 500")]


def test_reach_that_meta_keeps_no_longer_has_its_reason(built: Warehouse) -> None:
    """NULL with a note on the old day, figures without one on the newer day."""
    assert built.query(
        "select day, gender, spend, reach, frequency, note from marts.fct_age_gender_daily"
        " order by day, gender"
    ) == [
        (date(2026, 10, 1), "female", 5, None, None, NO_REACH),
        (date(2026, 10, 1), "male", 5, None, None, NO_REACH),
        (LATE, "female", 5, 900, 1.111111, None),
        (LATE, "male", 5, 900, 1.111111, None),
    ]


def test_a_day_beyond_retention_is_no_gap_to_mend(built: Warehouse) -> None:
    """It is named, counts as neither covered nor missing, and is no day of the trends."""
    assert built.query(
        "select coverage, reason, reports_covered, reports_missing, maturity"
        " from marts.mart_freshness where day = ?",
        BEYOND,
    ) == [
        (
            "beyond_retention",
            "account_daily: Meta keeps 37 months; ad_daily: Meta keeps 37 months; "
            "campaign_daily: Meta keeps 37 months; platform_daily: Meta keeps 37 months",
            *(0, 0, None),
        )
    ]
    assert built.query("select * from marts.mart_spend_trends where day = ?", BEYOND) == []


def test_reports_that_an_account_was_never_asked_for_are_not_missing(built: Warehouse) -> None:
    """The yen account gets no campaigns and no platforms: its day is complete all the same."""
    assert built.query(
        "select coverage, reports_covered, reports_missing from marts.mart_freshness"
        " where client_id = 'outdoor'"
    ) == [("pulled", 2, 0)]


def test_coverage_of_every_report_is_in_the_marts(built: Warehouse) -> None:
    """Also of Pages and Instagram, whose days mart_freshness does not have."""
    assert built.query(
        "select report, coverage, reason from marts.mart_coverage"
        " where asset_id in ('500', '600') and day = ? order by 1",
        ORGANIC_DAY,
    ) == [
        ("instagram_daily", "failed", "accounts_engaged: HTTP 500"),
        ("page_28d", "pulled", None),
        ("page_daily", "failed", f"page_views_total: {DEAD}"),
    ]


def test_28_days_are_metas_own_count(built: Warehouse) -> None:
    """Reach of an ad account and Viewers of a Page over a window that ends with the day."""
    assert built.query(
        "select day, first_day, reach_28d, spend_28d, maturity from marts.fct_account_28d"
    ) == [(LATE, date(2026, 9, 23), 900, 280, "attributing")]
    assert built.query(
        "select day, views_28d, viewers_28d, viewers_28d_metric, settles_at from marts.fct_page_28d"
    ) == [
        (
            *(ORGANIC_DAY, 21000, 3000, "page_total_media_view_unique"),
            datetime(2026, 12, 17, 8, tzinfo=UTC),
        )
    ]


def test_instagram_days_are_pacific_and_follows_come_apart(built: Warehouse) -> None:
    """A series, totals, and the two parts of follows_and_unfollows are one row."""
    assert built.query(
        "select day, reach, views, interactions, new_follows, unfollows, settles_at"
        " from marts.fct_instagram_daily"
    ) == [(ORGANIC_DAY, 300, 900, 40, 12, 5, datetime(2026, 12, 17, 8, tzinfo=UTC))]
    account = "select username, followers, media from marts.dim_instagram_accounts"
    assert built.query(account) == [("smile", 1234, None)]


@pytest.mark.parametrize(
    ("whole", "listed", "follows"),
    [
        (12, {"FOLLOWER": 12}, {"FOLLOWER": "12", "NON_FOLLOWER": "0"}),
        (5, {"NON_FOLLOWER": 5}, {"FOLLOWER": "0", "NON_FOLLOWER": "5"}),
        (17, {"FOLLOWER": 12}, {"FOLLOWER": "12"}),
        (None, {"FOLLOWER": 12}, {"FOLLOWER": "12"}),
        (None, {}, {}),
        (0, {}, {}),
    ],
)
def test_a_part_left_out_is_zero_only_where_the_other_is_the_whole(
    built: Warehouse,
    tmp_path: Path,
    whole: int | None,
    listed: dict[str, int],
    follows: dict[str, str],
) -> None:
    """A whole that the listed part makes up proves the zero; nothing else does."""
    copy = Warehouse(Path(shutil.copy(built.path, tmp_path)), built.work, built.load_seq)
    results = [{"dimension_values": [kind], "value": value} for kind, value in listed.items()]
    total: dict[str, Any] = {
        "breakdowns": [{"dimension_keys": ["follow_type"], "results": results}]
    }
    total |= {} if whole is None else {"value": whole}
    name = "follows_and_unfollows"
    copy.land(
        *("dental", "instagram_daily", INSTAGRAM),
        {date(2026, 11, 12): [{"name": name, "period": "day", "total_value": total}]},
        pulled_at="2026-11-20T12:00:00Z",
        part=name,
        key=("name",),
    )
    found = copy.query(
        "select split_part(metric, '.', 2), value from staging.stg_meta__instagram_daily"
        " where day = '2026-11-12' and metric like '%.%'"
    )
    assert dict(found) == follows


def test_posts_keep_their_last_figures(built: Warehouse) -> None:
    """A post that is no longer asked about stays; kinds of reactions add up, none is zero."""
    first, second = (datetime(2026, 11, day, 12, tzinfo=UTC) for day in (10, 20))
    assert built.query(
        "select post_id, views, viewers, clicks, reactions, interactions, is_current, pulled_at"
        " from marts.fct_posts order by 1"
    ) == [
        ("500_1", 100, 70, 5, 4, 9, False, first),
        ("500_2", 100, 70, 5, 4, 9, True, second),
        ("500_3", None, None, None, 0, None, True, second),
    ]
    posts = "select post_id, message, is_listed from marts.dim_posts order by 1"
    assert built.query(posts) == [
        ("500_1", "Post 1", False),
        ("500_2", "Post 2", True),
        ("500_3", "Post 3", True),
    ]


def test_texts_of_a_creative_are_found_wherever_they_are(built: Warehouse) -> None:
    """Its own, those of the post it makes, or the first of several."""
    assert built.query(
        "select creative_id, title, body, link from marts.dim_creatives order by 1"
    ) == [
        ("k1", "Own", "Own text", None),
        ("k2", "Smile", "Book now", "https://example.com/"),
        ("k3", "First", None, None),
    ]
    ads = "select distinct creative_id from marts.dim_ads where ad_id = 'a1'"
    assert built.query(ads) == [("k1",)]


def test_budgets_of_ad_sets_are_in_major_units(built: Warehouse) -> None:
    """As those of campaigns."""
    assert built.query(
        "select account_currency, daily_budget, adset_name from marts.dim_adsets order by 1"
    ) == [("JPY", Decimal(123456), "Local"), ("USD", Decimal("1234.56"), "Local")]


def test_pages_and_instagram_are_no_ad_accounts(built: Warehouse) -> None:
    """Their days are in the coverage, too."""
    accounts = "select ad_account_id from marts.dim_ad_accounts order by 1"
    assert built.query(accounts) == [("act_100",), ("act_200",)]


def test_grains_agree_with_the_account(built: Warehouse) -> None:
    """Two things differ: a late conversion of one ad, with its value, and results lost by age."""
    assert built.query(
        "select grain, metric, day, gap, tolerance, likely_reason from marts.mart_reconciliation"
        " where not is_within order by all"
    ) == [
        ("ad", "result_value", LATE, Decimal("45.5"), Decimal("0.015"), "unexplained"),
        ("ad", "results", LATE, 3, Decimal("0.002"), "unexplained"),
        *(
            ("age_gender", "results", day, -2, Decimal("0.002"), "breakdown_loss")
            for day in (date(2026, 10, 1), LATE)
        ),
    ]
    counts = "select count(*), count(distinct day) from marts.mart_reconciliation where grain = ?"
    # All days but the gap, and the two on which the clocks change; no side has a value.
    assert built.query(counts, "campaign") == [(93 * 5, 93)]
    unknown = "select day, grain from marts.mart_reconciliation where is_within is null"
    assert built.query(unknown) == []


def reconciled(built: Warehouse, tmp_path: Path, *changes: str) -> list[tuple[object, ...]]:
    """What is out of tolerance by reason on LATE, after changes of the facts, as the model says."""
    copy = Warehouse(Path(shutil.copy(built.path, tmp_path)), built.work)
    models = built.work / "target/compiled/meta_pipeline/models/marts"
    model = (models / "mart_reconciliation.sql").read_text(encoding="utf-8")
    with copy.connect() as con:
        for change in changes:
            con.execute(change, [LATE] if "?" in change else [])
    return copy.query(
        f"""
        select grain, metric, likely_reason from ({model})
        where day = ? and is_within is distinct from true
            and (grain, metric) not in (('ad', 'results'), ('ad', 'result_value'))
            and (grain, metric) <> ('age_gender', 'results')
        order by all
        """,
        LATE,
    )


@pytest.mark.parametrize("grain", ["adset", "age_gender", "country", "platform"])
def test_grains_that_disagree_with_the_account_are_found(
    built: Warehouse, tmp_path: Path, grain: str
) -> None:
    """Impressions that a breakdown lost are a finding, not a smaller number."""
    lost = f"update marts.fct_{grain}_daily set impressions = impressions - 2 where day = ?"
    listed = "update marts.dim_campaigns set effective_status = 'ACTIVE'"
    listed_sets = "update marts.dim_adsets set effective_status = 'ACTIVE'"
    found = reconciled(built, tmp_path, lost, listed, listed_sets)
    assert found == [(grain, "impressions", "unexplained")]


@pytest.mark.parametrize(
    ("changes", "metric", "reason"),
    [
        # Half a cent for the row and for the account's: 0.01 is rounding, more is not.
        (["set spend = spend - 0.02"], "spend", "unexplained"),
        (["set clicks = null"], "clicks", "fields_left_out"),
        (["set results = results - 1"], "results", "breakdown_loss"),
        (["set results = results + 1"], "results", "unexplained"),
        (["set results = results - 1", "later by 2 hour"], "results", "breakdown_loss"),
        (["set results = results + 1", "later by 2 hour"], "results", "late_attribution"),
        (["set results = results + 1", "later by 20 minute"], "results", "unexplained"),
        (["set spend = spend - 1", "later by 2 hour"], "spend", "unexplained"),
        (
            ["set spend = spend - 1", "both early", "later by 2 hour"],
            "spend",
            "different_pull_times",
        ),
        (["set spend = spend - 1", "archived"], "spend", "archived_objects"),
        (["set spend = spend + 1", "archived"], "spend", "unexplained"),
        (["set spend = spend - 1", "archived", "long before"], "spend", "unexplained"),
    ],
)
def test_a_gap_has_a_likely_reason(
    built: Warehouse, tmp_path: Path, changes: list[str], metric: str, reason: str
) -> None:
    """What the data show of it: rounding, fields, breakdowns, pull times, objects that are gone."""
    coverage = "update marts.mart_coverage set"
    only = "where report = 'country_daily' and day = ?"
    statements = {
        "archived": "update marts.dim_campaigns set effective_status = 'ARCHIVED',"
        " updated_time = '2026-11-01', created_time = '2026-01-01'",
        "long before": "update marts.dim_campaigns set updated_time = '2026-03-01'",
        "both early": f"{coverage} pulled_at = settles_at - interval 640 hour where day = ?",
        "later by 2 hour": f"{coverage} pulled_at = pulled_at + interval 2 hour {only}",
        "later by 20 minute": f"{coverage} pulled_at = pulled_at + interval 20 minute {only}",
    }
    sql = [
        statements.get(change, f"update marts.fct_country_daily {change} where day = ?")
        for change in changes
    ]
    listed = "update marts.dim_campaigns set effective_status = 'ACTIVE'"
    assert reconciled(built, tmp_path, listed, *sql) == [("country", metric, reason)]


@pytest.mark.parametrize(
    ("results", "row"),
    [("2", (-5000, False, "unexplained")), ("null", (None, None, "fields_left_out"))],
)
def test_a_value_that_a_report_lost_is_a_gap(
    built: Warehouse, tmp_path: Path, results: str, row: tuple[object, ...]
) -> None:
    """Whoever knows the results and names no value says 0; who does not know them says nothing."""
    copy = Warehouse(Path(shutil.copy(built.path, tmp_path)), built.work)
    model = built.compiled()["mart_reconciliation"]
    with copy.connect() as con:
        con.execute("update marts.dim_campaigns set effective_status = 'ACTIVE'")
        con.execute("update marts.fct_account_daily set result_value = 5000 where day = ?", [LATE])
        con.execute(
            f"update marts.fct_campaign_daily set results = {results} where day = ?", [LATE]
        )
    assert copy.query(
        f"select gap, is_within, likely_reason from ({model}) where client_id = 'dental'"
        " and day = ? and grain = 'campaign' and metric = 'result_value'",
        LATE,
    ) == [row]


def test_rounding_of_rows_is_no_gap(built: Warehouse, tmp_path: Path) -> None:
    """Meta rounds each row to the cent: half a cent for each row and for the account's."""
    rounded = "update marts.fct_country_daily set spend = spend + 0.01 where day = ?"
    assert reconciled(built, tmp_path, rounded) == []


def test_spend_is_compared_with_the_same_weekday(built: Warehouse) -> None:
    """The only day without spend stands out; the gap before it is neither judged nor a measure."""
    assert built.query(
        "select day, anomaly, spend, usual_spend, spread, z_score, weekdays_known"
        " from marts.mart_spend_anomalies where anomaly is not null"
    ) == [(EMPTY, "zero_spend", 0, 10, 1.0, -10.0, 8)]
    newest = "select day from marts.mart_spend_anomalies where is_newest"
    assert built.query(newest) == [(date(2026, 10, 31),)]
    assert built.query("select * from marts.mart_spend_anomalies where day = ?", GAP) == []


def test_served_versions_are_those_of_the_newest_pull(built: Warehouse, tmp_path: Path) -> None:
    """An answer that does not name its version says nothing."""
    copy = Warehouse(Path(shutil.copy(built.path, tmp_path)), built.work)
    models = built.work / "target/compiled/meta_pipeline/models/marts"
    model = (models / "mart_api_versions.sql").read_text(encoding="utf-8")
    with copy.connect() as con:
        for day, served, warning in (
            ("2026-11-03", "v25.0", "soon"),
            ("2026-11-04", "v27.0", None),
            ("2026-11-05", None, None),
        ):
            con.execute(
                "insert into raw.pulls select * replace (?::timestamptz as pulled_at,"
                " ? as served_version, ? as version_warning) from raw.pulls"
                " where report = 'ads' and client_id = 'dental' limit 1",
                [day, served, warning],
            )
    assert copy.query(
        "select asked_version, served_version, is_as_asked, version_warning, pulled_at"
        f" from ({model}) where report = 'ads' and client_id = 'dental'"
    ) == [("v26.0", "v27.0", False, None, datetime(2026, 11, 4, tzinfo=UTC))]


def test_garbage_is_an_error_not_a_null(built: Warehouse, tmp_path: Path) -> None:
    """A figure that is no number stops the build instead of vanishing."""
    copy = Warehouse(Path(shutil.copy(built.path, tmp_path)), tmp_path)
    with copy.connect() as con:
        con.execute(
            "update raw.records set payload = ? where report = 'account_daily' and day = ?",
            [json.dumps({"spend": "1,234.5"}), LATE],
        )
    with pytest.raises(duckdb.ConversionException):
        copy.query("select sum(spend) from staging.stg_meta__account_daily")
