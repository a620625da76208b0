"""Which quotas a request needs, and what the headers say about them."""

import json
import logging
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit_quota import account, app, business

from meta_pipeline.graph.errors import Failure, Scope, ThrottledError
from meta_pipeline.graph.usage import Bucket, asset_of, gates, refused_buckets, usages

INSIGHTS = {"app", "app_insights", "account", "account_insights", "ads_insights"}
MANAGEMENT = {"app", "account", "ads_management"}
ORGANIC = {"app", "pages", "instagram"}


@pytest.mark.parametrize(
    ("path", "asset_id", "kinds", "number"),
    [
        ("act_1/insights", "", INSIGHTS, "1"),
        ("act_1/insights", "7", INSIGHTS, "1"),
        ("602392", "act_1", INSIGHTS, "1"),
        ("602392/insights", "act_1", INSIGHTS, "1"),
        ("act_1/campaigns", "", MANAGEMENT, "1"),
        ("act_1", "", MANAGEMENT, "1"),
        ("33/ads", "act_1", MANAGEMENT, "1"),
        ("7/insights", "", ORGANIC, "7"),
        ("7", "", ORGANIC, "7"),
        ("7_99/insights", "", ORGANIC, "7"),
        ("17841/insights", "17841", ORGANIC, "17841"),
        ("me/adaccounts", "", {"app"}, ""),
        ("debug_token", "", {"app"}, ""),
        ("me/adaccounts", "act_1", MANAGEMENT, "1"),
    ],
)
def test_path_and_asset_say_which_quotas_are_needed(
    path: str, asset_id: str, kinds: set[str], number: str
) -> None:
    """The app's always; then the ad account's and its type's, or the Page's."""
    needed = gates(path, asset_id)
    assert {bucket.kind for bucket in needed} == kinds
    assert {bucket.asset_id for bucket in needed} == {"", number}
    assert needed[0] == Bucket("app")


def test_an_account_in_the_path_counts_before_all_else() -> None:
    """A client made for a Page may ask about an account."""
    assert asset_of("act_1/ads", "7") == "act_1"
    assert asset_of("602392", "act_1") == "act_1"
    assert asset_of("602392") == "602392"


def test_each_header_is_read() -> None:
    """Percent as it is, minutes and seconds as time."""
    headers = {
        **app(28),
        **account(9.67, 100),
        **business(12, 19),
        "x-fb-ads-insights-throttle": '{"app_id_util_pct":3,"acc_id_util_pct":4}',
        "x-fb-ads-insights-reach-throttle": '{"app_id_util_pct":0,"acc_id_util_pct":100}',
    }
    found = {usage.bucket: (usage.percent, usage.resets_in) for usage in usages(headers, "act_1")}
    assert found == {
        Bucket("app"): (28, None),
        Bucket("account", "1"): (9.67, timedelta(seconds=100)),
        Bucket("ads_insights", "1"): (12, timedelta(minutes=19)),
        Bucket("app_insights"): (3, None),
        Bucket("account_insights", "1"): (4, None),
        Bucket("reach", "1"): (100, None),
    }


def test_the_highest_figure_of_a_quota_counts() -> None:
    """Whichever of calls, time and CPU time is used up first is refused first."""
    (usage,) = usages({"x-app-usage": '{"call_count":5,"total_time":91,"total_cputime":7}'}, "")
    assert usage.percent == 91


def test_a_business_header_speaks_of_other_assets_as_well() -> None:
    """Up to 32 of them, each with its own types."""
    (usage,) = usages(business(50, asset="2", kind="pages"), "act_1")
    assert usage.bucket == Bucket("pages", "2")


def test_an_instagram_quota_counts_for_the_account_asked_about() -> None:
    """Whose id stands in the header is documented nowhere."""
    found = usages(business(50, asset="7", kind="instagram"), "17841")
    assert {usage.bucket.asset_id for usage in found} == {"7", "17841"}


GARBAGE = [
    "",
    "no",
    "[]",
    "null",
    "{",
    '{"1":5}',
    '{"1":[5]}',
    '{"1":[{"type":5}]}',
    "1e999",
    "[" * 9999,
]


@pytest.mark.parametrize("value", [*GARBAGE, '{"call_count":"many"}', '{"call_count":true}'])
def test_a_header_of_garbage_is_left_out(value: str, caplog: pytest.LogCaptureFixture) -> None:
    """It stops nothing; what is no JSON object is logged."""
    names = ["x-app-usage", "x-ad-account-usage", "x-business-use-case-usage"]
    assert usages(dict.fromkeys(names, value), "act_1") == []
    is_object = value.startswith("{") and value != "{"
    assert bool(caplog.records) is (value != "" and not is_object)


@given(st.text(max_size=40) | st.sampled_from(GARBAGE), st.floats() | st.text(max_size=5))
@settings(max_examples=200, deadline=None)
def test_no_header_is_too_odd(value: str, number: object) -> None:
    """Nothing that Meta could send is raised, and no wait is longer than a day."""
    logging.disable(logging.WARNING)
    odd = json.dumps(
        {"1": [{"type": "pages", "call_count": number, "estimated_time_to_regain_access": 9e99}]}
    )
    headers = {"x-app-usage": value, "x-business-use-case-usage": odd}
    for usage in usages(headers, "act_1"):
        assert usage.percent >= 0
        assert usage.resets_in is None or usage.resets_in <= timedelta(days=1)
    logging.disable(logging.NOTSET)


def refusal(code: int | None, subcode: int | None = None, status: int = 400) -> ThrottledError:
    """A refusal with this code."""
    text = "due to rate limit" if code == 100 else "no"
    return ThrottledError(Failure("p", status, code, subcode, text))


@pytest.mark.parametrize(
    ("code", "subcode", "path", "blocked"),
    [
        (4, None, "act_1/insights", {Bucket("app")}),
        (341, None, "7/insights", {Bucket("app")}),
        (4, 1504022, "act_1/insights", {Bucket("app_insights")}),
        (17, 2446079, "act_1/insights", {Bucket("account", "1")}),
        (613, 1487742, "act_1/ads", {Bucket("account", "1")}),
        (80000, 2446079, "act_1/insights", {Bucket("ads_insights", "1")}),
        (80004, 2446079, "act_1/ads", {Bucket("ads_management", "1")}),
        (80001, None, "7/insights", {Bucket("pages", "7")}),
        (80002, None, "17841/insights", {Bucket("instagram", "17841")}),
        (32, None, "7/insights", {Bucket("pages", "7")}),
        (17, None, "me/adaccounts", {Bucket("app")}),
        (80014, None, "act_1/ads", {Bucket("ads_management", "1")}),
        (None, None, "act_1/insights", {Bucket("ads_insights", "1")}),
        # Not what was expected of this path: both, or it would be sent again at once.
        (
            80004,
            None,
            "act_1/insights",
            {Bucket("ads_management", "1"), Bucket("ads_insights", "1")},
        ),
        (613, None, "7/insights", {Bucket("account", "7"), Bucket("instagram", "7")}),
        (100, None, "act_1/insights", {Bucket("reach", "1")}),
    ],
)
def test_a_refusal_blocks_its_quota(
    code: int | None, subcode: int | None, path: str, blocked: set[Bucket]
) -> None:
    """As narrow as Meta says, and never none."""
    status = 429 if code is None else 400
    found = refused_buckets(refusal(code, subcode, status), asset_of(path), gates(path))
    assert set(found) == blocked


def test_a_quota_says_whose_it_is() -> None:
    """For the error of a request that is not sent."""
    kinds = {"app": Scope.APP, "account": Scope.ACCOUNT, "pages": Scope.PAGE}
    assert {kind: Bucket(kind).scope for kind in kinds} == kinds
    assert Bucket("ads_insights", "1").scope is Scope.ACCOUNT_TYPE
