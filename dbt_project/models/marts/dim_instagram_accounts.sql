with

client_assets as (

    select * from {{ ref('stg_meta__client_assets') }}

),

accounts as (

    select * from {{ ref('stg_meta__instagram_accounts') }}

),

coverage as (

    select * from {{ ref('stg_meta__coverage') }}

),

-- Accounts that left clients.yml keep their history.
known as (

    select
        client_id,
        asset_id as instagram_account_id
    from client_assets
    where surface = 'instagram'
    union distinct
    select
        client_id,
        asset_id as instagram_account_id
    from coverage
    where report in ('instagram_accounts', 'instagram_daily')

),

read as (

    select
        client_id,
        asset_id as instagram_account_id,
        pulled_at
    from coverage
    where
        report = 'instagram_accounts'
        and day is null

),

final as (

    select
        known.client_id,
        known.instagram_account_id,
        accounts.username,
        accounts.account_name,
        accounts.followers,
        accounts.following,
        accounts.media,
        read.pulled_at
    from known
    left join accounts
        on
            known.client_id = accounts.client_id
            and known.instagram_account_id = accounts.instagram_account_id
    left join read
        on
            known.client_id = read.client_id
            and known.instagram_account_id = read.instagram_account_id

)

select * from final
