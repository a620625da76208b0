with

coverage as (

    select * from {{ source('raw', 'coverage') }}

),

final as (

    select
        client_id,
        report,
        asset_id,
        part,
        day,
        status,
        reason,
        failure,
        row_count,
        pulled_at,
        failed_at,
        load_seq
    from coverage

)

select * from final
