{#-
    The versions of objects, merged into the stretches during which none of `attributes` changed.
    A version that begins when the one before it ended, with the same attributes, goes on with its
    stretch: another field changed. One that begins later is a new stretch: in between the object
    was not listed. `is_first_known` marks the oldest stretch of an object: what was before it
    nobody saw, and it may have held long before valid_from.
-#}
{% macro stretches(versions, object_id, attributes) -%}
    select
        client_id,
        ad_account_id,
        {{ object_id }},
        min(valid_from) as valid_from,
        case when bool_and(valid_to is not null) then max(valid_to) end as valid_to,
        min(valid_from) = min(min(valid_from)) over (
            partition by client_id, ad_account_id, {{ object_id }}
        ) as is_first_known,
        {{ attributes | join(', ') }}
    from (
        select
            *,
            count(*) filter (where not continues) over (
                partition by client_id, ad_account_id, {{ object_id }}
                order by valid_from
            ) as stretch
        from (
            select
                *,
                -- Within a row, DuckDB takes NULL for equal to NULL.
                coalesce(
                    lag(valid_to) over story = valid_from
                    and lag(row({{ attributes | join(', ') }})) over story
                    = row({{ attributes | join(', ') }}),
                    false
                ) as continues
            from {{ versions }}
            window
                story as (
                    partition by client_id, ad_account_id, {{ object_id }}
                    order by valid_from
                )
        ) as compared
    ) as numbered
    group by client_id, ad_account_id, {{ object_id }}, stretch, {{ attributes | join(', ') }}
{%- endmacro %}

{#-
    A dim_*_history: the stretches of the objects whose versions `versions` is the model of.
    `attributes` are what the object has beside its ids. With `is_budgeted` come the account's
    currency and the budgets in it.
-#}
{% macro object_history(versions, object_id, attributes, is_budgeted=false) -%}
{%- set money = ['account_currency', 'daily_budget', 'lifetime_budget'] if is_budgeted else [] -%}
with

versions as (

    select * from {{ ref(versions) }}

),

{% if is_budgeted -%}
ad_accounts as (

    select * from {{ ref('dim_ad_accounts') }}

),

currency_offsets as (

    select * from {{ ref('currency_offsets') }}

),

described as (

    select
        versions.*,
        ad_accounts.account_currency,
        {{ budget('versions.daily_budget_minor') }} as daily_budget,
        {{ budget('versions.lifetime_budget_minor') }} as lifetime_budget
    from versions
    left join ad_accounts
        on
            versions.client_id = ad_accounts.client_id
            and versions.ad_account_id = ad_accounts.ad_account_id
    left join currency_offsets
        on ad_accounts.account_currency = currency_offsets.currency

),

{% endif -%}
final as (

    {{ stretches('described' if is_budgeted else 'versions', object_id, attributes + money) }}

)

select * from final
{%- endmacro %}
