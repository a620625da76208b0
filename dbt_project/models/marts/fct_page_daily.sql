{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        meta={'report': 'page_daily', 'asset_column': 'page_id'}
    )
}}

with

metrics as (

    select * from {{ ref('stg_meta__page_daily') }}
    {{ where_maybe_due('page_daily', asset_column='page_id') }}

),

due_days as (

    select * from {{ ref('int_days__matured') }}
    {{ where_due('page_daily') }}

),

bridge as (

    select * from {{ ref('metric_bridge') }}
    where surface = 'page'

),

-- Where an old and a new metric were both answered, the one that Meta still answers counts.
bridged as (

    select
        metrics.client_id,
        metrics.page_id,
        metrics.day,
        metrics.metric,
        metrics.value,
        bridge.canonical,
        bridge.comparable
    from metrics
    inner join bridge
        on
            metrics.metric = bridge.metric
            and metrics.day >= coalesce(bridge.valid_from, metrics.day)
            and metrics.day < coalesce(bridge.valid_to, metrics.day + 1)
    -- The metrics that Meta splits by kind come as an object and have no one number.
    where metrics.value is not null and left(metrics.value, 1) <> '{'
    qualify
        row_number() over (
            partition by metrics.client_id, metrics.page_id, metrics.day, bridge.canonical
            order by bridge.valid_to desc nulls first, metrics.metric asc
        ) = 1

),

typed as (

    select
        client_id,
        page_id,
        day,
        metric,
        canonical,
        comparable,
        cast(value as bigint) as value
    from bridged

),

pivoted as (

    select
        client_id,
        page_id,
        day,
        {% for name in [
            'views', 'viewers', 'interactions', 'follows', 'new_follows', 'unfollows', 'page_visits'
        ] -%}
            any_value(value) filter (where canonical = '{{ name }}') as {{ name }},
        {% endfor -%}
        any_value(metric) filter (where canonical = 'views') as views_metric,
        any_value(comparable) filter (where canonical = 'views') as views_comparable,
        any_value(metric) filter (where canonical = 'viewers') as viewers_metric,
        any_value(comparable) filter (where canonical = 'viewers') as viewers_comparable
    from typed
    group by client_id, page_id, day

),

final as (

    select
        pivoted.client_id,
        pivoted.page_id,
        pivoted.day,
        pivoted.views_metric,
        pivoted.views_comparable,
        pivoted.viewers_metric,
        pivoted.viewers_comparable,
        pivoted.views,
        pivoted.viewers,
        pivoted.interactions,
        pivoted.follows,
        pivoted.new_follows,
        pivoted.unfollows,
        pivoted.page_visits,
        due_days.maturity,
        due_days.pulled_at,
        due_days.settles_at,
        due_days.load_seq
    from pivoted
    inner join due_days
        on
            pivoted.client_id = due_days.client_id
            and pivoted.page_id = due_days.asset_id
            and pivoted.day = due_days.day

)

select * from final
