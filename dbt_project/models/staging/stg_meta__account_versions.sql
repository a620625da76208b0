with

records as (

    select * from {{ source('raw', 'records') }}

),

parsed as (

    select
        client_id,
        asset_id as ad_account_id,
        pull_id,
        valid_from,
        valid_to,
        {{ payload_fields([
            'name', 'currency', 'timezone_name', 'account_status',
        ]) }} as fields
    from records
    where
        report = 'accounts'

),

final as (

    select
        client_id,
        ad_account_id,
        pull_id,
        valid_from,
        valid_to,
        fields.name as account_name,
        fields.currency as account_currency,
        fields.timezone_name,
        cast(fields.account_status as integer) as account_status
    from parsed

)

select * from final
