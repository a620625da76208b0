{% call object_versions(
    'campaigns',
    [
        'id', 'name', 'objective', 'status', 'effective_status', 'buying_type',
        'bid_strategy', 'daily_budget', 'lifetime_budget', 'start_time', 'stop_time',
        'created_time', 'updated_time',
    ]
) %}
    fields.id as campaign_id,
    fields.name as campaign_name,
    fields.objective,
    fields.status,
    fields.effective_status,
    fields.buying_type,
    fields.bid_strategy,
    cast(fields.daily_budget as bigint) as daily_budget_minor,
    cast(fields.lifetime_budget as bigint) as lifetime_budget_minor,
    cast(fields.start_time as timestamptz) as start_time,
    cast(fields.stop_time as timestamptz) as stop_time,
    cast(fields.created_time as timestamptz) as created_time,
    cast(fields.updated_time as timestamptz) as updated_time
{% endcall %}
