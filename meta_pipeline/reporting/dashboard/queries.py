"""The questions that the dashboard puts to the marts."""

CLIENTS = """
select client_id, client_name, result_action_type, is_active
from dim_clients
order by lower(coalesce(client_name, client_id)), client_id
"""

DAILY = """
select
    client_id, account_currency as currency, day, spend, impressions, clicks, link_clicks, results,
    results_expected as expected, results_expected_low as low, results_expected_high as high,
    expected_basis as basis,
    list_position(['open', 'provisional', 'settling', 'attributing', 'final'], maturity) - 1
        as maturity,
    is_complete as known,
    case when not is_complete then coalesce(reason, coverage) end as reason
from mart_client_daily
order by client_id, account_currency nulls last, day
"""

# Where there are no clicks at all, Meta leaves link clicks out: `known_link_clicks` of the marts.
CAMPAIGN_DAILY = """
select
    client_id, account_currency as currency, day, ad_account_id as account, campaign_id as campaign,
    spend, impressions, clicks, coalesce(link_clicks, if(clicks = 0, 0, null)) as link_clicks,
    results
from fct_campaign_daily
order by client_id, account_currency nulls last, day, ad_account_id, campaign_id
"""

PLATFORM_DAILY = """
select
    client_id, account_currency as currency, day, ad_account_id as account, campaign_id as campaign,
    publisher_platform as platform,
    spend, impressions, clicks, coalesce(link_clicks, if(clicks = 0, 0, null)) as link_clicks,
    results
from fct_platform_daily
order by
    client_id, account_currency nulls last, day, ad_account_id, campaign_id, publisher_platform
"""

# A day of a report is known when every ad account of that currency has an answer to it, of all
# whose own day has one.
COVERAGE = """
with accounts as (
    select
        coverage.client_id, accounts.account_currency, coverage.day,
        bool_or(coverage.report = 'campaign_daily' and coverage.is_known) as campaigns,
        bool_or(coverage.report = 'platform_daily' and coverage.is_known) as platforms,
        bool_or(coverage.report = 'account_daily' and coverage.is_known) as is_known,
        min(coverage.maturity) filter (where coverage.report = 'platform_daily') as maturity
    from (
        select
            client_id, asset_id, day, report,
            coverage in ('pulled', 'confirmed_empty') as is_known,
            list_position(['open', 'provisional', 'settling', 'attributing', 'final'], maturity) - 1
                as maturity
        from mart_coverage
        where report in ('account_daily', 'campaign_daily', 'platform_daily')
    ) as coverage
    inner join dim_ad_accounts as accounts
        on coverage.client_id = accounts.client_id
        and coverage.asset_id = accounts.ad_account_id
    group by coverage.client_id, accounts.account_currency, coverage.day, coverage.asset_id
),
days as (
    select
        client_id, account_currency, day,
        count(*) filter (where is_known) as accounts,
        bool_and(campaigns) filter (where is_known) as campaigns,
        bool_and(platforms) filter (where is_known) as platforms,
        min(maturity) as maturity
    from accounts
    group by client_id, account_currency, day
)
select
    daily.client_id, daily.account_currency as currency, daily.day,
    coalesce(days.campaigns and days.accounts >= daily.accounts, false) as campaigns,
    coalesce(days.platforms and days.accounts >= daily.accounts, false) as platforms,
    days.maturity
from mart_client_daily as daily
left join days
    on daily.client_id = days.client_id
    and daily.account_currency is not distinct from days.account_currency
    and daily.day = days.day
order by daily.client_id, daily.account_currency nulls last, daily.day
"""

CAMPAIGNS = """
select
    client_id, ad_account_id as account, campaign_id as campaign, campaign_name as name,
    effective_status as status, objective
from dim_campaigns
order by client_id, ad_account_id, campaign_id
"""

ACCOUNTS = """
select
    client_id, ad_account_id as account, account_name as name, account_currency as currency,
    time_zone, is_active
from dim_ad_accounts
order by client_id, ad_account_id
"""

ORGANIC = """
select
    bridge.client_id, bridge.day, surface, asset_id as asset,
    coalesce(instagram.username, instagram.account_name) as name, canonical, value, metric,
    comparable, series_id as series, is_additive as additive, note,
    list_position(['open', 'provisional', 'settling', 'attributing', 'final'], maturity) - 1
        as maturity
from mart_organic_bridge as bridge
left join dim_instagram_accounts as instagram
    on bridge.client_id = instagram.client_id
    and bridge.asset_id = instagram.instagram_account_id
where canonical in ('views', 'viewers', 'interactions', 'follows', 'new_follows', 'unfollows')
order by bridge.client_id, surface, asset_id, canonical, bridge.day
"""

# What left clients.yml, or the client's list of reports, is missed by nobody.
REPORTS = """
select
    client_id, asset_id as asset, report,
    max(day) filter (where coverage in ('pulled', 'confirmed_empty')) as through,
    count(*) filter (where coverage in ('pulled', 'confirmed_empty')) as known,
    count(*) filter (where coverage not in ('pulled', 'confirmed_empty', 'beyond_retention'))
        as missing,
    max(day) filter (where coverage not in ('pulled', 'confirmed_empty', 'beyond_retention'))
        as newest_missing,
    count(*) filter (where coverage = 'beyond_retention') as beyond,
    arg_max(coalesce(reason, coverage), day) filter (
        where coverage not in ('pulled', 'confirmed_empty', 'beyond_retention')
    ) as reason
from mart_coverage
where is_asked
group by client_id, asset_id, report
order by client_id, asset_id, report
"""
