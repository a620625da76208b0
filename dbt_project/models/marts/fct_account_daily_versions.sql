{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        meta={'report': 'account_daily', 'asset_column': 'ad_account_id'}
    )
}}

with

insights as (

    select * from {{ ref('stg_meta__account_daily_versions') }}
    {{ where_maybe_due('account_daily') }}

),

due_days as (

    select * from {{ ref('int_days__matured') }}
    {{ where_due('account_daily') }}

),

clients as (

    select * from {{ ref('stg_meta__clients') }}

),

final as (

    select
        insights.client_id,
        insights.ad_account_id,
        insights.day,
        insights.valid_from,
        insights.valid_to,
        clients.result_action_type,
        insights.account_currency,
        insights.spend,
        insights.impressions,
        insights.clicks,
        insights.inline_link_clicks as link_clicks,
        {{ result_totals() }},
        due_days.load_seq
    from insights
    inner join due_days
        on
            insights.client_id = due_days.client_id
            and insights.ad_account_id = due_days.asset_id
            and insights.day = due_days.day
    left join clients
        on insights.client_id = clients.client_id

)

select * from final
