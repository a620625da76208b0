"""May each client's numbers be reported? One line a client, and what all clients look like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from duckdb import DuckDBPyConnection

from meta_pipeline.freshness import Freshness, freshness_of
from meta_pipeline.quality.result import (
    BARS,
    Cell,
    Plot,
    Result,
    Severity,
    counted,
    severity_in,
)

Verdict = Literal["no", "with care", "yes"]

ANNOUNCED = frozenset({"version_pin", "metric_deprecation"})
"""Checks whose warnings are about days to come: no number is wrong for them yet."""

SPEND_DAYS = 60
"""How many days the picture of spend goes back from the newest day."""

_ORDER: Sequence[Verdict] = ("no", "with care", "yes")
_STATES = {"stale": "no pull in 27 hours", "never pulled": "never pulled"}


@dataclass(frozen=True, slots=True)
class _Finding:
    """What one check says of one client."""

    check: str
    severity: Severity
    run: str


def fit_to_report(
    connection: DuckDBPyConnection, now: datetime, results: Sequence[Result]
) -> Result:
    """One row a client, the worst first, from its freshness and what the other checks found.

    `fit` is `no` when the newest pull is older than 27 hours, a day is without an answer that
    can be believed or was left out between others, or a check found an error;
    `with care` when one warns of numbers; else `yes`.
    WARN unless all are fit: each cause has a check of its own that says how bad it is.
    """
    found = _by_client(results)
    lines = [_line(one, found.get(one.client_id, []), now) for one in freshness_of(connection, now)]
    lines.sort(key=lambda line: (_ORDER.index(line[0]), line[1]))
    by_verdict = {
        verdict: [str(row[0]) for fit, row in lines if fit == verdict] for verdict in _ORDER
    }
    message = f"{counted(len(lines), 'client')} fit to report"
    if unfit := by_verdict["no"] + by_verdict["with care"]:
        message = f"{len(by_verdict['yes'])} of {counted(len(lines), 'client')} fit to report"
        for verdict, told in (("no", "not fit"), ("with care", "with care")):
            if names := by_verdict[verdict]:
                message += f"; {told}: {_listed(names)}"
    return Result(
        check="fit_to_report",
        severity="warn" if unfit else "ok",
        message=message,
        columns=(
            *("client_id", "fit", "why", "settled_through", "data_through", "gaps"),
            *("late_days", "last_pull_utc", "run"),
        ),
        rows=tuple(row for _, row in lines),
        counts={
            "clients": len(lines),
            "clients_not_fit": len(by_verdict["no"]),
            "clients_with_care": len(by_verdict["with care"]),
        },
    )


def _by_client(results: Sequence[Result]) -> Mapping[str, list[_Finding]]:
    """What each check found of each client, errors first, one finding a check."""
    found: dict[str, dict[str, _Finding]] = {}
    for result in results:
        for row in result.rows:
            cells = dict(zip(result.columns, row, strict=True))
            is_named = "severity" in cells
            severity = severity_in(cells["severity"]) if is_named else result.severity
            mine = found.setdefault(str(row[0]), {})
            if result.check not in mine or (
                severity == "error" and mine[result.check].severity != "error"
            ):
                mine[result.check] = _Finding(result.check, severity, str(cells.get("run") or ""))
    return {
        client: sorted(mine.values(), key=lambda one: one.severity != "error")
        for client, mine in found.items()
    }


def _line(
    one: Freshness, findings: Sequence[_Finding], now: datetime
) -> tuple[Verdict, tuple[Cell, ...]]:
    state = one.state(now)
    is_stale = state in _STATES
    errors = [finding for finding in findings if finding.severity == "error"]
    doubts = [finding for finding in findings if finding.check not in ANNOUNCED]
    verdict: Verdict = "yes"
    if is_stale or one.gaps or one.recently_missing or errors:
        verdict = "no"
    elif doubts or one.late:
        verdict = "with care"
    told = [_STATES[state]] if is_stale else []
    if one.gaps:
        told.append(f"{counted(one.gaps, 'day')} without an answer")
    left_out = sum(span.days for _, span in one.recently_missing)
    if left_out:
        told.append(f"{counted(left_out, 'day')} left out")
    told += [f"{finding.check} ({finding.severity})" for finding in findings]
    runs = [f"meta-pipeline sync -c {one.client_id}"] if is_stale else []
    runs += [finding.run for finding in findings if finding.run]
    row = (
        *(one.client_id, verdict, ", ".join(told)),
        str(one.settled_through) if one.settled_through else None,
        str(one.data_through) if one.data_through else None,
        *(one.gaps + left_out, len(one.late)),
        one.last_pull.strftime("%Y-%m-%d %H:%M") if one.last_pull else "never",
        runs[0] if runs else None,
    )
    return verdict, row


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def spend_picture(connection: DuckDBPyConnection) -> Plot | None:
    """Spend by day of the last `SPEND_DAYS` days: a panel a client, a line a currency.

    At most `BARS` clients, by name; None without any spend known. Amounts of two currencies are
    not added.
    """
    newest = connection.execute(
        "select max(day) from mart_spend_trends where spend is not null"
    ).fetchone()
    if newest is None or newest[0] is None:
        return None
    # A day that is not known is a row without value, at which the line breaks.
    rows = connection.execute(
        """
        with days as (
            select client_id, account_currency, day, sum(spend) as spend
            from mart_spend_trends
            where day > $since and spend is not null
                and client_id in (select client_id from dim_clients where is_active)
            group by client_id, account_currency, day
        ),
        spines as (
            select client_id, account_currency,
                unnest(generate_series(min(day), max(day), interval 1 day))::date as day
            from days group by client_id, account_currency
        )
        select spines.client_id, spines.account_currency, spines.day::text, spend::double
        from spines
        left join days
            on spines.client_id = days.client_id and spines.day = days.day
            and spines.account_currency is not distinct from days.account_currency
        order by spines.client_id, spines.account_currency, spines.day
        """,
        {"since": newest[0] - timedelta(days=SPEND_DAYS)},
    ).fetchall()
    shown = list(dict.fromkeys(row[0] for row in rows))
    records = [
        {"label": client, "group": currency or "unknown currency", "day": day, "value": spend}
        for client, currency, day, spend in rows
        if client in shown[:BARS]
    ]
    title = f"Spend of the last {SPEND_DAYS} days" + _of(shown)
    return Plot("panels", title, "spend a day", records) if records else None


def settling_picture(connection: DuckDBPyConnection) -> Plot | None:
    """The share of the final value that is visible at an age: a panel a client, a line a metric.

    Clients without a curve of their own share the panel of all clients together. At most `BARS`
    clients, by name; None as long as nothing is measured.
    """
    rows = connection.execute(
        """
        select distinct
            if(basis = 'client', client_id, 'all clients together') as label,
            metric, age_days, share
        from mart_settling_curves
        where share is not null and metric in ('spend', 'link_clicks', 'results')
            and client_id in (select client_id from dim_clients where is_active)
        order by label, metric, age_days
        """
    ).fetchall()
    shown = list(dict.fromkeys(row[0] for row in rows))
    records = [
        {"label": label, "group": metric, "age": age, "value": 100 * share}
        for label, metric, age, share in rows
        if label in shown[:BARS]
    ]
    title = "How figures settle" + _of(shown)
    axis = "% of the final value"
    return Plot("panels", title, axis, records) if records else None


def _of(shown: Sequence[str]) -> str:
    return f" ({BARS} of {len(shown)} clients)" if len(shown) > BARS else ""
