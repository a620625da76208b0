{{
    insight_rows('country_daily', [
        'campaign_id', 'campaign_name', 'country', 'objective', 'attribution_setting',
    ])
}}
