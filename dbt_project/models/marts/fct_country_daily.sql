{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        meta={'report': 'country_daily', 'asset_column': 'ad_account_id'}
    )
}}

{{
    ad_fact('country_daily', [
        'campaign_id', 'campaign_name', 'country', 'objective', 'attribution_setting',
    ])
}}
