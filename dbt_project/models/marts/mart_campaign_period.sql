{#- Name, first and last day, the same of the period before; `anchor` is the last known day. -#}
{% set month = "date_trunc('month', anchor)" %}
{% set periods = [
    ('last_7d', 'anchor - 6', 'anchor', 'anchor - 13', 'anchor - 7'),
    ('last_28d', 'anchor - 27', 'anchor', 'anchor - 55', 'anchor - 28'),
    ('last_30d', 'anchor - 29', 'anchor', 'anchor - 59', 'anchor - 30'),
    ('this_month', month, 'anchor', month ~ ' - interval 1 month', 'anchor - interval 1 month'),
    (
        'last_month', month ~ ' - interval 1 month', month ~ ' - interval 1 day',
        month ~ ' - interval 2 month', month ~ ' - interval 1 month - interval 1 day',
    ),
] %}

with

campaign_days as (

    select
        * replace ({{ known_link_clicks() }} as link_clicks)
    from {{ ref('fct_campaign_daily') }}

),

-- A day pulled before it was over is known in part: no total may rest on it.
known_days as (

    select * from {{ ref('int_days__matured') }}
    where
        report = 'campaign_daily'
        and coverage in ('pulled', 'confirmed_empty')
        and maturity <> 'open'

),

anchors as (

    select
        client_id,
        asset_id as ad_account_id,
        max(day) as anchor
    from known_days
    group by client_id, asset_id

),

periods as (

    {% for name, first, last, prior_first, prior_last in periods %}
        select
            client_id,
            ad_account_id,
            '{{ name }}' as period,
            cast({{ first }} as date) as first_day,
            cast({{ last }} as date) as last_day,
            cast({{ prior_first }} as date) as prior_first_day,
            cast({{ prior_last }} as date) as prior_last_day
        from anchors
        {{ "union all" if not loop.last }}
    {% endfor %}

),

covered as (

    select
        periods.*,
        date_diff('day', periods.first_day, periods.last_day) + 1 as days_in_period,
        count(*) filter (where known_days.day >= periods.first_day) as days_covered,
        date_diff('day', periods.prior_first_day, periods.prior_last_day) + 1 as prior_days,
        count(*) filter (where known_days.day <= periods.prior_last_day) as prior_days_covered,
        arg_max(known_days.maturity, {{ maturity_rank('known_days.maturity') }}) filter (
            where known_days.day >= periods.first_day
        ) as maturity,
        min(known_days.pulled_at) filter (where known_days.day >= periods.first_day) as pulled_at,
        max(known_days.settles_at) filter (where known_days.day >= periods.first_day)
            as settles_at
    from periods
    inner join known_days
        on
            periods.client_id = known_days.client_id
            and periods.ad_account_id = known_days.asset_id
            and known_days.day between periods.prior_first_day and periods.last_day
    group by all

),

joined as (

    select
        covered.*,
        campaign_days.campaign_id,
        campaign_days.campaign_name,
        campaign_days.objective,
        campaign_days.result_action_type,
        campaign_days.account_currency,
        campaign_days.day,
        campaign_days.spend,
        campaign_days.impressions,
        campaign_days.clicks,
        campaign_days.link_clicks,
        campaign_days.results,
        campaign_days.result_value,
        campaign_days.day >= covered.first_day as is_now,
        campaign_days.day <= covered.prior_last_day as is_before
    from covered
    inner join campaign_days
        on
            covered.client_id = campaign_days.client_id
            and covered.ad_account_id = campaign_days.ad_account_id
            and (
                campaign_days.day between covered.first_day and covered.last_day
                or campaign_days.day between covered.prior_first_day and covered.prior_last_day
            )
    -- Of a period without a known day nothing can be said.
    where covered.days_covered > 0

),

summed as (

    select
        client_id,
        ad_account_id,
        campaign_id,
        period,
        first_day,
        last_day,
        prior_first_day,
        prior_last_day,
        days_covered,
        days_in_period - days_covered as days_missing,
        prior_days - prior_days_covered as prior_days_missing,
        maturity,
        pulled_at,
        settles_at,
        arg_max(campaign_name, day) as campaign_name,
        arg_max(objective, day) as objective,
        any_value(result_action_type) as result_action_type,
        account_currency,
        {{ period_sums('is_now', 'days_covered = days_in_period') }},
        {{ period_sums('is_before', 'prior_days_covered = prior_days', '_prior') }}
    from joined
    group by
        client_id,
        ad_account_id,
        campaign_id,
        period,
        first_day,
        last_day,
        prior_first_day,
        prior_last_day,
        days_in_period,
        days_covered,
        prior_days,
        prior_days_covered,
        account_currency,
        maturity,
        pulled_at,
        settles_at

),

rated as (

    select
        *,
        {{ period_ratios() }},
        {{ period_ratios('_prior') }}
    from summed

),

final as (

    select
        client_id,
        ad_account_id,
        campaign_id,
        period,
        first_day,
        last_day,
        prior_first_day,
        prior_last_day,
        campaign_name,
        objective,
        result_action_type,
        account_currency,
        spend,
        impressions,
        clicks,
        link_clicks,
        results,
        result_value,
        ctr,
        link_ctr,
        cpc,
        link_cpc,
        cpm,
        cost_per_result,
        roas,
        spend_prior,
        impressions_prior,
        clicks_prior,
        link_clicks_prior,
        results_prior,
        result_value_prior,
        ctr_prior,
        link_ctr_prior,
        cpc_prior,
        link_cpc_prior,
        cpm_prior,
        cost_per_result_prior,
        roas_prior,
        {{ period_changes('_prior') }},
        days_covered,
        days_missing,
        prior_days_missing,
        days_missing = 0 as is_complete,
        maturity,
        pulled_at,
        settles_at
    from rated

)

select * from final
