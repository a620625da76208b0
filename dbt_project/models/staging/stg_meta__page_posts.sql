with

records as (

    select * from {{ source('raw', 'records') }}

),

parsed as (

    select
        client_id,
        asset_id as page_id,
        valid_from,
        valid_to,
        {{ payload_fields([
            'id', 'created_time', 'message', 'permalink_url', 'status_type',
        ]) }} as fields
    from records
    where
        report = 'page_posts'
        and {{ was_said() }}

),

-- Only recent posts are listed: of the others the last version seen is what is known.
final as (

    select
        client_id,
        page_id,
        fields.id as post_id,
        fields.message,
        fields.permalink_url,
        fields.status_type,
        {{ is_known() }} as is_listed,
        cast(fields.created_time as timestamptz) as created_time
    from parsed
    qualify
        row_number() over (
            partition by client_id, page_id, fields.id
            order by valid_from desc, valid_to desc nulls first
        ) = 1

)

select * from final
