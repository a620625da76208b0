"""The shape of the generated agency: who there is, and since when.

An id tells its place: `120` + client (5 digits) + account (1) + campaign (3) + ad set (3) +
ad (3), counted from 1 below the account, 000 where there is no such level.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from meta_pipeline.simulator.noise import uniforms
from meta_pipeline.simulator.source import (
    Account,
    Ad,
    AdSet,
    Campaign,
    Client,
    InstagramAccount,
    Page,
)

PURCHASE = "omni_purchase"
LEAD = "onsite_conversion.lead_grouped"


@dataclass(frozen=True)
class Shape:
    """The knobs of a generated agency; see `generated_agency`."""

    seed: int
    clients: int
    campaigns: int
    adsets: int
    ads: int
    gaps: bool
    deletions: bool = False


class Place(NamedTuple):
    """Where a campaign, ad set or ad stands; 0 where the id names no such level."""

    client: int
    account: int
    campaign: int
    adset: int
    ad: int


class Market(NamedTuple):
    """A time zone with its currency: minor digits, units per US dollar, home country."""

    timezone: str
    currency: str
    minor_digits: int
    per_dollar: float
    country: str


MARKETS = (
    Market("America/New_York", "USD", 2, 1.0, "US"),
    Market("Europe/Berlin", "EUR", 2, 0.9, "DE"),
    Market("Asia/Tokyo", "JPY", 0, 150.0, "JP"),
    Market("America/Los_Angeles", "USD", 2, 1.0, "US"),
    Market("Europe/London", "GBP", 2, 0.78, "GB"),
    Market("Australia/Sydney", "AUD", 2, 1.5, "AU"),
    Market("America/Sao_Paulo", "BRL", 2, 5.4, "BR"),
    Market("Asia/Kolkata", "INR", 2, 84.0, "IN"),
)

_FIRST = (
    ("acme-dental", "Acme Dental", LEAD, date(2026, 1, 1)),
    ("cafe-luna", "Café Luna", PURCHASE, date(2025, 9, 1)),
    ("nordic-outdoor", "Nordic Outdoor", PURCHASE, date(2025, 11, 15)),
)
_WORDS = ("alpine", "bright", "coastal", "delta", "ember", "fresh", "golden", "harbor", "indigo")
_TRADES = (
    ("bakery", PURCHASE),
    ("clinic", LEAD),
    ("cycles", PURCHASE),
    ("fitness", LEAD),
    ("garden", PURCHASE),
    ("law", LEAD),
    ("optics", PURCHASE),
)
_TOPICS = ("Core", "Retargeting", "New Audiences", "Brand", "Bestsellers", "Lookalikes", "Season")


def client(index: int) -> tuple[Client, tuple[Account, ...], tuple[Page, ...]]:
    """The client at this place with its ad accounts and Pages; the first three are fixed."""
    if index < len(_FIRST):
        slug, name, result, start = _FIRST[index]
    else:
        word = _WORDS[index % len(_WORDS)]
        trade, result = _TRADES[index % len(_TRADES)]
        slug, name = f"{word}-{trade}-{index + 1}", f"{word} {trade} {index + 1}".title()
        start = date(2025, 1, 1) + timedelta(days=31 * (index % 12))
    accounts = tuple(_account(index, number, name, result) for number in range(_accounts(index)))
    page = Page(id=_page_id(index), name=name, created=date(2019, 1 + index % 12, 5))
    found = Client(
        id=slug,
        name=name,
        ad_accounts=tuple(account.id for account in accounts),
        pages=(page.id,),
        instagram_accounts=(_instagram_id(index),),
        start_date=start,
        result=result,
        currency=accounts[0].currency,
        timezone=accounts[0].timezone,
    )
    return found, accounts, (page,)


def instagram(index: int) -> InstagramAccount:
    """The Instagram account of the client at this place; it is linked to the client's Page."""
    found, _, pages = client(index)
    return InstagramAccount(
        id=_instagram_id(index),
        username=found.id.replace("-", "."),
        name=found.name,
        page_id=pages[0].id,
    )


def market(account: Account) -> Market:
    """The market in which an account spends."""
    return next(m for m in MARKETS if m.timezone == account.timezone)


def client_of_account(account_id: str) -> int | None:
    """The place of the client that has this `act_` id, None for another kind of id."""
    digits = account_id.removeprefix("act_")
    if digits == account_id or not digits.isascii() or not digits.isdigit() or len(digits) != 14:
        return None
    return int(digits[1:7])


def client_of_page(page_id: str) -> int | None:
    """The place of the client that has this Page id, None for another kind of id."""
    if not page_id.isascii() or not page_id.isdigit() or len(page_id) != 15:
        return None
    return int(page_id[2:8])


def client_of_instagram(account_id: str) -> int | None:
    """The place of the client that has this Instagram id, None for another kind of id."""
    if not account_id.isascii() or not account_id.isdigit() or len(account_id) != 17:
        return None
    return int(account_id[5:11]) if account_id.startswith("17841") else None


def place_of(node_id: str) -> Place | None:
    """The place a campaign, ad set or ad id names, None for another kind of id."""
    if not node_id.isascii() or not node_id.isdigit() or len(node_id) != 18:
        return None
    if not node_id.startswith("120"):
        return None
    place = Place(
        int(node_id[3:8]),
        int(node_id[8]),
        int(node_id[9:12]),
        int(node_id[12:15]),
        int(node_id[15:]),
    )
    whole = place.campaign and (place.adset or not place.ad)
    return place if whole else None


def campaign_of(node_id: str) -> str:
    """The id of the campaign above an ad set or ad."""
    return node_id[:12] + "000000"


def campaign(shape: Shape, account: Account, index: int) -> Campaign:
    """The campaign at this place of an account.

    The first four are an always-on campaign, one for retargeting that was renamed in June 2026,
    one for traffic that ended on 8 November 2026, and an archived one for awareness. Of the
    others every seventh ended in August 2026; every second of those was deleted in October.
    """
    start, end, archived, renamed = date(2024, 1, 15), None, None, None
    deleted = None
    objective = "OUTCOME_SALES" if account.result == PURCHASE else "OUTCOME_LEADS"
    if index == 1:
        start, renamed = date(2024, 5, 1), date(2026, 6, 1)
    elif index == 2:
        start, end, objective = date(2026, 2, 1), date(2026, 11, 8), "OUTCOME_TRAFFIC"
    elif index == 3:
        start, end, objective = date(2024, 9, 1), date(2025, 12, 31), "OUTCOME_AWARENESS"
        archived = date(2026, 1, 15)
    elif index >= 4:
        start = date(2024, 2, 1) + timedelta(days=45 * (index % 8))
        end = date(2026, 8, 31) if index % 7 == 6 else None
        deleted = date(2026, 10, 1) if index % 14 == 13 else None
    digits = client_of_account(account.id)
    number = int(account.id.removeprefix("act_")[7])
    name = f"{account.name} | {_TOPICS[index % len(_TOPICS)]} {index + 1}"
    # An Advantage campaign budget sits on the campaign, any other on the ad sets.
    budget = _budget(account, shape.adsets * shape.ads) if index % 2 == 0 else None
    # A budget for the whole life needs an end.
    whole = budget is not None and end is not None and index >= 4
    return Campaign(
        id=f"120{digits:05d}{number}{index + 1:03d}000000",
        account=account,
        name=name,
        start=start,
        end=end,
        archived_on=archived,
        deleted_on=deleted,
        renamed_on=renamed,
        new_name=f"{name} v2",
        objective=objective,
        result=account.result,
        daily_budget=None if whole else budget,
        lifetime_budget=_lifetime(budget, start, end) if whole else None,
    )


_GOALS = {
    "OUTCOME_SALES": (
        "OFFSITE_CONVERSIONS",
        ("1d_view_7d_click", "7d_click", "1d_view_7d_click_1d_ev"),
    ),
    "OUTCOME_LEADS": ("LEAD_GENERATION", ("1d_view_7d_click", "1d_click")),
    "OUTCOME_TRAFFIC": ("LINK_CLICKS", ("1d_view_7d_click",)),
    "OUTCOME_AWARENESS": ("REACH", ("1d_view_7d_click",)),
}


def adset(shape: Shape, parent: Campaign, index: int) -> AdSet:
    """The ad set at this place of a campaign; the second of an archived one was deleted."""
    goal, settings = _GOALS[parent.objective]
    holds = parent.daily_budget is None and parent.lifetime_budget is None
    budget = _budget(parent.account, shape.ads) if holds else None
    whole = budget is not None and parent.end is not None
    return AdSet(
        id=f"{parent.id[:12]}{index + 1:03d}000",
        account=parent.account,
        name=f"Ad set {index + 1} | {'Broad' if index % 2 == 0 else 'Interests'}",
        start=parent.start,
        end=parent.end,
        deleted_on=date(2026, 1, 10) if parent.archived_on and index == 1 else None,
        campaign=parent,
        optimization_goal=goal,
        attribution_setting=settings[index % len(settings)],
        daily_budget=None if whole else budget,
        lifetime_budget=_lifetime(budget, parent.start, parent.end) if whole else None,
    )


def ad(shape: Shape, parent: AdSet, index: int) -> Ad:
    """The ad at this place of an ad set.

    Its name repeats in every ad set of a campaign, as in real life, and so does its creative.
    """
    end, deleted = parent.end, None
    if index % 5 == 4:
        # A creative that was worn out earlier than its ad set.
        end = min(parent.end or date.max, date(2026, 10, 18))
    if shape.deletions and index and index == shape.ads - 1 and parent.id.endswith("001000"):
        end, deleted = min(end or date.max, date(2026, 11, 1)), date(2026, 11, 2)
    return Ad(
        id=f"{parent.id[:15]}{index + 1:03d}",
        account=parent.account,
        name=f"Ad {index + 1} | {('Video', 'Image', 'Carousel')[index % 3]}",
        start=parent.start,
        end=end,
        deleted_on=deleted,
        adset=parent,
        creative_id=f"6{parent.id[:12]}001{index + 1:03d}",
    )


def _accounts(index: int) -> int:
    return 2 if index >= len(_FIRST) and index % 4 == 3 else 1


def _account(index: int, number: int, name: str, result: str) -> Account:
    where = MARKETS[(index + 3 * number) % len(MARKETS)]
    check = int(uniforms("account", index, number)[0] * 1_000_000)
    return Account(
        id=f"act_1{index:06d}{number}{check:06d}",
        name=name if number == 0 else f"{name} {where.country}",
        currency=where.currency,
        timezone=where.timezone,
        created=date(2023, 1 + index % 12, 3),
        result=result,
        minor_digits=where.minor_digits,
    )


def _page_id(index: int) -> str:
    return f"10{index:06d}{int(uniforms('page', index)[0] * 10_000_000):07d}"


def _instagram_id(index: int) -> str:
    return f"17841{index:06d}{int(uniforms('instagram', index)[0] * 1_000_000):06d}"


def _lifetime(budget: int | None, start: date, end: date | None) -> int | None:
    """The budget of a whole life in place of one a day."""
    return budget * ((end - start).days + 1) if budget is not None and end else None


def _budget(account: Account, ads: int) -> int:
    where = market(account)
    return int(30 * ads * where.per_dollar) * 10**where.minor_digits
