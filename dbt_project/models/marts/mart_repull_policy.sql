-- Amounts of two currencies are never added: each ad account and metric is measured by itself,
-- and the one that moves most decides for the client.
with

clients as (

    select * from {{ ref('dim_clients') }}

),

restatements as (

    select * from {{ ref('fct_restatements') }}
    where metric in ('spend', 'results')

),

final_values as (

    select
        *,
        dense_rank() over (
            partition by client_id, ad_account_id
            order by day desc
        ) as recency
    from restatements
    where checkpoint_days = 28

),

-- What was still to change after a pull of that age, over the newest 90 final days.
moves as (

    select
        final_values.client_id,
        final_values.ad_account_id,
        final_values.metric,
        earlier.checkpoint_days,
        sum(abs(final_values.value - earlier.value)) as moved,
        sum(final_values.value) as total,
        count(*) as days
    from final_values
    inner join restatements as earlier
        on
            final_values.client_id = earlier.client_id
            and final_values.ad_account_id = earlier.ad_account_id
            and final_values.day = earlier.day
            and final_values.metric = earlier.metric
            and earlier.checkpoint_days in (3, 7, 14)
    where final_values.recency <= 90
    group by all

),

measured as (

    select
        client_id,
        max(moved / nullif(cast(total as double), 0)) filter (
            where checkpoint_days = 3
        ) as change_after_3_days,
        max(moved / nullif(cast(total as double), 0)) filter (
            where checkpoint_days = 7
        ) as change_after_7_days,
        max(moved / nullif(cast(total as double), 0)) filter (
            where checkpoint_days = 14
        ) as change_after_14_days
    from moves
    where days >= 14
    group by client_id

),

final_days as (

    select
        client_id,
        count(*) as measured_on
    from final_values
    where metric = 'spend' and recency <= 90
    group by client_id

),

decided as (

    select
        clients.client_id,
        coalesce(final_days.measured_on, 0) as measured_on,
        measured.change_after_3_days,
        measured.change_after_7_days,
        measured.change_after_14_days,
        case
            when measured.change_after_3_days <= 0.005 then 3
            when measured.change_after_7_days > 0.005 then 14
            else 7
        end as daily_through,
        case
            when measured.change_after_3_days <= 0.005
                then 'at most 0.5 % changes after 3 days'
            when measured.change_after_7_days > 0.005
                then 'more than 0.5 % changes after 7 days'
            when measured.change_after_7_days <= 0.005
                then 'at most 0.5 % changes after 7 days'
            else 'the default: fewer than 14 final days with a pull at 7 days'
        end as reason
    from clients
    left join measured on clients.client_id = measured.client_id
    left join final_days on clients.client_id = final_days.client_id

),

final as (

    select
        client_id,
        cast(daily_through as integer) as daily_through,
        measured_on,
        change_after_3_days,
        change_after_7_days,
        change_after_14_days,
        reason
    from decided

)

select * from final
