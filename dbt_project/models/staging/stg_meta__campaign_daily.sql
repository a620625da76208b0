{{
    insight_rows('campaign_daily', [
        'campaign_id', 'campaign_name', 'objective', 'attribution_setting',
    ])
}}
