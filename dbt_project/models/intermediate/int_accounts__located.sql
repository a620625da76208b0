with

versions as (

    select * from {{ ref('stg_meta__account_versions') }}

),

pulls as (

    select * from {{ ref('stg_meta__pulls') }}

),

known_time_zones as (

    select name from pg_timezone_names()

),

newest as (

    select
        client_id,
        ad_account_id,
        timezone_name
    from versions
    where valid_to is null

),

told as (

    select
        *,
        coalesce(
            lag(valid_to) over story = valid_from
            and lag(timezone_name) over story is not distinct from timezone_name,
            false
        ) as goes_on
    from versions
    window
        story as (
            partition by client_id, ad_account_id
            order by valid_from
        )

),

-- Since when the account is in its time zone without a break: it may have been there before. Days
-- built until then assumed another one, and are due again.
begun as (

    select
        client_id,
        ad_account_id,
        arg_max(pull_id, valid_from) as pull_id
    from told
    where not goes_on
    group by client_id, ad_account_id

),

final as (

    select
        newest.client_id,
        newest.ad_account_id,
        known_time_zones.name as time_zone,
        coalesce(pulls.load_seq, 0) as located_seq
    from newest
    left join known_time_zones
        on newest.timezone_name = known_time_zones.name
    left join begun
        on
            newest.client_id = begun.client_id
            and newest.ad_account_id = begun.ad_account_id
    left join pulls
        on begun.pull_id = pulls.pull_id

)

select * from final
