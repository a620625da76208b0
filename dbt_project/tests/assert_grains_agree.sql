{{ config(severity='warn') }}

-- Spend of the campaigns, of the platforms and of the ads against spend of the ad account, on
-- days of which all are known and at least settling. A difference hints at rows that Meta left
-- out or that were pulled at another time: pull the day again.
with

covered as (

    select
        client_id,
        ad_account_id,
        day
    from {{ ref('mart_freshness') }}
    where
        coverage in ('pulled', 'confirmed_empty')
        and maturity not in ('open', 'provisional')

),

account_days as (

    select
        client_id,
        ad_account_id,
        day,
        spend
    from {{ ref('fct_account_daily') }}

),

grains as (

    {% for grain in ['campaign', 'platform', 'ad'] %}
        select
            '{{ grain }}' as grain,
            client_id,
            ad_account_id,
            day,
            sum(spend) as spend
        from {{ ref('fct_' ~ grain ~ '_daily') }}
        group by client_id, ad_account_id, day
        {{ "union all" if not loop.last }}
    {% endfor %}

),

expected as (

    select unnest(['campaign', 'platform', 'ad']) as grain

),

compared as (

    select
        expected.grain,
        covered.client_id,
        covered.ad_account_id,
        covered.day,
        coalesce(account_days.spend, 0) as account_spend,
        coalesce(grains.spend, 0) as grain_spend
    from covered
    cross join expected
    left join account_days
        on
            covered.client_id = account_days.client_id
            and covered.ad_account_id = account_days.ad_account_id
            and covered.day = account_days.day
    left join grains
        on
            expected.grain = grains.grain
            and covered.client_id = grains.client_id
            and covered.ad_account_id = grains.ad_account_id
            and covered.day = grains.day

)

select * from compared
where abs(account_spend - grain_spend) > greatest(0.01, 0.001 * account_spend)
