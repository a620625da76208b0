{% call report_rows(
    'page_28d', payload_fields(['value']), ['day', 'part as metric'], asset='page_id'
) %}
    fields.value
{% endcall %}
