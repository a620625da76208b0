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

-- When the time zone first landed. Days built before that assumed another one, and are due again.
first_seen as (

    select
        versions.client_id,
        versions.ad_account_id,
        versions.timezone_name,
        min(pulls.load_seq) as located_seq
    from versions
    inner join pulls
        on versions.pull_id = pulls.pull_id
    group by versions.client_id, versions.ad_account_id, versions.timezone_name

),

final as (

    select
        newest.client_id,
        newest.ad_account_id,
        known_time_zones.name as time_zone,
        coalesce(first_seen.located_seq, 0) as located_seq
    from newest
    left join known_time_zones
        on newest.timezone_name = known_time_zones.name
    left join first_seen
        on
            newest.client_id = first_seen.client_id
            and newest.ad_account_id = first_seen.ad_account_id
            and newest.timezone_name = first_seen.timezone_name

)

select * from final
