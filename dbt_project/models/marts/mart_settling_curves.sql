{% set metrics = ['spend', 'impressions', 'link_clicks', 'results', 'result_value'] %}

with

observed as (

    select * from {{ ref('int_account_days__observed') }}

),

clients as (

    select * from {{ ref('dim_clients') }}

),

-- What the newest pull says of each day that is final.
finals as (

    select
        client_id,
        ad_account_id,
        day,
        any_value(account_currency) as account_currency,
    {% for metric in metrics -%}
        arg_max({{ metric }}, pulled_at) as {{ metric }}{{ "," if not loop.last }}
    {% endfor %}
    from observed
    where age_hours >= 672
    group by client_id, ad_account_id, day

),

-- What one result is worth on average: errors of values are measured in it. Where all are worth
-- nothing, there is no measure.
units as (

    select
        client_id,
        ad_account_id,
        nullif({{ ratio('sum(result_value)', 'sum(results)') }}, 0) as value_per_result
    from finals
    where result_value is not null
    group by client_id, ad_account_id

),

early as (

    select
        client_id,
        ad_account_id,
        day,
        cast(floor(age_hours / 24) as integer) as age_days,
    {% for metric in metrics -%}
        avg({{ metric }}) as {{ metric }}{{ "," if not loop.last }}
    {% endfor %}
    from observed
    where
        age_hours >= 0
        and age_hours < 672
    group by client_id, ad_account_id, day, age_days

),

paired as (

    select
        early.client_id,
        early.age_days,
        finals.account_currency,
        units.value_per_result,
    {% for metric in metrics -%}
        cast(early.{{ metric }} as double) as {{ metric }}_known,
        cast(finals.{{ metric }} as double) as {{ metric }}_settled
        {{- "," if not loop.last }}
    {% endfor %}
    from early
    inner join finals
        on
            early.client_id = finals.client_id
            and early.ad_account_id = finals.ad_account_id
            and early.day = finals.day
    left join units
        on
            early.client_id = units.client_id
            and early.ad_account_id = units.ad_account_id

),

figures as (

    {% for metric in metrics %}
        select
            '{{ metric }}' as metric,
            client_id,
            age_days,
            {{ "coalesce(account_currency, '')" if metric in ['spend', 'result_value'] else "''" }}
                as account_currency,
            {{ metric }}_known as known,
            {{ metric }}_settled as settled,
            {{ {'results': '1.0', 'result_value': 'value_per_result'}.get(
                metric, 'cast(null as double)'
            ) }} as unit
        from paired
        where
            {{ metric }}_known is not null
            and {{ metric }}_settled is not null
        {{ "union all" if not loop.last }}
    {% endfor %}

),

-- Sums by currency, from which shares and errors follow for a client and for all of them.
sums as (

    select
        client_id,
        metric,
        age_days,
        account_currency,
        sum(known) as known,
        sum(settled) as settled,
        count(*) filter (where settled > 0) as days_measured,
        sum(known / unit + 1) as results_known,
        sum((settled / unit) * (settled / unit)) as settled_squared,
        sum((known / unit) * (known / unit)) as known_squared,
        sum((known / unit) * (settled / unit)) as known_by_settled
    from figures
    group by client_id, metric, age_days, account_currency

),

{% for basis, keys in [('client', 'client_id, metric, age_days'), ('agency', 'metric, age_days')] %}
    -- Amounts of two currencies are never added: their shares are averaged by days.
    {{ basis }}_currencies as (

        select
            {{ keys }},
            account_currency,
            sum(known) / nullif(sum(settled), 0) as share,
            sum(days_measured) as days_measured,
            sum(results_known) as results_known,
            sum(settled_squared) as settled_squared,
            sum(known_squared) as known_squared,
            sum(known_by_settled) as known_by_settled
        from sums
        group by {{ keys }}, account_currency

    ),

    {{ basis }}_shares as (

        select
            {{ keys }},
            sum(share * days_measured) / nullif(sum(days_measured), 0) as share,
            cast(sum(days_measured) as bigint) as days_measured,
            sum(results_known) as results_known,
            sum(settled_squared) as settled_squared,
            sum(known_squared) as known_squared,
            sum(known_by_settled) as known_by_settled
        from {{ basis }}_currencies
        group by {{ keys }}

    ),

    {{ basis }}_spreads as (

        select
            {{ keys }},
            quantile_cont(known / settled, 0.1) as share_low,
            quantile_cont(known / settled, 0.9) as share_high
        from figures
        where settled > 0
        group by {{ keys }}

    ),

    -- The mean squared error of known / share as an estimate of these days, by the results known.
    -- One more is added, so that a few days without any error do not promise that there is none.
    {{ basis }}_curves as (

        select
            shares.*,
            spreads.share_low,
            spreads.share_high,
            (
                shares.settled_squared
                - 2 * shares.known_by_settled / nullif(shares.share, 0)
                + shares.known_squared / nullif(shares.share * shares.share, 0)
                + 1
            ) / nullif(shares.results_known, 0) as error_per_result
        from {{ basis }}_shares as shares
        inner join {{ basis }}_spreads as spreads
            on
                {% for key in keys.split(', ') -%}
                    {{ "and " if not loop.first }}shares.{{ key }} = spreads.{{ key }}
                {% endfor %}
        where shares.days_measured >= {{ final_days_needed() }}

    ),
{% endfor %}

final as (

    select
        clients.client_id,
        agency_curves.metric,
        agency_curves.age_days,
        coalesce(client_curves.share, agency_curves.share) as share,
        coalesce(client_curves.share_low, agency_curves.share_low) as share_low,
        coalesce(client_curves.share_high, agency_curves.share_high) as share_high,
        coalesce(client_curves.days_measured, agency_curves.days_measured) as days_measured,
        case when client_curves.client_id is null then 'agency' else 'client' end as basis,
        coalesce(client_curves.error_per_result, agency_curves.error_per_result)
            as error_per_result
    from clients
    cross join agency_curves
    left join client_curves
        on
            clients.client_id = client_curves.client_id
            and agency_curves.metric = client_curves.metric
            and agency_curves.age_days = client_curves.age_days

)

select * from final
