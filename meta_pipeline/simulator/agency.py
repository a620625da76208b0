"""A generated agency: clients, accounts, campaigns, Pages, and figures for every day.

Everything is a pure function of the seed and of the object's id. Ids say where an object stands
in the tree, so that any object is found without making the others: a thousand clients cost
nothing until somebody asks for one of them.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import TypeVar

from meta_pipeline.simulator import audience, delivery, organic, structure, traits
from meta_pipeline.simulator.source import (
    Account,
    Ad,
    AdFilter,
    AdSet,
    Campaign,
    Client,
    Fact,
    InstagramAccount,
    InstagramDay,
    Page,
    PageDay,
    PagePost,
    PostFigures,
)

_Node = TypeVar("_Node")

MAX_CLIENTS = 99_999
MAX_CHILDREN = 999


def generated_agency(
    seed: int = 7,
    clients: int = 3,
    *,
    campaigns: int = 4,
    adsets: int = 2,
    ads: int = 2,
    gaps: bool = True,
    deletions: bool = False,
) -> "Agency":
    """An invented agency with delivery from 2024 on and no end.

    Args:
        seed: another seed gives other figures for the same objects.
        clients: how many clients; the first three are `acme-dental` (New York, USD, leads),
            `cafe-luna` (Berlin, EUR, purchases) and `nordic-outdoor` (Tokyo, JPY, purchases).
        campaigns: campaigns of each ad account.
        adsets: ad sets of each campaign.
        ads: ads of each ad set.
        gaps: False lets every ad deliver on every day of its life, for load tests.
        deletions: the last ad of the first ad set of each campaign was deleted on 2 November
            2026, below parents that live on.

    Raises:
        ValueError: if a number is not between 1 and its limit.
    """
    if not 1 <= clients <= MAX_CLIENTS:
        raise ValueError(f"clients must lie between 1 and {MAX_CLIENTS}, got {clients}")
    for name, number in (("campaigns", campaigns), ("adsets", adsets), ("ads", ads)):
        if not 1 <= number <= MAX_CHILDREN:
            raise ValueError(f"{name} must lie between 1 and {MAX_CHILDREN}, got {number}")
    return Agency(structure.Shape(seed, clients, campaigns, adsets, ads, gaps, deletions))


class Agency:
    """The generated truth; satisfies `Source`."""

    unknown_fields: frozenset[str] = frozenset()

    def __init__(self, shape: structure.Shape) -> None:
        self.shape = shape
        # Bounded, so that a walk over a thousand clients does not keep them all.
        self._client = lru_cache(4096)(structure.client)
        self._campaigns = lru_cache(256)(self._make_campaigns)
        self._adsets = lru_cache(2048)(self._make_adsets)
        self._ads = lru_cache(4096)(self._make_ads)
        self._traits = lru_cache(16_384)(self._make_traits)
        self._months = lru_cache(8192)(self._make_month)
        self._audience = lru_cache(1024)(self._make_audience)
        self._pages: dict[str, audience.PageHistory] = {}
        self._instagram: dict[str, organic.InstagramHistory] = {}

    def clients(self) -> Sequence[Client]:
        """Every client, in a fixed order."""
        return [self._client(index)[0] for index in range(self.shape.clients)]

    def account(self, account_id: str) -> Account | None:
        """The ad account with this `act_` id, if there is one."""
        index = structure.client_of_account(account_id)
        if index is None or index >= self.shape.clients:
            return None
        return next((a for a in self._client(index)[1] if a.id == account_id), None)

    def page(self, page_id: str) -> Page | None:
        """The Page with this id, if there is one."""
        index = structure.client_of_page(page_id)
        if index is None or index >= self.shape.clients:
            return None
        return next((p for p in self._client(index)[2] if p.id == page_id), None)

    def campaigns(self, account: Account) -> Sequence[Campaign]:
        """All campaigns of an account, ended and archived ones included."""
        return self._campaigns(account.id)

    def adsets(self, campaign: Campaign) -> Sequence[AdSet]:
        """All ad sets of a campaign."""
        return self._adsets(campaign.account.id, campaign.id)

    def ads(self, adset: AdSet) -> Sequence[Ad]:
        """All ads of an ad set."""
        return self._ads(adset.account.id, adset.id)

    def node(self, node_id: str) -> Campaign | AdSet | Ad | None:
        """The campaign, ad set or ad with this id, if there is one."""
        place = structure.place_of(node_id)
        if place is None or place.client >= self.shape.clients:
            return None
        accounts = self._client(place.client)[1]
        if place.account >= len(accounts):
            return None
        found: Campaign | AdSet | Ad | None = _nth(
            self.campaigns(accounts[place.account]), place.campaign
        )
        if found and place.adset:
            found = _nth(self.adsets(found), place.adset)
            if found and place.ad:
                found = _nth(self.ads(found), place.ad)
        return found

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
        """Base facts of an account; see `Source.facts`."""
        days = delivery.DayClock(account, since, until, as_of)
        for ad in self._every_ad(account):
            if keep is None or keep(ad):
                having = self._traits(account.id, ad.id)
                month = self._month_getter(ad)
                yield from delivery.ad_facts(ad, having, days, month, dimension, clicks_since)

    def cells(self, dimension: str) -> tuple[str, ...] | None:
        """The columns of a breakdown, or None if the agency cannot split by it."""
        return traits.DIMENSIONS.get(dimension)

    def reach(self, account: Account, impressions: int, cell: tuple[str, ...]) -> int:
        """People behind so many impressions of an account's ads."""
        people = self._audience(account.id)
        return audience.reach(impressions, people * traits.cell_share(cell))

    def page_day(self, page: Page, day: date) -> PageDay:
        """The settled figures of a Page on a Pacific day."""
        if page.id not in self._pages:
            self._pages[page.id] = audience.PageHistory(self.shape.seed, page)
        return self._pages[page.id].day(day)

    def page_unique(self, page: Page, views: int) -> int:
        """Viewers behind so many views of a Page in one stretch of time."""
        return audience.reach(views, audience.page_people(self.shape.seed, page))

    def instagram(self, account_id: str) -> InstagramAccount | None:
        """The Instagram account with this id, if there is one."""
        index = structure.client_of_instagram(account_id)
        if index is None or index >= self.shape.clients:
            return None
        found = structure.instagram(index)
        return found if found.id == account_id else None

    def instagram_of(self, page: Page) -> InstagramAccount | None:
        """The Instagram account linked to a Page: every client has one."""
        index = structure.client_of_page(page.id)
        return None if index is None else structure.instagram(index)

    def instagram_day(self, account: InstagramAccount, day: date) -> InstagramDay:
        """The settled figures of an Instagram account on a Pacific day."""
        if account.id not in self._instagram:
            self._instagram[account.id] = organic.InstagramHistory(self.shape.seed, account)
        return self._instagram[account.id].day(day)

    def instagram_unique(self, account: InstagramAccount, times: int) -> int:
        """Accounts behind so many views (or interactions) in one stretch of time."""
        return audience.reach(times, organic.instagram_people(self.shape.seed, account))

    def posts(self, page: Page, since: date, until: date) -> Sequence[PagePost]:
        """The posts a Page published between two UTC days (included), newest first."""
        return organic.page_posts(self.shape.seed, page, since, until)

    def post(self, post_id: str) -> PagePost | None:
        """The post with this `PAGEID_POSTID`, if there is one."""
        page = self.page(post_id.partition("_")[0])
        return organic.find_post(self.shape.seed, page, post_id) if page else None

    def post_figures(self, post: PagePost, as_of: datetime | None) -> PostFigures:
        """What a post has gathered by a moment (None: in the end)."""
        return organic.post_figures(self.shape.seed, post, as_of)

    def last_day(self) -> date | None:
        """None: the agency has no last day."""
        return None

    def _every_ad(self, account: Account) -> Iterator[Ad]:
        for campaign in self.campaigns(account):
            for adset in self.adsets(campaign):
                yield from self.ads(adset)

    def _make_campaigns(self, account_id: str) -> Sequence[Campaign]:
        account = self.account(account_id)
        if account is None:
            return ()
        return tuple(
            structure.campaign(self.shape, account, index) for index in range(self.shape.campaigns)
        )

    def _make_adsets(self, account_id: str, campaign_id: str) -> Sequence[AdSet]:
        parent = next(c for c in self._campaigns(account_id) if c.id == campaign_id)
        return tuple(
            structure.adset(self.shape, parent, index) for index in range(self.shape.adsets)
        )

    def _make_ads(self, account_id: str, adset_id: str) -> Sequence[Ad]:
        campaign_id = structure.campaign_of(adset_id)
        parent = next(s for s in self._adsets(account_id, campaign_id) if s.id == adset_id)
        return tuple(structure.ad(self.shape, parent, index) for index in range(self.shape.ads))

    def _make_traits(self, account_id: str, ad_id: str) -> traits.Traits:
        account = self.account(account_id)
        ad = self.node(ad_id)
        assert account is not None
        assert isinstance(ad, Ad)
        return traits.traits(self.shape, account, ad)

    def _make_month(self, ad_id: str, year: int, month: int) -> delivery.Month:
        ad = self.node(ad_id)
        assert isinstance(ad, Ad)
        return delivery.month(self.shape, ad, self._traits(ad.account.id, ad_id), year, month)

    def _month_getter(self, ad: Ad) -> Callable[[int, int], delivery.Month]:
        return lambda year, month: self._months(ad.id, year, month)

    def _make_audience(self, account_id: str) -> float:
        account = self.account(account_id)
        assert account is not None
        return audience.account_people(self.shape, account)


def _nth(children: Sequence[_Node], number: int) -> _Node | None:
    return children[number - 1] if number <= len(children) else None
