with

days as (

    select * from {{ ref('int_days__matured') }}

),

clients as (

    select * from {{ ref('stg_meta__clients') }}

),

client_assets as (

    select * from {{ ref('stg_meta__client_assets') }}

),

final as (

    select
        days.client_id,
        days.asset_id,
        days.day,
        days.report,
        days.coverage,
        days.reason,
        coalesce(clients.is_active, false)
        and client_assets.asset_id is not null
        and coalesce(list_contains(clients.reports, days.report), true) as is_asked,
        days.maturity,
        days.pulled_at,
        days.settles_at
    from days
    left join clients
        on days.client_id = clients.client_id
    left join client_assets
        on
            days.client_id = client_assets.client_id
            and days.asset_id = client_assets.asset_id

)

select * from final
