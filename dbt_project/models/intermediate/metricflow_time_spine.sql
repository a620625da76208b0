with

days as (

    select * from {{ ref('int_days__matured') }}

),

bounds as (

    select
        min(day) as first_day,
        max(day) as last_day
    from days

),

final as (

    select cast(unnest(generate_series(first_day, last_day, interval 1 day)) as date) as day
    from bounds

)

select * from final
