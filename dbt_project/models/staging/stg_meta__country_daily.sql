with

records as (

    select * from {{ source('raw', 'records') }}

),

parsed as (

    select
        client_id,
        asset_id as ad_account_id,
        day,
        {{ insight_fields([
            'campaign_id', 'campaign_name', 'country', 'objective', 'attribution_setting',
        ]) }} as fields
    from records
    where
        report = 'country_daily'
        and {{ is_known() }}

),

final as (

    select
        client_id,
        ad_account_id,
        day,
        fields.campaign_id,
        fields.campaign_name,
        fields.country,
        fields.objective,
        fields.attribution_setting,
        {{ insight_columns() }}
    from parsed

)

select * from final
