with

pulls as (

    select * from {{ ref('stg_meta__pulls') }}

),

days as (

    select * from {{ ref('int_days__matured') }}

),

asked as (

    select
        client_id,
        asset_id,
        pulled_at,
        unanswered_days,
        cast(
            unnest(generate_series(cast(since as timestamp), until, interval 1 day)) as date
        ) as day
    from pulls
    where
        report = 'account_daily'
        and status = 'complete'

),

-- Of pulls that landed before their ledger told, only a day's newest is sure to have answered.
final as (

    select distinct
        asked.client_id,
        asked.asset_id as ad_account_id,
        asked.day,
        asked.pulled_at,
        {{ age_hours('asked.pulled_at', 'days.day_ends_at') }} as age_hours
    from asked
    inner join days
        on
            asked.client_id = days.client_id
            and asked.asset_id = days.asset_id
            and asked.day = days.day
            and days.report = 'account_daily'
    where
        not coalesce(list_contains(asked.unanswered_days, asked.day), false)
        and case
            when asked.pulled_at = days.pulled_at then days.coverage <> 'unconfirmed_empty'
            else asked.unanswered_days is not null
        end

)

select * from final
