{#-
    One macro a formula, all from summed components. NULL when the denominator is zero or
    unknown: DuckDB answers infinity, not NULL, to a division by zero.
-#}
{% macro ratio(numerator, denominator) -%}
    cast({{ numerator }} as double) / nullif({{ denominator }}, 0)
{%- endmacro %}


{#- Clicks (all) per impression, as a fraction. Meta's own ctr is a percentage. -#}
{% macro ctr(clicks='clicks', impressions='impressions') -%}
    {{ ratio(clicks, impressions) }}
{%- endmacro %}


{#- Link clicks per impression, as a fraction. -#}
{% macro link_ctr(link_clicks='link_clicks', impressions='impressions') -%}
    {{ ratio(link_clicks, impressions) }}
{%- endmacro %}


{#- Spend per click (all), in the account's currency. -#}
{% macro cpc(spend='spend', clicks='clicks') -%}
    {{ ratio(spend, clicks) }}
{%- endmacro %}


{#- Spend per link click, in the account's currency. -#}
{% macro link_cpc(spend='spend', link_clicks='link_clicks') -%}
    {{ ratio(spend, link_clicks) }}
{%- endmacro %}


{#- Spend per thousand impressions, in the account's currency. -#}
{% macro cpm(spend='spend', impressions='impressions') -%}
    1000 * {{ ratio(spend, impressions) }}
{%- endmacro %}


{#- Spend per result, in the account's currency. -#}
{% macro cost_per_result(spend='spend', results='results') -%}
    {{ ratio(spend, results) }}
{%- endmacro %}


{#- Value of the results per amount spent, both in the account's currency. -#}
{% macro roas(result_value='result_value', spend='spend') -%}
    {{ ratio(result_value, spend) }}
{%- endmacro %}


{#- By what fraction a figure differs from an earlier one: 0.25 is a quarter more. -#}
{% macro change(now, before) -%}
    {{ ratio(now ~ ' - ' ~ before, before) }}
{%- endmacro %}


{#-
    Meta gives budgets in minor units of the currency ("5000" is 50.00 USD), unlike spend. The
    currencies without minor units are in the seed currency_offsets.
-#}
{% macro minor_to_major(amount, currency_offset) -%}
    cast({{ ratio(amount, 'coalesce(' ~ currency_offset ~ ', 100)') }} as decimal(18, 2))
{%- endmacro %}


{#-
    A budget in major units. NULL where the budget is set elsewhere: Meta leaves it out, or sends
    "0", on the campaign when the ad set has it and the other way round; and NULL, not a guess,
    where the account's currency is not known.
-#}
{% macro budget(amount_minor) -%}
    case
        when ad_accounts.account_currency is not null
            then {{ minor_to_major(
                'nullif(' ~ amount_minor ~ ', 0)', 'currency_offsets.currency_offset'
            ) }}
    end
{%- endmacro %}
