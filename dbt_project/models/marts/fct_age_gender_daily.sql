{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        meta={'report': 'age_gender_daily', 'asset_column': 'ad_account_id'}
    )
}}

{{
    ad_fact('age_gender_daily', [
        'campaign_id', 'campaign_name', 'age', 'gender', 'objective',
        'attribution_setting',
    ])
}}
