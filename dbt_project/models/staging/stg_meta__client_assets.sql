with

client_assets as (

    select * from {{ source('raw', 'client_assets') }}

),

final as (

    select
        client_id,
        asset_id,
        surface
    from client_assets

)

select * from final
