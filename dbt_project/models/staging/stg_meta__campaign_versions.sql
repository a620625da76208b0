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
        {{ payload_fields([
            'id', 'name', 'objective', 'status', 'effective_status', 'buying_type',
            'bid_strategy', 'daily_budget', 'lifetime_budget', 'start_time', 'stop_time',
            'created_time', 'updated_time',
        ]) }} as fields
    from records
    where
        report = 'campaigns'

),

final as (

    select
        client_id,
        ad_account_id,
        valid_from,
        valid_to,
        fields.id as campaign_id,
        fields.name as campaign_name,
        fields.objective,
        fields.status,
        fields.effective_status,
        fields.buying_type,
        fields.bid_strategy,
        cast(fields.daily_budget as bigint) as daily_budget_minor,
        cast(fields.lifetime_budget as bigint) as lifetime_budget_minor,
        cast(fields.start_time as timestamptz) as start_time,
        cast(fields.stop_time as timestamptz) as stop_time,
        cast(fields.created_time as timestamptz) as created_time,
        cast(fields.updated_time as timestamptz) as updated_time
    from parsed

)

select * from final
