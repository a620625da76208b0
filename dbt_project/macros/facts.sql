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
{% macro result_columns() -%}
    insights.inline_link_clicks as link_clicks,
    clients.result_action_type,
    cast(
        {{ action_total('insights.actions', 'clients.result_action_type', absent='0') }}
        as decimal(18, 6)
    ) as results,
    cast(
        {{ action_total('insights.action_values', 'clients.result_action_type', absent='null') }}
        as decimal(18, 6)
    ) as result_value
{%- endmacro %}


{#- How settled a row is, and the load that last touched its day. -#}
{% macro maturity_columns() -%}
    maturity,
    pulled_at,
    settles_at,
    load_seq
{%- endmacro %}
