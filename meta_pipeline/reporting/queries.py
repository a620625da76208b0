"""The questions that a monthly report puts to the marts. Values are always parameters."""

from collections.abc import Mapping

MONTHS = """
select
    now.*,
    before.reach as reach_before,
    before.frequency as frequency_before,
    coalesce(now.reach_through = last_day(now.month) and now.first_day = now.month, false)
        as reach_is_whole,
    coalesce(
        before.reach_through = last_day(before.month) and before.first_day = before.month, false
    ) as reach_before_is_whole
from mart_monthly_report as now
left join mart_monthly_report as before
    on
        now.client_id = before.client_id
        and now.account_currency is not distinct from before.account_currency
        and before.month = now.month - interval 1 month
where now.client_id = $client_id and now.month = $month
order by now.spend desc nulls last, now.account_currency
"""

# The pill speaks of everything printed: campaigns, platforms, people and organic figures too.
SETTLING = """
with used as (
    select maturity, settles_at from fct_campaign_daily
    where client_id = $client_id and date_trunc('month', day) = $month
    union all
    select maturity, settles_at from fct_platform_daily
    where client_id = $client_id and date_trunc('month', day) = $month
    union all
    select maturity, settles_at from fct_age_gender_daily
    where client_id = $client_id and date_trunc('month', day) = $month
    union all
    select maturity, settles_at from fct_account_monthly
    where client_id = $client_id and month = $month
    union all
    select maturity, settles_at from mart_organic_bridge
    where client_id = $client_id and date_trunc('month', day) = $month
    union all
    select maturity, settles_at from fct_page_28d
    where
        client_id = $client_id
        and day = (
            select max(page_through) from mart_monthly_report
            where client_id = $client_id and month = $month
        )
)
select
    count(*) filter (where maturity is distinct from 'final') > 0 as unsettled,
    max(settles_at) as settles_at
from used
"""

GAPS = """
select day, string_agg(distinct coalesce(reason, coverage), '; ' order by 1) as reason
from mart_client_daily
where
    client_id = $client_id
    and day between $month and $last_day
    and not is_complete
group by day
order by day
"""

DAYS = """
with days as (
    select
        *,
        avg(spend) over week as mean,
        count(spend) over week as known
    from mart_client_daily
    where client_id = $client_id and account_currency is not distinct from $currency
    window week as (order by day range between interval 6 days preceding and current row)
)
select
    day,
    spend,
    case when known = 7 then cast(mean as decimal(18, 6)) end as spend_mean,
    results,
    results_expected_low as results_low,
    results_expected_high as results_high,
    link_ctr,
    link_cpc,
    is_complete and coalesce(maturity in ('attributing', 'final'), false) as is_settled,
    coalesce(maturity = 'final', false) as is_final
from days
where day between $first_day and $last_day
order by day
"""

# NULL unless every day of a stretch is known: as in mart_monthly_report.
SETTLED_RESULTS = """
with sums as (
    select
        case
            when count(results) filter (where day between $first_day and $settled)
                = date_diff('day', $first_day, $settled) + 1
                then sum(results) filter (where day between $first_day and $settled)
        end as results,
        case
            when count(results) filter (where day between $previous_first and $previous_last)
                = date_diff('day', $previous_first, $previous_last) + 1
                then sum(results) filter (where day between $previous_first and $previous_last)
        end as results_previous,
        sum(spend) filter (where day between $first_day and $settled) as spend,
        sum(spend) filter (where day between $previous_first and $previous_last)
            as spend_previous
    from mart_client_daily
    where client_id = $client_id and account_currency is not distinct from $currency
)
select
    results,
    results_previous,
    cast(spend as double) / nullif(cast(results as double), 0) as cost_per_result,
    cast(spend_previous as double) / nullif(cast(results_previous as double), 0)
        as cost_per_result_previous
from sums
"""

TARGETS = """
select target_spend, target_results, target_cost_per_result
from mart_pacing
where
    client_id = $client_id
    and account_currency is not distinct from $currency
    and month = $month
"""

TIME_ZONES = """
select distinct time_zone
from dim_ad_accounts
where
    client_id = $client_id
    and account_currency is not distinct from $currency
    and time_zone is not null
order by time_zone
"""

# Every account that is due has to be known, and by this report too where its own day is: one that
# nobody asked for a day has no row there.
REPORT_DAYS = """
with accounts as (
    select coverage.day, bool_or(coverage.report = $report) as is_known
    from mart_coverage as coverage
    inner join dim_ad_accounts as accounts
        on
            coverage.client_id = accounts.client_id
            and coverage.asset_id = accounts.ad_account_id
    where
        coverage.client_id = $client_id
        and accounts.account_currency is not distinct from $currency
        and coverage.day between $first_day and $last_day
        and coverage.report in ('account_daily', $report)
        and coverage.coverage in ('pulled', 'confirmed_empty')
    group by coverage.day, coverage.asset_id
    having bool_or(coverage.report = 'account_daily')
),
known as (
    select day, count(*) as accounts
    from accounts
    group by day
    having bool_and(is_known)
),
days as (
    select daily.day
    from mart_client_daily as daily
    inner join known on daily.day = known.day and known.accounts >= daily.accounts
    where
        daily.client_id = $client_id
        and daily.account_currency is not distinct from $currency
)
select
    coalesce(date_diff('day', $first_day, $last_day) + 1, 0) as days,
    coalesce(date_diff('day', $first_day, $last_day) + 1, 0) - count(*) as missing
from days
"""

_GROUPS = """
with sums as (
    select
        {names} as names,
        case when count(spend) = count(*) then cast(sum(spend) as decimal(38, 6)) end as spend,
        case when count(impressions) = count(*) then cast(sum(impressions) as bigint) end
            as impressions,
        -- Meta sends no link clicks where there were no clicks at all.
        case
            when count(coalesce(link_clicks, if(clicks = 0, 0, null))) = count(*)
                then cast(coalesce(sum(link_clicks), 0) as bigint)
        end as link_clicks,
        case when count(results) = count(*) then cast(sum(results) as decimal(38, 6)) end
            as results
    from {table}
    where
        client_id = $client_id
        and account_currency is not distinct from $currency
        and day between $first_day and $last_day
    group by {keys}
)
select
    *,
    cast(link_clicks as double) / nullif(impressions, 0) as link_ctr,
    cast(spend as double) / nullif(link_clicks, 0) as link_cpc,
    cast(spend as double) / nullif(cast(results as double), 0) as cost_per_result
from sums
order by {order}
"""

GROUPS: Mapping[str, str] = {
    "campaign": _GROUPS.format(
        # A campaign has the name that it had last.
        names="[coalesce(arg_max(campaign_name, day), campaign_id), campaign_id]",
        table="fct_campaign_daily",
        keys="ad_account_id, campaign_id",
        order="spend desc nulls last, names",
    ),
    "platform": _GROUPS.format(
        names="[publisher_platform]",
        table="fct_platform_daily",
        keys="publisher_platform",
        order="spend desc nulls last, names",
    ),
    "age_gender": _GROUPS.format(
        names="[age, gender]", table="fct_age_gender_daily", keys="age, gender", order="names"
    ),
}

# A figure of some of the days is no figure of the month.
_ORGANIC = """
with days as (
    select
        day,
        {measures},
        day between $first_day and $last_day as is_now,
        day between $previous_first and $previous_last as is_before
    from mart_client_daily
    where client_id = $client_id
    group by day
)
select {figures}
from days
"""


def _whole(measure: str, aggregate: str, name: str) -> str:
    parts = []
    for suffix, which, first, last in (
        ("", "is_now", "$first_day", "$last_day"),
        ("_previous", "is_before", "$previous_first", "$previous_last"),
    ):
        parts.append(
            f"cast(case when count({measure}) filter (where {which})"
            f" = date_diff('day', {first}, {last}) + 1"
            f" then {aggregate}({measure}) filter (where {which}) end as bigint) as {name}{suffix}"
        )
    return ", ".join(parts)


def _organic(surface: str, people: str) -> str:
    measures = [f"{surface}_{name}" for name in ("views", "interactions", "new_follows")]
    if surface == "instagram":
        measures.append("instagram_reach")
    figures = [
        _whole(f"{surface}_{name}", "sum", name)
        for name in ("views", "interactions", "new_follows")
    ]
    return _ORGANIC.format(
        measures=", ".join(f"max({one}) as {one}" for one in measures),
        figures=", ".join([*figures, people]),
    )


_VIEWERS_28D = """
    (
        select case when count(*) = 1 then any_value(viewers_28d) end from fct_page_28d
        where client_id = $client_id and day = {day}
    ) as viewers_28d{suffix}
"""

ORGANIC: Mapping[str, str] = {
    "page": _organic(
        "page",
        _VIEWERS_28D.format(day="$last_day", suffix="")
        + ","
        + _VIEWERS_28D.format(day="$previous_last", suffix="_previous"),
    ),
    "instagram": _organic("instagram", _whole("instagram_reach", "max", "viewers_best_day")),
}

ORGANIC_NOTES = """
select canonical, string_agg(distinct note, '; ' order by note) as note
from mart_organic_bridge
where
    client_id = $client_id
    and surface = $surface
    and day between $first_day and $last_day
    and canonical in ('views', 'viewers', 'interactions', 'new_follows')
group by canonical
order by list_position(['views', 'viewers', 'interactions', 'new_follows'], canonical)
"""

BREAKS = """
select day, canonical, metric, any_value(note order by asset_id) as note
from mart_organic_bridge
where
    client_id = $client_id
    and surface = $surface
    and is_break
    and day between $first_day and $last_day
group by day, canonical, metric
order by day, canonical, metric
"""

INCOMPARABLE = """
select canonical
from mart_organic_bridge
where
    client_id = $client_id
    and surface = $surface
    and (
        day between $first_day and $last_day
        or day between $previous_first and $previous_last
    )
group by canonical, asset_id
having count(distinct metric) > 1 or count(distinct series_id) > 1 or not bool_and(comparable)
"""
