with

months as (

    select * from {{ ref('stg_meta__account_monthly') }}

),

days as (

    select * from {{ ref('int_days__matured') }}
    where report = 'account_monthly'

),

ended as (

    select
        months.*,
        days.pulled_at,
        {{ day_end('months.date_stop', 'days.time_zone') }} as last_day_ends_at
    from months
    inner join days
        on
            months.client_id = days.client_id
            and months.ad_account_id = days.asset_id
            and months.month = days.day

),

final as (

    select
        client_id,
        ad_account_id,
        month,
        date_stop as month_end_covered,
        account_currency,
        spend,
        impressions,
        clicks,
        reach,
        frequency,
        {{ maturity('pulled_at', 'last_day_ends_at') }} as maturity,
        pulled_at,
        {{ settles_at('last_day_ends_at') }} as settles_at
    from ended

)

select * from final
