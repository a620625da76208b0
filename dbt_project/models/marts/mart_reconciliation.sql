{% set grains = ['campaign', 'adset', 'ad', 'platform', 'age_gender', 'country'] %}
{% set breakdowns = ['platform', 'age_gender', 'country'] %}
{% set delivery = ['spend', 'impressions', 'clicks', 'link_clicks'] %}
{% set metrics = delivery + ['results', 'result_value'] %}

with

coverage as (

    select * from {{ ref('mart_coverage') }}

),

currency_offsets as (

    select * from {{ ref('currency_offsets') }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

adsets as (

    select * from {{ ref('dim_adsets') }}

),

ads as (

    select * from {{ ref('dim_ads') }}

),

account_days as (

    select * from {{ ref('fct_account_daily') }}

),

campaign_days as (

    select * from {{ ref('fct_campaign_daily') }}

),

adset_days as (

    select * from {{ ref('fct_adset_daily') }}

),

ad_days as (

    select * from {{ ref('fct_ad_daily') }}

),

platform_days as (

    select * from {{ ref('fct_platform_daily') }}

),

age_gender_days as (

    select * from {{ ref('fct_age_gender_daily') }}

),

country_days as (

    select * from {{ ref('fct_country_daily') }}

),

-- Each fact is read once. A figure that Meta left out of a row is counted, not taken for zero.
sums as (

    {% for grain in grains %}
        select
            '{{ grain }}' as grain,
            client_id,
            ad_account_id,
            day,
            count(*) as rows_added,
            any_value(account_currency) as account_currency,
            sum(spend) as spend,
            sum(impressions) as impressions,
            sum(clicks) as clicks,
            sum(link_clicks) as link_clicks,
            sum(results) as results,
            sum(result_value) as result_value,
            count(*) - count(spend) as spend_unknown,
            count(*) - count(impressions) as impressions_unknown,
            count(*) - count(clicks) as clicks_unknown,
            count(*) - count(link_clicks) as link_clicks_unknown
        from {{ grain }}_days
        group by client_id, ad_account_id, day
        {{ "union all" if not loop.last }}
    {% endfor %}

),

known as (

    select
        client_id,
        asset_id as ad_account_id,
        day,
        replace(report, '_daily', '') as grain,
        coverage = 'pulled' and coalesce(reason ilike '%conversions%', false) as lacks_conversions,
        maturity,
        pulled_at,
        settles_at
    from coverage
    where
        coverage in ('pulled', 'confirmed_empty')
        and report in (
            'account_daily',
            {% for grain in grains %}
                '{{ grain }}_daily'{{ "," if not loop.last }}
            {% endfor %}
        )

),

-- From when until when objects of the account may have delivered that are archived, deleted, or
-- known from insights alone: of campaigns (depth 1), ad sets (2), ads (3).
gone_objects as (

    {% for relation in ['campaigns', 'adsets', 'ads'] %}
        select
            client_id,
            ad_account_id,
            {{ loop.index }} as depth,
            coalesce(min(created_time), '-infinity') as gone_since,
            coalesce(max(updated_time), 'infinity') as gone_until
        from {{ relation }}
        where effective_status is null or effective_status in ('ARCHIVED', 'DELETED')
        group by client_id, ad_account_id
        {{ "union all" if not loop.last }}
    {% endfor %}

),

-- The same of a depth and all above it.
gone as (

    select
        gone_objects.client_id,
        gone_objects.ad_account_id,
        grain_depths.depth,
        min(gone_objects.gone_since) as gone_since,
        max(gone_objects.gone_until) as gone_until
    from gone_objects
    inner join (values (1), (2), (3)) as grain_depths (depth)
        on gone_objects.depth <= grain_depths.depth
    group by gone_objects.client_id, gone_objects.ad_account_id, grain_depths.depth

),

-- The account's day beside the same day at a finer grain, where both are known.
paired as (

    select
        grain_known.client_id,
        grain_known.ad_account_id,
        grain_known.day,
        grain_known.grain,
        coalesce(account_days.account_currency, sums.account_currency) as account_currency,
        account_days.day is null as is_account_empty,
        sums.day is null as is_grain_empty,
        coalesce(sums.rows_added, 0) as rows_added,
        {% for metric in metrics %}
            account_days.{{ metric }} as account_{{ metric }},
            sums.{{ metric }} as grain_{{ metric }},
        {% endfor %}
        {% for metric in delivery %}
            coalesce(sums.{{ metric }}_unknown, 0) as {{ metric }}_unknown,
        {% endfor %}
        account_known.lacks_conversions or grain_known.lacks_conversions as lacks_conversions,
        account_known.pulled_at as account_pulled_at,
        grain_known.pulled_at as grain_pulled_at,
        least(account_known.pulled_at, grain_known.pulled_at) as pulled_at,
        case
            when account_known.pulled_at <= grain_known.pulled_at then account_known.maturity
            else grain_known.maturity
        end as maturity,
        account_known.settles_at
    from known as grain_known
    inner join known as account_known
        on
            grain_known.client_id = account_known.client_id
            and grain_known.ad_account_id = account_known.ad_account_id
            and grain_known.day = account_known.day
            and account_known.grain = 'account'
    left join account_days
        on
            grain_known.client_id = account_days.client_id
            and grain_known.ad_account_id = account_days.ad_account_id
            and grain_known.day = account_days.day
    left join sums
        on
            grain_known.grain = sums.grain
            and grain_known.client_id = sums.client_id
            and grain_known.ad_account_id = sums.ad_account_id
            and grain_known.day = sums.day
    where grain_known.grain <> 'account'

),

-- A day that is known and has no row has no delivery and no results. Of a value that nobody named,
-- nothing is said; where only one side names one, the other's is 0 if it knows its results.
metered as (

    select
        * exclude (
            {% for metric in delivery %}
                {{ metric }}_unknown,
            {% endfor %}
            {% for metric in metrics %}
                account_{{ metric }},
                grain_{{ metric }}{{ "," if not loop.last }}
            {% endfor %}
        ),
        unnest(
            [
                {% for metric in metrics %}
                    {
                        'metric': '{{ metric }}',
                        {% for side, other in [('account', 'grain'), ('grain', 'account')] %}
                            '{{ side }}_value': cast(
                                {% if metric == 'result_value' %}
                                    case
                                        when {{ side }}_{{ metric }} is not null
                                            then {{ side }}_{{ metric }}
                                        when
                                            {{ other }}_{{ metric }} is not null
                                            and (
                                                is_{{ side }}_empty
                                                or {{ side }}_results is not null
                                            )
                                            then 0
                                    end
                                {% else %}
                                    case
                                        when is_{{ side }}_empty then 0
                                        else {{ side }}_{{ metric }}
                                    end
                                {% endif %}
                                as decimal(18, 6)
                            ),
                        {% endfor %}
                        'rows_unknown': {{ metric ~ "_unknown" if metric in delivery else 0 }}
                    }{{ "," if not loop.last }}
                {% endfor %}
            ],
            recursive := true
        )
    from paired

),

rounded as (

    select
        metered.*,
        -- Half a minor unit of the currency for each row that was added, and for the account's.
        case
            when metered.metric in ('spend', 'result_value')
                then cast(
                    (metered.rows_added + 1) * 0.5 / coalesce(currency_offsets.currency_offset, 100)
                    as decimal(18, 6)
                )
            else 0
        end as rounding
    from metered
    left join currency_offsets
        on metered.account_currency = currency_offsets.currency
    where metered.account_value is not null or metered.grain_value is not null

),

measured as (

    select
        *,
        cast(grain_value - account_value as decimal(18, 6)) as gap,
        case
            when account_value is not null
                then cast(greatest(rounding, 0.001 * abs(account_value)) as decimal(18, 6))
        end as tolerance,
        metric in ('results', 'result_value') as is_result,
        case grain when 'adset' then 2 when 'ad' then 3 else 1 end as depth,
        settles_at - interval 672 hour as day_ends_at,
        abs(date_diff('second', account_pulled_at, grain_pulled_at)) as seconds_apart
    from rounded

),

explained as (

    select
        measured.*,
        case
            when measured.gap = 0 then null
            when abs(measured.gap) <= measured.rounding then 'currency_rounding'
            when
                measured.gap is null
                or measured.rows_unknown > 0
                or (measured.is_result and measured.lacks_conversions)
                then 'fields_left_out'
            when
                measured.is_result
                and measured.grain in (
                    {%- for grain in breakdowns -%}
                        '{{ grain }}'{{ ", " if not loop.last }}
                    {%- endfor -%}
                )
                and coalesce(measured.grain_value, 0) < measured.account_value
                then 'breakdown_loss'
            when
                measured.is_result
                and measured.seconds_apart
                > case when measured.maturity in ('open', 'provisional') then 0 else 3600 end
                and measured.pulled_at < measured.settles_at
                -- Conversions are added later, seldom taken back.
                and (measured.gap > 0) = (measured.grain_pulled_at > measured.account_pulled_at)
                then 'late_attribution'
            when
                not measured.is_result
                and measured.seconds_apart
                > case when measured.maturity in ('open', 'provisional') then 0 else 3600 end
                and measured.pulled_at < measured.day_ends_at + interval 72 hour
                then 'different_pull_times'
            when
                coalesce(measured.grain_value, 0) < measured.account_value
                and gone.gone_since < measured.day_ends_at
                and gone.gone_until >= measured.day_ends_at - interval 24 hour
                then 'archived_objects'
            else 'unexplained'
        end as likely_reason
    from measured
    left join gone
        on
            measured.client_id = gone.client_id
            and measured.ad_account_id = gone.ad_account_id
            and measured.depth = gone.depth

),

final as (

    select
        client_id,
        ad_account_id,
        day,
        grain,
        metric,
        account_currency,
        account_value,
        grain_value,
        gap,
        {{ ratio('gap', 'account_value') }} as gap_share,
        tolerance,
        abs(gap) <= tolerance as is_within,
        likely_reason,
        rows_added,
        maturity,
        account_pulled_at,
        grain_pulled_at,
        pulled_at,
        settles_at
    from explained

)

select * from final
