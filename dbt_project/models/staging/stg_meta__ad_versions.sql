{% call object_versions(
    'ads',
    [
        'id', 'campaign_id', 'adset_id', 'name', 'status', 'effective_status', 'creative',
        'created_time', 'updated_time',
    ],
    {'creative': '{"id":"VARCHAR"}'}
) %}
    fields.campaign_id,
    fields.adset_id,
    fields.id as ad_id,
    fields.name as ad_name,
    fields.creative.id as creative_id,
    fields.status,
    fields.effective_status,
    cast(fields.created_time as timestamptz) as created_time,
    cast(fields.updated_time as timestamptz) as updated_time
{% endcall %}
