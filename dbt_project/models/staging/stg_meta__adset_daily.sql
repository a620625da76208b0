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
            'campaign_id', 'campaign_name', 'adset_id', 'adset_name', 'objective',
            'optimization_goal', 'attribution_setting',
        ]) }} as fields
    from records
    where
        report = 'adset_daily'
        and {{ is_known() }}

),

final as (

    select
        client_id,
        ad_account_id,
        day,
        fields.campaign_id,
        fields.campaign_name,
        fields.adset_id,
        fields.adset_name,
        fields.objective,
        fields.optimization_goal,
        fields.attribution_setting,
        {{ insight_columns() }}
    from parsed

)

select * from final
