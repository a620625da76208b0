with

versions as (

    select * from {{ ref('stg_meta__adset_versions') }}

),

ad_accounts as (

    select * from {{ ref('dim_ad_accounts') }}

),

currency_offsets as (

    select * from {{ ref('currency_offsets') }}

),

priced as (

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

final as (

    {{
        stretches('priced', 'adset_id', [
            'campaign_id',
            'adset_name',
            'status',
            'effective_status',
            'optimization_goal',
            'billing_event',
            'account_currency',
            'daily_budget',
            'lifetime_budget',
            'start_time',
            'end_time',
        ])
    }}

)

select * from final
