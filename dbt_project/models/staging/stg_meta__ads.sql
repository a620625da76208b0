with

versions as (

    select * from {{ ref('stg_meta__ad_versions') }}

),

final as (

    select * exclude (valid_from, valid_to)
    from versions
    where valid_to is null

)

select * from final
