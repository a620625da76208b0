with

days as (

    select * from {{ ref('int_days__matured') }}

),

account_days as (

    select * from {{ ref('fct_account_daily') }}

),

ad_accounts as (

    select * from {{ ref('dim_ad_accounts') }}

),

-- The days of which the spend is known, be it nothing. A day pulled without a row stays NULL.
spine as (

    select
        days.client_id,
        days.asset_id as ad_account_id,
        days.day,
        coalesce(account_days.account_currency, ad_accounts.account_currency) as account_currency,
        case days.coverage
            when 'confirmed_empty' then coalesce(account_days.spend, 0) else account_days.spend
        end as spend,
        case days.coverage
            when 'confirmed_empty' then coalesce(account_days.impressions, 0)
            else account_days.impressions
        end as impressions,
        case days.coverage
            when 'confirmed_empty' then coalesce(account_days.clicks, 0) else account_days.clicks
        end as clicks,
        days.maturity,
        days.pulled_at,
        days.settles_at
    from days
    left join account_days
        on
            days.client_id = account_days.client_id
            and days.asset_id = account_days.ad_account_id
            and days.day = account_days.day
    left join ad_accounts
        on
            days.client_id = ad_accounts.client_id
            and days.asset_id = ad_accounts.ad_account_id
    where
        days.report = 'account_daily'
        and days.coverage in ('pulled', 'confirmed_empty')

),

-- A day in progress is known in part: no total may rest on it.
ended as (

    select
        *,
        case when maturity <> 'open' then spend end as ended_spend
    from spine

),

-- A sum over a window is kept only when every day of the window has a spend: a gap is not a zero.
windowed as (

    select
        *,
        case
            when count(ended_spend) over last_7d = 7 then sum(ended_spend) over last_7d
        end as spend_7d,
        case
            when count(ended_spend) over prior_7d = 7 then sum(ended_spend) over prior_7d
        end as spend_prior_7d,
        case
            when count(ended_spend) over last_28d = 28 then sum(ended_spend) over last_28d
        end as spend_28d,
        case
            when
                count(ended_spend) over month_to_date = day(day)
                then sum(ended_spend) over month_to_date
        end as spend_mtd
    from ended
    window
        last_7d as (
            partition by client_id, ad_account_id
            order by day
            range between interval 6 day preceding and current row
        ),
        prior_7d as (
            partition by client_id, ad_account_id
            order by day
            range between interval 13 day preceding and interval 7 day preceding
        ),
        last_28d as (
            partition by client_id, ad_account_id
            order by day
            range between interval 27 day preceding and current row
        ),
        month_to_date as (
            partition by client_id, ad_account_id, date_trunc('month', day)
            order by day
            range between unbounded preceding and current row
        )

),

-- One month back stops at that month's end: 31 March is compared with 1-28 February.
compared as (

    select
        this_month.*,
        last_month.spend_mtd as spend_mtd_last_month
    from windowed as this_month
    left join windowed as last_month
        on
            this_month.client_id = last_month.client_id
            and this_month.ad_account_id = last_month.ad_account_id
            and cast(this_month.day - interval 1 month as date) = last_month.day

),

final as (

    select
        client_id,
        ad_account_id,
        day,
        account_currency,
        spend,
        spend_7d,
        {{ ratio('spend_7d', '7') }} as spend_7d_mean,
        spend_prior_7d,
        {{ change('spend_7d', 'spend_prior_7d') }} as spend_wow,
        {{ ratio('spend_28d', '28') }} as spend_28d_mean,
        spend_mtd,
        spend_mtd_last_month,
        {{ change('spend_mtd', 'spend_mtd_last_month') }} as spend_mtd_change,
        impressions,
        clicks,
        {{ ctr() }} as ctr,
        {{ cpc() }} as cpc,
        {{ cpm() }} as cpm,
        maturity,
        pulled_at,
        settles_at
    from compared

)

select * from final
