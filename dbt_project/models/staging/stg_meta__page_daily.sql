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
        report = 'page_daily'
        and {{ is_known() }}

),

final as (

    select
        client_id,
        page_id,
        day,
        metric,
        -- A number, or a JSON object for the metrics that Meta splits by kind.
        fields.value
    from parsed

)

select * from final
