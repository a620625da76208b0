with

ads as (

    select * from {{ ref('stg_meta__ads') }}

),

adsets as (

    select * from {{ ref('stg_meta__adsets') }}

),

ad_accounts as (

    select * from {{ ref('dim_ad_accounts') }}

),

currency_offsets as (

    select * from {{ ref('currency_offsets') }}

),

ad_days as (

    select * from {{ ref('fct_ad_daily') }}

),

seen as (

    select
        client_id,
        ad_account_id,
        ad_id,
        arg_max(campaign_id, day) as campaign_id,
        arg_max(adset_id, day) as adset_id,
        arg_max(adset_name, day) as adset_name,
        arg_max(ad_name, day) as ad_name,
        arg_max(optimization_goal, day) as optimization_goal
    from ad_days
    where ad_id is not null
    group by client_id, ad_account_id, ad_id

),

-- An ad that is in the insights only (deleted, or never listed) keeps its spend and name.
joined as (

    select
        coalesce(ads.client_id, seen.client_id) as client_id,
        coalesce(ads.ad_account_id, seen.ad_account_id) as ad_account_id,
        coalesce(ads.campaign_id, seen.campaign_id) as campaign_id,
        coalesce(ads.adset_id, seen.adset_id) as adset_id,
        seen.adset_name,
        coalesce(ads.ad_id, seen.ad_id) as ad_id,
        coalesce(ads.ad_name, seen.ad_name) as ad_name,
        seen.optimization_goal,
        ads.creative_id,
        ads.status,
        ads.effective_status,
        ads.created_time,
        ads.updated_time
    from ads
    full outer join seen
        on
            ads.client_id = seen.client_id
            and ads.ad_account_id = seen.ad_account_id
            and ads.ad_id = seen.ad_id

),

final as (

    select
        joined.client_id,
        joined.ad_account_id,
        joined.campaign_id,
        joined.adset_id,
        coalesce(adsets.adset_name, joined.adset_name) as adset_name,
        joined.ad_id,
        joined.ad_name,
        joined.creative_id,
        joined.status,
        joined.effective_status,
        adsets.status as adset_status,
        adsets.effective_status as adset_effective_status,
        coalesce(adsets.optimization_goal, joined.optimization_goal) as optimization_goal,
        adsets.billing_event,
        ad_accounts.account_currency,
        {{ budget('adsets.daily_budget_minor') }} as adset_daily_budget,
        {{ budget('adsets.lifetime_budget_minor') }} as adset_lifetime_budget,
        adsets.start_time as adset_start_time,
        adsets.end_time as adset_end_time,
        joined.created_time,
        joined.updated_time
    from joined
    left join adsets
        on
            joined.client_id = adsets.client_id
            and joined.ad_account_id = adsets.ad_account_id
            and joined.adset_id = adsets.adset_id
    left join ad_accounts
        on
            joined.client_id = ad_accounts.client_id
            and joined.ad_account_id = ad_accounts.ad_account_id
    left join currency_offsets
        on ad_accounts.account_currency = currency_offsets.currency

)

select * from final
