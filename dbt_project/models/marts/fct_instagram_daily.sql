{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        meta={'report': 'instagram_daily', 'asset_column': 'instagram_account_id'}
    )
}}

{{
    organic_fact(
        'instagram_daily',
        surface='instagram',
        asset_column='instagram_account_id',
        columns={
            'reach': 'viewers',
            'views': 'views',
            'interactions': 'interactions',
            'accounts_engaged': 'accounts_engaged',
            'new_follows': 'new_follows',
            'unfollows': 'unfollows',
        },
        traced=[]
    )
}}
