{% call object_versions(
    'creatives',
    [
        'id', 'name', 'title', 'body', 'object_type', 'status', 'call_to_action_type',
        'effective_object_story_id', 'url_tags', 'object_story_spec', 'asset_feed_spec',
    ],
    {
        'object_story_spec': story_schema(),
        'asset_feed_spec': asset_feed_schema(),
    }
) %}
    -- The texts are often only in the post that the creative makes, or among several that Meta
    -- combines (AdCreative reference).
    fields.id as creative_id,
    fields.name as creative_name,
    coalesce(
        fields.title,
        fields.object_story_spec.link_data.name,
        fields.object_story_spec.video_data.title,
        fields.asset_feed_spec.titles[1].text
    ) as title,
    coalesce(
        fields.body,
        fields.object_story_spec.link_data.message,
        fields.object_story_spec.video_data.message,
        fields.asset_feed_spec.bodies[1].text
    ) as body,
    coalesce(
        fields.object_story_spec.link_data.link,
        fields.object_story_spec.video_data.call_to_action.value.link,
        fields.asset_feed_spec.link_urls[1].website_url
    ) as link,
    fields.object_type,
    fields.status,
    fields.call_to_action_type,
    fields.effective_object_story_id as post_id,
    fields.url_tags
{% endcall %}
