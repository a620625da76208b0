{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        meta={'report': 'account_daily', 'asset_column': 'ad_account_id'}
    )
}}

{% set metrics = restated_metrics().split() %}

with

observed as (

    select * from {{ ref('int_account_days__observed') }}
    {{ where_maybe_due('account_daily') }}

),

due_days as (

    select * from {{ ref('int_days__matured') }}
    {{ where_due('account_daily') }}

),

compared as (

    select
        *,
        {{ checkpoint_days('age_hours') }} as checkpoint_days,
    {% for metric in metrics -%}
        {{ metric }} - lag({{ metric }}) over pulls_of_the_day as {{ metric }}_change
        {{- "," if not loop.last }}
    {% endfor %}
    from observed
    window
        pulls_of_the_day as (
            partition by client_id, ad_account_id, day order by pulled_at
        )

),

-- The newest change of each figure, by whichever pull, also of the running day.
changes as (

    select
        client_id,
        ad_account_id,
        day,
    {% for metric in metrics -%}
        max(pulled_at) filter (where {{ metric }}_change <> 0) as {{ metric }}_changed_at,
        arg_max({{ metric }}_change, pulled_at)
        filter (where {{ metric }}_change <> 0) as {{ metric }}_last_change
        {{- "," if not loop.last }}
    {% endfor %}
    from compared
    group by client_id, ad_account_id, day

),

-- The first pull at or after each checkpoint and before the next one.
checkpoints as (

    select *
    from compared
    where checkpoint_days is not null
    qualify
        row_number() over (
            partition by client_id, ad_account_id, day, checkpoint_days order by pulled_at
        ) = 1

),

figures as (

    {% for metric in metrics %}
        select
            checkpoints.client_id,
            checkpoints.ad_account_id,
            checkpoints.day,
            '{{ metric }}' as metric,
            checkpoints.checkpoint_days,
            checkpoints.result_action_type,
            checkpoints.account_currency,
            cast(checkpoints.{{ metric }} as decimal(18, 6)) as value,
            checkpoints.age_hours,
            checkpoints.pulled_at,
            changes.{{ metric }}_changed_at as last_changed_at,
            cast(changes.{{ metric }}_last_change as decimal(18, 6)) as last_change
        from checkpoints
        inner join changes
            on
                checkpoints.client_id = changes.client_id
                and checkpoints.ad_account_id = changes.ad_account_id
                and checkpoints.day = changes.day
        where checkpoints.{{ metric }} is not null
        {{ "union all" if not loop.last }}
    {% endfor %}

),

previous as (

    select
        *,
        lag(checkpoint_days) over earlier as previous_checkpoint_days,
        lag(value) over earlier as previous_value
    from figures
    window
        earlier as (
            partition by client_id, ad_account_id, day, metric order by checkpoint_days
        )

),

final as (

    select
        previous.client_id,
        previous.ad_account_id,
        previous.day,
        previous.metric,
        previous.checkpoint_days,
        previous.result_action_type,
        previous.account_currency,
        previous.value,
        previous.age_hours,
        previous.previous_checkpoint_days,
        cast(previous.value - previous.previous_value as decimal(18, 6)) as change,
        {{ change('previous.value', 'previous.previous_value') }} as change_share,
        previous.last_changed_at,
        previous.last_change,
        previous.pulled_at,
        due_days.maturity,
        due_days.settles_at,
        due_days.load_seq
    from previous
    inner join due_days
        on
            previous.client_id = due_days.client_id
            and previous.ad_account_id = due_days.asset_id
            and previous.day = due_days.day

)

select * from final
