"""What stays the same over an ad's life: its prices, rates, and who sees it.

Benchmarks: CPM, click rates and conversion rates of the usual vendors' reports (2025/26).
"""

from typing import NamedTuple

from meta_pipeline.simulator.maturity import day_share
from meta_pipeline.simulator.noise import lognormal, uniforms
from meta_pipeline.simulator.source import Account, Ad
from meta_pipeline.simulator.structure import PURCHASE, Shape, market

PLATFORMS = ("facebook", "instagram", "audience_network", "messenger")
AGES = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
GENDERS = ("female", "male", "unknown")
PEOPLE = tuple((age, gender) for age in AGES for gender in GENDERS)
ADVERTISER_HOURS = "hourly_stats_aggregated_by_advertiser_time_zone"
AUDIENCE_HOURS = "hourly_stats_aggregated_by_audience_time_zone"
HOURLY = frozenset({ADVERTISER_HOURS, AUDIENCE_HOURS})
HOURS = tuple((f"{hour:02d}:00:00 - {hour:02d}:59:59",) for hour in range(24))
DEVICES = ("android_smartphone", "iphone", "desktop", "ipad")
FREQUENCIES = ("1", "2", "3", "4", "5", "6-10")
DIMENSIONS: dict[str, tuple[str, ...]] = {
    "": (),
    "publisher_platform": ("publisher_platform",),
    "age,gender": ("age", "gender"),
    "age": ("age",),
    "gender": ("gender",),
    "country": ("country",),
    ADVERTISER_HOURS: (ADVERTISER_HOURS,),
    AUDIENCE_HOURS: (AUDIENCE_HOURS,),
    "frequency_value": ("frequency_value",),
    "impression_device,publisher_platform": ("impression_device", "publisher_platform"),
}

_PLATFORM_SHARE = (0.47, 0.44, 0.06, 0.03)
_AGE_SHARE = (0.14, 0.27, 0.23, 0.17, 0.12, 0.07)
_GENDER_SHARE = (0.54, 0.44, 0.02)
_PRICE = (1.0, 1.1, 0.6, 0.8)
_SAME_PRICE = (1.0,) * 24
_COUNTRY_SHARE = (0.93, 0.07)
_DEVICE_SHARE = (0.5, 0.35, 0.1, 0.05)
_FREQUENCY_SHARE = (0.6, 0.2, 0.1, 0.05, 0.03, 0.02)
# The part of a day's delivery in each of its hours: little at night.
_HOUR_SHARE = tuple(day_share((n + 1) / 24) - day_share(n / 24) for n in range(24))
# The audience of an account lives an hour to the west of it.
_LATER_SHARE = (*_HOUR_SHARE[1:], _HOUR_SHARE[0])


class Traits(NamedTuple):
    """What stays the same over an ad's life. Money in minor units."""

    spend: float
    cpm: float
    ctr: float
    link_share: float
    landing_share: float
    video_share: float
    conversion_rate: float
    order_value: float
    sells: bool
    weekdays_only: bool
    shares: dict[str, tuple[float, ...]]
    prices: dict[str, tuple[float, ...]]
    names: dict[str, tuple[tuple[str, ...], ...]]


def cell_share(cell: tuple[str, ...]) -> float:
    """The share of the audience that a cell stands for.

    People use several platforms, so each platform has the whole audience; an age or a gender
    has its part.
    """
    share = 1.0
    for value in cell:
        if value in AGES:
            share *= _AGE_SHARE[AGES.index(value)]
        elif value in GENDERS:
            share *= _GENDER_SHARE[GENDERS.index(value)]
    return share


def traits(shape: Shape, account: Account, ad: Ad) -> Traits:
    """The traits of an ad, drawn from the seed and its id."""
    where = market(account)
    unit = where.per_dollar * 10**where.minor_digits
    u = uniforms(shape.seed, ad.adset.id, "set")
    v = uniforms(shape.seed, ad.id, "ad")
    w = uniforms(shape.seed, ad.id, "cells")
    awareness = ad.campaign.objective == "OUTCOME_AWARENESS"
    sells = account.result == PURCHASE
    usual_rate = 0.025 if sells else 0.08
    objective_factor = 1.0 if ad.campaign.objective in _FOR_RESULTS else 0.25
    platforms = tuple(
        share * lognormal(noise, 1.0, 0.2)
        for share, noise in zip(_PLATFORM_SHARE, w[:4], strict=True)
    )
    ages = [s * lognormal(noise, 1.0, 0.2) for s, noise in zip(_AGE_SHARE, w[4:10], strict=True)]
    people = tuple(age * gender for age in ages for gender in _GENDER_SHARE)
    abroad = "AT" if where.country == "DE" else "CA"
    return Traits(
        spend=25 * unit * lognormal(v[0], 1.0, 0.4),
        cpm=(6.0 if awareness else 12.5) * unit * lognormal(u[0], 1.0, 0.35),
        ctr=min(0.2, lognormal(v[1], 0.009 if awareness else 0.019, 0.35)),
        link_share=0.5 + 0.15 * v[2],
        landing_share=0.7 + 0.15 * v[3],
        video_share=0.35 * v[4] if "Video" in ad.name else 0.0,
        conversion_rate=min(0.3, usual_rate * objective_factor * lognormal(u[1], 1.0, 0.25)),
        order_value=62 * unit * lognormal(u[2], 1.0, 0.2) if sells else 0.0,
        sells=sells,
        weekdays_only=shape.gaps and ad.adset.id.endswith("002000"),
        shares={
            "publisher_platform": platforms,
            "age,gender": people,
            "country": _COUNTRY_SHARE,
            ADVERTISER_HOURS: _HOUR_SHARE,
            AUDIENCE_HOURS: _LATER_SHARE,
            "frequency_value": _FREQUENCY_SHARE,
            "impression_device,publisher_platform": tuple(
                device * platform for device in _DEVICE_SHARE for platform in platforms
            ),
        },
        prices={
            "publisher_platform": _PRICE,
            "age,gender": tuple(0.9 + 0.02 * i for i in range(len(PEOPLE))),
            "country": (1.0, 1.0),
            ADVERTISER_HOURS: _SAME_PRICE,
            AUDIENCE_HOURS: _SAME_PRICE,
            "frequency_value": _SAME_PRICE[: len(FREQUENCIES)],
            "impression_device,publisher_platform": _PRICE * len(DEVICES),
        },
        names={
            "publisher_platform": tuple((name,) for name in PLATFORMS),
            "age,gender": PEOPLE,
            "country": ((where.country,), (abroad,)),
            ADVERTISER_HOURS: HOURS,
            AUDIENCE_HOURS: HOURS,
            "frequency_value": tuple((times,) for times in FREQUENCIES),
            "impression_device,publisher_platform": tuple(
                (device, platform) for device in DEVICES for platform in PLATFORMS
            ),
        },
    )


_FOR_RESULTS = frozenset({"OUTCOME_SALES", "OUTCOME_LEADS"})
