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

parts as (

    select
        client_id,
        instagram_account_id,
        day,
        part,
        part || '.' || list_aggregate(result.dimension_values, 'string_agg', '.') as metric,
        result.value
    from split

),

-- A part that Meta left out is zero where the parts it listed make up the whole that it named.
-- Without a whole nothing proves it, and there is none.
made_up as (

    select
        totals.client_id,
        totals.instagram_account_id,
        totals.day,
        totals.metric
    from totals
    inner join parts
        on
            totals.client_id = parts.client_id
            and totals.instagram_account_id = parts.instagram_account_id
            and totals.day = parts.day
            and totals.metric = parts.part
    where totals.metric = 'follows_and_unfollows'
    group by
        totals.client_id,
        totals.instagram_account_id,
        totals.day,
        totals.metric,
        totals.value
    having sum(cast(parts.value as bigint)) = cast(totals.value as bigint)

),

zeros as (

    select
        made_up.client_id,
        made_up.instagram_account_id,
        made_up.day,
        made_up.metric || '.' || kinds.kind as metric,
        '0' as value
    from made_up
    cross join (values ('FOLLOWER'), ('NON_FOLLOWER')) as kinds (kind)
    anti join parts
        on
            made_up.client_id = parts.client_id
            and made_up.instagram_account_id = parts.instagram_account_id
            and made_up.day = parts.day
            and made_up.metric || '.' || kinds.kind = parts.metric

),

final as (

    select * from totals
    union all
    select * exclude (part) from parts
    union all
    select * from zeros

)

select * from final
