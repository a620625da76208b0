{{
    insight_rows('adset_daily', [
        'campaign_id', 'campaign_name', 'adset_id', 'adset_name', 'objective',
        'optimization_goal', 'attribution_setting',
    ])
}}
