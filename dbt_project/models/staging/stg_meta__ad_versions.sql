with

records as (

    select * from {{ source('raw', 'records') }}

),

parsed as (

    select
        client_id,
        asset_id as ad_account_id,
        valid_from,
        valid_to,
        {{ payload_fields(
            [
                'id', 'campaign_id', 'adset_id', 'name', 'status', 'effective_status', 'creative',
                'created_time', 'updated_time',
            ],
            {'creative': '{"id":"VARCHAR"}'}
        ) }} as fields
    from records
    where
        report = 'ads'

),

final as (

    select
        client_id,
        ad_account_id,
        valid_from,
        valid_to,
        fields.campaign_id,
        fields.adset_id,
        fields.id as ad_id,
        fields.name as ad_name,
        fields.creative.id as creative_id,
        fields.status,
        fields.effective_status,
        cast(fields.created_time as timestamptz) as created_time,
        cast(fields.updated_time as timestamptz) as updated_time
    from parsed

)

select * from final
