"""Marts made up for reports and the dashboard: what they read, and days that the test names."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

OCTOBER = date(2026, 10, 1)
SETTLES = datetime(2026, 11, 29, 4, tzinfo=UTC)
PAID_REPORTS = ("account_daily", "campaign_daily", "platform_daily", "age_gender_daily")

_MEASURES = """
    account_currency text, spend decimal(18, 6), impressions bigint, clicks bigint,
    link_clicks bigint, results decimal(18, 6), maturity text, pulled_at timestamptz,
    settles_at timestamptz
"""

_TABLES = f"""
create table dim_clients (
    client_id text, client_name text, result_action_type text, is_active boolean,
    target_spend decimal(18, 2), target_results decimal(18, 6),
    target_cost_per_result decimal(18, 2)
);
create table dim_ad_accounts (
    client_id text, ad_account_id text, account_name text, account_currency text, time_zone text,
    is_active boolean
);
create table dim_campaigns (
    client_id text, ad_account_id text, campaign_id text, campaign_name text,
    effective_status text, objective text
);
create table dim_instagram_accounts (
    client_id text, instagram_account_id text, username text, account_name text
);
create table mart_client_daily (
    client_id text, day date, is_complete boolean, results_expected decimal(18, 6),
    results_expected_low decimal(18, 6), results_expected_high decimal(18, 6),
    expected_basis text, accounts integer, coverage text, reason text,
    page_views bigint, page_interactions bigint, page_new_follows bigint,
    instagram_views bigint, instagram_interactions bigint, instagram_new_follows bigint,
    instagram_reach bigint, link_ctr double, link_cpc double,
    {_MEASURES}
);
create table fct_campaign_daily (
    client_id text, ad_account_id text, day date, campaign_id text, campaign_name text,
    {_MEASURES}
);
create table fct_platform_daily (
    client_id text, ad_account_id text, day date, campaign_id text, publisher_platform text,
    {_MEASURES}
);
create table fct_age_gender_daily (
    client_id text, ad_account_id text, day date, age text, gender text, {_MEASURES}
);
create table fct_account_monthly (
    client_id text, month date, maturity text, settles_at timestamptz
);
create table fct_page_28d (
    client_id text, page_id text, day date, viewers_28d bigint, maturity text,
    settles_at timestamptz
);
create table mart_organic_bridge (
    client_id text, asset_id text, day date, surface text, canonical text, value bigint,
    metric text, comparable boolean, is_break boolean, is_additive boolean, series_id text,
    note text, maturity text,
    settles_at timestamptz
);
create table mart_freshness (
    client_id text, ad_account_id text, day date, coverage text, reason text, is_active boolean,
    maturity text, pulled_at timestamptz, settles_at timestamptz
);
create table mart_coverage (
    client_id text, asset_id text, day date, report text, coverage text, reason text,
    is_asked boolean, maturity text, pulled_at timestamptz, settles_at timestamptz
);
"""

# The months as dbt makes them, as far as reports read them: those of whole days alone.
_MONTHS = """
create or replace table mart_monthly_report as
with spans as (
    select
        client_id,
        account_currency,
        cast(date_trunc('month', day) as date) as month,
        max(day) filter (where is_complete) as last_day
    from mart_client_daily
    group by all
),
bounded as (
    select
        *,
        month as first_day,
        cast(month - interval 1 month as date) as previous_first_day,
        case
            when last_day = last_day(month) then month - 1
            else cast(last_day - interval 1 month as date)
        end as previous_last_day
    from spans
),
sums as (
    select
        bounded.*,
        {now},
        {before},
        sum(page_views) filter (where day >= month) as page_views,
        sum(page_interactions) filter (where day >= month) as page_interactions,
        sum(page_new_follows) filter (where day >= month) as page_new_follows,
        sum(instagram_views) filter (where day >= month) as instagram_views,
        sum(instagram_interactions) filter (where day >= month) as instagram_interactions,
        sum(instagram_new_follows) filter (where day >= month) as instagram_new_follows,
        max(day) filter (where last_day = last_day(month) or page_views is not null)
            as page_through,
        max(day) filter (where last_day = last_day(month) or instagram_views is not null)
            as instagram_through,
        count(*) filter (where day >= month and not is_complete) as days_missing,
        count(*) filter (where day >= month and maturity <> 'final') as days_unsettled,
        min(pulled_at) as pulled_at
    from bounded
    left join mart_client_daily as days
        on
            bounded.client_id = days.client_id
            and bounded.account_currency = days.account_currency
            and days.day between previous_first_day and last_day
    group by all
),
rated as (
    select
        *,
        {ratios},
        {previous_ratios}
    from sums
)
select
    *,
    {changes},
    date_diff('day', first_day, last_day) + 1 as days_elapsed,
    day(last_day(month)) as days_in_month,
    days_missing = 0 as is_complete,
    days_missing = 0 and days_unsettled = 0 and last_day = last_day(month) as is_settled,
    '7d_click' as attribution_settings,
    'omni_purchase' as result_action_type,
    cast(1234 as bigint) as reach,
    1.75 as frequency,
    last_day as reach_through,
    cast(null as text) as reach_note,
    cast(null as decimal(38, 6)) as results_expected,
    $settles as settles_at
from rated
"""

_PACING = """
create or replace table mart_pacing as
select
    months.client_id, months.account_currency, months.month,
    clients.target_spend, clients.target_results, clients.target_cost_per_result
from mart_monthly_report as months
inner join dim_clients as clients on months.client_id = clients.client_id
"""

_SUMS = ("spend", "impressions", "clicks", "link_clicks", "results")
_RATIOS = {
    "link_ctr": "link_clicks{s} / nullif(impressions{s}, 0)",
    "link_cpc": "cast(spend{s} as double) / nullif(link_clicks{s}, 0)",
    "cpm": "1000 * cast(spend{s} as double) / nullif(impressions{s}, 0)",
    "cost_per_result": "cast(spend{s} as double) / nullif(cast(results{s} as double), 0)",
}
_CHANGED = ("spend", "impressions", "link_clicks", "link_ctr", "link_cpc", "cpm")


class ReportMarts:
    """Marts of clients with one ad account each, in a file once `save` was called."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("set TimeZone = 'UTC'")
        self.connection.execute(_TABLES)

    def client(self, client_id: str = "acme", currency: str = "USD", **targets: Any) -> None:
        """A client with an ad account in a currency, and its targets."""
        self.add("dim_clients", client_id=client_id, is_active=True, **targets)
        self.add(
            "dim_ad_accounts",
            client_id=client_id,
            ad_account_id="act_1",
            account_currency=currency,
            time_zone="America/New_York",
            is_active=True,
        )

    def days(self, first: date, last: date, client_id: str = "acme", **values: Any) -> None:
        """Days that are known: of the account, its one campaign, platform, and age and gender."""
        row: dict[str, Any] = {"client_id": client_id, "account_currency": "USD"}
        row |= {"spend": 100, "impressions": 10_000, "clicks": 200, "link_clicks": 100}
        row |= {"results": 5, "maturity": "final", "settles_at": SETTLES}
        row |= {"pulled_at": datetime(2026, 11, 29, 6, tzinfo=UTC), "is_complete": True}
        row |= {"ad_account_id": "act_1", "campaign_id": "c1", "campaign_name": "Autumn"}
        row |= {"accounts": 1, "coverage": "pulled", "is_asked": True, "is_active": True}
        row |= {"publisher_platform": "facebook", "age": "18-24", "gender": "female"} | values
        row |= {
            "link_ctr": row["link_clicks"] / row["impressions"] if row["impressions"] else None,
            "link_cpc": row["spend"] / row["link_clicks"] if row["link_clicks"] else None,
        }
        span = (first, last)
        self.add("mart_client_daily", span, **row)
        row |= {"asset_id": "act_1"}
        self.add("mart_freshness", span, **row)
        for kind in ("campaign", "platform", "age_gender"):
            self.add(f"fct_{kind}_daily", span, **row)
        for report in PAID_REPORTS:
            self.add("mart_coverage", span, **row, report=report)

    def page(self, first: date, last: date, **values: Any) -> None:
        """Page figures of acme's days, which are there; call it before `months`."""
        self.connection.execute(
            "update mart_client_daily set page_views = 50, page_interactions = 4, "
            "page_new_follows = 1 where day between ? and ?",
            [first, last],
        )
        row: dict[str, Any] = {"client_id": "acme", "asset_id": "p1", "page_id": "p1"}
        row |= {"surface": "page", "comparable": True, "is_break": False}
        row |= {"maturity": "final", "settles_at": SETTLES, "viewers_28d": 900}
        daily = {"views": 50, "viewers": 40, "interactions": 4, "new_follows": 1}
        for name, value in daily.items():
            row |= {
                "canonical": name,
                "value": value,
                "is_additive": name != "viewers",
                "metric": f"page_{name}",
                "series_id": name,
            }
            self.add("mart_organic_bridge", (first, last), **(row | values))
        self.add("fct_page_28d", (first, last), **row)

    def add(self, table: str, days: tuple[date, date] | None = None, **values: Any) -> None:
        """A row, or one a day; values of columns that the table has not are left out."""
        known = self.connection.execute(
            "select column_name from duckdb_columns() where table_name = ?", [table]
        ).fetchall()
        columns = [name for (name,) in known if name in values]
        marks = [f"${name}" for name in columns]
        given = {name: values[name] for name in columns}
        source = ""
        if days:
            columns.append("day")
            marks.append("cast(day as date)")
            source = "from range($first::date, $last::date + 1, interval 1 day) as days (day)"
            given |= {"first": days[0], "last": days[1]}
        self.connection.execute(
            f"insert into {table} ({', '.join(columns)}) select {', '.join(marks)} {source}", given
        )

    def months(self) -> duckdb.DuckDBPyConnection:
        """Makes the months of the days, and hands out the connection."""
        now = ", ".join(f"sum({one}) filter (where day >= month) as {one}" for one in _SUMS)
        before = ", ".join(
            f"sum({one}) filter (where day between previous_first_day and previous_last_day) "
            f"as {one}_previous"
            for one in _SUMS
        )
        changes = ", ".join(
            f"cast({one} - {one}_previous as double) / nullif({one}_previous, 0) as {one}_change"
            for one in _CHANGED
        )
        query = _MONTHS.format(
            now=now,
            before=before,
            ratios=", ".join(f"{_RATIOS[one].format(s='')} as {one}" for one in _RATIOS),
            previous_ratios=", ".join(
                f"{_RATIOS[one].format(s='_previous')} as {one}_previous" for one in _RATIOS
            ),
            changes=changes,
        )
        self.connection.execute(query, {"settles": SETTLES})
        self.connection.execute(_PACING)
        return self.connection

    def save(self, path: Path) -> Path:
        """Writes all tables into a file, as `reading_marts` opens one."""
        self.connection.execute(f"attach '{path}' as saved")
        self.connection.execute("copy from database memory to saved")
        self.connection.execute("detach saved")
        return path
