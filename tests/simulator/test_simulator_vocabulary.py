"""The words the simulator knows are those of Meta's own SDK."""

from typing import Any

import pytest
from facebook_business.adobjects.ad import Ad
from facebook_business.adobjects.adaccount import AdAccount
from facebook_business.adobjects.adcreative import AdCreative
from facebook_business.adobjects.adset import AdSet
from facebook_business.adobjects.adsinsights import AdsInsights
from facebook_business.adobjects.campaign import Campaign
from facebook_business.adobjects.iguser import IGUser
from facebook_business.adobjects.insightsresult import InsightsResult
from facebook_business.adobjects.instagraminsightsresult import InstagramInsightsResult
from facebook_business.adobjects.page import Page
from facebook_business.adobjects.pagepost import PagePost
from facebook_business.adobjects.user import User

from meta_pipeline.simulator import instagram, posts, vocabulary

NODES = {
    Ad: vocabulary.AD_FIELDS,
    AdAccount: vocabulary.ACCOUNT_FIELDS,
    AdCreative: vocabulary.CREATIVE_FIELDS,
    AdSet: vocabulary.AD_SET_FIELDS,
    AdsInsights: vocabulary.INSIGHT_FIELDS,
    Campaign: vocabulary.CAMPAIGN_FIELDS,
    IGUser: vocabulary.INSTAGRAM_FIELDS,
    Page: vocabulary.PAGE_FIELDS,
    PagePost: vocabulary.POST_FIELDS,
    User: vocabulary.USER_FIELDS,
}
ENUMS: list[tuple[Any, tuple[str, ...]]] = [
    (AdsInsights.ActionAttributionWindows, vocabulary.ATTRIBUTION_WINDOWS),
    (AdsInsights.Breakdowns, vocabulary.BREAKDOWNS),
    (AdsInsights.DatePreset, vocabulary.DATE_PRESETS),
    (AdsInsights.Level, vocabulary.LEVELS),
    (InstagramInsightsResult.MetricType, instagram.METRIC_TYPES),
    (InstagramInsightsResult.Period, instagram.PERIODS),
    (InsightsResult.Period, posts.PERIODS),
]


def words(cls: Any) -> set[str]:
    """The values of one of the SDK's classes of words."""
    return {
        value
        for name, value in vars(cls).items()
        if not name.startswith("__") and isinstance(value, str)
    }


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.__name__)
def test_fields(node: Any) -> None:
    """A node has the SDK's fields, no more and no fewer."""
    assert set(NODES[node]) == words(node.Field)


@pytest.mark.parametrize(("enum", "known"), ENUMS, ids=lambda value: getattr(value, "__name__", ""))
def test_values(enum: Any, known: tuple[str, ...]) -> None:
    """An enumeration has the SDK's values."""
    assert set(known) == words(enum)


def test_instagram_metrics() -> None:
    """The SDK lists those of media, the reference those of accounts too; none is invented."""
    accounts_alone = {
        *("accounts_engaged", "follows_and_unfollows", "profile_links_taps", "saves"),
        *("profile_views", "website_clicks"),
    }
    assert set(instagram.METRICS) - words(InstagramInsightsResult.Metric) == accounts_alone
    assert set(instagram.DEAD) <= words(InstagramInsightsResult.Metric)
