with

trends as (

    select * from {{ ref('mart_spend_trends') }}

),

currency_offsets as (

    select * from {{ ref('currency_offsets') }}

),

-- Spend still grows in the first 24 hours after a day: such days are neither judged nor a measure.
settled as (

    select
        trends.client_id,
        trends.ad_account_id,
        trends.day,
        trends.account_currency,
        trends.spend,
        -- 100 minor units: 1 USD, 100 JPY.
        100.0 / coalesce(currency_offsets.currency_offset, 100) as floor_spend,
        trends.maturity,
        trends.pulled_at,
        trends.settles_at
    from trends
    left join currency_offsets
        on trends.account_currency = currency_offsets.currency
    where
        trends.spend is not null
        and trends.maturity in ('settling', 'attributing', 'final')

),

compared as (

    select
        *,
        count(*) over same_weekday as weekdays_known,
        count(*) filter (where spend > 0) over same_weekday as weekdays_with_spend,
        median(spend) over same_weekday as usual_spend,
        mad(spend) over same_weekday as absolute_deviation,
        row_number() over (
            partition by client_id, ad_account_id
            order by day desc
        ) = 1 as is_newest
    from settled
    window
        same_weekday as (
            partition by client_id, ad_account_id, dayofweek(day)
            order by day
            range between interval 56 day preceding and interval 7 day preceding
        )

),

scaled as (

    select
        *,
        -- 1.4826 times the MAD is the standard deviation of normal figures.
        greatest(
            1.4826 * cast(absolute_deviation as double),
            0.1 * cast(usual_spend as double),
            floor_spend
        ) as spread
    from compared
    where weekdays_known >= 4

),

scored as (

    select
        *,
        cast(spend - usual_spend as double) / spread as z_score
    from scaled

),

final as (

    select
        client_id,
        ad_account_id,
        day,
        account_currency,
        spend,
        cast(usual_spend as decimal(18, 6)) as usual_spend,
        cast(spread as double) as spread,
        cast(z_score as double) as z_score,
        weekdays_known,
        weekdays_with_spend,
        case
            when
                spend = 0
                and usual_spend >= floor_spend
                and weekdays_with_spend >= 0.75 * weekdays_known
                then 'zero_spend'
            when z_score > 3.5 then 'high'
            when z_score < -3.5 then 'low'
        end as anomaly,
        is_newest,
        maturity,
        pulled_at,
        settles_at
    from scored

)

select * from final
