with

versions as (

    select * from {{ ref('stg_meta__ad_versions') }}

),

final as (

    {{
        stretches('versions', 'ad_id', [
            'campaign_id',
            'adset_id',
            'ad_name',
            'creative_id',
            'status',
            'effective_status',
        ])
    }}

)

select * from final
