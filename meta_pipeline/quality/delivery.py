"""Checks of the pulls: are the numbers there, and from a pull that was late enough?"""

from collections import Counter
from datetime import datetime, timedelta

from duckdb import DuckDBPyConnection

from meta_pipeline.dates import Span
from meta_pipeline.freshness import (
    SETTLING,
    STALE_AFTER,
    Freshness,
    LateDay,
    freshness_of,
)
from meta_pipeline.quality.result import (
    BARS,
    Cell,
    Plot,
    Result,
    Severity,
    bars_plot,
    counted,
    severity_in,
    sync_command,
    worst,
)

LATE_ERROR = {"settled": timedelta(days=7), "final": timedelta(days=28)}
"""How long a re-pull may be overdue, after its slack, before it is an error."""

STALE_ERROR = timedelta(hours=48)

_STALE_HOURS = STALE_AFTER // timedelta(hours=1)


def settled_pull(connection: DuckDBPyConnection, now: datetime) -> Result:
    """Days whose newest pull was too early, and that are old enough to be pulled again.

    What is late is decided by `freshness`. WARN at first; ERROR when the pull after 72 hours is
    overdue by more than 7 days, or the one after 28 days by more than 28 (on top of their slack).
    """
    late = [(one.client_id, day) for one in freshness_of(connection, now) for day in one.late]
    groups: dict[tuple[str, str, str], list[LateDay]] = {}
    for client_id, day in late:
        groups.setdefault((client_id, day.ad_account_id, day.due), []).append(day)
    found: list[tuple[Severity, tuple[Cell, ...]]] = []
    for (client_id, account, due), days in groups.items():
        longest = max(now - day.due_at for day in days)
        first, last = min(day.day for day in days), max(day.day for day in days)
        severity: Severity = "error" if longest > LATE_ERROR[due] else "warn"
        row = (client_id, account, due, severity, len(days), str(first), str(last), longest.days)
        found.append((severity, (*row, sync_command(client_id, first, last))))
    # Errors first, then what has waited longest.
    found.sort(key=lambda one: (one[0] != "error", -_number(one[1][7]), one[1]))
    rows = tuple(row for _, row in found)
    counts = {
        "days_late": len(late),
        "days_without_settled_pull": sum(day.due == "settled" for _, day in late),
        "days_without_final_pull": sum(day.due == "final" for _, day in late),
        "clients": len({client_id for client_id, _ in late}),
    }
    message = "every day was pulled again when it was due"
    if rows:
        message = (
            f"{counted(len(late), 'day')} of {counted(counts['clients'], 'client')} rest on a pull "
            f"that was too early: {counts['days_without_settled_pull']} on one from before 72 "
            f"hours after the day, {counts['days_without_final_pull']} on one from before 28 days. "
            f"Run: {rows[0][-1]}"
        )
    bars = Counter((client_id, f"not pulled after {_AFTER[day.due]}") for client_id, day in late)
    return Result(
        check="settled_pull",
        severity=worst([severity for severity, _ in found]),
        message=message,
        columns=(
            *("client_id", "ad_account_id", "due", "severity", "days", "first_day", "last_day"),
            *("overdue_days", "run"),
        ),
        rows=rows,
        counts=counts,
        plot=bars_plot("Days that wait for a later pull", "days", bars),
    )


_AFTER = {"settled": "72 hours", "final": "28 days"}


def fresh_delivery(connection: DuckDBPyConnection, now: datetime) -> Result:
    """Clients without a pull in 27 hours: WARN; in 48 hours: ERROR. Never pulled: WARN.

    A pull a day is asked for; `freshness.STALE_AFTER` says why it may come 3 hours later.
    """
    found = freshness_of(connection, now)
    stale = [one for one in found if one.last_pull is None or now - one.last_pull > STALE_AFTER]
    stale.sort(key=lambda one: (one.last_pull or now, one.client_id))
    severities: list[Severity] = [_staleness(one, now) for one in stale]
    rows = tuple(
        (
            one.client_id,
            severity,
            one.last_pull.strftime("%Y-%m-%d %H:%M") if one.last_pull else "never",
            _hours(one, now),
            str(one.data_through) if one.data_through else None,
            f"meta-pipeline sync -c {one.client_id}",
        )
        for severity, one in zip(severities, stale, strict=True)
    )
    never = sum(one.last_pull is None for one in stale)
    message = f"{counted(len(found), 'client')} pulled in the last {_STALE_HOURS} hours"
    if rows:
        message = (
            f"{len(stale)} of {counted(len(found), 'client')} without a pull in "
            f"{_STALE_HOURS} hours{f', {never} never pulled' if never else ''}. Run: {rows[0][-1]}"
        )
    records = [
        {"label": one.client_id, "value": _hours(one, now), "group": "hours since the last pull"}
        for one in stale
        if one.last_pull is not None
    ]
    return Result(
        check="fresh_delivery",
        severity=worst(severities),
        message=message,
        columns=("client_id", "severity", "last_pull_utc", "hours", "data_through", "run"),
        rows=rows,
        counts={
            "clients": len(found),
            "clients_stale": len(stale) - never,
            "clients_never_pulled": never,
        },
        plot=Plot("bars", "Clients without a recent pull", "hours", records[:BARS])
        if records
        else None,
    )


def _staleness(one: Freshness, now: datetime) -> Severity:
    return "error" if one.last_pull is not None and now - one.last_pull > STALE_ERROR else "warn"


def _hours(one: Freshness, now: datetime) -> int | None:
    return None if one.last_pull is None else int((now - one.last_pull) / timedelta(hours=1))


def coverage(connection: DuckDBPyConnection, now: datetime) -> Result:
    """Days without an answer that can be believed, of every report a client is asked for.

    Empty days that are confirmed and days that Meta keeps no longer are no gaps, nor are days of a
    Page or Instagram account that are empty and have not been over for 72 hours. ERROR when a
    daily ads report failed, or was never pulled, on a day that has been over for 72 hours, or
    when days between an account's first and last one were left out, of the last quarter; WARN
    for what is newer, unproved, or about a Page or Instagram account.
    """
    groups = connection.execute(_GAPS, {"now": now, "settling": SETTLING}).fetchall()
    rows: list[tuple[Cell, ...]] = []
    bars: Counter[tuple[str, str]] = Counter()
    for client_id, asset, report, word, reason, days, first, last, is_error in groups:
        severity: Severity = "error" if is_error else "warn"
        run = sync_command(client_id, first, last)
        if word == "unconfirmed_empty":
            run = f"meta-pipeline check -c {client_id}"
        rows.append(
            (client_id, asset, report, word, severity, days, str(first), str(last), reason, run)
        )
        bars[client_id, word] += days
    holes = [one for one in freshness_of(connection, now) if one.recently_missing]
    never = [
        _hole(one.client_id, account, span)
        for one in holes
        for account, span in one.recently_missing
    ]
    rows = never + rows
    for row in never:
        bars[str(row[0]), "never_pulled"] += int(_number(row[5]))
    gaps, clients = bars.total(), len({row[0] for row in rows})
    message = "every report has an answer for every day"
    if rows:
        message = (
            f"{gaps} gaps of {counted(clients, 'client')}, one for each report and day; first: "
            f"{rows[0][2]} of {rows[0][0]}: {rows[0][8]}. Run: {rows[0][-1]}"
        )
    return Result(
        check="coverage",
        severity=worst([severity_in(row[4]) for row in rows]),
        message=message,
        columns=(
            *("client_id", "asset_id", "report", "coverage", "severity", "days"),
            *("first_day", "last_day", "reason", "run"),
        ),
        rows=tuple(rows),
        counts={
            "gaps": gaps,
            "clients": clients,
            **{word: sum(n for (_, w), n in bars.items() if w == word) for word in _WORDS},
        },
        plot=bars_plot("Gaps by client", "reports x days", bars),
    )


def _hole(client_id: str, account: str, span: Span) -> tuple[Cell, ...]:
    """The row of days that no daily report was asked for, though days before and after were."""
    return (
        *(client_id, account, "every daily report", "never_pulled", "error", span.days),
        *(str(span.since), str(span.until), "left out between other days"),
        sync_command(client_id, span.since, span.until),
    )


_WORDS = ("failed", "never_pulled", "unconfirmed_empty")

# mart_coverage has no row for a day that a report was never asked for: mart_freshness names it, if
# any other report was.
# Figures of Pages and Instagram come up to 48 hours late, and the pull that finds them up to a day
# after that: until then an empty day is no news.
_GAPS = r"""
with gaps as (
    select client_id, asset_id, report, day, coverage, coalesce(reason, coverage) as reason,
        settles_at
    from mart_coverage
    where is_asked and coverage not in ('pulled', 'confirmed_empty', 'beyond_retention')
        and not (
            not starts_with(asset_id, 'act_') and coverage = 'unconfirmed_empty'
            and settles_at - interval 672 hour + $settling > $now
        )
    union all
    select client_id, ad_account_id, regexp_extract(entry, '^\w+'), day, 'never_pulled',
        'never pulled', settles_at
    from (
        select *, unnest(string_split(reason, '; ')) as entry from mart_freshness
        where is_active and reason like '%: never pulled%'
    )
    where regexp_full_match(entry, '\w+: never pulled')
)
select
    client_id, asset_id, report, coverage, reason,
    count(*) as days, min(day) as first_day, max(day) as last_day,
    bool_or(
        starts_with(asset_id, 'act_') and coverage <> 'unconfirmed_empty'
        and settles_at - interval 672 hour + $settling <= $now
    ) as is_error
from gaps
where client_id in (select client_id from dim_clients where is_active)
group by client_id, asset_id, report, coverage, reason
order by is_error desc, days desc, client_id, asset_id, report, reason
"""


def _number(cell: Cell) -> float:
    return float(cell or 0)
