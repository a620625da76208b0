"""Instagram accounts and their insights."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from simulator_asking import Ask, asker

from meta_pipeline.simulator import RunningSimulator

TOTALS = (
    *("views", "total_interactions", "accounts_engaged", "likes", "comments", "shares", "saves"),
    "profile_views",
)


def midnight(month: int, day: int) -> int:
    """The Unix time of midnight Pacific on a day of 2026."""
    return int(datetime(2026, month, day, tzinfo=ZoneInfo("America/Los_Angeles")).timestamp())


@pytest.fixture
def account(meta: RunningSimulator) -> str:
    """An Instagram account."""
    return meta.source.clients()[0].instagram_accounts[0]


@pytest.fixture
def path(account: str) -> str:
    """Its insights edge."""
    return f"/v26.0/{account}/insights"


def day_of(ask: Ask, path: str, metric: str, month: int, day: int, **more: str) -> Any:
    """One metric's answer for one Pacific day, as one total."""
    asked = {"metric": metric, "period": "day", "metric_type": "total_value", **more}
    return ask(path, since=midnight(month, day), until=midnight(month, day + 1), **asked).json()


def test_the_account_of_a_page(meta: RunningSimulator, ask: Ask, account: str) -> None:
    """A Page names its Instagram account, which has a name and followers."""
    page = meta.source.clients()[0].pages[0]
    linked = ask(f"/v26.0/{page}", fields="instagram_business_account{id}").json()
    assert linked["instagram_business_account"] == {"id": account}
    body = ask(f"/v26.0/{account}", fields="id,username,followers_count,media_count").json()
    assert (body["id"], body["username"]) == (account, "acme.dental")
    assert body["followers_count"] > 100
    assert ask(f"/v26.0/{account}").json() == {"id": account}
    error = ask(f"/v26.0/{account}", fields="fans").json()["error"]
    assert "(fans) on node type (IGUser)" in error["message"]


def test_reach_by_day(ask: Ask, path: str) -> None:
    """`reach` is a series whose `end_time` is midnight Pacific, over a change of the clocks too."""
    asked = {
        "metric": "reach",
        "period": "day",
        "since": midnight(10, 31),
        "until": midnight(11, 3),
    }
    item = ask(path, **asked).json()["data"][0]
    assert [value["end_time"] for value in item["values"]] == [
        "2026-11-01T07:00:00+0000",
        "2026-11-02T08:00:00+0000",
        "2026-11-03T08:00:00+0000",
    ]
    assert (item["name"], item["period"], "total_value" in item) == ("reach", "day", False)


def test_totals_are_those_of_the_truth(ask: Ask, account: str, path: str) -> None:
    """Midnight to midnight is the figure of that Pacific day."""
    dates = {"since": "2026-11-02", "until": "2026-11-02"}
    truth = ask("/_simulator/truth", instagram=account, **dates).json()["data"][0]
    for metric in (*TOTALS, "reach"):
        item = day_of(ask, path, metric, 11, 2)["data"][0]
        assert item["total_value"] == {"value": truth[metric]}


def test_counts_add_up_and_people_do_not(ask: Ask, path: str) -> None:
    """Views of ten days are the sum of the days; their reach is less than the sum."""
    span = {"since": midnight(10, 1), "until": midnight(10, 11)}
    asked = {"period": "day", "metric_type": "total_value", **span}
    whole = {
        item["name"]: item["total_value"]["value"]
        for item in ask(path, metric="views,reach", **asked).json()["data"]
    }
    days = [day_of(ask, path, "views", 10, day)["data"][0] for day in range(1, 11)]
    series = ask(path, metric="reach", period="day", **span).json()["data"][0]["values"]
    assert whole["views"] == sum(item["total_value"]["value"] for item in days)
    assert whole["reach"] < sum(value["value"] for value in series)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"metric": "views"}, "(views) should be specified with parameter metric_type=total_value"),
        ({"metric": "reach,likes"}, "(likes) should be specified"),
        ({"metric": "impressions"}, "Starting from version 22 and above, the impressions metric"),
        ({"metric": "moons"}, "metric[0] must be one of the following values: reach"),
        ({"metric": "reach", "metric_type": "sum"}, "metric_type must be one of"),
        ({"metric": "reach", "period": ""}, "The parameter period is required"),
        ({}, "The parameter metric is required"),
        (
            {"metric": "reach", "since": midnight(9, 1), "until": midnight(10, 2)},
            "There cannot be more than 30 days (2592000 s) between since and until",
        ),
        # Thirty days with the hour that autumn gives back are an hour too long.
        (
            {"metric": "reach", "since": midnight(10, 10), "until": midnight(11, 9)},
            "There cannot be more than 30 days",
        ),
    ],
)
def test_bad_questions(ask: Ask, path: str, params: dict[str, Any], text: str) -> None:
    """A wrong type, metric, period or range is code 100 with Meta's words."""
    response = ask(path, **({"period": "day"} | params))
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (400, 100)
    assert text in error["message"]


def test_an_unsupported_breakdown(ask: Ask, path: str) -> None:
    """It has no better text than "An unknown error has occurred."."""
    error = day_of(ask, path, "replies", 11, 2, breakdown="follow_type")["error"]
    assert (error["code"], error["message"]) == (1, "An unknown error has occurred.")


def test_follows_and_unfollows(ask: Ask, account: str, path: str) -> None:
    """The two numbers come by `follow_type`, and without it there is none."""
    dates = {"since": "2026-11-02", "until": "2026-11-02"}
    truth = ask("/_simulator/truth", instagram=account, **dates).json()["data"][0]
    item = day_of(ask, path, "follows_and_unfollows", 11, 2, breakdown="follow_type")["data"][0]
    parts = item["total_value"]["breakdowns"][0]
    assert parts["dimension_keys"] == ["follow_type"]
    assert parts["results"] == [
        {"dimension_values": ["FOLLOWER"], "value": truth["follows"]},
        {"dimension_values": ["NON_FOLLOWER"], "value": truth["unfollows"]},
    ]
    bare = day_of(ask, path, "follows_and_unfollows", 11, 2)["data"][0]
    assert bare["total_value"] == {}


def test_parts_of_reach_exceed_the_whole(ask: Ask, path: str) -> None:
    """People in several cells count in each; the cells of views are the views."""
    for metric, exceeds in (("reach", True), ("views", False)):
        total = day_of(ask, path, metric, 11, 2, breakdown="media_product_type")["data"][0]
        parts = sum(p["value"] for p in total["total_value"]["breakdowns"][0]["results"])
        assert (parts > total["total_value"]["value"]) is exceeds


def test_empty_instead_of_zero(meta: RunningSimulator, ask: Ask, path: str) -> None:
    """What is not there yet, or has not happened, is an empty list; a day shows after 24 hours."""
    assert day_of(ask, path, "views", 11, 21) == {"data": []}
    meta.clock.move_to(datetime(2026, 11, 23, 7, 59, tzinfo=UTC))
    assert day_of(ask, path, "views", 11, 21) == {"data": []}
    meta.clock.move_to(datetime(2026, 11, 23, 8, tzinfo=UTC))
    assert day_of(ask, path, "views", 11, 21)["data"]
    account = path.split("/")[2]
    dates = {"since": "2026-10-01", "until": "2026-10-31"}
    truth = ask("/_simulator/truth", instagram=account, **dates).json()["data"]
    quiet = next(row["date"] for row in truth if row["profile_links_taps"] == 0)
    assert day_of(ask, path, "profile_links_taps", 10, int(quiet[-2:])) == {"data": []}


def test_the_default_range_is_a_day(meta: RunningSimulator, ask: Ask, path: str) -> None:
    """Without a range it is the last 24 hours."""
    meta.traffic.reset()
    meta.clock.move_to(datetime(2026, 11, 22, 8, tzinfo=UTC))
    asked = {"metric": "reach", "period": "day"}
    # The day that began 24 hours ago is over, yet not visible for another day.
    assert ask(path, **asked).json() == {"data": []}


def test_permissions(meta: RunningSimulator, path: str, account: str) -> None:
    """Insights need instagram_manage_insights, the account instagram_basic; Page tokens do."""
    basic = asker(meta, "scopes-instagram_basic-1")
    error = basic(path, metric="reach", period="day").json()["error"]
    assert (error["code"], error["message"]) == (
        10,
        "(#10) Application does not have permission for this action",
    )
    assert basic(f"/v26.0/{account}", fields="name").status_code == 200
    pages = asker(meta)("/v26.0/me/accounts").json()["data"]
    own, other = pages[0]["access_token"], pages[1]["access_token"]
    assert asker(meta, own)(f"/v26.0/{account}", fields="name").status_code == 200
    assert asker(meta, other)(f"/v26.0/{account}").json()["error"]["error_subcode"] == 33
