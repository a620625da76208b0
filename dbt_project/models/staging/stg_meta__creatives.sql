with

versions as (

    select * from {{ ref('stg_meta__creative_versions') }}

),

final as (

    select
        client_id,
        ad_account_id,
        creative_id,
        creative_name,
        title,
        body,
        link,
        object_type,
        status,
        call_to_action_type,
        post_id,
        url_tags
    from versions
    where {{ is_known() }}

)

select * from final
