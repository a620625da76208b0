{% call report_rows('account_monthly', insight_fields(['date_stop']), ['day as month']) %}
    cast(fields.date_stop as date) as date_stop,
    {{ insight_columns() }}
{% endcall %}
