{% call report_rows(
    'accounts',
    payload_fields(['name', 'currency', 'timezone_name', 'account_status']),
    ['pull_id', 'valid_from', 'valid_to'],
    every_version=true
) %}
    fields.name as account_name,
    fields.currency as account_currency,
    fields.timezone_name,
    cast(fields.account_status as integer) as account_status
{% endcall %}
