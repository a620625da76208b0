with

records as (

    select * from {{ source('raw', 'records') }}

),

parsed as (

    select
        client_id,
        asset_id as ad_account_id,
        day,
        {{ insight_fields() }} as fields
    from records
    where
        report = 'account_daily'
        and {{ is_known() }}

),

final as (

    select
        client_id,
        ad_account_id,
        day,
        {{ insight_columns() }}
    from parsed

)

select * from final
