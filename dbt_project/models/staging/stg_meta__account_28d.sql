with

records as (

    select * from {{ source('raw', 'records') }}

),

parsed as (

    select
        client_id,
        asset_id as ad_account_id,
        day,
        {{ insight_fields(['date_start']) }} as fields
    from records
    where
        report = 'account_28d'
        and {{ is_known() }}

),

final as (

    select
        client_id,
        ad_account_id,
        day,
        cast(fields.date_start as date) as date_start,
        {{ insight_columns() }}
    from parsed

)

select * from final
