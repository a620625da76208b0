with

campaigns as (

    select * from {{ ref('stg_meta__campaigns') }}

),

ad_accounts as (

    select * from {{ ref('dim_ad_accounts') }}

),

currency_offsets as (

    select * from {{ ref('currency_offsets') }}

),

campaign_days as (

    select * from {{ ref('fct_campaign_daily') }}

),

platform_days as (

    select * from {{ ref('fct_platform_daily') }}

),

ad_days as (

    select * from {{ ref('fct_ad_daily') }}

),

adset_days as (

    select * from {{ ref('fct_adset_daily') }}

),

age_gender_days as (

    select * from {{ ref('fct_age_gender_daily') }}

),

country_days as (

    select * from {{ ref('fct_country_daily') }}

),

mentions as (

    {% for grain in ['campaign', 'platform', 'ad', 'adset', 'age_gender', 'country'] %}
        select
            client_id,
            ad_account_id,
            campaign_id,
            campaign_name,
            objective,
            day
        from {{ grain }}_days
        {{ "union all" if not loop.last }}
    {% endfor %}

),

seen as (

    select
        client_id,
        ad_account_id,
        campaign_id,
        arg_max(campaign_name, day) as campaign_name,
        arg_max(objective, day) as objective
    from mentions
    where campaign_id is not null
    group by client_id, ad_account_id, campaign_id

),

-- A campaign that is in the insights only (deleted, or never listed) keeps its spend and name.
joined as (

    select
        coalesce(campaigns.client_id, seen.client_id) as client_id,
        coalesce(campaigns.ad_account_id, seen.ad_account_id) as ad_account_id,
        coalesce(campaigns.campaign_id, seen.campaign_id) as campaign_id,
        coalesce(campaigns.campaign_name, seen.campaign_name) as campaign_name,
        coalesce(campaigns.objective, seen.objective) as objective,
        campaigns.status,
        campaigns.effective_status,
        campaigns.buying_type,
        campaigns.bid_strategy,
        campaigns.daily_budget_minor,
        campaigns.lifetime_budget_minor,
        campaigns.start_time,
        campaigns.stop_time,
        campaigns.created_time,
        campaigns.updated_time
    from campaigns
    full outer join seen
        on
            campaigns.client_id = seen.client_id
            and campaigns.ad_account_id = seen.ad_account_id
            and campaigns.campaign_id = seen.campaign_id

),

final as (

    select
        joined.client_id,
        joined.ad_account_id,
        joined.campaign_id,
        joined.campaign_name,
        joined.objective,
        joined.status,
        joined.effective_status,
        joined.buying_type,
        joined.bid_strategy,
        ad_accounts.account_currency,
        {{ budget('joined.daily_budget_minor') }} as daily_budget,
        {{ budget('joined.lifetime_budget_minor') }} as lifetime_budget,
        joined.start_time,
        joined.stop_time,
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
