{% call report_rows(
    'page_daily', payload_fields(['value']), ['day', 'part as metric'], asset='page_id'
) %}
    -- A number, or a JSON object for the metrics that Meta splits by kind.
    fields.value
{% endcall %}
