"""Meta's SDK reads objects, batches, Pages and errors from the simulator as it would from Meta."""

# The SDK's annotations do not say what its calls give back.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOptionalSubscript=false

from collections.abc import Iterator
from typing import Any

import pytest
from facebook_business.adobjects.ad import Ad
from facebook_business.adobjects.adaccount import AdAccount
from facebook_business.adobjects.adcreative import AdCreative
from facebook_business.adobjects.adset import AdSet
from facebook_business.adobjects.campaign import Campaign
from facebook_business.adobjects.iguser import IGUser
from facebook_business.adobjects.page import Page
from facebook_business.adobjects.pagepost import PagePost
from facebook_business.adobjects.user import User
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookBadObjectError, FacebookRequestError
from sdk import sdk_api
from simulator_asking import NOW

from meta_pipeline.simulator import Client, RunningSimulator, generated_agency

OLD = {"since": "2020-01-01", "until": "2020-01-02"}


@pytest.fixture
def api(meta: RunningSimulator) -> Iterator[FacebookAdsApi]:
    """The SDK's client."""
    with sdk_api(meta) as found:
        yield found


@pytest.fixture
def client(meta: RunningSimulator, api: FacebookAdsApi) -> Client:
    """The client that sells, while the SDK asks the simulator."""
    return meta.source.clients()[1]


def test_the_accounts_of_a_token(client: Client) -> None:
    """`/me/adaccounts` and `/me/accounts` list what there is."""
    me = User("me")
    accounts = [one["id"] for one in me.get_ad_accounts(["name", "currency"])]
    assert client.ad_accounts[0] in accounts
    assert client.pages[0] in [page["id"] for page in me.get_accounts()]


def test_an_account_and_what_is_below_it(client: Client) -> None:
    """Every level is listed and read, each child names its parent."""
    account = AdAccount(client.ad_accounts[0]).api_get(["name", "currency", "account_status"])
    assert (account["currency"], account["account_status"]) == ("EUR", 1)
    campaigns = account.get_campaigns(["name", "objective"])
    assert campaigns.total() == len(list(campaigns)) == 3
    campaign = account.get_campaigns(["objective"], {"limit": 1})[0]
    assert campaign["objective"] == Campaign.Objective.outcome_sales
    adset = campaign.get_ad_sets(["campaign_id", "optimization_goal"])[0]
    assert adset["campaign_id"] == campaign["id"]
    ad = AdSet(adset["id"]).get_ads(["adset_id", "creative"])[0]
    assert ad["adset_id"] == adset["id"]
    assert Ad(ad["id"]).api_get(["name"])["name"].startswith("Ad 1")
    assert isinstance(ad["creative"], AdCreative)


def test_archived_and_deleted_objects(client: Client) -> None:
    """They are listed when their status is asked for, the SDK's own words being accepted."""
    account = AdAccount(client.ad_accounts[0])
    states = [AdSet.EffectiveStatus.archived, AdSet.EffectiveStatus.deleted]
    fields = ["effective_status", "lifetime_budget"]
    found = list(account.get_ad_sets(fields, {"effective_status": states}))
    assert {one["effective_status"] for one in found} == {"ARCHIVED", "DELETED"}
    assert all(one["lifetime_budget"].isdigit() for one in found)
    shown = account.get_ad_sets(fields, {"limit": 100})
    assert not {one["id"] for one in found} & {one["id"] for one in shown}


def test_creatives(client: Client) -> None:
    """The creatives of the account are those that its ads show, with words in three places."""
    account = AdAccount(client.ad_accounts[0])
    fields = ["name", "title", "object_story_spec", "asset_feed_spec", "object_type"]
    creatives = {one["id"]: one for one in account.get_ad_creatives(fields, {"limit": 3})}
    states = {"effective_status": ["ACTIVE", "CAMPAIGN_PAUSED", "ARCHIVED", "DELETED"]}
    ads = list(account.get_ads(["creative"], states))
    assert {ad["creative"]["id"] for ad in ads} == set(creatives)
    assert len(creatives) < len(ads)
    assert any("title" in one for one in creatives.values())
    assert all("object_story_spec" in one for one in creatives.values())
    one = next(iter(creatives))
    assert AdCreative(one).api_get(["name"])["name"] == creatives[one]["name"]
    assert [own["id"] for own in Ad(ads[0]["id"]).get_ad_creatives(["id"])] == [
        ads[0]["creative"]["id"]
    ]


def test_batches(api: FacebookAdsApi, client: Client) -> None:
    """Each item calls its own success or failure; nothing is left over."""
    answers: list[Any] = []
    failures: list[Any] = []
    batch = api.new_batch()
    account = AdAccount(client.ad_accounts[0])
    account.api_get(["name"], batch=batch, success=answers.append, failure=failures.append)
    account.get_insights(["spend"], batch=batch, success=answers.append, failure=failures.append)
    AdAccount("act_1").api_get(batch=batch, success=answers.append, failure=failures.append)
    assert batch.execute() is None
    assert answers[0].json()["name"] == "Café Luna"
    assert "spend" in answers[1].json()["data"][0]
    assert [failure.error().api_error_subcode() for failure in failures] == [33]


@pytest.mark.parametrize(
    ("token", "path", "params", "code", "subcode", "status"),
    [
        ("expired-1", "me", {}, 190, 463, 400),
        ("noads-1", "ACCOUNT", {}, 200, None, 403),
        ("t", "act_1", {}, 100, 33, 400),
        ("t", "ACCOUNT/insights", {"fields": "moons"}, 100, None, 400),
        ("t", "ACCOUNT/insights", {"time_range": OLD}, 3018, None, 400),
        ("t", "PAGE/insights", {"metric": "page_fans"}, 100, None, 400),
    ],
)
def test_errors(
    meta: RunningSimulator,
    token: str,
    path: str,
    params: dict[str, Any],
    code: int,
    subcode: int | None,
    status: int,
) -> None:
    """Errors are the SDK's own, with code, subcode, type and status."""
    client = meta.source.clients()[1]
    path = path.replace("ACCOUNT", client.ad_accounts[0]).replace("PAGE", client.pages[0])
    with sdk_api(meta, token) as api, pytest.raises(FacebookRequestError) as caught:
        api.call("GET", tuple(path.split("/")), params)
    error = caught.value
    assert (error.api_error_code(), error.api_error_subcode()) == (code, subcode)
    assert (error.http_status(), error.api_transient_error()) == (status, False)
    assert error.api_error_type() in ("OAuthException", "GraphMethodException")


def test_an_app_secret() -> None:
    """The proof that the SDK makes is accepted, a missing or wrong one is not."""
    source = generated_agency()
    with RunningSimulator(source, NOW, app_secret="mine") as meta:
        with sdk_api(meta, secret="mine"):
            assert list(User("me").get_ad_accounts())
        for secret in (None, "other"):
            with sdk_api(meta, secret=secret), pytest.raises(FacebookRequestError, match="proof"):
                User("me").get_ad_accounts()


def test_a_page_and_its_insights(meta: RunningSimulator, client: Client) -> None:
    """A Page gives its token, with which the SDK reads its insights."""
    page = Page(client.pages[0]).api_get(["name", "access_token", "instagram_business_account"])
    assert page["instagram_business_account"]["id"] == client.instagram_accounts[0]
    with sdk_api(meta, page["access_token"]) as api:
        asked = {"metric": "page_media_view,page_follows", "period": "day"}
        # The SDK's list of Page metrics is a type of its own, so it warns of any name.
        with pytest.warns(UserWarning, match="metric"):
            series = Page(client.pages[0], api=api).get_insights(params=asked)
        names = [one["name"] for one in series]
    assert names == ["page_media_view", "page_follows"]


def test_posts_and_their_insights(client: Client) -> None:
    """Posts are walked page by page, and each has its totals."""
    page = Page(client.pages[0])
    posts = page.get_posts(["created_time", "message"], {"limit": 5})
    walked = [posts.get_one() for _ in range(12)]
    assert len({post["id"] for post in walked}) == 12
    asked = {"metric": ["post_clicks", "post_media_view"]}
    # The SDK expects a list of objects here, and warns of names.
    with pytest.warns(UserWarning, match="metric might not be compatible"):
        totals = PagePost(walked[0]["id"]).get_insights(params=asked)
    assert [one["period"] for one in totals] == ["lifetime", "lifetime"]


def test_instagram(client: Client) -> None:
    """The account and its insights, as one total."""
    account = IGUser(client.instagram_accounts[0])
    assert account.api_get(["username"])["username"] == "cafe.luna"
    asked: dict[str, Any] = {"metric": ["reach", "views"], "period": ["day"]}
    asked |= {"metric_type": "total_value", "since": "2026-11-01", "until": "2026-11-03"}
    totals = account.get_insights(params=asked)
    assert [one["total_value"]["value"] > 0 for one in totals] == [True, True]


def test_a_proxys_page_is_no_data(meta: RunningSimulator, client: Client) -> None:
    """HTML with a 502 looks like success to the SDK, which then cannot read it (known trap)."""
    meta.fail_next("insights", 502, "<html>Bad Gateway</html>")
    with pytest.raises(FacebookBadObjectError):
        AdAccount(client.ad_accounts[0]).get_insights(["spend"])


def test_an_empty_page_in_the_middle_ends_the_sdks_walk(
    meta: RunningSimulator, client: Client
) -> None:
    """The simulator's empty middle page makes the SDK lose rows, as Meta's does (known trap)."""
    account = AdAccount(client.ad_accounts[0])
    whole = len(list(account.get_ads(["id"], {"limit": 2})))
    with RunningSimulator(meta.source, NOW, empty_pages=True) as odd, sdk_api(odd) as api:
        walked = list(AdAccount(client.ad_accounts[0], api=api).get_ads(["id"], {"limit": 2}))
    assert 0 < len(walked) < whole
