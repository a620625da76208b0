{#-
    Whether two relations speak of the same month of a client's ad accounts in one currency. The
    currency of an account of which nothing is known is NULL, and is one with itself.
-#}
{% macro same_client_month(left, right) -%}
    {{ left }}.client_id = {{ right }}.client_id
    and {{ left }}.account_currency is not distinct from {{ right }}.account_currency
    and {{ left }}.month = {{ right }}.month
{%- endmacro %}
