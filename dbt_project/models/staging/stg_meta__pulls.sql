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
        case
            when status in ('failed', 'not_asked')
                then manifest -> 'failure' ->> 'kind'
        end as failure_kind,
        api_version,
        served_version,
        version_warning,
        unanswered_days,
        load_seq
    from pulls

)

select * from final
