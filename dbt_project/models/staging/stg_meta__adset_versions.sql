{% call object_versions(
    'adsets',
    [
        'id', 'campaign_id', 'name', 'status', 'effective_status', 'optimization_goal',
        'billing_event', 'daily_budget', 'lifetime_budget', 'start_time', 'end_time',
        'created_time', 'updated_time',
    ]
) %}
    fields.campaign_id,
    fields.id as adset_id,
    fields.name as adset_name,
    fields.status,
    fields.effective_status,
    fields.optimization_goal,
    fields.billing_event,
    cast(fields.daily_budget as bigint) as daily_budget_minor,
    cast(fields.lifetime_budget as bigint) as lifetime_budget_minor,
    cast(fields.start_time as timestamptz) as start_time,
    cast(fields.end_time as timestamptz) as end_time,
    cast(fields.created_time as timestamptz) as created_time,
    cast(fields.updated_time as timestamptz) as updated_time
{% endcall %}
