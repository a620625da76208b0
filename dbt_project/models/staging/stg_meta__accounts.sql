with

versions as (

    select * from {{ ref('stg_meta__account_versions') }}

),

final as (

    select
        client_id,
        ad_account_id,
        account_name,
        account_currency,
        timezone_name,
        account_status
    from versions
    where {{ is_known() }}

)

select * from final
