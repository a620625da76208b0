{{
    object_history('stg_meta__creative_versions', 'creative_id', [
        'creative_name', 'title', 'body', 'link', 'object_type', 'status',
        'call_to_action_type', 'post_id', 'url_tags',
    ])
}}
