{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        meta={'report': 'account_28d', 'asset_column': 'ad_account_id'}
    )
}}

with

windows as (

    select * from {{ ref('stg_meta__account_28d') }}
    {{ where_maybe_due('account_28d') }}

),

due_days as (

    select * from {{ ref('int_days__matured') }}
    {{ where_due('account_28d') }}

),

final as (

    select
        windows.client_id,
        windows.ad_account_id,
        windows.day,
        windows.date_start as first_day,
        windows.account_currency,
        windows.spend as spend_28d,
        windows.impressions as impressions_28d,
        windows.clicks as clicks_28d,
        windows.reach as reach_28d,
        windows.frequency as frequency_28d,
        due_days.maturity,
        due_days.pulled_at,
        due_days.settles_at,
        due_days.load_seq
    from windows
    inner join due_days
        on
            windows.client_id = due_days.client_id
            and windows.ad_account_id = due_days.asset_id
            and windows.day = due_days.day

)

select * from final
