with

months as (

    select * from {{ ref('mart_monthly_report') }}

),

client_days as (

    select * from {{ ref('mart_client_daily') }}

),

clients as (

    select * from {{ ref('dim_clients') }}

),

ad_accounts as (

    select * from {{ ref('dim_ad_accounts') }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

adsets as (

    select * from {{ ref('dim_adsets') }}

),

currencies as (

    select
        client_id,
        count(distinct coalesce(account_currency, '')) as currencies
    from months
    group by client_id

),

-- A target is one sum of money: it says nothing of a client whose ad accounts use two currencies.
placed as (

    select
        months.*,
        last_day(months.month) as month_end,
        months.month = max(months.month) over client as is_newest,
        case when currencies.currencies = 1 then clients.target_spend end as target_spend,
        case when currencies.currencies = 1 then clients.target_results end as target_results,
        case
            when currencies.currencies = 1 then clients.target_cost_per_result
        end as target_cost_per_result
    from months
    left join clients
        on months.client_id = clients.client_id
    left join currencies
        on months.client_id = currencies.client_id
    window client as (partition by months.client_id, months.account_currency)

),

-- The mean of each weekday over the 14 days up to the last one known, which has each twice.
weekdays as (

    select
        placed.client_id,
        placed.account_currency,
        placed.month,
        isodow(client_days.day) as weekday,
        avg(client_days.spend) as spend,
        avg(coalesce(client_days.results_expected, client_days.results)) as results
    from placed
    inner join client_days
        on
            placed.client_id = client_days.client_id
            and placed.account_currency is not distinct from client_days.account_currency
            and client_days.day between placed.last_day - 13 and placed.last_day
            and client_days.is_complete
            and client_days.maturity <> 'open'
    group by placed.client_id, placed.account_currency, placed.month, isodow(client_days.day)
    having count(client_days.spend) = 2 and count(client_days.results) = 2

),

days_to_come as (

    select
        client_id,
        account_currency,
        month,
        unnest(generate_series(last_day + 1, month_end, interval 1 day)) as day
    from placed

),

-- One weekday without a mean leaves the rest of the month unknown.
forecast as (

    select
        days_to_come.client_id,
        days_to_come.account_currency,
        days_to_come.month,
        case when count(weekdays.spend) = count(*) then sum(weekdays.spend) end as spend_to_come,
        case when count(weekdays.results) = count(*) then sum(weekdays.results) end
            as results_to_come
    from days_to_come
    left join weekdays
        on
            {{ same_client_month('days_to_come', 'weekdays') }}
            and isodow(days_to_come.day) = weekdays.weekday
    group by days_to_come.client_id, days_to_come.account_currency, days_to_come.month

),

-- What late conversions still bring is in the results to date, where it was measured.
to_date as (

    select
        placed.client_id,
        placed.account_currency,
        placed.month,
        sum(coalesce(client_days.results_expected, client_days.results)) as results
    from placed
    inner join client_days
        on
            placed.client_id = client_days.client_id
            and placed.account_currency is not distinct from client_days.account_currency
            and client_days.day between placed.first_day and placed.last_day
    where placed.is_complete
    group by placed.client_id, placed.account_currency, placed.month

),

-- A budget stands on the campaign or on its ad sets, never on both.
budgeted as (

    select
        client_id,
        ad_account_id,
        account_currency,
        effective_status,
        stop_time as ends_at,
        daily_budget,
        lifetime_budget
    from campaigns
    union all
    select
        client_id,
        ad_account_id,
        account_currency,
        effective_status,
        end_time as ends_at,
        daily_budget,
        lifetime_budget
    from adsets

),

-- Of what may still spend on the days left: an ad account that left clients.yml stays as it was
-- listed last, and what has ended stays ACTIVE.
budgets as (

    select
        budgeted.client_id,
        budgeted.account_currency,
        sum(budgeted.daily_budget) as daily_budget,
        count(budgeted.lifetime_budget) as lifetime_budgets
    from budgeted
    inner join ad_accounts
        on
            budgeted.client_id = ad_accounts.client_id
            and budgeted.ad_account_id = ad_accounts.ad_account_id
            and ad_accounts.is_active
    inner join placed
        on
            budgeted.client_id = placed.client_id
            and budgeted.account_currency is not distinct from placed.account_currency
            and placed.is_newest
    where
        budgeted.effective_status = 'ACTIVE'
        and coalesce(
            budgeted.ends_at > {{ day_end(
                'placed.last_day', 'coalesce(ad_accounts.time_zone, ' ~ unknown_time_zone() ~ ')'
            ) }},
            true
        )
    group by budgeted.client_id, budgeted.account_currency

),

forecasted as (

    select
        placed.*,
        placed.days_in_month - placed.days_elapsed as days_left,
        case when placed.is_newest then budgets.daily_budget end as daily_budget,
        case when placed.is_newest then coalesce(budgets.lifetime_budgets, 0) end
            as lifetime_budgets,
        case
            when not placed.is_complete then null
            when placed.last_day = placed.month_end then placed.spend
            else placed.spend + cast(forecast.spend_to_come as decimal(38, 6))
        end as forecast_spend,
        case
            when not placed.is_complete then null
            when placed.last_day = placed.month_end then to_date.results
            else to_date.results + cast(forecast.results_to_come as decimal(38, 6))
        end as forecast_results
    from placed
    left join forecast
        on {{ same_client_month('placed', 'forecast') }}
    left join to_date
        on {{ same_client_month('placed', 'to_date') }}
    left join budgets
        on
            placed.client_id = budgets.client_id
            and placed.account_currency is not distinct from budgets.account_currency

),

shared as (

    select
        *,
        {{ ratio('days_elapsed', 'days_in_month') }} as expected_share,
        {{ ratio('spend', 'target_spend') }} as spend_share,
        {{ ratio('results', 'target_results') }} as results_share
    from forecasted

),

final as (

    select
        client_id,
        account_currency,
        month,
        first_day,
        last_day,
        days_in_month,
        days_elapsed,
        days_left,
        days_covered,
        days_missing,
        is_complete,
        spend,
        results,
        cost_per_result,
        results_expected,
        target_spend,
        target_results,
        target_cost_per_result,
        expected_share,
        spend_share,
        {{ ratio('spend_share', 'expected_share') }} as spend_pace,
        results_share,
        {{ ratio('results_share', 'expected_share') }} as results_pace,
        {{ ratio('cost_per_result', 'target_cost_per_result') }} as cost_per_result_ratio,
        daily_budget,
        lifetime_budgets,
        cast(
            case
                when is_complete and lifetime_budgets = 0 then spend + daily_budget * days_left
            end as decimal(38, 6)
        ) as spend_at_budget,
        cast(forecast_spend as decimal(38, 6)) as forecast_spend,
        cast(forecast_results as decimal(38, 6)) as forecast_results,
        {{ cost_per_result('forecast_spend', 'forecast_results') }} as forecast_cost_per_result,
        {{ ratio('forecast_spend', 'target_spend') }} as forecast_spend_share,
        {{ ratio('forecast_results', 'target_results') }} as forecast_results_share,
        case
            when forecast_spend is null and forecast_results is null then null
            when last_day = month_end then 'month_over'
            else 'to_date_and_weekday_means_of_14_days'
        end as forecast_method,
        maturity,
        pulled_at,
        settles_at
    from shared

)

select * from final
