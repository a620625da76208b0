{{
    insight_rows('age_gender_daily', [
        'campaign_id', 'campaign_name', 'age', 'gender', 'objective', 'attribution_setting',
    ])
}}
