{{
    insight_rows('platform_daily', [
        'campaign_id', 'campaign_name', 'publisher_platform', 'objective',
        'attribution_setting',
    ])
}}
