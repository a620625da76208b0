{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        meta={'report': 'platform_daily', 'asset_column': 'ad_account_id'}
    )
}}

with

insights as (

    select * from {{ ref('stg_meta__platform_daily') }}
    {{ where_maybe_due('platform_daily') }}

),

due_days as (

    select * from {{ ref('int_days__matured') }}
    {{ where_due('platform_daily') }}

),

clients as (

    select * from {{ ref('stg_meta__clients') }}

),

counted as (

    select
        insights.*,
        {{ result_columns() }},
        due_days.maturity,
        due_days.pulled_at,
        due_days.settles_at,
        due_days.load_seq
    from insights
    inner join due_days
        on
            insights.client_id = due_days.client_id
            and insights.ad_account_id = due_days.asset_id
            and insights.day = due_days.day
    left join clients
        on insights.client_id = clients.client_id

),

final as (

    select
        client_id,
        ad_account_id,
        day,
        campaign_id,
        campaign_name,
        publisher_platform,
        objective,
        attribution_setting,
        {{ ad_measures() }},
        {{ maturity_columns() }}
    from counted

)

select * from final
