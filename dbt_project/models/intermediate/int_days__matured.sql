with

coverage as (

    select * from {{ ref('stg_meta__coverage') }}

),

accounts as (

    select * from {{ ref('int_accounts__located') }}

),

ranked as (

    select
        *,
        {{ coverage_rank('status') }} as coverage_rank
    from coverage
    where day is not null

),

-- A Page day is pulled metric by metric: it is as good as the worst, as old as the oldest.
days as (

    select
        client_id,
        report,
        asset_id,
        day,
        arg_max(status, coverage_rank) as coverage,
        -- What falls short: each such metric by name, and what the figures of a pulled day lack.
        string_agg(
            distinct concat_ws(': ', nullif(part, ''), coalesce(reason, failure, status)), '; '
            order by concat_ws(': ', nullif(part, ''), coalesce(reason, failure, status))
        ) filter (where status <> 'pulled' or reason is not null) as reason,
        min(pulled_at) as pulled_at,
        max(load_seq) as load_seq
    from ranked
    group by client_id, report, asset_id, day

),

placed as (

    select
        days.client_id,
        days.report,
        days.asset_id,
        days.day,
        days.coverage,
        days.reason,
        days.pulled_at,
        case
            when days.report in {{ organic_reports() }} then {{ page_time_zone() }}
            else coalesce(accounts.time_zone, {{ unknown_time_zone() }})
        end as time_zone,
        greatest(days.load_seq, coalesce(accounts.located_seq, 0)) as load_seq
    from days
    left join accounts
        on
            days.client_id = accounts.client_id
            and days.asset_id = accounts.ad_account_id

),

ended as (

    select
        *,
        {{ day_end('day', 'time_zone') }} as day_ends_at
    from placed

),

final as (

    select
        client_id,
        report,
        asset_id,
        day,
        coverage,
        reason,
        time_zone,
        day_ends_at,
        {{ maturity('pulled_at', 'day_ends_at') }} as maturity,
        pulled_at,
        {{ settles_at('day_ends_at') }} as settles_at,
        load_seq
    from ended

)

select * from final
