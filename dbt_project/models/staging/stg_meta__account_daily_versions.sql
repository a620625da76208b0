{{ config(meta={'report': 'account_daily'}) }}

with

records as (

    select * from {{ source('raw', 'records') }}

),

parsed as (

    select
        client_id,
        asset_id as ad_account_id,
        day,
        valid_from,
        valid_to,
        {{ insight_fields() }} as fields
    from records
    where
        report = 'account_daily'
        -- One that was replaced at the moment it began was never what Meta said.
        and coalesce(valid_to > valid_from, true)

),

final as (

    select
        client_id,
        ad_account_id,
        day,
        valid_from,
        valid_to,
        {{ insight_columns() }}
    from parsed

)

select * from final
