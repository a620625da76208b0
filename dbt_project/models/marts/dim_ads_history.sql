{{
    object_history('stg_meta__ad_versions', 'ad_id', [
        'campaign_id', 'adset_id', 'ad_name', 'creative_id', 'status', 'effective_status',
    ])
}}
