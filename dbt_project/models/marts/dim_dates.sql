with

covered_days as (

    select * from {{ ref('int_days__matured') }}

),

bounds as (

    select
        min(day) as first_day,
        last_day(make_date(year(max(day)), 12, 1)) as until
    from covered_days

),

days as (

    select cast(unnest(generate_series(first_day, until, interval 1 day)) as date) as day
    from bounds

),

final as (

    select
        day,
        cast(year(day) as integer) as year,
        cast(quarter(day) as integer) as quarter,
        cast(month(day) as integer) as month,
        monthname(day) as month_name,
        cast(day(day) as integer) as day_of_month,
        cast(isoyear(day) as integer) as iso_year,
        cast(weekofyear(day) as integer) as iso_week,
        cast(isodow(day) as integer) as weekday,
        dayname(day) as weekday_name,
        isodow(day) >= 6 as is_weekend,
        cast(date_trunc('week', day) as date) as week_start,
        cast(date_trunc('month', day) as date) as month_start,
        last_day(day) as month_end,
        cast(day(last_day(day)) as integer) as days_in_month
    from days

)

select * from final
