{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        meta={'report': 'adset_daily', 'asset_column': 'ad_account_id'}
    )
}}

{{
    ad_fact('adset_daily', [
        'campaign_id', 'campaign_name', 'adset_id', 'adset_name', 'objective',
        'optimization_goal', 'attribution_setting',
    ])
}}
