{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        meta={'report': 'page_daily', 'asset_column': 'page_id'}
    )
}}

{{
    organic_fact(
        'page_daily',
        surface='page',
        asset_column='page_id',
        columns={
            'views': 'views',
            'viewers': 'viewers',
            'interactions': 'interactions',
            'follows': 'follows',
            'new_follows': 'new_follows',
            'unfollows': 'unfollows',
            'page_visits': 'page_visits',
        },
        traced=['views', 'viewers']
    )
}}
