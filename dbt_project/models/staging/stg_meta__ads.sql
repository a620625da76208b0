with

versions as (

    select * from {{ ref('stg_meta__ad_versions') }}

),

final as (

    select
        client_id,
        ad_account_id,
        campaign_id,
        adset_id,
        ad_id,
        ad_name,
        creative_id,
        status,
        effective_status,
        created_time,
        updated_time
    from versions
    where {{ is_known() }}

)

select * from final
