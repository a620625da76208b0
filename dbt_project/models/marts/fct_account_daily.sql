{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        meta={'report': 'account_daily', 'asset_column': 'ad_account_id'}
    )
}}

{{ ad_fact('account_daily') }}
