-- A landed row whose day has no coverage would be in no mart, and nobody would miss it.
select distinct
    records.client_id,
    records.report,
    records.asset_id,
    records.part,
    records.day
from {{ source('raw', 'records') }} as records
where
    records.valid_to is null
    and records.day is not null
    and not exists (
        select 1
        from {{ ref('stg_meta__coverage') }} as coverage
        where
            coverage.client_id = records.client_id
            and coverage.report = records.report
            and coverage.asset_id = records.asset_id
            and coverage.part = records.part
            and coverage.day = records.day
    )
