with

records as (

    select * from {{ source('raw', 'records') }}

),

compactions as (

    select * from {{ source('raw', 'compactions') }}

),

parsed as (

    select
        client_id,
        asset_id as instagram_account_id,
        day,
        part,
        {{ payload_fields(['value', 'total_value'], {'total_value': total_value_schema()}) }}
            as fields
    from records
    where
        report = 'instagram_daily'
        and {{ is_known() }}
        and {{ is_remembered() }}

),

totals as (

    select
        client_id,
        instagram_account_id,
        day,
        part as metric,
        coalesce(fields.value, fields.total_value.value) as value
    from parsed

),

-- follows_and_unfollows has a part for each; a part is named metric.DIMENSION_VALUE here.
split as (

    select
        client_id,
        instagram_account_id,
        day,
        part,
        unnest(
            flatten(list_transform(fields.total_value.breakdowns, lambda b: b.results))
        ) as result
    from parsed

),

final as (

    select * from totals
    union all
    select
        client_id,
        instagram_account_id,
        day,
        part || '.' || list_aggregate(result.dimension_values, 'string_agg', '.') as metric,
        result.value
    from split

)

select * from final
