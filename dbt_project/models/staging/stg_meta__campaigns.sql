with

versions as (

    select * from {{ ref('stg_meta__campaign_versions') }}

),

final as (

    select
        client_id,
        ad_account_id,
        campaign_id,
        campaign_name,
        objective,
        status,
        effective_status,
        buying_type,
        bid_strategy,
        daily_budget_minor,
        lifetime_budget_minor,
        start_time,
        stop_time,
        created_time,
        updated_time
    from versions
    where {{ is_known() }}

)

select * from final
