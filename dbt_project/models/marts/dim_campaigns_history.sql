{{
    object_history('stg_meta__campaign_versions', 'campaign_id', [
        'campaign_name', 'objective', 'status', 'effective_status', 'bid_strategy',
        'start_time', 'stop_time',
    ], is_budgeted=true)
}}
