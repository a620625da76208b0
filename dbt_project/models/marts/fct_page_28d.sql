{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        meta={'report': 'page_28d', 'asset_column': 'page_id'}
    )
}}

{{
    organic_fact(
        'page_28d',
        surface='page',
        asset_column='page_id',
        columns={
            'views_28d': 'views',
            'viewers_28d': 'viewers',
        },
        traced=['views_28d', 'viewers_28d']
    )
}}
