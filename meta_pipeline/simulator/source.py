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
class InstagramAccount:
    """One Instagram professional account, linked to a Page; its days are Pacific days."""

    id: str
    username: str
    name: str
    page_id: str


@dataclass(frozen=True, kw_only=True)
class PagePost:
    """One post of a Page; `id` is Meta's `PAGEID_POSTID`, `created` a moment in UTC."""

    id: str
    page: Page
    created: datetime
    message: str
    status_type: str


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
    instagram_accounts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AdObject:
    """What campaign, ad set and ad have in common.

    Delivery runs from `start` to `end` (both included, account time zone; no end: open). From
    the day after `end` the object is paused, from `archived_on` archived, from `deleted_on`
    deleted. From `renamed_on` it bears `new_name`.
    """

    id: str
    account: Account
    name: str
    start: date
    end: date | None = None
    archived_on: date | None = None
    deleted_on: date | None = None
    renamed_on: date | None = None
    new_name: str = ""

    def name_on(self, today: date) -> str:
        """The name shown on `today`: Meta stamps today's name on every past row too."""
        return self.new_name if self.renamed_on and today >= self.renamed_on else self.name

    def status_on(self, today: date) -> str:
        """The object's own status on `today`: ACTIVE, PAUSED, ARCHIVED or DELETED."""
        if self.deleted_on and today >= self.deleted_on:
            return "DELETED"
        if self.archived_on and today >= self.archived_on:
            return "ARCHIVED"
        return "PAUSED" if self.end and today > self.end else "ACTIVE"

    def changed_on(self, today: date) -> date:
        """The last day up to `today` on which the object changed (its `updated_time`)."""
        ended = self.end + timedelta(days=1) if self.end else None
        days = (self.start, ended, self.archived_on, self.deleted_on, self.renamed_on)
        return max((day for day in days if day and day <= today), default=self.start)


@dataclass(frozen=True, kw_only=True)
class Campaign(AdObject):
    """A campaign; budgets in minor units, None where the ad sets hold the budget.

    An object has a budget a day or one for its whole life, never both.
    """

    objective: str
    result: str
    daily_budget: int | None = None
    lifetime_budget: int | None = None


@dataclass(frozen=True, kw_only=True)
class AdSet(AdObject):
    """An ad set; `attribution_setting` in Meta's view-first spelling."""

    campaign: Campaign
    optimization_goal: str
    attribution_setting: str
    daily_budget: int | None = None
    lifetime_budget: int | None = None


@dataclass(frozen=True, kw_only=True)
class Ad(AdObject):
    """An ad; several ads may show one creative."""

    adset: AdSet
    creative_id: str

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


@dataclass(frozen=True, slots=True)
class InstagramDay:
    """What one Instagram account saw in one Pacific day; levels are those at the day's end."""

    views: int
    reach: int
    accounts_engaged: int
    likes: int
    comments: int
    shares: int
    saves: int
    replies: int
    reposts: int
    profile_links_taps: int
    profile_views: int
    follows: int
    unfollows: int
    followers_level: int
    media_level: int


@dataclass(frozen=True, slots=True)
class PostFigures:
    """What one post has gathered so far; reactions by type, those that occurred."""

    views: int
    viewers: int
    clicks: int
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

    def instagram(self, account_id: str) -> InstagramAccount | None:
        """The Instagram account with this id, if there is one."""
        ...

    def instagram_of(self, page: Page) -> InstagramAccount | None:
        """The Instagram account linked to a Page, if there is one."""
        ...

    def instagram_day(self, account: InstagramAccount, day: date) -> InstagramDay:
        """The settled figures of an Instagram account on a Pacific day."""
        ...

    def instagram_unique(self, account: InstagramAccount, times: int) -> int:
        """Accounts behind so many views (or interactions) in one stretch of time."""
        ...

    def posts(self, page: Page, since: date, until: date) -> Sequence[PagePost]:
        """The posts a Page published between two UTC days (included), newest first."""
        ...

    def post(self, post_id: str) -> PagePost | None:
        """The post with this `PAGEID_POSTID`, if there is one."""
        ...

    def post_figures(self, post: PagePost, as_of: datetime | None) -> PostFigures:
        """What a post has gathered by a moment (None: in the end)."""
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
