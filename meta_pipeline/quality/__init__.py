"""Checks of the numbers handed over: one a kind, over all clients, from the marts alone.

Each is a function of open marts and a time; none reads a clock, asks Meta, or changes anything.
`CHECKS` names them with what they mean; docs/checks.md says what to do when one fails.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from duckdb import DuckDBPyConnection

from meta_pipeline.config import Client
from meta_pipeline.quality.delivery import coverage, fresh_delivery, settled_pull
from meta_pipeline.quality.figures import (
    reconciliation,
    restatement_anomaly,
    spend_anomaly,
    zero_spend,
)
from meta_pipeline.quality.interface import asked_of_meta, metric_deprecation, version_pin
from meta_pipeline.quality.overview import fit_to_report, settling_picture, spend_picture
from meta_pipeline.quality.plots import data_uri
from meta_pipeline.quality.result import Plot, Result, Severity

__all__ = [
    "CHECKS",
    "OVERVIEW",
    "Check",
    "Named",
    "Plot",
    "Result",
    "Severity",
    "data_uri",
    "run_checks",
    "settling_picture",
    "spend_picture",
]


@dataclass(frozen=True, slots=True)
class Named:
    """A check's name, with what it means, when it fails how badly, and what to do then."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Check(Named):
    """A check, and what runs it."""

    run: Callable[[DuckDBPyConnection, Iterable[Client], datetime], Result]


def _of_marts(check: Callable[[DuckDBPyConnection, datetime], Result], description: str) -> Check:
    return Check(check.__name__, description, lambda marts, _, now: check(marts, now))


CHECKS = (
    _of_marts(
        settled_pull,
        "Each day was pulled again when its numbers had settled: 72 hours after its end (with a "
        "day's slack, since the next daily pull is up to a day away), and 28 days after it (with a "
        "week's slack, since that pull is made for a week at once). WARN "
        "when a day is due; ERROR when the pull after 72 hours is overdue by more than 7 days, or "
        "the one after 28 days by more than 28. Pull the days again with the command in the "
        "table: `meta-pipeline sync -c <client> --from <day> --to <day>`; if it comes back every "
        "day, turn on the sensor daily_sync.",
    ),
    _of_marts(
        fresh_delivery,
        "Each client was pulled in the last 27 hours (a day, and 3 hours because its turn does not "
        "come at the same minute). WARN after 27 hours, or when it was never "
        "pulled; ERROR after 48. Run `meta-pipeline sync -c <client>`; if that fails, "
        "`meta-pipeline check -c <client>` says why.",
    ),
    _of_marts(
        coverage,
        "Every report that a client is asked for has an answer for every day: rows, or an empty "
        "day that is confirmed. Days that Meta keeps no longer count for nothing. ERROR when a "
        "daily ads report failed or was never pulled on a day that ended 72 hours ago; WARN for "
        "newer days, unproved empty ones, and Pages and Instagram, whose newest days may be empty "
        "for 72 hours. The reason stands in the "
        "table: pull failed days with `meta-pipeline sync -c <client> --from <day> --to <day>`, "
        "and look for missing rights behind unproved ones with `meta-pipeline check -c <client>`.",
    ),
    _of_marts(
        reconciliation,
        "Campaigns, ad sets, ads, platforms, ages with genders and countries add up to the "
        "account's figures, within the tolerance of mart_reconciliation; days of the last 90. "
        "WARN when they do not; ERROR when spend or impressions are out by more than 1 % on a day "
        "pulled 72 hours after its end, and neither rounding nor pull times explain it. Pull the "
        "days again: `meta-pipeline sync -c <client> --from <day> --to <day>`. If the gap stays, "
        "use the account's figures for totals.",
    ),
    _of_marts(
        restatement_anomaly,
        "What Meta changed in the pulls of the last 7 days is in line with how the client's "
        "figures settle (mart_settling_curves). WARN beyond 3.5 spreads of the curve; ERROR when "
        "it is spend. Compare with Ads Manager; pull the day again with `meta-pipeline sync -c "
        "<client> --from <day> --to <day>`, and tell the client when it stands.",
    ),
    _of_marts(
        zero_spend,
        "No ad account stopped spending: its newest day pulled 24 hours or more after its end has "
        "spend, if that weekday usually has (mart_spend_anomalies). WARN; ERROR on the second day "
        "in a row. Look whether the campaigns still run and the payment method works, and run "
        "`meta-pipeline check -c <client>`.",
    ),
    _of_marts(
        spend_anomaly,
        "Each ad account's newest day pulled 24 hours or more after its end spent about what that "
        "weekday did in the 8 weeks before: WARN beyond a robust z-score of 3.5 "
        "(mart_spend_anomalies). Look at budgets and campaigns; to see whether the figure stands, "
        "run `meta-pipeline sync -c <client> --from <day> --to <day>`.",
    ),
    _of_marts(
        version_pin,
        "The API version asked for is the one that answered, and lives on. ERROR when another one "
        "answered, or when it is over; WARN when it ends within 60 days. Change `api_version` in "
        "clients.yml as the table says, then run `meta-pipeline check -c <client>`.",
    ),
    Check(
        metric_deprecation.__name__,
        "Nothing that the clients' reports ask for stops being answered. WARN when a metric, "
        "field, breakdown or window dies within 60 days; ERROR when it is dead. Install a newer "
        "meta-pipeline, or take the report or window out of clients.yml, then run "
        "`meta-pipeline check`; docs/metrics.md has the dates and successors.",
        lambda _, clients, now: metric_deprecation(asked_of_meta(clients), now),
    ),
)
"""Every check, in the order in which they are worth a look."""


OVERVIEW = Named(
    fit_to_report.__name__,
    "May each client's numbers be reported? One row a client, the worst first. `fit` is no: the "
    "newest pull is older than 27 hours, a day has no answer that can be believed, or a check "
    "found an error. With care: a check warns of numbers. WARN unless all are fit. `run` is what "
    "to do first; the checks named under `why` say the rest.",
)
"""All checks together, by client. What it tells of has been told by another check already."""


def run_checks(
    connection: DuckDBPyConnection,
    clients: Iterable[Client],
    now: datetime,
    wanted: Collection[str],
) -> list[Result]:
    """What the checks named find, `OVERVIEW` first; none is run twice for it."""
    several = list(clients)
    is_summed_up = OVERVIEW.name in wanted
    found = [
        check.run(connection, several, now)
        for check in CHECKS
        if is_summed_up or check.name in wanted
    ]
    told = [result for result in found if result.check in wanted]
    return [fit_to_report(connection, now, found), *told] if is_summed_up else told
