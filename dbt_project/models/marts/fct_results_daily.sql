with

account_days as (

    select * from {{ ref('fct_account_daily') }}

),

curves as (

    select * from {{ ref('mart_settling_curves') }}

),

-- What a result of the account is worth on average, so far.
units as (

    select
        client_id,
        ad_account_id,
        nullif({{ ratio('sum(result_value)', 'sum(results)') }}, 0) as value_per_result
    from account_days
    where result_value is not null
    group by client_id, ad_account_id

),

aged as (

    select
        account_days.*,
        units.value_per_result,
        {{ age_hours('account_days.pulled_at', 'account_days.settles_at') }} / 24 + 28 as age_days,
        -- Where results have values, no result yet is no value yet.
        case
            when account_days.result_value is not null then account_days.result_value
            when account_days.results = 0 and units.value_per_result is not null then 0
        end as known_value
    from account_days
    left join units
        on
            account_days.client_id = units.client_id
            and account_days.ad_account_id = units.ad_account_id

),

result_curves as (

    select * from curves
    where metric = 'results'

),

value_curves as (

    select * from curves
    where metric = 'result_value'

),

-- The curve at the day's age, or at the nearest younger age that was measured.
curved as (

    select
        aged.*,
        result_curves.share as result_share,
        result_curves.share_high as result_share_high,
        result_curves.error_per_result as result_error,
        result_curves.basis as result_basis,
        value_curves.share as value_share,
        value_curves.share_high as value_share_high,
        value_curves.error_per_result as value_error
    from aged
    asof left join result_curves
        on
            aged.client_id = result_curves.client_id
            and aged.age_days >= result_curves.age_days
    asof left join value_curves
        on
            aged.client_id = value_curves.client_id
            and aged.age_days >= value_curves.age_days

),

final as (

    select
        client_id,
        ad_account_id,
        day,
        result_action_type,
        account_currency,
        spend,
        results,
        result_value,
        cost_per_result,
        {{ ratio('result_value', 'spend') }} as roas,
        {{ expected('results', ratio('results', 'result_share')) }} as results_expected,
        {% for bound, side in [('low', '-'), ('high', '+')] -%}
            {{ expected(
                'results',
                settled_bound(
                    'results', 'result_share', 'result_share_high', 'result_error', '1', side
                )
            ) }} as results_expected_{{ bound }},
        {% endfor -%}
        {{ expected('results', likely_total('results', 'result_share')) }} as results_likely,
        {{ expected('known_value', ratio('known_value', 'value_share')) }}
            as result_value_expected,
        {% for bound, side in [('low', '-'), ('high', '+')] -%}
            {{ expected(
                'known_value',
                settled_bound(
                    'known_value', 'value_share', 'value_share_high', 'value_error',
                    'value_per_result', side
                )
            ) }} as result_value_expected_{{ bound }},
        {% endfor -%}
        case
            when maturity not in ('open', 'final') and results is not null then result_basis
        end as expected_basis,
        note,
        maturity,
        pulled_at,
        settles_at
    from curved

)

select * from final
