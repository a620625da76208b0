with

client_assets as (

    select * from {{ ref('stg_meta__client_assets') }}

),

clients as (

    select * from {{ ref('stg_meta__clients') }}

),

days as (

    select * from {{ ref('int_days__matured') }}

),

accounts as (

    select * from {{ ref('stg_meta__accounts') }}

),

located as (

    select * from {{ ref('int_accounts__located') }}

),

account_days as (

    select * from {{ ref('fct_account_daily') }}

),

account_statuses as (

    select * from {{ ref('account_statuses') }}

),

-- The assets of a client that left clients.yml are still listed.
named as (

    select
        client_assets.client_id,
        client_assets.asset_id as ad_account_id
    from client_assets
    inner join clients
        on client_assets.client_id = clients.client_id
    where
        client_assets.surface = 'ads'
        and clients.is_active

),

-- Accounts that left clients.yml keep their history.
known as (

    select
        client_id,
        asset_id as ad_account_id
    from client_assets
    where surface = 'ads'
    union distinct
    select
        client_id,
        asset_id as ad_account_id
    from days
    where report not in {{ organic_reports() }}
    union distinct
    select
        client_id,
        ad_account_id
    from accounts

),

-- Insights name the currency too, should the account itself never have been read.
seen as (

    select
        client_id,
        ad_account_id,
        arg_max(account_currency, day) as account_currency
    from account_days
    group by client_id, ad_account_id

),

final as (

    select
        known.client_id,
        known.ad_account_id,
        accounts.account_name,
        coalesce(accounts.account_currency, seen.account_currency) as account_currency,
        located.time_zone,
        case
            when accounts.account_status is not null
                then coalesce(
                    account_statuses.account_status,
                    'UNKNOWN_' || cast(accounts.account_status as varchar)
                )
        end as account_status,
        named.ad_account_id is not null as is_active
    from known
    left join accounts
        on
            known.client_id = accounts.client_id
            and known.ad_account_id = accounts.ad_account_id
    left join named
        on
            known.client_id = named.client_id
            and known.ad_account_id = named.ad_account_id
    left join located
        on
            known.client_id = located.client_id
            and known.ad_account_id = located.ad_account_id
    left join seen
        on
            known.client_id = seen.client_id
            and known.ad_account_id = seen.ad_account_id
    left join account_statuses
        on accounts.account_status = account_statuses.code

)

select * from final
