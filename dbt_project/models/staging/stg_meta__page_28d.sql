with

records as (

    select * from {{ source('raw', 'records') }}

),

parsed as (

    select
        client_id,
        asset_id as page_id,
        day,
        part as metric,
        {{ payload_fields(['value']) }} as fields
    from records
    where
        report = 'page_28d'
        and {{ is_known() }}

),

final as (

    select
        client_id,
        page_id,
        day,
        metric,
        fields.value
    from parsed

)

select * from final
