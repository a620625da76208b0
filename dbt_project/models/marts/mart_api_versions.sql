with

pulls as (

    select * from {{ ref('stg_meta__pulls') }}

),

newest as (

    select
        client_id,
        asset_id,
        report,
        max(pulled_at) as pulled_at,
        arg_max(api_version, pulled_at) as asked_version,
        arg_max(served_version, pulled_at) as served_version,
        arg_max_null(version_warning, pulled_at) as version_warning
    from pulls
    where served_version is not null
    group by client_id, asset_id, report

),

final as (

    select
        client_id,
        asset_id,
        report,
        asked_version,
        served_version,
        served_version = asked_version as is_as_asked,
        version_warning,
        pulled_at
    from newest

)

select * from final
