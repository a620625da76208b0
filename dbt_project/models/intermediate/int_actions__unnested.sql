with

ad_days as (

    select * from {{ ref('stg_meta__ad_daily') }}

),

actions as (

    select
        client_id,
        ad_account_id,
        day,
        campaign_id,
        adset_id,
        ad_id,
        account_currency,
        unnest(actions) as action,
        false as is_value
    from ad_days

),

action_values as (

    select
        client_id,
        ad_account_id,
        day,
        campaign_id,
        adset_id,
        ad_id,
        account_currency,
        unnest(action_values) as action,
        true as is_value
    from ad_days

),

-- An action may have a value and no count, or a count and no value.
entries as (

    select * from actions
    union all
    select * from action_values

),

windowed as (

    select
        * exclude (action),
        action.action_type,
        unnest({{ windows_of('action') }}) as attributed
    from entries

),

final as (

    select
        client_id,
        ad_account_id,
        day,
        campaign_id,
        adset_id,
        ad_id,
        account_currency,
        action_type,
        attributed.attribution_window,
        is_value,
        cast(attributed.amount as decimal(18, 6)) as amount
    from windowed

)

select * from final
