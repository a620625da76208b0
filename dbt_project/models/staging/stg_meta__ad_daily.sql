{{
    insight_rows('ad_daily', [
        'campaign_id', 'campaign_name', 'adset_id', 'adset_name', 'ad_id', 'ad_name',
        'objective', 'optimization_goal', 'attribution_setting',
    ])
}}
