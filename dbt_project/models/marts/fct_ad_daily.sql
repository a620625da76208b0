{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        meta={'report': 'ad_daily', 'asset_column': 'ad_account_id'}
    )
}}

{{
    ad_fact('ad_daily', [
        'campaign_id', 'campaign_name', 'adset_id', 'adset_name', 'ad_id', 'ad_name',
        'objective', 'optimization_goal', 'attribution_setting',
    ])
}}
