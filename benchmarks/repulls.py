"""What pulling fewer days again costs and misses: ways to re-pull on one simulated truth.

    .venv/bin/python benchmarks/repulls.py

benchmarks/README.md says what is measured and how. Needs no network and stops by itself. Exits
with 1 when the policy leaves a day that never becomes final, or asks for more than the window, and
when pulling daily for longer errs more at any age.
"""

import argparse
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from meta_pipeline.dates import Span, trailing
from meta_pipeline.reports import PAD_DAYS
from meta_pipeline.repulls import Policy, bridged, day_end, due_days
from meta_pipeline.simulator import account_truth, generated_agency
from meta_pipeline.simulator.source import Account, Source

FIRST = date(2026, 5, 1)
AT = time(5, 15, tzinfo=UTC)
"""When the schedule pulls."""
PAGE_ROWS = 500
WARM_UP = 42
"""Days until every way pulls as it does from then on; they are not counted."""
BANDS = (0, 3, 8, 14, 28, 35)
"""Ages in days between which errors are told apart."""

Pulled = Mapping[date, datetime]
Way = Callable[[datetime, ZoneInfo, Pulled], list[Span]]
"""The spans that are asked for at a moment, given the newest pull of each day."""


def fixed(days: int) -> Way:
    """The days that end yesterday, every day."""
    return lambda now, _zone, _pulled: [trailing(now.date(), days)]


def weekly(policy: Policy, gap: int = PAD_DAYS) -> Way:
    """The policy; spans with at most `gap` days between them are one question."""
    return lambda now, zone, pulled: bridged(due_days(policy, zone, now, pulled), gap)


def lone(now: datetime, zone: ZoneInfo, pulled: Pulled) -> list[Span]:
    """The same ages, but each day by itself as soon as it has reached one."""
    due = set()
    for age in range(1, 57):
        day = now.date() - timedelta(days=age)
        ended = day_end(day, zone)
        passed = [days for days in (7, 14, 28) if now >= ended + timedelta(days=days)]
        limit = ended + timedelta(days=max(passed)) if passed else now
        if pulled[day] < limit if day in pulled else age <= 28:
            due.add(day)
    return bridged(due, PAD_DAYS)


WAYS: dict[str, Way] = {
    "window of 28 days": fixed(28),
    "window of 30 days": fixed(30),
    "lone days at 14 and 28": lone,
    "weeks, a question each": weekly(Policy(), 0),
    "**weeks, joined (the policy)**": weekly(Policy()),
    "the policy, daily to 3": weekly(Policy(daily_through=3)),
    "the policy, daily to 14": weekly(Policy(daily_through=14)),
}
WINDOW, POLICY = "window of 28 days", "**weeks, joined (the policy)**"
WIDER = "the policy, daily to 14"


@dataclass
class Tally:
    """What one way cost and missed, over all accounts and days counted."""

    syncs: int = 0
    days_asked: int = 0
    days_kept: int = 0
    requests: dict[int, int] = field(default_factory=dict)
    errors: dict[tuple[str, int], list[float]] = field(default_factory=dict)
    finals: list[float] = field(default_factory=list)
    never_final: int = 0


Figures = Mapping[date, tuple[float, float]]
"""Spend and results by day."""


def figures(source: Source, account: Account, span: Span, as_of: datetime | None) -> Figures:
    """What is shown of each day at a moment; None: what is true in the end."""
    rows = account_truth(source, account, span.since, span.until, by="day", as_of=as_of)
    return {
        date.fromisoformat(row["date_start"]): (float(row["spend"]), float(row["results"]))
        for row in rows
    }


def simulate(source: Source, account: Account, days: int, tallies: dict[str, Tally]) -> None:
    """Lets every way pull one account once a day; adds to the tallies."""
    last = FIRST + timedelta(days=WARM_UP + days)
    true = figures(source, account, Span(FIRST - timedelta(days=60), last), None)
    pulled: dict[str, dict[date, datetime]] = {name: {} for name in WAYS}
    shown: dict[str, dict[date, tuple[float, float]]] = {name: {} for name in WAYS}
    first_final: dict[str, dict[date, float]] = {name: {} for name in WAYS}
    for today in Span(FIRST, last):
        now = datetime.combine(today, AT)
        seen = figures(source, account, trailing(today, 56), now)
        for name, way in WAYS.items():
            asked = way(now, account.zone, pulled[name])
            for day in (day for span in asked for day in span):
                pulled[name][day] = now
                shown[name][day] = seen.get(day, (0.0, 0.0))
                age = (now - day_end(day, account.zone)) / timedelta(days=1)
                if age >= 28:
                    first_final[name].setdefault(day, age)
            if today >= FIRST + timedelta(days=WARM_UP):
                _count_cost(tallies[name], asked)
                _count_errors(tallies[name], today, shown[name], true)
    for day in Span(FIRST + timedelta(days=WARM_UP - 35), last - timedelta(days=36)):
        for name, tally in tallies.items():
            if day in first_final[name]:
                tally.finals.append(first_final[name][day])
            else:
                tally.never_final += 1


def _count_cost(tally: Tally, asked: list[Span]) -> None:
    tally.syncs += 1
    tally.days_kept += sum(span.days for span in asked)
    tally.days_asked += sum(span.days + PAD_DAYS for span in asked)
    for rows in (1, 20, 100):
        pages = sum(max(1, math.ceil((span.days + PAD_DAYS) * rows / PAGE_ROWS)) for span in asked)
        tally.requests[rows] = tally.requests.get(rows, 0) + pages


def _count_errors(
    tally: Tally, today: date, shown: Mapping[date, tuple[float, float]], true: Figures
) -> None:
    """How far each day's published figures lie off the final ones, as a share of those."""
    for low, high in pairwise(BANDS):
        for age in range(low, high):
            day = today - timedelta(days=age + 1)
            final = true.get(day)
            for place, metric in enumerate(("spend", "results")):
                if final and final[place]:
                    error = abs(shown.get(day, (0.0, 0.0))[place] - final[place]) / final[place]
                    tally.errors.setdefault((metric, low), []).append(error)


def mean(numbers: list[float]) -> float:
    """The arithmetic mean."""
    return sum(numbers) / len(numbers)


def table(tallies: Mapping[str, Tally]) -> str:
    """Cost and what is missed, as Markdown."""
    lines = [
        "| way | days kept | days asked | requests, 1 row a day | 20 rows | 100 rows "
        "| first final after, days | never final |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, tally in tallies.items():
        per = [f"{tally.requests[rows] / tally.syncs:.2f}" for rows in (1, 20, 100)]
        final = f"{mean(tally.finals):.1f}" if tally.finals else "–"
        never = tally.never_final / (tally.never_final + len(tally.finals))
        lines.append(
            f"| {name} | {tally.days_kept / tally.syncs:.1f} "
            f"| {tally.days_asked / tally.syncs:.1f} | {' | '.join(per)} | {final} "
            f"| {never:.0%} |"
        )
    for metric in ("spend", "results"):
        heads = [f"{low} to {high - 1} days" for low, high in pairwise(BANDS)]
        lines += ["", f"| {metric}: error, % of the final value | {' | '.join(heads)} | all |"]
        lines.append("|---|" + "---:|" * len(BANDS))
        for name, tally in tallies.items():
            bands = [tally.errors[metric, low] for low, _ in pairwise(BANDS)]
            cells = [f"{mean(some):.3%}".rstrip("%") for some in bands]
            everything = mean([error for some in bands for error in some])
            lines.append(f"| {name} | {' | '.join(cells)} | {everything:.3%} |".replace("%", ""))
    return "\n".join(lines)


def main() -> int:
    """Simulates, prints the tables; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--days", type=int, default=120)
    options = parser.parse_args()
    source = generated_agency(seed=29, clients=options.clients)
    tallies = {name: Tally() for name in WAYS}
    for client in source.clients():
        for account_id in client.ad_accounts:
            account = source.account(account_id)
            assert account is not None
            simulate(source, account, options.days, tallies)
    print(table(tallies))
    policy, window = tallies[POLICY], tallies[WINDOW]
    if policy.never_final or policy.days_asked >= window.days_asked:
        print("the policy leaves days that never become final, or saves nothing", file=sys.stderr)
        return 1
    wider = tallies[WIDER].errors
    if worse := [key for key, some in policy.errors.items() if mean(wider[key]) > mean(some)]:
        print(f"{WIDER} errs more than the policy: {worse}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
