{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        meta={'report': 'platform_daily', 'asset_column': 'ad_account_id'}
    )
}}

{{
    ad_fact('platform_daily', [
        'campaign_id', 'campaign_name', 'publisher_platform', 'objective',
        'attribution_setting',
    ])
}}
