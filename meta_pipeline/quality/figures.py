"""Checks of the figures: do they agree with each other, and with what is usual?"""

from collections import Counter
from datetime import datetime, timedelta

from duckdb import DuckDBPyConnection

from meta_pipeline.quality.result import (
    BARS,
    Cell,
    Plot,
    Result,
    bars_plot,
    severity_in,
    sync_command,
    worst,
)

LOOKED_AT = timedelta(days=90)
"""How long after its end `reconciliation` looks at a day; mart_reconciliation has them all."""

SERIOUS_GAP = 0.01
"""Share of the account's spend or impressions from which a gap without an excuse is an error."""

RECENT = timedelta(days=7)
"""How long a restatement is news, and how old the newest day of an account may be."""

ROBUST_LIMIT = 3.5
"""Beyond so many spreads a change is an anomaly, as a z-score in `mart_spend_anomalies` is."""

PANELS = 5
"""How many accounts a plot of spend has at most."""


def reconciliation(connection: DuckDBPyConnection, now: datetime) -> Result:
    """Days of the last 90 on which a finer report does not add up to the account's figures.

    Days pulled within 24 hours of their end are still moving and are left out, as are losses that
    nobody can mend (breakdown_loss, fields_left_out), which are counted. ERROR when spend or
    impressions are out by more than 1 % on a day pulled 72 hours or more after its end, and
    neither rounding nor pull times explain it; WARN otherwise.
    """
    span = {"now": now, "looked_at": LOOKED_AT, "serious": SERIOUS_GAP}
    groups = connection.execute(_UNRECONCILED, span).fetchall()
    rows: list[tuple[Cell, ...]] = []
    bars: Counter[tuple[str, str]] = Counter()
    excused: Counter[str] = Counter()
    for *about, reason, days, first, last, gap_share, is_error in groups:
        if reason in _EXCUSED:
            excused[reason] += days
            continue
        client_id, _, grain, _ = about
        run = sync_command(client_id, first, last)
        severity = "error" if is_error else "warn"
        share = None if gap_share is None else round(gap_share, 4)
        about += [severity, reason, days, str(first), str(last), share, run]
        rows.append(tuple(about))
        bars[grain, reason] += days
    message = "every finer report adds up to its account, within the tolerance"
    if rows:
        first_row = rows[0]
        message = (
            f"{bars.total()} figures of {len({row[0] for row in rows})} clients are out of "
            f"tolerance, {sum(n for (_, why), n in bars.items() if why == 'unexplained')} of them "
            f"unexplained; worst: {first_row[3]} of {first_row[0]} by {first_row[2]}. "
            f"Run: {first_row[-1]}"
        )
    return Result(
        check="reconciliation",
        severity=worst([severity_in(row[4]) for row in rows]),
        message=message,
        columns=(
            *("client_id", "ad_account_id", "grain", "metric", "severity", "likely_reason"),
            *("days", "first_day", "last_day", "worst_gap_share", "run"),
        ),
        rows=tuple(rows),
        counts={
            "figures_out_of_tolerance": bars.total(),
            "clients": len({row[0] for row in rows}),
            **{reason: excused[reason] for reason in _EXCUSED},
        },
        plot=bars_plot("Out of tolerance, by report and likely reason", "figures", bars),
    )


_EXCUSED = ("breakdown_loss", "fields_left_out")

_UNRECONCILED = """
select
    client_id, ad_account_id, grain, metric, likely_reason,
    count(*) as days, min(day) as first_day, max(day) as last_day,
    arg_max(gap_share, abs(gap_share)) as worst_gap_share,
    bool_or(
        metric in ('spend', 'impressions')
        and maturity in ('attributing', 'final')
        and likely_reason in ('unexplained', 'archived_objects')
        and (gap_share is null or abs(gap_share) > $serious)
    ) as is_error
from mart_reconciliation
where is_within is distinct from true
    and maturity not in ('open', 'provisional')
    and settles_at - interval 672 hour > $now - $looked_at
    and (client_id, ad_account_id)
            in (select (client_id, ad_account_id) from dim_ad_accounts where is_active)
group by client_id, ad_account_id, grain, metric, likely_reason
order by is_error desc, abs(worst_gap_share) desc nulls last, client_id, ad_account_id, grain,
    metric
"""


def restatement_anomaly(connection: DuckDBPyConnection, now: datetime) -> Result:
    """Figures that Meta changed, in pulls of the last 7 days, by far more than they usually settle.

    The settling curve says what should have become of the earlier figure. The spread of that is
    the curve's 10th to 90th percentile divided by 2.563 (normal figures have one standard
    deviation there), but at least 2 % of what was expected, 1 of the currency or 5 counts; of
    results and their value at least the chance of so few results (1/sqrt of their number), and of
    one where there was none. A figure beyond 3.5 spreads is an anomaly: WARN, and ERROR when it is
    spend.
    """
    span = {"now": now, "recent": RECENT, "limit": ROBUST_LIMIT}
    found = connection.execute(_RESTATED, span).fetchall()
    rows: list[tuple[Cell, ...]] = []
    for client_id, account, day, metric, age, before, value, expected, spreads, basis in found:
        run = sync_command(client_id, day, day)
        severity = "error" if metric == "spend" else "warn"
        changed = (age, float(before), float(value), round(expected, 2), round(spreads, 1))
        rows.append((client_id, account, str(day), metric, severity, *changed, basis, run))
    message = "no figure changed by more than figures of its age do"
    if rows:
        row = rows[0]
        message = (
            f"{len(rows)} figures changed out of line; worst: {row[3]} of {row[0]} on {row[2]} "
            f"went from {row[6]:g} to {row[7]:g} (expected {row[8]:g}). Compare with Ads Manager; "
            f"pull again with: {row[-1]}"
        )
    records = [
        {"label": f"{row[0]} {row[2]} {row[3]}", "value": row[9], "group": str(row[3])}
        for row in rows[:BARS]
    ]
    return Result(
        check="restatement_anomaly",
        severity=worst([severity_in(row[4]) for row in rows]),
        message=message,
        columns=(
            *("client_id", "ad_account_id", "day", "metric", "severity", "checkpoint_days"),
            *("value_before", "value", "expected", "spreads", "curve", "run"),
        ),
        rows=tuple(rows),
        counts={"figures": len(rows), "clients": len({row[0] for row in rows})},
        plot=Plot("bars", "Changes out of line", "spreads from what was expected", records)
        if records
        else None,
    )


# A figure without a curve of its own metric and age is not judged: nothing is known of it.
_RESTATED = """
with recent as materialized (
    select * from fct_restatements
    where pulled_at > $now - $recent and previous_checkpoint_days is not null
        and value is not null
        and (client_id, ad_account_id)
            in (select (client_id, ad_account_id) from dim_ad_accounts where is_active)
),
nearby as (
    select * from fct_restatements
    where day between (select min(day) from recent) and (select max(day) from recent)
),
paired as (
    select
        recent.*,
        before.value as value_before,
        cast(floor(before.age_hours / 24) as integer) as age_before,
        cast(floor(recent.age_hours / 24) as integer) as age_now,
        results_before.value as results_before,
        results_now.value as results_now
    from recent
    inner join nearby as before
        on before.client_id = recent.client_id and before.ad_account_id = recent.ad_account_id
        and before.day = recent.day and before.metric = recent.metric
        and before.checkpoint_days = recent.previous_checkpoint_days
    left join nearby as results_before
        on results_before.client_id = recent.client_id
        and results_before.ad_account_id = recent.ad_account_id
        and results_before.day = recent.day and results_before.metric = 'results'
        and results_before.checkpoint_days = recent.previous_checkpoint_days
    left join nearby as results_now
        on results_now.client_id = recent.client_id
        and results_now.ad_account_id = recent.ad_account_id
        and results_now.day = recent.day and results_now.metric = 'results'
        and results_now.checkpoint_days = recent.checkpoint_days
),
expected as (
    select
        paired.*,
        curve.basis,
        value_before / curve.share * coalesce(curve_now.share, 1.0) as expected,
        -- What one result would have become by now.
        coalesce(curve_now.share, 1.0) / curve.share as one_expected,
        value_before / nullif(curve.share_low, 0) * coalesce(curve_now.share, 1.0)
            - value_before / nullif(curve.share_high, 0) * coalesce(curve_now.share, 1.0) as band
    from paired
    inner join mart_settling_curves as curve
        on curve.client_id = paired.client_id and curve.metric = paired.metric
        and curve.age_days = paired.age_before and curve.share > 0
    left join mart_settling_curves as curve_now
        on curve_now.client_id = paired.client_id and curve_now.metric = paired.metric
        and curve_now.age_days = paired.age_now
    where curve_now.share is not null or paired.age_now >= 28
),
spread as (
    select
        *,
        greatest(
            coalesce(band, 0) / 2.563,
            0.02 * abs(expected),
            case metric
                when 'results'
                    then greatest(abs(expected), one_expected)
                        / sqrt(greatest(coalesce(results_before, 0), 1))
                when 'result_value'
                    then greatest(
                        abs(expected) / sqrt(greatest(coalesce(results_before, 0), 1)),
                        -- A result's worth where there was none; else it is in the spread already.
                        case
                            when value_before = 0
                                then one_expected * cast(value as double) / nullif(results_now, 0)
                        end,
                        1.0
                    )
                when 'spend' then 1.0
                else 5.0
            end
        ) as spread
    from expected
)
select
    client_id, ad_account_id, day, metric, checkpoint_days, value_before, value, expected,
    (cast(value as double) - expected) / spread as spreads, basis
from spread
where abs(cast(value as double) - expected) > $limit * spread and spread > 0
order by metric <> 'spend', abs(spreads) desc, client_id, ad_account_id, day
"""


def zero_spend(connection: DuckDBPyConnection, now: datetime) -> Result:
    """Accounts without spend on their newest judged day, where that weekday usually has some.

    WARN; ERROR when the judged day before it is one, too. `mart_spend_anomalies` has the rule.
    """
    found = [one for one in _anomalies(connection, now) if one[5] == "zero_spend"]
    rows = [
        (
            *(client_id, account, str(day), "error" if again else "warn", currency, float(usual)),
            f"meta-pipeline check -c {client_id}",
        )
        for client_id, account, day, currency, _, _, usual, _, again in found
    ]
    message = "no account stopped spending"
    if rows:
        message = (
            f"{len(rows)} ad accounts spent nothing; first: {rows[0][1]} of {rows[0][0]} on "
            f"{rows[0][2]}, usually {rows[0][5]:g} {rows[0][4]}. Look whether its campaigns still "
            f"run and its payment method works, then run: {rows[0][-1]}"
        )
    return Result(
        check="zero_spend",
        severity=worst([severity_in(row[3]) for row in rows]),
        message=message,
        columns=(
            *("client_id", "ad_account_id", "day", "severity", "account_currency", "usual_spend"),
            "run",
        ),
        rows=tuple(rows),
        counts={"accounts": len(rows), "clients": len({row[0] for row in rows})},
        plot=_spend_plot(connection, "Spend stopped", rows),
    )


def spend_anomaly(connection: DuckDBPyConnection, now: datetime) -> Result:
    """Accounts whose newest judged day spent far more or less than that weekday usually does.

    WARN beyond a robust z-score of 3.5. `mart_spend_anomalies` has the rule.
    """
    found = [one for one in _anomalies(connection, now) if one[5] in ("high", "low")]
    found.sort(key=lambda one: -abs(one[7]))
    rows = [
        (
            *(client_id, account, str(day), anomaly, currency),
            *(float(spend), float(usual), round(z, 1), sync_command(client_id, day, day)),
        )
        for client_id, account, day, currency, spend, anomaly, usual, z, _ in found
    ]
    message = "every account spent about what it usually does on that weekday"
    if rows:
        row = rows[0]
        message = (
            f"{len(rows)} ad accounts spent unusually; most: {row[1]} of {row[0]} on {row[2]}, "
            f"{row[5]:g} {row[4]} instead of {row[6]:g}. Look at its budgets and campaigns; to see "
            f"whether the figure stands, run: {row[-1]}"
        )
    return Result(
        check="spend_anomaly",
        severity="warn" if rows else "ok",
        message=message,
        columns=(
            *("client_id", "ad_account_id", "day", "anomaly", "account_currency", "spend"),
            *("usual_spend", "z_score", "run"),
        ),
        rows=tuple(rows),
        counts={
            "accounts": len(rows),
            "accounts_high": sum(row[3] == "high" for row in rows),
            "accounts_low": sum(row[3] == "low" for row in rows),
            "clients": len({row[0] for row in rows}),
        },
        plot=_spend_plot(connection, "Unusual spend", rows),
    )


def _anomalies(connection: DuckDBPyConnection, now: datetime) -> list[tuple]:
    return connection.execute(_ANOMALIES, {"now": now, "recent": RECENT}).fetchall()


# A newest day that is old is fresh_delivery's to tell.
_ANOMALIES = """
with days as (
    select
        *,
        lag(anomaly) over (partition by client_id, ad_account_id order by day) as anomaly_before
    from mart_spend_anomalies
    where settles_at - interval 672 hour > $now - 2 * $recent
        and (client_id, ad_account_id)
            in (select (client_id, ad_account_id) from dim_ad_accounts where is_active)
)
select client_id, ad_account_id, day, account_currency, spend, anomaly, usual_spend, z_score,
    coalesce(anomaly_before = 'zero_spend', false) as is_second
from days
where is_newest and anomaly is not null and settles_at - interval 672 hour > $now - $recent
order by usual_spend desc, client_id, ad_account_id
"""


def _spend_plot(
    connection: DuckDBPyConnection, title: str, rows: list[tuple[Cell, ...]]
) -> Plot | None:
    """The last 8 weeks of the first accounts of `rows`, up to the day in question."""
    records = [
        {
            "label": f"{client_id} {account}",
            "day": str(day),
            "value": float(spend),
            "group": f"spend in {row[4] or 'the account currency'}",
        }
        for row in rows[:PANELS]
        for client_id, account, day, spend in connection.execute(_SPEND, list(row[:3])).fetchall()
    ]
    return Plot("lines", title, "spend", records) if records else None


_SPEND = """
select client_id, ad_account_id, day, spend from mart_spend_trends
where client_id = $1 and ad_account_id = $2 and spend is not null
    and day between cast($3 as date) - 56 and cast($3 as date)
order by day
"""
