with

days as (

    select * from {{ ref('int_days__matured') }}

),

final as (

    select
        client_id,
        asset_id,
        day,
        report,
        coverage,
        reason,
        maturity,
        pulled_at,
        settles_at
    from days

)

select * from final
