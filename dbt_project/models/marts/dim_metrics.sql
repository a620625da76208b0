with

catalogue as (

    select * from {{ ref('meta_metrics') }}

),

final as (

    select
        surface,
        name as metric,
        meaning,
        unit,
        additive as additivity,
        retention_months,
        retention_with_breakdowns as retention_with_breakdowns_months,
        born,
        died,
        replace(replaced_by, ' ', ', ') as replaced_by,
        source
    from catalogue

)

select * from final
