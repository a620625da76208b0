"""Marts for the dashboard, made in SQL: awkward names, two currencies, a gap, a broken series."""

from pathlib import Path

import duckdb

AWKWARD = """O'Neil "Söhne" </script><img src=x onerror="window.hacked=1">"""
RTL = "קמפיין <b>חורף</b> & Co"

# Days 2026-09-12 to 2026-11-20, all known but 2026-11-03; the last two are not settled.
_MARTS = f"""
create table dim_clients as
    select * from (values
        ('oneil', $${AWKWARD}$$, 'omni_purchase', true),
        ('bare', 'مقهى', null, true),
        ('gone', 'Gone', 'omni_purchase', false)
    ) as rows (client_id, client_name, result_action_type, is_active);
create table dim_ad_accounts as
    select *, 'UTC' as time_zone, true as is_active from (values
        ('oneil', 'act_1', 'One', 'USD'), ('oneil', 'act_2', 'Two', 'JPY')
    ) as rows (client_id, ad_account_id, account_name, account_currency);
create table dim_campaigns as
    select *, 'ACTIVE' as effective_status, 'OUTCOME_SALES' as objective from (values
        ('oneil', 'act_1', '11', $${RTL}$$), ('oneil', 'act_1', '12', 'Brand'),
        ('oneil', 'act_2', '21', 'Japan')
    ) as rows (client_id, ad_account_id, campaign_id, campaign_name);
create table dim_instagram_accounts (
    client_id text, instagram_account_id text, username text, account_name text
);
create table days as
    select
        cast(day as date) as day,
        date_diff('day', date '2026-09-12', cast(day as date)) as number,
        cast(day as date) = date '2026-11-03' as is_gap,
        case
            when day >= date '2026-11-19' then 'settling'
            when day >= date '2026-10-25' then 'attributing'
            else 'final'
        end as maturity,
        timestamptz '2026-11-21 06:00:00+00' as pulled_at,
        cast(day as date) + interval 29 day as settles_at
    from generate_series(date '2026-09-12', date '2026-11-20', interval 1 day) as series (day);
create table fct_platform_daily as
    select
        'oneil' as client_id, ad_account_id, day, campaign_id, publisher_platform,
        account_currency,
        cast(factor * (number % 7 + 1) * if(campaign_id = '12', 1.9, 1.37) as decimal(18, 6))
            as spend,
        cast(factor * 100 * (number % 5 + 3) as bigint) as impressions,
        cast(if(campaign_id = '12', 0, number % 4 + 2) as bigint) as clicks,
        cast(if(campaign_id = '12', null, number % 3 + 1) as bigint) as link_clicks,
        cast(if(campaign_id = '12', 0, number % 3 + 2) as decimal(18, 6)) as results,
        maturity, pulled_at, settles_at
    from days, (values
        ('act_1', '11', 'facebook', 'USD', 3), ('act_1', '11', 'instagram', 'USD', 2),
        ('act_1', '12', 'instagram', 'USD', 1), ('act_2', '21', 'facebook', 'JPY', 100)
    ) as rows (ad_account_id, campaign_id, publisher_platform, account_currency, factor)
    where not is_gap;
-- One result more than by platform, as conversions off Meta's own surfaces are left out there.
create table fct_campaign_daily as
    select
        client_id, ad_account_id, day, campaign_id, account_currency, sum(spend) as spend,
        sum(impressions) as impressions, sum(clicks) as clicks, sum(link_clicks) as link_clicks,
        sum(results) + if(campaign_id = '11', 1, 0) as results
    from fct_platform_daily
    group by client_id, ad_account_id, day, campaign_id, account_currency;
create table mart_client_daily as
    select
        'oneil' as client_id, account_currency, days.day, 1 as accounts,
        not is_gap as is_complete, if(is_gap, 'failed', 'pulled') as coverage,
        if(is_gap, 'act_1: <b>refused</b>', null) as reason,
        sum(spend) as spend, sum(impressions) as impressions, sum(clicks) as clicks,
        sum(coalesce(link_clicks, if(clicks = 0, 0, null))) as link_clicks,
        sum(results) as results,
        sum(results) * if(maturity = 'settling', 1.5, 1) as results_expected,
        sum(results) * if(maturity = 'settling', 1.2, 1) as results_expected_low,
        sum(results) * if(maturity = 'settling', 1.9, 1) as results_expected_high,
        if(maturity = 'settling', 'client', null) as expected_basis,
        if(is_gap, null, maturity) as maturity
    from days
    cross join (values ('USD'), ('JPY')) as currencies (account_currency)
    left join fct_campaign_daily using (account_currency, day)
    group by account_currency, days.day, is_gap, maturity;
create table mart_coverage as
    select
        'oneil' as client_id, ad_account_id as asset_id, day, report,
        if(is_gap, 'failed', 'pulled') as coverage,
        if(is_gap, '<b>refused</b>', null) as reason, true as is_asked,
        if(is_gap, null, maturity) as maturity, if(is_gap, null, pulled_at) as pulled_at, settles_at
    from days, dim_ad_accounts, (values
        ('account_daily'), ('campaign_daily'), ('platform_daily')
    ) as reports (report);
create table mart_freshness as
    select
        client_id, asset_id as ad_account_id, day, true as is_active, coverage, reason, maturity,
        pulled_at, settles_at
    from mart_coverage
    where report = 'account_daily';
create table mart_organic_bridge as
    select
        'oneil' as client_id, 'page1' as asset_id, day, 'page' as surface, canonical,
        cast(1000 + number as bigint) as value,
        if(day < date '2026-10-20', 'page_impressions', 'page_media_view') as metric,
        day >= date '2026-10-20' as comparable, day = date '2026-10-20' as is_break,
        'oneil/page1/' || canonical || if(day < date '2026-10-20', '/1', '/2') as series_id,
        'what it counts' as note, canonical <> 'viewers' as is_additive, maturity, pulled_at,
        settles_at
    from days, (values ('views'), ('viewers')) as names (canonical);
drop table days;
"""


def write_marts(path: Path) -> Path:
    """Writes the marts to a new file."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(_MARTS)
    return path
