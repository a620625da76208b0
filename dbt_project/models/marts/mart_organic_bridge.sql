with

page_metrics as (

    select * from {{ ref('stg_meta__page_daily') }}

),

instagram_metrics as (

    select * from {{ ref('stg_meta__instagram_daily') }}

),

bridge as (

    select * from {{ ref('metric_bridge') }}

),

catalogue as (

    select * from {{ ref('dim_metrics') }}

),

coverage as (

    select * from {{ ref('stg_meta__coverage') }}
    where report in ('page_daily', 'instagram_daily')

),

page_bridge as (

    select * from bridge
    where surface = 'page'

),

instagram_bridge as (

    select * from bridge
    where surface = 'instagram'

),

page_days as (

    {{ bridged('page_metrics', 'page_bridge', 'page_id') }}

),

instagram_days as (

    {{ bridged('instagram_metrics', 'instagram_bridge', 'instagram_account_id') }}

),

figures as (

    select
        'page' as surface,
        'page_daily' as report,
        * rename (page_id as asset_id)
    from page_days
    union all by name
    select
        'instagram' as surface,
        'instagram_daily' as report,
        * rename (instagram_account_id as asset_id)
    from instagram_days

),

-- A part of a metric is named metric.PART: it is pulled, and listed, with its metric.
dated as (

    select
        figures.*,
        coverage.pulled_at,
        coverage.reason,
        coalesce(catalogue.additivity = 'everywhere', false) as is_additive,
        {{ day_end('figures.day', page_time_zone()) }} as day_ends_at
    from figures
    inner join coverage
        on
            figures.client_id = coverage.client_id
            and figures.report = coverage.report
            and figures.asset_id = coverage.asset_id
            and split_part(figures.metric, '.', 1) = coverage.part
            and figures.day = coverage.day
    left join catalogue
        on
            figures.surface = catalogue.surface
            and split_part(figures.metric, '.', 1) = catalogue.metric

),

compared as (

    select
        *,
        coalesce(
            metric <> lag(metric) over series
            or comparable <> lag(comparable) over series,
            false
        ) as is_break
    from dated
    window
        series as (
            partition by client_id, asset_id, surface, canonical
            order by day
        )

),

numbered as (

    select
        *,
        1 + count(*) filter (where is_break) over (
            partition by client_id, asset_id, surface, canonical
            order by day
        ) as stretch
    from compared

),

final as (

    select
        client_id,
        asset_id,
        day,
        surface,
        canonical,
        value,
        metric,
        comparable,
        is_break,
        concat_ws('/', client_id, asset_id, surface, canonical, stretch) as series_id,
        concat_ws('; ', metric_note, reason) as note,
        is_additive,
        {{ maturity('pulled_at', 'day_ends_at') }} as maturity,
        pulled_at,
        {{ settles_at('day_ends_at') }} as settles_at
    from numbered

)

select * from final
