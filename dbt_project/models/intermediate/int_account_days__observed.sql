with

observed as (

    select * from {{ ref('int_days__observed') }}

),

versions as (

    select * from {{ ref('fct_account_daily_versions') }}

),

-- A day that never had a row has nothing that could settle.
days as (

    select
        client_id,
        ad_account_id,
        day,
        any_value(result_action_type) as result_action_type,
        any_value(account_currency) as account_currency,
        bool_or(result_value is not null) as has_value
    from versions
    group by client_id, ad_account_id, day

),

-- A believable pull without a row says zero. So does one without the value of no results, where
-- Meta gives values; a figure that Meta left out of a row stays unknown.
final as (

    select
        observed.client_id,
        observed.ad_account_id,
        observed.day,
        observed.pulled_at,
        observed.age_hours,
        days.result_action_type,
        days.account_currency,
        {% for metric in ['spend', 'impressions', 'clicks', 'link_clicks', 'results'] -%}
            case when versions.day is null then 0 else versions.{{ metric }} end as {{ metric }},
        {% endfor -%}
        case
            when versions.result_value is not null then versions.result_value
            when days.has_value and coalesce(versions.results, 0) = 0 then 0
        end as result_value
    from observed
    inner join days
        on
            observed.client_id = days.client_id
            and observed.ad_account_id = days.ad_account_id
            and observed.day = days.day
    left join versions
        on
            observed.client_id = versions.client_id
            and observed.ad_account_id = versions.ad_account_id
            and observed.day = versions.day
            and observed.pulled_at >= versions.valid_from
            and observed.pulled_at < coalesce(versions.valid_to, 'infinity')

)

select * from final
