with

records as (

    select * from {{ source('raw', 'records') }}

),

parsed as (

    select
        client_id,
        asset_id as page_id,
        part as metric,
        valid_from,
        valid_to,
        {{ payload_fields(['post_id', 'value']) }} as fields
    from records
    where
        report = 'post_insights'
        and {{ was_said() }}

),

-- Only recent posts are asked about: of the others the last version seen is what is known.
final as (

    select
        client_id,
        page_id,
        fields.post_id,
        metric,
        -- A number, or a JSON object for the metrics that Meta splits by kind.
        fields.value,
        valid_from,
        valid_to
    from parsed
    qualify
        row_number() over (
            partition by client_id, page_id, fields.post_id, metric
            order by valid_from desc, valid_to desc nulls first
        ) = 1

)

select * from final
