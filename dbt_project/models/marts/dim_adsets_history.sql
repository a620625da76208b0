{{
    object_history('stg_meta__adset_versions', 'adset_id', [
        'campaign_id', 'adset_name', 'status', 'effective_status', 'optimization_goal',
        'billing_event', 'start_time', 'end_time',
    ], is_budgeted=true)
}}
