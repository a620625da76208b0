{#- The reports cut into Pacific days (Page Insights guide; Instagram's are dated the same way). -#}
{% macro organic_reports() -%} ('page_daily', 'page_28d', 'instagram_daily') {%- endmacro %}


{#- What Instagram sends for metric_type=total_value, as from_json writes a type. -#}
{% macro total_value_schema() -%}
    {"value":"VARCHAR","breakdowns":[
        {"results":[{"dimension_values":["VARCHAR"],"value":"VARCHAR"}]}
    ]}
{%- endmacro %}


{#-
    Meta's metrics of a day under canonical names, of each canonical name one: where an old and a
    new metric were both answered, the one that Meta still answers counts. `metrics` and `bridge`
    are relations; the bridge is that of one surface. Metrics that Meta splits by kind come as an
    object, have no one number, and are left out.
-#}
{% macro bridged(metrics, bridge, asset_column) -%}
    select
        metrics.client_id,
        metrics.{{ asset_column }},
        metrics.day,
        metrics.metric,
        bridge.canonical,
        bridge.comparable,
        bridge.note as metric_note,
        cast(metrics.value as bigint) as value
    from (
        select * from {{ metrics }}
        where value is not null and left(value, 1) <> '{'
    ) as metrics
    inner join {{ bridge }} as bridge
        on
            metrics.metric = bridge.metric
            and metrics.day >= coalesce(bridge.valid_from, metrics.day)
            and metrics.day < coalesce(bridge.valid_to, metrics.day + 1)
    qualify
        row_number() over (
            partition by metrics.client_id, metrics.{{ asset_column }}, metrics.day, bridge.canonical
            order by bridge.valid_to desc nulls first, metrics.metric asc
        ) = 1
{%- endmacro %}


{#-
    A daily fact of organic metrics: one row a day with at least one figure, under the names that
    the seed metric_bridge gives to Meta's metrics. `columns` says which of these names each column
    holds; a column in `traced` gets two more, for the metric behind it and whether that is
    counted by today's definition.
-#}
{% macro organic_fact(report, surface, asset_column, columns, traced) -%}
with

metrics as (

    select * from {{ ref('stg_meta__' ~ report) }}
    {{ where_maybe_due(report, asset_column=asset_column) }}

),

due_days as (

    select * from {{ ref('int_days__matured') }}
    {{ where_due(report) }}

),

bridge as (

    select * from {{ ref('metric_bridge') }}
    where surface = '{{ surface }}'

),

bridged as (

    {{ bridged('metrics', 'bridge', asset_column) }}

),

pivoted as (

    select
        client_id,
        {{ asset_column }},
        day,
        {% for column in traced -%}
            {%- set canonical = columns[column] -%}
            any_value(metric) filter (where canonical = '{{ canonical }}') as {{ column }}_metric,
            any_value(comparable) filter (where canonical = '{{ canonical }}')
                as {{ column }}_comparable,
        {% endfor -%}
        {% for column, canonical in columns.items() -%}
            any_value(value) filter (where canonical = '{{ canonical }}') as {{ column }}
            {{- "," if not loop.last }}
        {% endfor %}
    from bridged
    group by client_id, {{ asset_column }}, day

),

final as (

    select
        pivoted.*,
        due_days.reason as note,
        due_days.maturity,
        due_days.pulled_at,
        due_days.settles_at,
        due_days.load_seq
    from pivoted
    inner join due_days
        on
            pivoted.client_id = due_days.client_id
            and pivoted.{{ asset_column }} = due_days.asset_id
            and pivoted.day = due_days.day

)

select * from final
{%- endmacro %}
