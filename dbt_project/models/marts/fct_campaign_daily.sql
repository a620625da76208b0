{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        meta={'report': 'campaign_daily', 'asset_column': 'ad_account_id'}
    )
}}

{{
    ad_fact('campaign_daily', [
        'campaign_id', 'campaign_name', 'objective', 'attribution_setting',
    ])
}}
