with

clients as (

    select * from {{ ref('dim_clients') }}

),

assets as (

    select * from {{ ref('stg_meta__client_assets') }}

),

ad_accounts as (

    select * from {{ ref('dim_ad_accounts') }}

),

days as (

    select * from {{ ref('int_days__matured') }}
    where report in ('account_daily', 'page_daily', 'instagram_daily')

),

account_days as (

    select * from {{ ref('fct_account_daily') }}

),

result_days as (

    select * from {{ ref('fct_results_daily') }}

),

page_days as (

    select * from {{ ref('fct_page_daily') }}

),

instagram_days as (

    select * from {{ ref('fct_instagram_daily') }}

),

client_days as (

    select distinct
        client_id,
        day
    from days

),

spans as (

    select
        client_id,
        asset_id,
        case report
            when 'account_daily' then 'ads'
            when 'page_daily' then 'page'
            else 'instagram'
        end as surface,
        min(day) as first_day,
        max(day) as last_day
    from days
    group by client_id, asset_id, report

),

-- What the client has now, and what it had: that counts from its first known day to its last.
owned as (

    select
        coalesce(assets.client_id, spans.client_id) as client_id,
        coalesce(assets.asset_id, spans.asset_id) as asset_id,
        coalesce(assets.surface, spans.surface) as surface,
        assets.asset_id is not null as is_listed,
        spans.first_day,
        spans.last_day
    from assets
    full outer join spans
        on
            assets.client_id = spans.client_id
            and assets.asset_id = spans.asset_id
            and assets.surface = spans.surface

),

-- Every asset on every day of the client: one without an answer is missing, not zero.
due as (

    select
        client_days.client_id,
        client_days.day,
        owned.asset_id,
        owned.surface
    from client_days
    inner join owned
        on
            client_days.client_id = owned.client_id
            and (
                owned.is_listed
                or client_days.day between owned.first_day and owned.last_day
            )

),

accounts as (

    select
        due.client_id,
        due.day,
        due.asset_id as ad_account_id,
        coalesce(account_days.account_currency, ad_accounts.account_currency) as account_currency,
        coalesce(days.coverage, 'never_pulled') as coverage,
        coalesce(days.coverage in ('pulled', 'confirmed_empty'), false) as is_covered,
        case
            when days.coverage = 'pulled' then days.reason
            when coalesce(days.coverage, '') <> 'confirmed_empty'
                then coalesce(days.reason, days.coverage, 'never pulled')
        end as reason,
        {% for measure in ['spend', 'impressions', 'clicks', 'results'] -%}
            {{ known_figure('days.coverage', 'account_days.' ~ measure) }} as {{ measure }},
        {% endfor -%}
        {{ known_figure(
            'days.coverage', known_link_clicks('account_days.link_clicks', 'account_days.clicks')
        ) }} as link_clicks,
        {{ given_value('days.coverage', 'account_days.result_value') }} as result_value,
        {% for bound in ['', '_low', '_high'] -%}
            {{ known_figure('days.coverage', 'result_days.results_expected' ~ bound) }}
                as results_expected{{ bound }},
            {{ given_value('days.coverage', 'result_days.result_value_expected' ~ bound) }}
                as result_value_expected{{ bound }},
        {% endfor -%}
        result_days.expected_basis,
        days.maturity,
        days.pulled_at,
        coalesce(
            days.settles_at,
            {{ settles_at(day_end(
                'due.day', 'coalesce(ad_accounts.time_zone, ' ~ unknown_time_zone() ~ ')'
            )) }}
        ) as settles_at
    from due
    left join ad_accounts
        on
            due.client_id = ad_accounts.client_id
            and due.asset_id = ad_accounts.ad_account_id
    left join days
        on
            due.client_id = days.client_id
            and due.asset_id = days.asset_id
            and due.day = days.day
            and days.report = 'account_daily'
    left join account_days
        on
            due.client_id = account_days.client_id
            and due.asset_id = account_days.ad_account_id
            and due.day = account_days.day
    left join result_days
        on
            due.client_id = result_days.client_id
            and due.asset_id = result_days.ad_account_id
            and due.day = result_days.day
    where due.surface = 'ads'

),

summed as (

    select
        client_id,
        account_currency,
        day,
        count(*) as accounts,
        count(*) filter (where is_covered) as accounts_covered,
        count(*) filter (where not is_covered) as accounts_missing,
        arg_max(coverage, {{ coverage_rank('coverage') }}) as coverage,
        string_agg(
            case when reason is not null then ad_account_id || ': ' || reason end, '; '
            order by ad_account_id
        ) as reason,
        {{ known_sum('spend', 'decimal(18, 6)') }} as spend,
        {{ known_sum('impressions', 'bigint') }} as impressions,
        {{ known_sum('clicks', 'bigint') }} as clicks,
        {{ known_sum('link_clicks', 'bigint') }} as link_clicks,
        {{ known_sum('results', 'decimal(18, 6)') }} as results,
        cast(case when bool_and(is_covered) then sum(result_value) end as decimal(18, 6))
            as result_value,
        {% for expected in ['results_expected', 'result_value_expected'] -%}
            {{ expected_sum(expected) }} as {{ expected }},
            {{ expected_bound(expected, 'low') }} as {{ expected }}_low,
            {{ expected_bound(expected, 'high') }} as {{ expected }}_high,
        {% endfor -%}
        case
            when count(*) filter (where expected_basis = 'agency') > 0 then 'agency'
            when count(*) filter (where expected_basis = 'client') > 0 then 'client'
        end as expected_basis,
        arg_max(maturity, {{ maturity_rank('maturity') }}) filter (where is_covered) as maturity,
        min(pulled_at) filter (where is_covered) as pulled_at,
        max(settles_at) as settles_at
    from accounts
    group by client_id, account_currency, day

),

-- People are counted by asset: those of two overlap.
{% for surface, assets, asset_id, people in [
    ('page', 'pages', 'page_id', 'viewers'),
    ('instagram', 'instagram_accounts', 'instagram_account_id', 'reach'),
] %}
    {% set days = surface ~ '_days' %}
    {{ surface }}_sums as (

        select
            due.client_id,
            due.day,
            count(*) as {{ assets }},
            {% for measure in ['views', 'interactions', 'new_follows'] -%}
                {{ known_sum(days ~ '.' ~ measure, 'bigint') }} as {{ surface }}_{{ measure }},
            {% endfor -%}
            {% if surface == 'page' -%}
                bool_and(page_days.views_comparable) as page_views_comparable,
            {% endif -%}
            case when count(*) = 1 then max({{ days }}.{{ people }}) end
                as {{ surface }}_{{ people }},
            arg_max({{ days }}.maturity, {{ maturity_rank(days ~ '.maturity') }}) as maturity
        from due
        left join {{ days }}
            on
                due.client_id = {{ days }}.client_id
                and due.asset_id = {{ days }}.{{ asset_id }}
                and due.day = {{ days }}.day
        where due.surface = '{{ surface }}'
        group by due.client_id, due.day

    ),
{% endfor %}

-- Pages have no currency: their figures stand in one row a day, or a sum would count them twice.
placed as (

    select
        *,
        row_number() over (
            partition by client_id, day order by account_currency asc nulls last
        ) = 1 as has_organic
    from summed

),

final as (

    select
        placed.client_id,
        placed.account_currency,
        placed.day,
        clients.result_action_type,
        placed.accounts,
        placed.accounts_covered,
        placed.accounts_missing,
        placed.accounts_missing = 0 as is_complete,
        placed.coverage,
        placed.reason,
        placed.spend,
        placed.impressions,
        placed.clicks,
        placed.link_clicks,
        placed.results,
        placed.result_value,
        {{ ctr('placed.clicks', 'placed.impressions') }} as ctr,
        {{ link_ctr('placed.link_clicks', 'placed.impressions') }} as link_ctr,
        {{ cpc('placed.spend', 'placed.clicks') }} as cpc,
        {{ link_cpc('placed.spend', 'placed.link_clicks') }} as link_cpc,
        {{ cpm('placed.spend', 'placed.impressions') }} as cpm,
        {{ cost_per_result('placed.spend', 'placed.results') }} as cost_per_result,
        {{ roas('placed.result_value', 'placed.spend') }} as roas,
        placed.results_expected,
        placed.results_expected_low,
        placed.results_expected_high,
        placed.result_value_expected,
        placed.result_value_expected_low,
        placed.result_value_expected_high,
        case when placed.results_expected is not null then placed.expected_basis end
            as expected_basis,
        page_sums.pages,
        page_sums.page_views,
        page_sums.page_views_comparable,
        page_sums.page_interactions,
        page_sums.page_new_follows,
        page_sums.page_viewers,
        page_sums.maturity as page_maturity,
        instagram_sums.instagram_accounts,
        instagram_sums.instagram_views,
        instagram_sums.instagram_interactions,
        instagram_sums.instagram_new_follows,
        instagram_sums.instagram_reach,
        instagram_sums.maturity as instagram_maturity,
        placed.maturity,
        placed.pulled_at,
        placed.settles_at
    from placed
    left join clients
        on placed.client_id = clients.client_id
    left join page_sums
        on
            placed.client_id = page_sums.client_id
            and placed.day = page_sums.day
            and placed.has_organic
    left join instagram_sums
        on
            placed.client_id = instagram_sums.client_id
            and placed.day = instagram_sums.day
            and placed.has_organic

)

select * from final
