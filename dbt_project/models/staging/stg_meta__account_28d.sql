{% call report_rows('account_28d', insight_fields(['date_start']), ['day']) %}
    cast(fields.date_start as date) as date_start,
    {{ insight_columns() }}
{% endcall %}
