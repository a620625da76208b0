"""Meta's limits: counted, told, enforced; and the clock that brings them back."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests
from simulator_asking import NOW, Ask, asker

from meta_pipeline.simulator import RunningSimulator, SimulatorClock, generated_agency
from meta_pipeline.simulator.quotas import Window

LIMITED: dict[str, Any] = {"access_tier": "development_access", "enforce_quotas": True}
Start = Callable[..., tuple[RunningSimulator, Ask, str]]


@pytest.fixture
def start(meta: RunningSimulator, ask: Ask) -> Start:
    """Switches limits on and gives a simulator, a way to ask, and an ad account."""

    def started(**switches: Any) -> tuple[RunningSimulator, Ask, str]:
        meta.settings.change(**(LIMITED | switches))
        return meta, ask, meta.source.clients()[0].ad_accounts[0]

    return started


def told(response: requests.Response, header: str) -> Any:
    """What a header tells, for the one asset in it."""
    found = json.loads(response.headers[header])
    return found if "acc_id_util_pct" in found else next(iter(found.values()))[0]


def statuses(ask: Ask, path: str, times: int, **params: Any) -> list[int]:
    """The statuses of the same call again and again."""
    return [ask(path, **params).status_code for _ in range(times)]


def test_the_limit_grows_with_active_ads(start: Start) -> None:
    """600 calls an hour and 400 more for each active ad, on the Limited tier."""
    _, ask, account = start()
    ads = ask(f"/v26.0/{account}/ads", effective_status='["ACTIVE"]', limit=5000).json()["data"]
    statuses(ask, f"/v26.0/{account}/insights", 2)
    seen = told(ask(f"/v26.0/{account}/insights"), "x-fb-ads-insights-throttle")
    assert seen["acc_id_util_pct"] == round(100 * 3 / (600 + 400 * len(ads)), 2)
    assert seen["ads_api_access_tier"] == "development_access"


@pytest.mark.parametrize(
    ("edge", "code", "usage"),
    [("insights", 80000, "ads_insights"), ("ads", 80004, "ads_management")],
)
def test_a_used_up_hour(start: Start, edge: str, code: int, usage: str) -> None:
    """The last call that passes tells 100 % and the minutes to wait; the next is refused."""
    meta, ask, account = start(quota_scale=0.000001)
    path = f"/v26.0/{account}/{edge}"
    last = ask(path)
    about = told(last, "x-business-use-case-usage")
    assert (last.status_code, about["type"], about["call_count"]) == (200, usage, 100)
    assert about["estimated_time_to_regain_access"] == 60
    meta.clock.advance(301)  # the score of the account is back by then
    refused = ask(path)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, code)
    left = told(refused, "x-business-use-case-usage")["estimated_time_to_regain_access"]
    assert left == 55
    meta.clock.advance(60 * left)
    assert ask(path).status_code == 200


def test_refused_calls_are_counted(start: Start) -> None:
    """The log tells calls that were refused, and those that had been told so before."""
    meta, ask, account = start(quota_scale=0.000001)
    assert statuses(ask, f"/v26.0/{account}/insights", 3) == [200, 400, 400]
    assert (meta.traffic.refused, meta.traffic.refused_although_told) == (2, 2)
    assert ask("/_simulator/requests").json()["refused"] == 2


def test_one_account_does_not_hold_up_another(start: Start) -> None:
    """Limits belong to an account; Pages have theirs."""
    meta, ask, account = start(quota_scale=0.000001)
    client, other = meta.source.clients()[:2]
    assert statuses(ask, f"/v26.0/{account}/insights", 2) == [200, 400]
    assert ask(f"/v26.0/{other.ad_accounts[0]}").status_code == 200
    path = f"/v26.0/{client.pages[0]}/insights"
    assert ask(path, metric="page_media_view").status_code == 200


@pytest.mark.parametrize(
    ("error", "code", "subcode"),
    [("account_score_limit", 17, 2446079), ("account_limit_613", 613, 1487742)],
)
def test_the_score_of_an_account(start: Start, error: str, code: int, subcode: int) -> None:
    """Sixty reads in five minutes, then a block of 300 seconds, told by the header."""
    meta, ask, account = start(score_error=error)
    assert set(statuses(ask, f"/v26.0/{account}", 60)) == {200}
    refused = ask(f"/v26.0/{account}")
    found = refused.json()["error"]
    assert (found["code"], found["error_subcode"]) == (code, subcode)
    usage = told(refused, "x-ad-account-usage")
    assert (usage["acc_id_util_pct"], usage["reset_time_duration"]) == (100, 300)
    meta.clock.advance(299)
    assert ask(f"/v26.0/{account}").status_code == 400
    meta.clock.advance(1)
    assert ask(f"/v26.0/{account}").status_code == 200


@pytest.mark.parametrize("counts", [True, False])
def test_whether_insights_use_the_score(start: Start, *, counts: bool) -> None:
    """Insights use the score up only where the switch says so."""
    _, ask, account = start(score_counts_insights=counts, quota_scale=0.05)
    expected = [200, 200, 200, 400] if counts else [200] * 4
    assert statuses(ask, f"/v26.0/{account}/insights", 4) == expected


def test_the_app_has_limits_of_its_own(start: Start) -> None:
    """Too many insights of the app are 4/1504022, other calls that count for nobody code 4."""
    meta, ask, account = start(app_insights_calls=1, daily_active_users=0)
    other = meta.source.clients()[1].ad_accounts[0]
    assert ask(f"/v26.0/{account}/insights").status_code == 200
    assert ask(f"/v26.0/{other}/insights").json()["error"]["error_subcode"] == 1504022
    assert statuses(ask, "/v26.0/me/adaccounts", 2) == [200, 400]


@pytest.mark.parametrize(("kind", "code"), [("pages", 80001), ("instagram", 80002)])
def test_pages_and_instagram_have_a_day(start: Start, kind: str, code: int) -> None:
    """4,800 calls for each engaged user or view, in 24 hours; scaled down here."""
    meta, ask, _ = start(quota_scale=0.0000000001)
    client = meta.source.clients()[0]
    asset = client.pages[0] if kind == "pages" else client.instagram_accounts[0]
    assert ask(f"/v26.0/{asset}").status_code == 200
    meta.clock.advance(86_399)
    assert ask(f"/v26.0/{asset}").json()["error"]["code"] == code
    meta.clock.advance(1)
    assert ask(f"/v26.0/{asset}").status_code == 200


def test_a_persons_token_counts_for_the_app(start: Start) -> None:
    """A person's Page calls are refused with code 32, and leave the Page's limit alone."""
    meta, _, _ = start(daily_active_users=0)
    page = meta.source.clients()[0].pages[0]
    person = asker(meta, "user-1")
    assert person(f"/v26.0/{page}").status_code == 200
    assert person(f"/v26.0/{page}").json()["error"]["code"] == 32
    assert asker(meta)(f"/v26.0/{page}").status_code == 200


def test_each_call_of_a_batch_counts(start: Start) -> None:
    """Three calls in one request are three calls; the third is refused inside a 200."""
    meta, _, account = start(quota_scale=0.05, score_counts_insights=True)
    items = [{"method": "GET", "relative_url": f"{account}/insights"}] * 4
    form = {"access_token": "t", "batch": json.dumps(items)}
    response = requests.post(f"{meta.url}/v26.0/", data=form, timeout=10)
    assert response.status_code == 200
    assert [item["code"] for item in response.json()] == [200, 200, 200, 400]


def test_nothing_is_refused_unless_enforced(meta: RunningSimulator, ask: Ask) -> None:
    """Without enforcement the headers tell that a limit is used up, and calls go on."""
    meta.settings.change(quota_scale=0.000001)
    path = f"/v26.0/{meta.source.clients()[0].ad_accounts[0]}/insights"
    assert statuses(ask, path, 3) == [200, 200, 200]
    assert told(ask(path), "x-business-use-case-usage")["call_count"] == 100


def test_a_window_slides() -> None:
    """What was used falls out after the window's length, use by use."""
    window = Window(60)
    for second in (0, 10, 20):
        window.add(second, 1)
    assert (window.total(59), window.total(65), window.total(80)) == (3, 2, 0)
    window.add(100, 5)
    assert window.seconds_until_below(110, 5) == 50
    assert window.total(50) == 0


def test_a_clock_that_runs_faster() -> None:
    """At a rate of 60 a minute passes in a second; moving it keeps the rate."""
    ticks = [0.0]
    clock = SimulatorClock(NOW, 60, lambda: ticks[0])
    ticks[0] = 2.0
    assert clock.now() == NOW + timedelta(minutes=2)
    clock.advance(30)
    ticks[0] = 3.0
    assert clock.now() == NOW + timedelta(seconds=210)
    clock.run_at(0)
    ticks[0] = 9.0
    assert clock.now() == NOW + timedelta(seconds=210)


def test_the_clock_and_the_switches_over_http() -> None:
    """The routes set the rate, move on, and change switches; what is wrong they refuse."""
    with RunningSimulator(generated_agency(), NOW) as meta:
        url = f"{meta.url}/_simulator"
        moved = requests.post(f"{url}/clock", json={"advance_seconds": 60}, timeout=10).json()
        assert moved["now"] == "2026-11-22T12:01:00+00:00"
        assert requests.post(f"{url}/clock", json={"rate": 60}, timeout=10).status_code == 200
        assert meta.clock.rate == 60
        body = {"max_rows": 5, "access_tier": "development_access"}
        assert requests.post(f"{url}/settings", json=body, timeout=10).json()["max_rows"] == 5
        for bad in ({"max_rowz": 1}, {"max_rows": "many"}, {"access_tier": "gold"}):
            assert requests.post(f"{url}/settings", json=bad, timeout=10).status_code == 400
        assert requests.get(f"{url}/settings", timeout=10).json()["max_rows"] == 5
