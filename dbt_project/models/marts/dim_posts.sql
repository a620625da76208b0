with

listed as (

    select * from {{ ref('stg_meta__page_posts') }}

),

insights as (

    select * from {{ ref('stg_meta__post_insights') }}

),

-- A post of which only figures are known is listed without its text.
known as (

    select
        client_id,
        page_id,
        post_id
    from listed
    union distinct
    select
        client_id,
        page_id,
        post_id
    from insights

),

final as (

    select
        known.client_id,
        known.page_id,
        known.post_id,
        listed.message,
        listed.permalink_url,
        listed.status_type,
        coalesce(listed.is_listed, false) as is_listed,
        listed.created_time
    from known
    left join listed
        on
            known.client_id = listed.client_id
            and known.page_id = listed.page_id
            and known.post_id = listed.post_id

)

select * from final
