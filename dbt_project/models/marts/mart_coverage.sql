with

days as (

    select * from {{ ref('int_days__matured') }}

),

clients as (

    select * from {{ ref('stg_meta__clients') }}

),

client_assets as (

    select * from {{ ref('stg_meta__client_assets') }}

),

coverage as (

    select * from {{ ref('stg_meta__coverage') }}

),

pulls as (

    select * from {{ ref('stg_meta__pulls') }}

),

-- By its status first, so that few manifests are read.
refused as (

    select
        client_id,
        report,
        asset_id,
        part,
        max(pulled_at) as refused_at
    from pulls
    where
        part <> ''
        and status in ('failed', 'not_asked')
        and failure_kind = 'dead metric'
    group by client_id, report, asset_id, part

),

answered as (

    select
        client_id,
        report,
        asset_id,
        part,
        max(pulled_at) as answered_at
    from pulls
    where part <> '' and status = 'complete' and row_count > 0
    group by client_id, report, asset_id, part

),

-- What Meta refused as unknown, and has not answered since.
dead_metrics as (

    select refused.*
    from refused
    left join answered
        on
            refused.client_id = answered.client_id
            and refused.report = answered.report
            and refused.asset_id = answered.asset_id
            and refused.part = answered.part
    where coalesce(refused.refused_at > answered.answered_at, true)

),

-- A dead metric is never pulled: it is as good as asked for when it was refused, lest its days
-- are asked for each day anew.
parts as (

    select
        coverage.client_id,
        coverage.report,
        coverage.asset_id,
        coverage.day,
        case
            when dead_metrics.part is null then coverage.pulled_at
            else greatest(coverage.pulled_at, coverage.failed_at)
        end as pulled_at
    from coverage
    left join dead_metrics
        on
            coverage.client_id = dead_metrics.client_id
            and coverage.report = dead_metrics.report
            and coverage.asset_id = dead_metrics.asset_id
            and coverage.part = dead_metrics.part
    where coverage.day is not null

),

whole as (

    select
        client_id,
        report,
        asset_id,
        day,
        case when bool_and(pulled_at is not null) then min(pulled_at) end as pulled_whole_at
    from parts
    group by client_id, report, asset_id, day

),

final as (

    select
        days.client_id,
        days.asset_id,
        days.day,
        days.report,
        days.coverage,
        days.reason,
        coalesce(clients.is_active, false)
        and client_assets.asset_id is not null
        and coalesce(list_contains(clients.reports, days.report), true) as is_asked,
        days.maturity,
        days.pulled_at,
        whole.pulled_whole_at,
        days.settles_at
    from days
    inner join whole
        on
            days.client_id = whole.client_id
            and days.report = whole.report
            and days.asset_id = whole.asset_id
            and days.day = whole.day
    left join clients
        on days.client_id = clients.client_id
    left join client_assets
        on
            days.client_id = client_assets.client_id
            and days.asset_id = client_assets.asset_id

)

select * from final
