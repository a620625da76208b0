with

clients as (

    select * from {{ ref('stg_meta__clients') }}

),

final as (

    select
        client_id,
        client_name,
        result_action_type,
        start_date,
        is_active,
        target_spend,
        target_results,
        target_cost_per_result
    from clients

)

select * from final
