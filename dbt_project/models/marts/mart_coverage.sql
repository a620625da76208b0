with

days as (

    select * from {{ ref('int_days__matured') }}

),

clients as (

    select * from {{ ref('stg_meta__clients') }}

),

final as (

    select
        days.client_id,
        days.asset_id,
        days.day,
        days.report,
        days.coverage,
        days.reason,
        coalesce(list_contains(clients.reports, days.report), true) as is_asked,
        days.maturity,
        days.pulled_at,
        days.settles_at
    from days
    left join clients
        on days.client_id = clients.client_id

)

select * from final
