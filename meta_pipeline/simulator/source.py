"""What a truth has to offer so that the simulator can serve it.

Two truths satisfy `Source`: a generated agency and the replay of a CSV file. Everything above
this interface (insights, objects, pages) is the same code for both.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Protocol
from zoneinfo import ZoneInfo

PACIFIC = ZoneInfo("America/Los_Angeles")
"""Page Insights cuts its days at midnight Pacific for every Page (Page Insights guide)."""

Amount = int | Decimal
"""Money: an int counts minor units, a Decimal is in major units and served as written."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """One ad account. `id` has its `act_` prefix; `minor_digits` is 2 for USD, 0 for JPY."""

    id: str
    name: str
    currency: str
    timezone: str
    created: date
    result: str
    minor_digits: int = 2

    @property
    def account_id(self) -> str:
        """The id without `act_`, as Meta's field of that name has it."""
        return self.id.removeprefix("act_")

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone in which this account's days begin and end."""
        return ZoneInfo(self.timezone)


@dataclass(frozen=True, kw_only=True)
class Page:
    """One Facebook Page; its days are Pacific days."""

    id: str
    name: str
    created: date


@dataclass(frozen=True, kw_only=True)
class Client:
    """One customer of the agency.

    `result` is the action type that counts for this client, `start_date` the first day worth
    pulling, `currency` and `timezone` those of its first ad account.
    """

    id: str
    name: str
    ad_accounts: tuple[str, ...]
    pages: tuple[str, ...]
    start_date: date
    result: str
    currency: str
    timezone: str


@dataclass(frozen=True, kw_only=True)
class AdObject:
    """What campaign, ad set and ad have in common.

    Delivery runs from `start` to `end` (both included, account time zone; no end: open). From
    the day after `end` the object is paused, from `archived_on` archived. From `renamed_on` it
    bears `new_name`.
    """

    id: str
    account: Account
    name: str
    start: date
    end: date | None = None
    archived_on: date | None = None
    renamed_on: date | None = None
    new_name: str = ""

    def name_on(self, today: date) -> str:
        """The name shown on `today`: Meta stamps today's name on every past row too."""
        return self.new_name if self.renamed_on and today >= self.renamed_on else self.name

    def status_on(self, today: date) -> str:
        """The object's own status on `today`: ACTIVE, PAUSED or ARCHIVED."""
        if self.archived_on and today >= self.archived_on:
            return "ARCHIVED"
        return "PAUSED" if self.end and today > self.end else "ACTIVE"

    def changed_on(self, today: date) -> date:
        """The last day up to `today` on which the object changed (its `updated_time`)."""
        ended = self.end + timedelta(days=1) if self.end else None
        days = (self.start, ended, self.archived_on, self.renamed_on)
        return max((day for day in days if day and day <= today), default=self.start)


@dataclass(frozen=True, kw_only=True)
class Campaign(AdObject):
    """A campaign; `daily_budget` in minor units, None where the ad sets hold the budget."""

    objective: str
    result: str
    daily_budget: int | None = None


@dataclass(frozen=True, kw_only=True)
class AdSet(AdObject):
    """An ad set; `attribution_setting` in Meta's view-first spelling."""

    campaign: Campaign
    optimization_goal: str
    attribution_setting: str
    daily_budget: int | None = None


@dataclass(frozen=True, kw_only=True)
class Ad(AdObject):
    """An ad."""

    adset: AdSet

    @property
    def campaign(self) -> Campaign:
        """The campaign above the ad set."""
        return self.adset.campaign


@dataclass(slots=True)
class Fact:
    """What one ad did on one day, or in one cell of a breakdown of that day.

    `counts` maps a base action ("link_click", "purchase") to a count, `values` to money. A key
    such as "purchase@1d_view" counts the part that belongs to an attribution window.
    """

    ad: Ad
    day: date
    cell: tuple[str, ...]
    impressions: int
    clicks: int
    link_clicks: int
    spend: Amount
    counts: dict[str, int] = field(default_factory=dict)
    values: dict[str, Amount] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PageDay:
    """What one Page saw in one Pacific day; `follows_level` is the level at the day's end."""

    views: int
    viewers: int
    visits: int
    engagements: int
    actions: int
    video_views: int
    follows: int
    unfollows: int
    follows_level: int
    reactions: dict[str, int]


AdFilter = Callable[[Ad], bool]


class Source(Protocol):
    """The truth behind the simulator.

    `unknown_fields` are the insights fields it has no figures for: they stay out of every row.
    """

    unknown_fields: frozenset[str]

    def clients(self) -> Sequence[Client]:
        """Every client, in a fixed order."""
        ...

    def account(self, account_id: str) -> Account | None:
        """The ad account with this `act_` id, if there is one."""
        ...

    def page(self, page_id: str) -> Page | None:
        """The Page with this id, if there is one."""
        ...

    def campaigns(self, account: Account) -> Sequence[Campaign]:
        """All campaigns of an account, ended and archived ones included."""
        ...

    def adsets(self, campaign: Campaign) -> Sequence[AdSet]:
        """All ad sets of a campaign."""
        ...

    def ads(self, adset: AdSet) -> Sequence[Ad]:
        """All ads of an ad set."""
        ...

    def node(self, node_id: str) -> Campaign | AdSet | Ad | None:
        """The campaign, ad set or ad with this id, if there is one."""
        ...

    def facts(
        self,
        account: Account,
        since: date,
        until: date,
        as_of: datetime | None,
        dimension: str = "",
        keep: AdFilter | None = None,
        clicks_since: date | None = None,
    ) -> Iterator[Fact]:
        """Base facts of an account, days inclusive in its time zone, in no promised order.

        `as_of` is the moment of looking (None: when all has settled). `dimension` splits each
        ad-day into cells whose sums are the unsplit figures. `keep` drops ads before they cost
        anything. `clicks_since` drops conversions whose click lies before that day.
        """
        ...

    def cells(self, dimension: str) -> tuple[str, ...] | None:
        """The columns of a breakdown, or None if this truth cannot split by it."""
        ...

    def reach(self, account: Account, impressions: int, cell: tuple[str, ...]) -> int:
        """People behind so many impressions, within one cell of a breakdown if given."""
        ...

    def page_day(self, page: Page, day: date) -> PageDay:
        """The settled figures of a Page on a Pacific day."""
        ...

    def page_unique(self, page: Page, views: int) -> int:
        """Viewers behind so many views of a Page in one stretch of time."""
        ...

    def last_day(self) -> date | None:
        """The last day with data, None if the truth has no end."""
        ...


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a calendar day in a time zone."""
    return datetime.combine(day, time(), zone)


def day_end(day: date, zone: ZoneInfo) -> datetime:
    """The first moment after a calendar day in a time zone."""
    return datetime.combine(day + timedelta(days=1), time(), zone)


def default_today(source: Source) -> datetime | None:
    """A fitting "now" for a truth that ends: noon UTC, 29 days after its last day.

    By then everything in it is final. None for a truth without an end: follow the real time.
    """
    last = source.last_day()
    return datetime.combine(last + timedelta(days=29), time(12), UTC) if last else None
