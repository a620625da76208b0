with

clients as (

    select * from {{ source('raw', 'clients') }}

),

final as (

    select
        client_id,
        name as client_name,
        result as result_action_type,
        start_date,
        is_active,
        from_json(reports, '["VARCHAR"]') as reports,
        cast(targets ->> 'spend' as decimal(18, 2)) as target_spend,
        cast(targets ->> 'results' as decimal(18, 6)) as target_results,
        cast(targets ->> 'cost_per_result' as decimal(18, 2)) as target_cost_per_result
    from clients

)

select * from final
