with

days as (

    select * from {{ ref('int_days__matured') }}
    where report in {{ daily_ads_reports() }}

),

ad_accounts as (

    select * from {{ ref('dim_ad_accounts') }}

),

clients as (

    select * from {{ ref('stg_meta__clients') }}

),

-- What the ad account was ever asked. The account's own days are asked of everybody.
ever_asked as (

    select distinct
        client_id,
        asset_id,
        report
    from days
    union distinct
    select distinct
        client_id,
        asset_id,
        'account_daily' as report
    from days

),

accounts as (

    select distinct
        client_id,
        asset_id
    from days

),

-- The client's list says what is missing: a report taken out of it is not, one put in is, on the
-- days before as well. Where the list is not known, what was ever asked stands for it.
listed as (

    select
        accounts.client_id,
        accounts.asset_id,
        unnest(clients.reports) as report
    from accounts
    inner join clients
        on accounts.client_id = clients.client_id

),

reports as (

    select
        client_id,
        asset_id,
        report
    from listed
    where report in {{ daily_ads_reports() }}
    union all
    select
        ever_asked.client_id,
        ever_asked.asset_id,
        ever_asked.report
    from ever_asked
    left join clients
        on ever_asked.client_id = clients.client_id
    where clients.reports is null

),

account_days as (

    select distinct
        client_id,
        asset_id,
        day
    from days

),

-- Every report of every day that any of them knows: one without coverage was never pulled.
asked as (

    select
        account_days.client_id,
        account_days.asset_id as ad_account_id,
        account_days.day,
        reports.report,
        coalesce(days.coverage, 'never_pulled') as coverage,
        case
            when days.report is null then 'never pulled'
            else coalesce(days.reason, days.coverage)
        end as reason,
        days.pulled_at,
        days.day_ends_at
    from account_days
    inner join reports
        on
            account_days.client_id = reports.client_id
            and account_days.asset_id = reports.asset_id
    left join days
        on
            account_days.client_id = days.client_id
            and account_days.asset_id = days.asset_id
            and account_days.day = days.day
            and reports.report = days.report

),

ranked as (

    select
        *,
        coverage in ('pulled', 'confirmed_empty') as is_covered,
        {{ coverage_rank('coverage') }} as coverage_rank
    from asked

),

summed as (

    select
        client_id,
        ad_account_id,
        day,
        arg_max(coverage, coverage_rank) as coverage,
        string_agg(
            case when not is_covered then report || ': ' || reason end, '; ' order by report
        ) as reason,
        count(*) filter (where is_covered) as reports_covered,
        count(*) filter (
            where not is_covered and coverage <> 'beyond_retention'
        ) as reports_missing,
        min(pulled_at) filter (where is_covered) as pulled_at,
        any_value(day_ends_at) as day_ends_at
    from ranked
    group by client_id, ad_account_id, day

),

-- All reports share the end of the day, so the oldest pull is the least mature one.
final as (

    select
        summed.client_id,
        summed.ad_account_id,
        summed.day,
        coalesce(ad_accounts.is_active, false) as is_active,
        summed.coverage,
        summed.reason,
        summed.reports_covered,
        summed.reports_missing,
        {{ maturity('summed.pulled_at', 'summed.day_ends_at') }} as maturity,
        summed.pulled_at,
        {{ settles_at('summed.day_ends_at') }} as settles_at
    from summed
    left join ad_accounts
        on
            summed.client_id = ad_accounts.client_id
            and summed.ad_account_id = ad_accounts.ad_account_id

)

select * from final
