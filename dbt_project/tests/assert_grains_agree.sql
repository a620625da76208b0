{{ config(severity='warn') }}

-- Spend and impressions of each grain against those of the ad account, on days that both know and
-- that are at least settling. Breakdowns lose no delivery: Meta says so of unique counts and of
-- conversions off Meta only (Insights breakdowns). Meta rounds the spend of each row to the cent.
-- A difference hints at rows that Meta left out or that were pulled at another time: pull the day
-- again.
{% set grains = ['campaign', 'adset', 'ad', 'platform', 'age_gender', 'country'] %}

with

known as (

    select
        client_id,
        asset_id as ad_account_id,
        day,
        replace(report, '_daily', '') as grain
    from {{ ref('mart_coverage') }}
    where
        coverage in ('pulled', 'confirmed_empty')
        and maturity not in ('open', 'provisional')

),

account_days as (

    select
        client_id,
        ad_account_id,
        day,
        spend,
        impressions
    from {{ ref('fct_account_daily') }}

),

grains as (

    {% for grain in grains %}
        select
            '{{ grain }}' as grain,
            client_id,
            ad_account_id,
            day,
            sum(spend) as spend,
            sum(impressions) as impressions,
            count(*) as rows_added
        from {{ ref('fct_' ~ grain ~ '_daily') }}
        group by client_id, ad_account_id, day
        {{ "union all" if not loop.last }}
    {% endfor %}

),

compared as (

    select
        known.grain,
        known.client_id,
        known.ad_account_id,
        known.day,
        coalesce(account_days.spend, 0) as account_spend,
        coalesce(grains.spend, 0) as grain_spend,
        coalesce(account_days.impressions, 0) as account_impressions,
        coalesce(grains.impressions, 0) as grain_impressions,
        coalesce(grains.rows_added, 0) as rows_added
    from known
    inner join known as account_known
        on
            known.client_id = account_known.client_id
            and known.ad_account_id = account_known.ad_account_id
            and known.day = account_known.day
            and account_known.grain = 'account'
    left join account_days
        on
            known.client_id = account_days.client_id
            and known.ad_account_id = account_days.ad_account_id
            and known.day = account_days.day
    left join grains
        on
            known.grain = grains.grain
            and known.client_id = grains.client_id
            and known.ad_account_id = grains.ad_account_id
            and known.day = grains.day
    where
        known.grain in (
            {% for grain in grains %}
                '{{ grain }}'{{ "," if not loop.last }}
            {% endfor %}
        )

)

select * from compared
where
    abs(account_spend - grain_spend)
    > greatest(0.01, 0.005 * rows_added, 0.001 * account_spend)
    or abs(account_impressions - grain_impressions) > 0.001 * account_impressions
