with

insights as (

    select * from {{ ref('stg_meta__post_insights') }}

),

coverage as (

    select * from {{ ref('stg_meta__coverage') }}
    where report = 'post_insights'

),

bridge as (

    select * from {{ ref('metric_bridge') }}
    where surface = 'post'

),

-- Where an old and a new metric were both answered, the one that Meta still answers counts.
bridged as (

    select
        insights.*,
        bridge.canonical,
        coverage.pulled_at
    from insights
    inner join bridge
        on insights.metric = bridge.metric
    left join coverage
        on
            insights.client_id = coverage.client_id
            and insights.page_id = coverage.asset_id
            and insights.metric = coverage.part
    where insights.value is not null
    qualify
        row_number() over (
            partition by insights.client_id, insights.page_id, insights.post_id, bridge.canonical
            order by bridge.valid_to desc nulls first, insights.metric asc
        ) = 1

),

typed as (

    select
        client_id,
        page_id,
        post_id,
        canonical,
        -- Reactions come by kind, only the kinds that occurred: a reaction is of one kind.
        case
            when left(value, 1) = '{'
                then cast(
                    coalesce(
                        list_sum(
                            list_transform(
                                map_values(from_json(value, '"MAP(VARCHAR, VARCHAR)"')),
                                lambda one: cast(one as bigint)
                            )
                        ),
                        0
                    ) as bigint
                )
            else cast(value as bigint)
        end as value,
        valid_to is null as is_current,
        case when valid_to is null then coalesce(pulled_at, valid_from) else valid_from end
            as pulled_at
    from bridged

),

pivoted as (

    select
        client_id,
        page_id,
        post_id,
        any_value(value) filter (where canonical = 'views') as views,
        any_value(value) filter (where canonical = 'viewers') as viewers,
        any_value(value) filter (where canonical = 'clicks') as clicks,
        any_value(value) filter (where canonical = 'reactions') as reactions,
        bool_and(is_current) as is_current,
        min(pulled_at) as pulled_at
    from typed
    group by client_id, page_id, post_id

),

final as (

    select
        client_id,
        page_id,
        post_id,
        views,
        viewers,
        clicks,
        reactions,
        clicks + reactions as interactions,
        is_current,
        pulled_at
    from pivoted

)

select * from final
