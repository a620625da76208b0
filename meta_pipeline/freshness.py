"""How far each client's numbers can be trusted: read from the published marts."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal

from duckdb import DuckDBPyConnection

from meta_pipeline.dates import Span
from meta_pipeline.warehouse import reading_marts

STALE_AFTER = timedelta(hours=27)
"""A client is pulled daily, and not at the same minute: its turn waits for a look of the sensor,
for other clients' runs and for their quota, and once a year a day has 25 hours. So 24 hours, and
3."""

SETTLING = timedelta(hours=72)
"""How long Meta's conversions move (Meta's own advice is 24 to 72 hours)."""

ATTRIBUTION = timedelta(days=28)
"""How long they drift after that; `settles_at` in the marts is the day's end plus this."""

DAILY_SLACK = timedelta(hours=24)
"""How much later than 72 hours a pull may come: the next daily one is up to a day away."""

REPULL_SLACK = timedelta(days=7)
"""How much later than 28 days the last pull of a day may come: it is made for a week at once."""

REPORTED = timedelta(days=92)
"""How far back from the newest day numbers are looked at as a matter of course: a quarter. A
stretch of days that was never asked for and lies before that is told, and makes no gap."""

Due = Literal["settled", "final"]


@dataclass(frozen=True, slots=True)
class LateDay:
    """A day whose newest pull was too early, and that should have been pulled again since.

    `due` is the pull that is wanting: `settled`, 72 hours or more after the day's end, or, where
    there was one, `final`, 28 days or more after it. It was due at `due_at` (UTC): 72 hours and
    `DAILY_SLACK` after the day's end, or 28 days and `REPULL_SLACK`. A day without any pull is a
    gap, and not late.
    """

    ad_account_id: str
    day: date
    maturity: str
    pulled_at: datetime
    due: Due
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Freshness:
    """One client's state. Days are in the accounts' time zones, times in UTC.

    `settled_through` is the last day up to which every day was pulled 72 hours or more after its
    end; `gaps` counts days that were asked for without an answer that can be believed. `missing`
    are days that no daily report was ever asked for, between an ad account's first and last one:
    account and span, the newest first. Days that Meta keeps no longer and ad accounts that left
    clients.yml are left out: no pull will mend them.
    """

    client_id: str
    data_through: date | None
    settled_through: date | None
    last_pull: datetime | None
    gaps: int
    days: dict[str, int]
    late: tuple[LateDay, ...]
    missing: tuple[tuple[str, Span], ...] = ()

    @property
    def missing_days(self) -> int:
        """How many days of accounts are `missing`."""
        return sum(span.days for _, span in self.missing)

    @property
    def recently_missing(self) -> tuple[tuple[str, Span], ...]:
        """What is `missing` within `REPORTED` of the newest day."""
        if self.data_through is None:
            return ()
        first = self.data_through - REPORTED
        kept = ((account, span.clamped(since=first)) for account, span in self.missing)
        return tuple((account, span) for account, span in kept if span is not None)

    def state(self, now: datetime) -> str:
        """`never pulled`, `stale`, `gaps`, `late` or `fresh`: the worst that holds."""
        if self.last_pull is None:
            return "never pulled"
        if now - self.last_pull > STALE_AFTER:
            return "stale"
        if self.gaps or self.recently_missing:
            return "gaps"
        return "late" if self.late else "fresh"


def read_freshness(marts: Path, now: datetime) -> list[Freshness]:
    """Every active client's freshness at `now`. Raises `WarehouseError` without marts."""
    with reading_marts(marts) as connection:
        return freshness_of(connection, now)


def freshness_of(connection: DuckDBPyConnection, now: datetime) -> list[Freshness]:
    """The same from marts that are open, with the session's time zone set to UTC."""
    rows = connection.execute(_CLIENTS, {"reported": REPORTED}).fetchall()
    spans = {
        "settled_after": SETTLING + DAILY_SLACK,
        "attribution": ATTRIBUTION,
        "slack": REPULL_SLACK,
    }
    late: dict[str, list[LateDay]] = defaultdict(list)
    for client_id, *day in connection.execute(_LATE, spans | {"now": now}).fetchall():
        late[client_id].append(LateDay(*day))
    missing: dict[str, list[tuple[str, Span]]] = defaultdict(list)
    for client_id, account, since, until in connection.execute(_MISSING).fetchall():
        missing[client_id].append((account, Span(since, until)))
    return [
        Freshness(
            client_id=client_id,
            data_through=data_through,
            settled_through=settled_through,
            last_pull=last_pull,
            gaps=gaps,
            days=days or {},
            late=tuple(late[client_id]),
            missing=tuple(missing[client_id]),
        )
        for client_id, data_through, settled_through, last_pull, gaps, days in rows
    ]


# Days between an account's first and last one that have no row at all.
_STRETCHES = """
stretches as (
    select
        client_id, ad_account_id,
        lag(day) over (partition by client_id, ad_account_id order by day) + 1 as since,
        day - 1 as until
    from mart_freshness
    where is_active
    qualify since <= until
)
"""

_MISSING = f"""
with {_STRETCHES}
select client_id, ad_account_id, since, until from stretches
order by client_id, until desc, ad_account_id
"""  # noqa: S608 (constants)

_CLIENTS = f"""
with {_STRETCHES},
days as (
    select
        *,
        coverage in ('pulled', 'confirmed_empty') as is_known,
        maturity in ('attributing', 'final') as is_settled
    from mart_freshness
    where coverage <> 'beyond_retention' and is_active
),
newest as (
    select client_id, max(day) as day from days where is_known group by client_id
),
unsettled as (
    select client_id, day from days where not coalesce(is_settled, false) or not is_known
    union all
    select client_id, greatest(since, (newest.day - $reported)::date) as day
    from stretches join newest using (client_id)
    where until >= newest.day - $reported
),
first_unsettled as (
    select client_id, min(day) as day from unsettled group by client_id
)
select
    clients.client_id,
    max(days.day) filter (where is_known) as data_through,
    max(days.day) filter (
        where is_known and is_settled and days.day < coalesce(first_unsettled.day, 'infinity')
    ) as settled_through,
    max(days.pulled_at) as last_pull,
    count(*) filter (where not is_known) as gaps,
    (
        select map_from_entries(list((maturity, count))) from (
            select maturity, count(*) as count from days as own
            where own.client_id = clients.client_id and maturity is not null
            group by maturity
        )
    ) as days
from dim_clients as clients
left join days using (client_id)
left join first_unsettled using (client_id)
where clients.is_active
group by clients.client_id
order by clients.client_id
"""  # noqa: S608 (constants)

_LATE = """
with days as (
    select
        *,
        settles_at - $attribution as ended,
        maturity in ('open', 'provisional', 'settling') as is_unsettled
    from mart_freshness
    where coverage <> 'beyond_retention' and is_active and maturity <> 'final'
),
due as (
    select
        *,
        if(is_unsettled, 'settled', 'final') as due,
        if(is_unsettled, ended + $settled_after, settles_at + $slack) as due_at
    from days
)
select client_id, ad_account_id, day, maturity, pulled_at, due, due_at from due
where due_at <= $now
order by client_id, day, ad_account_id
"""


def settled_days(marts: Path) -> list[tuple[str, date, str]]:
    """Client, day and maturity of each day that has settled for all of the client's ad accounts.

    The maturity is the oldest of its accounts': `attributing` or `final`. Raises
    `WarehouseError` without marts.
    """
    with reading_marts(marts) as connection:
        return connection.execute(_SETTLED_DAYS).fetchall()


_SETTLED_DAYS = """
select client_id, day, if(bool_and(maturity = 'final'), 'final', 'attributing')
from mart_freshness
where is_active
group by client_id, day
having bool_and(
    coalesce(
        maturity in ('attributing', 'final') and coverage in ('pulled', 'confirmed_empty'), false
    )
)
order by client_id, day
"""
