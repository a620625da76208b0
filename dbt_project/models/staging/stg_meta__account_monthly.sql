with

records as (

    select * from {{ source('raw', 'records') }}

),

parsed as (

    select
        client_id,
        asset_id as ad_account_id,
        day as month,
        {{ insight_fields(['date_stop']) }} as fields
    from records
    where
        report = 'account_monthly'
        and {{ is_known() }}

),

final as (

    select
        client_id,
        ad_account_id,
        month,
        cast(fields.date_stop as date) as date_stop,
        {{ insight_columns() }}
    from parsed

)

select * from final
