{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        meta={'report': 'ad_daily', 'asset_column': 'ad_account_id'}
    )
}}

with

actions as (

    select * from {{ ref('int_actions__unnested') }}
    {{ where_maybe_due('ad_daily') }}

),

due_days as (

    select * from {{ ref('int_days__matured') }}
    {{ where_due('ad_daily') }}

),

-- One row of Meta's list each; the sums only bring its count and its value together.
combined as (

    select
        client_id,
        ad_account_id,
        day,
        campaign_id,
        adset_id,
        ad_id,
        action_type,
        attribution_window,
        account_currency,
        sum(amount) filter (where not is_value) as actions,
        sum(amount) filter (where is_value) as action_value
    from actions
    group by all

),

final as (

    select
        combined.client_id,
        combined.ad_account_id,
        combined.day,
        combined.campaign_id,
        combined.adset_id,
        combined.ad_id,
        combined.action_type,
        combined.attribution_window,
        combined.account_currency,
        cast(combined.actions as decimal(18, 6)) as actions,
        cast(combined.action_value as decimal(18, 6)) as action_value,
        due_days.maturity,
        due_days.pulled_at,
        due_days.settles_at,
        due_days.load_seq
    from combined
    inner join due_days
        on
            combined.client_id = due_days.client_id
            and combined.ad_account_id = due_days.asset_id
            and combined.day = due_days.day

)

select * from final
