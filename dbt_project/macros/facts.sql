{#- The measures of an ad fact, the ratios last and from the components beside them. -#}
{% macro ad_measures() -%}
    result_action_type,
    account_currency,
    spend,
    impressions,
    clicks,
    link_clicks,
    reach,
    frequency,
    results,
    result_value,
    {{ ctr() }} as ctr,
    {{ link_ctr() }} as link_ctr,
    {{ cpc() }} as cpc,
    {{ link_cpc() }} as link_cpc,
    {{ cpm() }} as cpm,
    {{ cost_per_result() }} as cost_per_result
{%- endmacro %}


{#- Results of the client's own action type, from the actions of one row. -#}
{% macro result_totals() -%}
    cast(
        {{ action_total('insights.actions', 'clients.result_action_type', absent='0') }}
        as decimal(18, 6)
    ) as results,
    cast(
        {{ action_total('insights.action_values', 'clients.result_action_type', absent='null') }}
        as decimal(18, 6)
    ) as result_value
{%- endmacro %}


{#- The measures of an ad fact that come under another name, and its results. -#}
{% macro result_columns() -%}
    insights.inline_link_clicks as link_clicks,
    clients.result_action_type,
    {{ result_totals() }}
{%- endmacro %}


{#- How settled a row is, and the load that last touched its day. -#}
{% macro maturity_columns() -%}
    maturity,
    pulled_at,
    settles_at,
    load_seq
{%- endmacro %}


{#-
    A daily fact of the ads reports: the newest rows of the days that are due, with the client's
    results, the ratios and how settled they are. `attributes` are the columns that the grain has
    beside client, ad account and day. `note` says what Meta no longer had of the day when it was
    pulled: reach with breakdowns is kept for a shorter time, and so are conversions at the far end.
-#}
{% macro ad_fact(report, attributes=[]) -%}
with

insights as (

    select * from {{ ref('stg_meta__' ~ report) }}
    {{ where_maybe_due(report) }}

),

due_days as (

    select * from {{ ref('int_days__matured') }}
    {{ where_due(report) }}

),

clients as (

    select * from {{ ref('stg_meta__clients') }}

),

counted as (

    select
        insights.*,
        {{ result_columns() }},
        due_days.reason as note,
        due_days.maturity,
        due_days.pulled_at,
        due_days.settles_at,
        due_days.load_seq
    from insights
    inner join due_days
        on
            insights.client_id = due_days.client_id
            and insights.ad_account_id = due_days.asset_id
            and insights.day = due_days.day
    left join clients
        on insights.client_id = clients.client_id

),

final as (

    select
        client_id,
        ad_account_id,
        day,
        {% for attribute in attributes -%}
            {{ attribute }},
        {% endfor -%}
        {{ ad_measures() }},
        note,
        {{ maturity_columns() }}
    from counted

)

select * from final
{%- endmacro %}
