"""What a monthly report says of a client, read from the marts: figures, and no word of prose."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from duckdb import DuckDBPyConnection

from meta_pipeline.reporting import queries

Number = Decimal | int | float
Kind = Literal["money", "count", "share", "decimal"]
Good = Literal["up", "down"]
Compared = tuple[Number | None, Number | None, float | None]
"""What stands against the month before, its value there, and the change (see `Figure`)."""

SMALL_BASE = 10
"""Below this count a percentage says nothing."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, with what it is compared with.

    `value` is None where the marts do not know it. `compared` is what stands against `previous`:
    the value itself, or, for the results of a month under way, its part that lies on settled
    days. `change` is a fraction, None where no percentage may be told. `good` is the direction
    that is good for the client, None when neither is. `target` is the client's for the month.
    """

    key: str
    name: str
    kind: Kind
    value: Number | None
    previous: Number | None = None
    change: float | None = None
    good: Good | None = None
    compared: Number | None = None
    target: Number | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """A day of one currency, in the ad accounts' time zones; figures as in `mart_client_daily`.

    `spend_mean` is the mean of the seven days that end with it, None unless all are known.
    `is_settled`: pulled 72 hours or more after its end.
    """

    day: date
    spend: Decimal | None
    spend_mean: Decimal | None
    results: Decimal | None
    results_low: Decimal | None
    results_high: Decimal | None
    link_ctr: float | None
    link_cpc: float | None
    is_settled: bool
    is_final: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Sums of a campaign, a platform, or an age and gender over the days of the month."""

    names: tuple[str, ...]
    spend: Decimal | None
    impressions: int | None
    link_clicks: int | None
    results: Decimal | None
    link_ctr: float | None
    link_cpc: float | None
    cost_per_result: float | None


@dataclass(frozen=True, slots=True)
class Groups:
    """A table of groups, the largest spend first; empty, with the reason, when days are missing."""

    rows: tuple[Group, ...]
    reason: str | None


@dataclass(frozen=True, slots=True)
class Paid:
    """The ads of a client in one currency."""

    currency: str | None
    first_day: date
    last_day: date | None
    previous_first_day: date
    previous_last_day: date | None
    settled_through: date | None
    is_over: bool
    is_complete: bool
    days_missing: int
    days_unsettled: int
    attribution: str | None
    time_zones: tuple[str, ...]
    reach_note: str | None
    reach_through: date | None
    pulled_at: datetime | None
    result_type: str | None
    figures: tuple[Figure, ...]
    results_expected: Decimal | None
    days: tuple[Day, ...]
    campaigns: Groups
    platforms: Groups
    ages: Groups

    def figure(self, key: str) -> Figure:
        """The figure of that key; `KeyError` when there is none."""
        return {one.key: one for one in self.figures}[key]


@dataclass(frozen=True, slots=True)
class Break:
    """A day from which on a metric is another one, or counts otherwise."""

    day: date
    canonical: str
    metric: str
    note: str | None


@dataclass(frozen=True, slots=True)
class Organic:
    """A client's Pages, or its Instagram accounts, in days of America/Los_Angeles."""

    surface: Literal["page", "instagram"]
    first_day: date
    through: date | None
    figures: tuple[Figure, ...]
    breaks: tuple[Break, ...]
    notes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class MonthlyReport:
    """All that one report prints of one client and month. Times are in UTC.

    `is_final`: every figure in it is 28 days old or older, and no day is missing. `settles_at` is
    when the last of its days settles. `gaps` are days without an answer that can be believed.
    """

    client_id: str
    month: date
    is_final: bool
    settles_at: datetime
    paid: tuple[Paid, ...]
    organic: tuple[Organic, ...]
    gaps: tuple[tuple[date, str], ...]

    @property
    def last_of_month(self) -> date:
        """The month's last calendar day."""
        return (self.month + timedelta(days=31)).replace(day=1) - timedelta(days=1)

    @property
    def days_missing(self) -> int:
        """Days of ads that are not known, in the currency that lacks most."""
        return max(one.days_missing for one in self.paid)

    @property
    def days_unsettled(self) -> int:
        """Days of ads that are known and not final, in the currency that has most."""
        return max(one.days_unsettled for one in self.paid)


def read_report(marts: DuckDBPyConnection, client_id: str, month: date) -> MonthlyReport | None:
    """The figures of a client's month, `month` being its first day; None when the marts have none.

    The connection's time zone is UTC, as `warehouse.reading_marts` sets it.
    """
    rows = _rows(marts, queries.MONTHS, client_id=client_id, month=month)
    if not rows:
        return None
    paid = tuple(_paid(marts, row) for row in rows)
    asked = {"client_id": client_id, "month": month}
    (settling,) = _rows(marts, queries.SETTLING, **asked)
    unsettled = settling["unsettled"] or not all(row["is_settled"] for row in rows)
    surfaces: tuple[Literal["page", "instagram"], ...] = ("page", "instagram")
    organic = (_organic(marts, surface, rows) for surface in surfaces)
    gaps = _rows(marts, queries.GAPS, **asked, last_day=max(_last_days(rows), default=month))
    return MonthlyReport(
        client_id=client_id,
        month=month,
        is_final=not unsettled,
        settles_at=max(one["settles_at"] for one in (settling, *rows) if one["settles_at"]),
        paid=paid,
        organic=tuple(one for one in organic if one),
        gaps=tuple((row["day"], row["reason"]) for row in gaps),
    )


def change(value: Number | None, previous: Number | None, base: Number | None) -> float | None:
    """How much `value` differs from `previous`, as a fraction of it.

    None when one of them is not known, when there is nothing to divide by, or when `base`, the
    count that the smaller of the two rests on, is under 10.
    """
    if value is None or previous is None or base is None or base < SMALL_BASE or not previous:
        return None
    return float((Decimal(str(value)) - Decimal(str(previous))) / Decimal(str(previous)))


def _rows(marts: DuckDBPyConnection, query: str, **values: Any) -> list[dict[str, Any]]:
    cursor = marts.execute(query, {key: values[key] for key in values if f"${key}" in query})
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _last_days(rows: Sequence[Mapping[str, Any]]) -> list[date]:
    return [row["last_day"] for row in rows if row["last_day"]]


def _paid(marts: DuckDBPyConnection, month: Mapping[str, Any]) -> Paid:
    asked = {
        "client_id": month["client_id"],
        "currency": month["account_currency"],
        "month": month["month"],
        "first_day": month["first_day"],
        "last_day": month["last_day"],
    }
    days = tuple(Day(**row) for row in _rows(marts, queries.DAYS, **asked))
    settled = _settled_through(month, days)
    (results,) = _rows(
        marts,
        queries.SETTLED_RESULTS,
        **asked,
        settled=settled,
        previous_first=month["previous_first_day"],
        previous_last=_same_day_before(month, settled),
    )
    (targets,) = _rows(marts, queries.TARGETS, **asked) or [{}]
    zones = _rows(marts, queries.TIME_ZONES, **asked)
    return Paid(
        currency=month["account_currency"],
        first_day=month["first_day"],
        last_day=month["last_day"],
        previous_first_day=month["previous_first_day"],
        previous_last_day=month["previous_last_day"],
        settled_through=settled,
        is_over=month["days_elapsed"] == month["days_in_month"],
        is_complete=month["is_complete"],
        days_missing=month["days_missing"],
        days_unsettled=month["days_unsettled"],
        attribution=month["attribution_settings"],
        time_zones=tuple(row["time_zone"] for row in zones),
        reach_note=month["reach_note"],
        reach_through=month["reach_through"],
        pulled_at=month["pulled_at"],
        result_type=month["result_action_type"],
        figures=_paid_figures(month, results, targets),
        results_expected=month["results_expected"],
        days=days,
        campaigns=_groups(marts, "campaign", asked),
        platforms=_groups(marts, "platform", asked),
        ages=_groups(marts, "age_gender", asked),
    )


def _settled_through(month: Mapping[str, Any], days: Sequence[Day]) -> date | None:
    """The last day up to which every day of the month is settled."""
    through = None
    for one in days:
        if not one.is_settled or month["last_day"] is None or one.day > month["last_day"]:
            break
        through = one.day
    return through


def _same_day_before(month: Mapping[str, Any], settled: date | None) -> date | None:
    """The end of what the settled days are compared with: as many days of the month before."""
    if settled is None or settled == month["last_day"]:
        return month["previous_last_day"]
    return _as_far(month, settled)


def _as_far(month: Mapping[str, Any], through: date) -> date:
    """As many days into the month before, which may be too short for it."""
    return min(
        month["previous_first_day"] + (through - month["first_day"]), month["previous_last_day"]
    )


def _paid_figures(
    month: Mapping[str, Any], settled: Mapping[str, Any], targets: Mapping[str, Any]
) -> tuple[Figure, ...]:
    def in_the_mart(key: str) -> Compared:
        return month[key], month[f"{key}_previous"], month[f"{key}_change"]

    def on_settled_days(key: str) -> Compared:
        counts = (settled["results"], settled["results_previous"])
        base = None if None in counts else min(counts)
        if key == "results":
            base = settled["results_previous"]
        now, previous = settled[key], settled[f"{key}_previous"]
        return now, previous, change(now, previous, base)

    def of_whole_months(key: str) -> Compared:
        # People of some days are no part of the people of a month.
        is_whole = month["reach_is_whole"] and month["reach_before_is_whole"]
        previous = month[f"{key}_before"] if is_whole else None
        return month[key], previous, change(month[key], previous, month["reach_before"])

    def of(
        key: str,
        name: str,
        kind: Kind,
        good: Good | None,
        against: Callable[[str], Compared] = in_the_mart,
    ) -> Figure:
        compared, previous, changed = against(key)
        return Figure(
            key=key,
            name=name,
            kind=kind,
            value=month[key],
            previous=previous,
            change=changed,
            good=good,
            compared=compared,
            target=targets.get(f"target_{key}"),
        )

    return (
        of("spend", "Spend", "money", None),
        of("impressions", "Impressions", "count", "up"),
        of("link_clicks", "Link clicks", "count", "up"),
        of("link_ctr", "CTR (link clicks)", "share", "up"),
        of("link_cpc", "CPC (link clicks)", "money", "down"),
        of("cpm", "CPM", "money", "down"),
        of("results", "Results", "count", "up", on_settled_days),
        of("cost_per_result", "Cost per result", "money", "down", on_settled_days),
        of("reach", "Reach", "count", "up", of_whole_months),
        of("frequency", "Frequency", "decimal", None, of_whole_months),
    )


def _groups(marts: DuckDBPyConnection, kind: str, asked: Mapping[str, Any]) -> Groups:
    (known,) = _rows(marts, queries.REPORT_DAYS, **asked, report=f"{kind}_daily")
    if known["missing"]:
        return Groups((), f"{known['missing']} of {known['days']} days are not known.")
    rows = _rows(marts, queries.GROUPS[kind], **asked)
    groups = [Group(names=tuple(row.pop("names")), **row) for row in rows]
    return Groups(tuple(groups), None if groups else "There was no delivery.")


_ORGANIC: Mapping[str, tuple[tuple[str, str], ...]] = {
    "page": (
        ("views", "Views"),
        ("viewers_28d", "Viewers, 28 days"),
        ("interactions", "Interactions"),
        ("new_follows", "New follows"),
    ),
    "instagram": (
        ("views", "Views"),
        ("viewers_best_day", "Viewers, busiest day"),
        ("interactions", "Interactions"),
        ("new_follows", "New follows"),
    ),
}


def _organic(
    marts: DuckDBPyConnection,
    surface: Literal["page", "instagram"],
    months: Sequence[Mapping[str, Any]],
) -> Organic | None:
    """One surface; None for a client that has no such asset with figures."""
    # With several currencies the figures stand in one of the rows alone.
    month = next((row for row in months if row[f"{surface}_through"]), months[0])
    first, through = month["first_day"], month[f"{surface}_through"]
    asked = {"client_id": month["client_id"], "surface": surface}
    series = _rows(marts, queries.ORGANIC_NOTES, **asked, first_day=first, last_day=through)
    if not series:
        return None
    previous_first = month["previous_first_day"]
    previous_last = month["previous_last_day"]
    if through is not None and through != month["last_day"]:
        previous_last = _as_far(month, through)
    spans = {
        "first_day": first,
        "last_day": through,
        "previous_first": previous_first,
        "previous_last": previous_last,
    }
    (row,) = _rows(marts, queries.ORGANIC[surface], **asked, **spans)
    breaks = _rows(marts, queries.BREAKS, **asked, first_day=previous_first, last_day=through)
    broken = {one["canonical"] for one in breaks}
    mixed = _rows(marts, queries.INCOMPARABLE, **asked, **spans)
    broken |= {one["canonical"] for one in mixed}
    figures = []
    for key, name in _ORGANIC[surface]:
        canonical = key.split("_")[0] if key.startswith("viewers") else key
        sum_of = month.get(f"{surface}_{key}", row[key])
        previous = None if canonical in broken else row[f"{key}_previous"]
        figures.append(
            Figure(
                key=f"{surface}_{key}",
                name=name,
                kind="count",
                value=sum_of,
                previous=previous,
                change=change(sum_of, previous, previous),
                good="up",
                compared=sum_of,
            )
        )
    return Organic(
        surface=surface,
        first_day=first,
        through=through,
        figures=tuple(figures),
        breaks=tuple(Break(**one) for one in breaks),
        notes=tuple((one["canonical"], one["note"]) for one in series),
    )
