with

versions as (

    select * from {{ ref('stg_meta__adset_versions') }}

),

final as (

    select
        client_id,
        ad_account_id,
        campaign_id,
        adset_id,
        adset_name,
        status,
        effective_status,
        optimization_goal,
        billing_event,
        daily_budget_minor,
        lifetime_budget_minor,
        start_time,
        end_time,
        created_time,
        updated_time
    from versions
    where {{ is_known() }}

)

select * from final
