with

adsets as (

    select * from {{ ref('stg_meta__adsets') }}

),

ad_accounts as (

    select * from {{ ref('dim_ad_accounts') }}

),

currency_offsets as (

    select * from {{ ref('currency_offsets') }}

),

adset_days as (

    select * from {{ ref('fct_adset_daily') }}

),

ad_days as (

    select * from {{ ref('fct_ad_daily') }}

),

mentions as (

    {% for days in ['adset_days', 'ad_days'] %}
        select
            client_id,
            ad_account_id,
            campaign_id,
            adset_id,
            adset_name,
            optimization_goal,
            day
        from {{ days }}
        {{ "union all" if not loop.last }}
    {% endfor %}

),

seen as (

    select
        client_id,
        ad_account_id,
        adset_id,
        arg_max(campaign_id, day) as campaign_id,
        arg_max(adset_name, day) as adset_name,
        arg_max(optimization_goal, day) as optimization_goal
    from mentions
    where adset_id is not null
    group by client_id, ad_account_id, adset_id

),

-- An ad set that is in the insights only (deleted, or never listed) keeps its spend and name.
joined as (

    select
        coalesce(adsets.client_id, seen.client_id) as client_id,
        coalesce(adsets.ad_account_id, seen.ad_account_id) as ad_account_id,
        coalesce(adsets.campaign_id, seen.campaign_id) as campaign_id,
        coalesce(adsets.adset_id, seen.adset_id) as adset_id,
        coalesce(adsets.adset_name, seen.adset_name) as adset_name,
        coalesce(adsets.optimization_goal, seen.optimization_goal) as optimization_goal,
        adsets.status,
        adsets.effective_status,
        adsets.billing_event,
        adsets.daily_budget_minor,
        adsets.lifetime_budget_minor,
        adsets.start_time,
        adsets.end_time,
        adsets.created_time,
        adsets.updated_time
    from adsets
    full outer join seen
        on
            adsets.client_id = seen.client_id
            and adsets.ad_account_id = seen.ad_account_id
            and adsets.adset_id = seen.adset_id

),

final as (

    select
        joined.client_id,
        joined.ad_account_id,
        joined.campaign_id,
        joined.adset_id,
        joined.adset_name,
        joined.status,
        joined.effective_status,
        joined.optimization_goal,
        joined.billing_event,
        ad_accounts.account_currency,
        {{ budget('joined.daily_budget_minor') }} as daily_budget,
        {{ budget('joined.lifetime_budget_minor') }} as lifetime_budget,
        joined.start_time,
        joined.end_time,
        joined.created_time,
        joined.updated_time
    from joined
    left join ad_accounts
        on
            joined.client_id = ad_accounts.client_id
            and joined.ad_account_id = ad_accounts.ad_account_id
    left join currency_offsets
        on ad_accounts.account_currency = currency_offsets.currency

)

select * from final
