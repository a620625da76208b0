with

client_days as (

    select * from {{ ref('mart_client_daily') }}

),

clients as (

    select * from {{ ref('dim_clients') }}

),

ad_accounts as (

    select * from {{ ref('dim_ad_accounts') }}

),

account_months as (

    select * from {{ ref('fct_account_monthly') }}

),

campaign_days as (

    select * from {{ ref('fct_campaign_daily') }}

),

-- A day in progress is known in part: no total may rest on it.
days as (

    select
        *,
        is_complete and maturity <> 'open' as is_known
    from client_days

),

months as (

    select
        days.client_id,
        days.account_currency,
        cast(date_trunc('month', days.day) as date) as month,
        last_day(days.day) as month_end,
        any_value(clients.start_date) as start_date,
        max(days.day) filter (where days.is_known) as last_known_day,
        max(days.accounts) as accounts
    from days
    left join clients
        on days.client_id = clients.client_id
    group by
        days.client_id,
        days.account_currency,
        date_trunc('month', days.day),
        last_day(days.day)
    having count(*) filter (where days.accounts_covered > 0) > 0

),

-- A month with a later one is over, and has to be known to its end. The newest goes as far as all
-- ad accounts are known. What lies before the client's start_date is never asked for.
bounded as (

    select
        *,
        case
            when start_date between month and month_end then start_date else month
        end as first_day,
        case
            when
                month < max(month) over (partition by client_id, account_currency)
                then month_end
            else last_known_day
        end as last_day
    from months

),

-- A month under way is compared with the same days of the one before.
spans as (

    select
        *,
        coalesce(date_diff('day', first_day, last_day) + 1, 0) as days_elapsed,
        cast(first_day - interval 1 month as date) as previous_first_day,
        case
            when last_day = month_end then month - 1
            else cast(last_day - interval 1 month as date)
        end as previous_last_day,
        -- Pages have no currency: their figures stand in one row a month.
        row_number() over (
            partition by client_id, month order by account_currency asc nulls last
        ) = 1 as has_organic
    from bounded

),

-- Each month's days, and those of the month before that it is compared with.
joined as (

    select
        spans.client_id,
        spans.account_currency,
        spans.month,
        spans.first_day,
        spans.days_elapsed,
        date_diff('day', spans.previous_first_day, spans.previous_last_day) + 1 as previous_days,
        coalesce(days.day between spans.first_day and spans.last_day, false) as is_now,
        coalesce(
            days.day between spans.previous_first_day and spans.previous_last_day, false
        ) as is_before,
        days.* exclude (days.client_id, days.account_currency)
    from spans
    left join days
        on
            spans.client_id = days.client_id
            and spans.account_currency is not distinct from days.account_currency
            and days.day between spans.previous_first_day and spans.last_day

),

counted as (

    select
        *,
        count(*) filter (where is_now and is_known) over month_of_client as days_covered,
        count(*) filter (where is_before and is_known) over month_of_client
            as previous_days_covered
    from joined
    window month_of_client as (partition by client_id, account_currency, month)

),

summed as (

    select
        client_id,
        account_currency,
        month,
        days_elapsed,
        days_covered,
        days_elapsed > 0 and days_covered = days_elapsed as is_complete,
        count(*) filter (where is_now and is_known and maturity <> 'final') as days_unsettled,
        {{ period_sums('is_now', 'days_elapsed > 0 and days_covered = days_elapsed') }},
        {{ period_sums('is_before', 'previous_days_covered = previous_days', '_previous') }},
        cast(
            case
                when
                    days_covered = days_elapsed
                    and count(*) filter (where is_now and results_expected is null) = 0
                    then sum(results_expected) filter (where is_now)
            end as decimal(38, 6)
        ) as results_expected,
        -- A final day without an expected value is one of which Meta gave none; where no results
        -- are expected, no value is.
        cast(
            case
                when
                    days_covered = days_elapsed
                    and count(*) filter (
                        where
                        is_now
                        and maturity <> 'final'
                        and results_expected is distinct from 0
                        and result_value_expected is null
                    ) = 0
                    then sum(result_value_expected) filter (where is_now)
            end as decimal(38, 6)
        ) as result_value_expected,
        arg_max(maturity, {{ maturity_rank('maturity') }}) filter (where is_now and is_known)
            as maturity,
        min(pulled_at) filter (where is_now and is_known) as pulled_at
    from counted
    group by
        client_id,
        account_currency,
        month,
        days_elapsed,
        days_covered,
        previous_days,
        previous_days_covered

),

-- A client's days, whichever currency's row they stand in.
organic_days as (

    select
        client_id,
        day,
        {% for surface in ['page', 'instagram'] -%}
            {% for measure in ['views', 'interactions', 'new_follows'] -%}
                max({{ surface }}_{{ measure }}) as {{ surface }}_{{ measure }},
            {% endfor -%}
            coalesce(bool_or({{ surface }}_maturity = 'open'), false) as is_{{ surface }}_open,
        {% endfor -%}
        bool_and(page_views_comparable) as page_views_comparable
    from client_days
    group by client_id, day

),

-- Instagram's figures come up to two days late: a month under way goes as far as they do, and no
-- further than the newest day that is over.
organic_spans as (

    select
        spans.client_id,
        spans.account_currency,
        spans.month,
        spans.first_day,
        organic_days.* exclude (organic_days.client_id),
        {% for surface in ['page', 'instagram'] -%}
            max(organic_days.day) filter (
                where
                spans.last_day = spans.month_end
                or (
                    organic_days.{{ surface }}_views is not null
                    and not organic_days.is_{{ surface }}_open
                )
            ) over month_of_client as {{ surface }}_through
            {%- if not loop.last %},{% endif %}
        {% endfor %}
    from spans
    inner join organic_days
        on
            spans.client_id = organic_days.client_id
            and organic_days.day between spans.first_day and spans.last_day
    where spans.has_organic
    window
        month_of_client as (
            partition by spans.client_id, spans.account_currency, spans.month
        )

),

organic as (

    select
        client_id,
        account_currency,
        month,
        {% for surface in ['page', 'instagram'] -%}
            {% for measure in ['views', 'interactions', 'new_follows'] -%}
                cast(
                    case
                        when
                            count({{ surface }}_{{ measure }}) filter (
                                where day <= {{ surface }}_through and not is_{{ surface }}_open
                            ) = date_diff('day', first_day, {{ surface }}_through) + 1
                            then sum({{ surface }}_{{ measure }}) filter (
                                where day <= {{ surface }}_through
                            )
                    end as bigint
                ) as {{ surface }}_{{ measure }},
            {% endfor -%}
            {{ surface }}_through,
        {% endfor -%}
        bool_and(page_views_comparable) as page_views_comparable
    from organic_spans
    group by client_id, account_currency, month, first_day, page_through, instagram_through

),

-- People of two ad accounts overlap: reach is that of the only one, as Meta counts it.
reached as (

    select
        client_id,
        account_currency,
        month,
        count(*) as accounts,
        any_value(reach) as reach,
        any_value(frequency) as frequency,
        any_value(month_end_covered) as reach_through
    from account_months
    group by client_id, account_currency, month

),

settling as (

    select
        spans.client_id,
        spans.account_currency,
        spans.month,
        max({{ settles_at(day_end(
            'spans.month_end', 'coalesce(ad_accounts.time_zone, ' ~ unknown_time_zone() ~ ')'
        )) }}) as settles_at
    from spans
    left join ad_accounts
        on
            spans.client_id = ad_accounts.client_id
            and spans.account_currency is not distinct from ad_accounts.account_currency
    group by spans.client_id, spans.account_currency, spans.month

),

attributed as (

    select
        client_id,
        account_currency,
        cast(date_trunc('month', day) as date) as month,
        string_agg(distinct attribution_setting, ', ' order by attribution_setting)
            as attribution_settings
    from campaign_days
    group by client_id, account_currency, date_trunc('month', day)

),

rated as (

    select
        *,
        {{ period_ratios() }},
        {{ period_ratios('_previous') }}
    from summed

),

final as (

    select
        spans.client_id,
        spans.account_currency,
        spans.month,
        spans.first_day,
        spans.last_day,
        date_diff('day', spans.first_day, spans.month_end) + 1 as days_in_month,
        spans.days_elapsed,
        rated.days_covered,
        spans.days_elapsed - rated.days_covered as days_missing,
        rated.days_unsettled,
        rated.is_complete,
        rated.is_complete and spans.last_day = spans.month_end and rated.days_unsettled = 0
            as is_settled,
        spans.accounts,
        clients.result_action_type,
        attributed.attribution_settings,
        rated.spend,
        rated.impressions,
        rated.clicks,
        rated.link_clicks,
        rated.results,
        rated.result_value,
        rated.ctr,
        rated.link_ctr,
        rated.cpc,
        rated.link_cpc,
        rated.cpm,
        rated.cost_per_result,
        rated.roas,
        rated.results_expected,
        rated.result_value_expected,
        case when spans.accounts = 1 and reached.accounts = 1 then reached.reach end as reach,
        case when spans.accounts = 1 and reached.accounts = 1 then reached.frequency end
            as frequency,
        case when spans.accounts = 1 and reached.accounts = 1 then reached.reach_through end
            as reach_through,
        case
            when spans.accounts > 1
                then 'several ad accounts: the people they reached overlap and cannot be added'
            when reached.reach is null then 'account_monthly has no reach of this month'
        end as reach_note,
        spans.previous_first_day,
        spans.previous_last_day,
        rated.spend_previous,
        rated.impressions_previous,
        rated.clicks_previous,
        rated.link_clicks_previous,
        rated.results_previous,
        rated.result_value_previous,
        rated.ctr_previous,
        rated.link_ctr_previous,
        rated.cpc_previous,
        rated.link_cpc_previous,
        rated.cpm_previous,
        rated.cost_per_result_previous,
        rated.roas_previous,
        {{ period_changes('_previous') }},
        organic.page_through,
        organic.page_views,
        organic.page_views_comparable,
        organic.page_interactions,
        organic.page_new_follows,
        organic.instagram_through,
        organic.instagram_views,
        organic.instagram_interactions,
        organic.instagram_new_follows,
        rated.maturity,
        rated.pulled_at,
        settling.settles_at
    from spans
    inner join rated
        on {{ same_client_month('spans', 'rated') }}
    left join clients
        on spans.client_id = clients.client_id
    left join settling
        on {{ same_client_month('spans', 'settling') }}
    left join reached
        on {{ same_client_month('spans', 'reached') }}
    left join organic
        on {{ same_client_month('spans', 'organic') }}
    left join attributed
        on {{ same_client_month('spans', 'attributed') }}

)

select * from final
