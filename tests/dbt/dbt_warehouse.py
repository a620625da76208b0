"""A warehouse with hand-made rows of Meta's shape, for the tests of the dbt project."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "dbt_project"
SCHEMA = ROOT / "meta_pipeline" / "landing" / "schema.sql"

DENTAL, OUTDOOR = "act_100", "act_200"
PAGE, INSTAGRAM = "500", "600"
# Ad sets, ages and countries were asked for once, and taken out of the list.
DENTAL_REPORTS = ("account_daily", "campaign_daily", "ad_daily", "platform_daily", "page_daily")

MARTS = (
    *("dim_ad_accounts", "dim_ads", "dim_adsets", "dim_campaigns", "dim_clients"),
    *("dim_creatives", "dim_dates", "dim_instagram_accounts", "dim_metrics", "dim_posts"),
    *("dim_ads_history", "dim_adsets_history", "dim_campaigns_history", "dim_creatives_history"),
    *("fct_account_28d", "fct_account_daily", "fct_account_daily_versions"),
    *("fct_account_monthly", "fct_actions_daily", "fct_restatements", "fct_results_daily"),
    *("fct_ad_daily", "fct_adset_daily", "fct_age_gender_daily", "fct_campaign_daily"),
    *("fct_country_daily", "fct_platform_daily"),
    *("fct_instagram_daily", "fct_page_28d", "fct_page_daily", "fct_posts"),
    *("mart_api_versions", "mart_campaign_period", "mart_client_daily", "mart_coverage"),
    *("mart_freshness", "mart_monthly_report", "mart_organic_bridge", "mart_pacing"),
    *("mart_reconciliation", "mart_repull_policy", "mart_settling_curves"),
    *("mart_spend_anomalies", "mart_spend_trends"),
)

Row = Mapping[str, Any]


@dataclass
class Warehouse:
    """A warehouse.duckdb under test: rows go in as landing would put them, dbt runs on it."""

    path: Path
    work: Path
    load_seq: int = 0

    def connect(self, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
        """Open it; the storage version is the one that landing creates it with."""
        con = duckdb.connect(
            str(self.path),
            read_only=read_only,
            config={"storage_compatibility_version": "v1.5.0"},
        )
        con.execute("set TimeZone = 'UTC'")
        return con

    def query(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        """Rows of one query."""
        with self.connect(read_only=True) as con:
            return con.execute(sql, list(args)).fetchall()

    def value(self, sql: str, *args: Any) -> Any:
        """The only value of the only row of one query."""
        ((value,),) = self.query(sql, *args)
        return value

    def dbt(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run one dbt command on this warehouse."""
        command = [
            str(Path(sys.executable).parent / "dbt"),
            *("--no-use-colors", *args),
            *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)),
            *("--target-path", str(self.work / "target"), "--log-path", str(self.work / "logs")),
        ]
        # By its name alone: dbt parses all anew where the path is not that of the last time.
        env = os.environ | {"META_PIPELINE_WAREHOUSE": self.path.name}
        return subprocess.run(
            command, env=env, cwd=self.path.parent, capture_output=True, text=True, check=False
        )

    def compiled(self) -> dict[str, str]:
        """The SQL of every model as dbt compiled it last, by name."""
        folder = self.work / "target" / "compiled" / "meta_pipeline" / "models"
        # Below folders named after yml files lie tests, of which some bear a model's name.
        return {
            path.stem: path.read_text(encoding="utf-8")
            for path in folder.rglob("*.sql")
            if not path.parent.name.endswith(".yml")
        }

    def land(
        self,
        client: str,
        report: str,
        asset: str,
        days: Mapping[Any, Sequence[Row]],
        *,
        pulled_at: str,
        part: str = "",
        status: str | None = None,
        reason: str | None = None,
        key: Sequence[str] = ("id",),
    ) -> None:
        """Land one pull: close what changed or vanished, open what is new, cover the days.

        Of days between the first and the last that are not given, the pull says nothing, nor of
        any day when its `status` is no answer.
        """
        self.load_seq += 1
        pull = f"pull-{self.load_seq}"
        dated = sorted(day for day in days if day is not None)
        answered = set(dated) if status in (None, "pulled", "confirmed_empty") else set()
        with self.connect() as con:
            con.execute("begin")
            con.execute(
                "insert into raw.pulls select ?, ?, ?, ?, ?, ?, ?, null, null, ?,"
                " 'complete', 'v26.0', 'v26.0', null, 1, 0, ?, '{}', null, ?, ?",
                [
                    *(pull, client, report, asset, part),
                    *((dated[0], dated[-1]) if dated else (None, None)),
                    *(pulled_at, len(days), self.load_seq),
                    [d for d in days_between(dated[0], dated[-1]) if d not in answered]
                    if dated
                    else None,
                ],
            )
            for day, rows in days.items():
                scope = [client, report, asset, part, day]
                payloads = [json.dumps(row) for row in rows]
                con.execute(
                    "update raw.records set valid_to = ? where client_id = ? and report = ? and"
                    " asset_id = ? and part = ? and day is not distinct from ?"
                    " and valid_to is null and not list_contains(?::varchar[], payload)",
                    [pulled_at, *scope, payloads],
                )
                kept = con.execute(
                    "select payload from raw.records where client_id = ? and report = ? and"
                    " asset_id = ? and part = ? and day is not distinct from ?"
                    " and valid_to is null",
                    scope,
                ).fetchall()
                for row, payload in zip(rows, payloads, strict=True):
                    if (payload,) in kept:
                        continue
                    con.execute(
                        "insert into raw.records values (?, ?, ?, ?, ?, ?, ?, '', ?, ?, null)",
                        [
                            *(*scope, json.dumps([row.get(k) for k in key]), payload),
                            *(pull, pulled_at),
                        ],
                    )
                con.execute(
                    "delete from raw.coverage where client_id = ? and report = ? and asset_id = ?"
                    " and part = ? and day is not distinct from ?",
                    [client, report, asset, part, day],
                )
                con.execute(
                    "insert into raw.coverage values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, null, null, ?)",
                    [
                        *(client, report, asset, part, day),
                        *(status or ("pulled" if rows else "confirmed_empty"), reason, len(rows)),
                        *(pull, None if status == "failed" else pulled_at, self.load_seq),
                    ],
                )
            con.execute("commit")

    def add_client(
        self,
        client: str,
        *,
        result: str,
        assets: Mapping[str, str],
        reports: Sequence[str] | None = None,
    ) -> None:
        """Put one client into clients.yml; without `reports` nobody knows what it is asked for."""
        targets = {"spend": 3000, "results": 200, "cost_per_result": 12.5}
        with self.connect() as con:
            con.execute(
                "insert into raw.clients values (?, ?, ?, '2026-01-01', ?, null, true, ?::json)",
                [client, client.title(), result, json.dumps(targets), reports],
            )
            for asset, surface in assets.items():
                con.execute(
                    "insert into raw.client_assets values (?, ?, ?)", [client, asset, surface]
                )


def actions(**counts: str) -> list[dict[str, str]]:
    """A list of actions as Meta writes it."""
    return [{"action_type": name, "value": value} for name, value in counts.items()]


# One purchase event counted under nine names, in the order of a real answer.
PURCHASE_SYNONYMS = (
    "web_in_store_purchase",
    "omni_purchase",
    "purchase",
    "offsite_purchase_add_20_s_calls",
    "onsite_web_app_purchase",
    "offsite_conversion.fb_pixel_purchase",
    "web_app_in_store_purchase",
    "onsite_web_purchase",
    "offsite_conversion.custom.1600177097272268",
)


def insights(
    currency: str, spend: str, impressions: str, clicks: str, **more: Any
) -> dict[str, Any]:
    """An insights row as Meta writes it: every figure a string, money without padding."""
    return {
        "account_currency": currency,
        "spend": spend,
        "impressions": impressions,
        "clicks": clicks,
        "inline_link_clicks": str(int(clicks) // 2),
        "reach": "900",
        "frequency": "1.111111",
        **more,
    }


CAMPAIGN = {"campaign_id": "c1", "campaign_name": "Spring", "objective": "OUTCOME_LEADS"}
AD = {**CAMPAIGN, "adset_id": "s1", "adset_name": "Local", "ad_id": "a1", "ad_name": "Smile"}
AD |= {"optimization_goal": "LEAD_GENERATION", "attribution_setting": "1d_view_7d_click"}

# Texts of their own, in the post that the creative makes, and among several that Meta combines.
STORY = {"message": "Book now", "name": "Smile", "link": "https://example.com/"}
CREATIVES: list[Row] = [
    {"id": "k1", "name": "One", "title": "Own", "body": "Own text", "object_type": "SHARE"},
    {"id": "k2", "name": "Two", "object_story_spec": {"page_id": "500", "link_data": STORY}},
    {"id": "k3", "asset_feed_spec": {"titles": [{"text": "First"}, {"text": "Second"}]}},
]

GAP = date(2026, 10, 10)
EMPTY = date(2026, 10, 12)
FIRST = date(2026, 8, 1)
LAST = date(2026, 10, 31)
REPULLED = 15
SHORT_DAY, LONG_DAY = date(2026, 3, 8), date(2026, 11, 1)
LATE = date(2026, 10, 20)
BEYOND = date(2023, 9, 30)
ORGANIC_DAY = date(2026, 11, 18)
NO_REACH = "Meta keeps reach with breakdowns for 13 months"
DEAD = "Meta no longer answers it"


def days_between(first: date, last: date) -> list[date]:
    """Both included."""
    return [first + timedelta(n) for n in range((last - first).days + 1)]


def fill(warehouse: Warehouse) -> None:
    """Two clients, two currencies, a gap, an empty day, a late conversion; a Page, Instagram."""
    assets = {DENTAL: "ads", PAGE: "page", INSTAGRAM: "instagram"}
    warehouse.add_client("dental", result="lead", assets=assets, reports=DENTAL_REPORTS)
    warehouse.add_client("outdoor", result="purchase", assets={OUTDOOR: "ads"})

    account = {"id": DENTAL, "name": "Dental", "currency": "USD", "account_status": 1}
    account |= {"timezone_name": "America/New_York"}
    warehouse.land(
        "dental", "accounts", DENTAL, {None: [account]}, pulled_at="2026-11-02T12:00:00Z"
    )
    account = {"id": OUTDOOR, "name": "Outdoor", "currency": "JPY", "account_status": 555}
    account |= {"timezone_name": "Asia/Tokyo"}
    warehouse.land(
        "outdoor", "accounts", OUTDOOR, {None: [account]}, pulled_at="2026-11-02T12:00:00Z"
    )

    fill_objects(warehouse)
    fill_dental_repulls(warehouse)
    fill_dental_insights(warehouse)
    fill_dental_parts(warehouse)
    fill_outdoor_insights(warehouse)
    fill_page(warehouse)
    fill_posts(warehouse)
    fill_instagram(warehouse)


def fill_objects(warehouse: Warehouse) -> None:
    """One listed campaign, ad set, ad and creative each; budgets in minor units."""
    at = "2026-11-02T12:00:00Z"
    for client, asset in (("dental", DENTAL), ("outdoor", OUTDOOR)):
        campaign = {"id": "c1", "name": "Spring 2", "status": "ACTIVE", "daily_budget": "5000"}
        campaign |= {"lifetime_budget": "0", "start_time": "2026-03-21T22:33:56-0700"}
        adset = {"id": "s1", "campaign_id": "c1", "name": "Local", "daily_budget": "123456"}
        ad = {
            "id": "a1",
            "campaign_id": "c1",
            "adset_id": "s1",
            "name": "Smile",
            "status": "ACTIVE",
            "creative": {"id": "k1"},
        }
        for report, row in (("campaigns", campaign), ("adsets", adset), ("ads", ad)):
            warehouse.land(client, report, asset, {None: [row]}, pulled_at=at)
    warehouse.land("dental", "creatives", DENTAL, {None: CREATIVES}, pulled_at=at)


def fill_dental_repulls(warehouse: Warehouse) -> None:
    """A fortnight and a day, each pulled on the two mornings after it, with half of the leads:
    the second pull of a day brings nothing new.
    """
    half = insights("USD", "8", "900", "18", actions=actions(link_click="9", lead="1"))
    for day in days_between(FIRST, FIRST + timedelta(REPULLED - 1)):
        at = f"{day + timedelta(1)}T12:00:00Z"
        days = {day: [half]} if day == FIRST else {day - timedelta(1): [half], day: [half]}
        warehouse.land("dental", "account_daily", DENTAL, days, pulled_at=at)


def fill_dental_insights(warehouse: Warehouse) -> None:
    """Three months of ten dollars a day; two days on which the clocks change."""
    day_row = insights("USD", "10", "1000", "20", actions=actions(link_click="9", lead="2"))
    account = {d: [day_row] for d in days_between(FIRST, LAST) if d != GAP}
    account[EMPTY] = []
    account |= {SHORT_DAY: [day_row], LONG_DAY: [day_row]}
    at = "2026-11-02T12:00:00Z"
    warehouse.land("dental", "account_daily", DENTAL, account, pulled_at=at)

    campaign = {d: [{**day_row, **CAMPAIGN}] if rows else [] for d, rows in account.items()}
    warehouse.land("dental", "campaign_daily", DENTAL, campaign, pulled_at=at)
    platform = {
        d: [row | {"publisher_platform": "facebook"} for row in rows]
        for d, rows in campaign.items()
    }
    warehouse.land("dental", "platform_daily", DENTAL, platform, pulled_at="2026-11-01T12:00:00Z")

    ads = {d: [{**day_row, **AD}] if rows else [] for d, rows in account.items()}
    unlisted = AD | {"ad_id": "unknown", "ad_name": "Deleted", "campaign_id": "c9"}
    unlisted |= {"campaign_name": "Autumn"}
    # Meta left out what it did not count, and a conversion came after delivery had stopped.
    late = {"account_currency": "USD", "spend": "0", "impressions": "0", "clicks": "0"}
    late |= {"actions": [{"action_type": "lead", "value": "3", "7d_click": "2"}]}
    late |= {"action_values": [{"action_type": "lead", "value": "45.5"}]}
    ads[LATE] = [{**day_row, **AD}, {**late, **unlisted}]
    warehouse.land("dental", "ad_daily", DENTAL, ads, pulled_at=at)
    failed: Mapping[date, list[Row]] = {GAP: []}
    why = "HTTP 500"
    warehouse.land(
        "dental", "account_daily", DENTAL, failed, pulled_at=at, status="failed", reason=why
    )

    month = insights("USD", "300", "30000", "600", date_stop="2026-10-31")
    months = {date(2026, 10, 1): [month]}
    warehouse.land("dental", "account_monthly", DENTAL, months, pulled_at="2026-11-01T12:00:00Z")


def fill_dental_parts(warehouse: Warehouse) -> None:
    """Two days by ad set, age and gender, and country; 28 days; a day that Meta keeps no more."""
    at = "2026-11-02T12:00:00Z"
    days = (date(2026, 10, 1), LATE)
    whole = insights("USD", "10", "1000", "20", actions=actions(lead="2"), **CAMPAIGN)
    adset = {"adset_id": "s1", "adset_name": "Local", "optimization_goal": "LEAD_GENERATION"}
    rows = {day: [whole | adset] for day in days}
    warehouse.land("dental", "adset_daily", DENTAL, rows, pulled_at=at)
    rows = {day: [whole | {"country": "US"}] for day in days}
    warehouse.land("dental", "country_daily", DENTAL, rows, pulled_at=at)

    half = insights("USD", "5", "500", "10", **CAMPAIGN)
    halves = [half | {"age": "18-24", "gender": gender} for gender in ("female", "male")]
    warehouse.land("dental", "age_gender_daily", DENTAL, {LATE: halves}, pulled_at=at)
    kept = ("reach", "frequency")
    halves = [{name: row[name] for name in row if name not in kept} for row in halves]
    old = {days[0]: halves}
    warehouse.land("dental", "age_gender_daily", DENTAL, old, pulled_at=at, reason=NO_REACH)

    window = insights("USD", "280", "28000", "560", date_start="2026-09-23", date_stop=str(LATE))
    warehouse.land("dental", "account_28d", DENTAL, {LATE: [window]}, pulled_at=at)

    status, reason = "beyond_retention", "Meta keeps 37 months"
    for report in ("account_daily", "campaign_daily", "ad_daily", "platform_daily"):
        nothing: Mapping[date, list[Row]] = {BEYOND: []}
        warehouse.land(
            "dental", report, DENTAL, nothing, pulled_at=at, status=status, reason=reason
        )


def fill_outdoor_insights(warehouse: Warehouse) -> None:
    """One day in yen, with a purchase under all of its names."""
    bought = [{"action_type": name, "value": "103"} for name in PURCHASE_SYNONYMS]
    worth = [{"action_type": name, "value": "515000"} for name in PURCHASE_SYNONYMS]
    bought.append({"action_type": "link_click", "value": "8981"})
    row = insights("JPY", "51500", "200000", "9000", actions=bought, action_values=worth)
    day = date(2026, 10, 20)
    at = "2026-11-20T12:00:00Z"
    warehouse.land("outdoor", "account_daily", OUTDOOR, {day: [row]}, pulled_at=at)
    warehouse.land("outdoor", "ad_daily", OUTDOOR, {day: [row | AD]}, pulled_at=at)


def page_value(metric: str, day: date, value: Any) -> dict[str, Any]:
    """A Page metric as landing keeps it: one value with its name."""
    end = f"{day + timedelta(1)}T08:00:00+0000"
    return {"name": metric, "period": "day", "value": value, "end_time": end}


def fill_page(warehouse: Warehouse) -> None:
    """A Page before and after Meta renamed its metrics."""
    old, new = date(2025, 11, 14), date(2026, 11, 18)
    answers: dict[str, dict[date, Any]] = {
        "page_impressions": {old: 700},
        "page_impressions_unique": {old: 300},
        "page_media_view": {new: 900},
        "page_total_media_view_unique": {new: 400},
        "page_follows": {old: 50, new: 55},
        "page_actions_post_reactions_total": {new: {"like": 12, "love": 1}},
    }
    for n, (metric, values) in enumerate(answers.items()):
        rows = {day: [page_value(metric, day, value)] for day, value in values.items()}
        at = f"2026-11-20T{12 + n}:00:00Z"
        warehouse.land("dental", "page_daily", PAGE, rows, pulled_at=at, part=metric, key=("name",))
    at = "2026-11-20T20:00:00Z"
    failed: Mapping[date, list[Row]] = {new: []}
    part, status = "page_views_total", "failed"
    warehouse.land(
        "dental", "page_daily", PAGE, failed, pulled_at=at, part=part, status=status, reason=DEAD
    )
    for metric, value in (("page_media_view", 21000), ("page_total_media_view_unique", 3000)):
        rows = {new: [page_value(metric, new, value) | {"period": "days_28"}]}
        warehouse.land("dental", "page_28d", PAGE, rows, pulled_at=at, part=metric, key=("name",))


def fill_posts(warehouse: Warehouse) -> None:
    """Three posts, of which the oldest is no longer listed or asked about by the second pull."""
    posts = {
        n: {
            "id": f"{PAGE}_{n}",
            "created_time": f"2026-11-0{n}T10:00:00+0000",
            "message": f"Post {n}",
            "permalink_url": f"https://www.facebook.com/{PAGE}/posts/{n}",
            "status_type": "added_photos",
        }
        for n in (1, 2, 3)
    }
    figures: dict[str, Any] = {
        "post_media_view": 100,
        "post_total_media_view_unique": 70,
        "post_clicks": 5,
        "post_reactions_by_type_total": {"like": 3, "love": 1},
    }
    for day, numbers in (("10", (1, 2)), ("20", (2, 3))):
        at = f"2026-11-{day}T12:00:00Z"
        listed = [posts[n] for n in numbers]
        warehouse.land("dental", "page_posts", PAGE, {None: listed}, pulled_at=at)
        for metric, value in figures.items():
            # Nobody reacted to the third post, and Meta gave no clicks of it.
            rows = [
                {"post_id": f"{PAGE}_{n}", "name": metric, "value": {} if n == 3 else value}
                for n in numbers
                if n < 3 or metric == "post_reactions_by_type_total"
            ]
            key = ("post_id", "name")
            warehouse.land(
                "dental", "post_insights", PAGE, {None: rows}, pulled_at=at, part=metric, key=key
            )


def fill_instagram(warehouse: Warehouse) -> None:
    """A day of Instagram: a series of reach, totals of the rest, and one metric that failed."""
    at, report = "2026-11-20T12:00:00Z", "instagram_daily"
    account = {"id": INSTAGRAM, "username": "smile", "name": "Smile", "followers_count": 1234}
    warehouse.land("dental", "instagram_accounts", INSTAGRAM, {None: [account]}, pulled_at=at)
    follows = {
        "dimension_keys": ["follow_type"],
        "results": [
            {"dimension_values": ["FOLLOWER"], "value": 12},
            {"dimension_values": ["NON_FOLLOWER"], "value": 5},
        ],
    }
    totals: dict[str, Any] = {
        "views": {"value": 900},
        "total_interactions": {"value": 40},
        "follows_and_unfollows": {"value": 17, "breakdowns": [follows]},
    }
    answers = {"reach": page_value("reach", ORGANIC_DAY, 300)}
    answers |= {
        name: {"name": name, "period": "day", "total_value": total}
        for name, total in totals.items()
    }
    for metric, row in answers.items():
        rows = {ORGANIC_DAY: [row]}
        warehouse.land("dental", report, INSTAGRAM, rows, pulled_at=at, part=metric, key=("name",))
    failed: Mapping[date, list[Row]] = {ORGANIC_DAY: []}
    part, why = "accounts_engaged", "HTTP 500"
    warehouse.land(
        *("dental", report, INSTAGRAM, failed),
        pulled_at=at,
        part=part,
        status="failed",
        reason=why,
    )
