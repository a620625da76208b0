with

pulls as (

    select * from {{ source('raw', 'pulls') }}

),

final as (

    select
        pull_id,
        client_id,
        report,
        asset_id,
        part,
        since,
        until,
        pulled_at,
        status,
        row_count,
        manifest -> 'failure' ->> 'kind' as failure_kind,
        api_version,
        served_version,
        version_warning,
        unanswered_days,
        load_seq
    from pulls

)

select * from final
