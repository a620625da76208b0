"""Meta's error answers."""

import json
from datetime import UTC, datetime

import pytest
import requests
from simulator_asking import NOW, Ask, asker

from meta_pipeline.simulator import RunningSimulator, generated_agency

BAD_QUESTIONS = [
    ({"fields": "link_clicks"}, 100, "link_clicks is not valid for fields param"),
    ({"level": "creative"}, 100, "level must be one of"),
    ({"date_preset": "lifetime"}, 100, "date_preset must be one of"),
    ({"breakdowns": "planet"}, 100, "breakdowns[0] must be one of"),
    ({"breakdowns": "country,region"}, 100, "Current combination of data breakdown columns"),
    ({"action_attribution_windows": "7d_click_1d_view"}, 100, "action_attribution_windows[0]"),
    ({"time_range": "{nonsense"}, 100, "time_range must be valid JSON"),
    ({"time_range": '{"since":"2026-11-05","until":"2026-11-01"}'}, 100, "time_range[since]"),
    ({"time_range": '{"since":"5 Nov","until":"2026-11-01"}'}, 100, "YYYY-MM-DD"),
    ({"time_range": '{"since":"2023-10-21","until":"2026-11-01"}'}, 3018, "37 months"),
    ({"time_increment": "91"}, 100, "time_increment"),
    ({"limit": "none"}, 100, "limit"),
    ({"filtering": '[{"field":"ad.moon","operator":"IN","value":[1]}]'}, 100, "ad.moon"),
    ({"ids": "1,2"}, 100, "ids parameter"),
]


@pytest.fixture
def account(meta: RunningSimulator) -> str:
    """An ad account."""
    return meta.source.clients()[0].ad_accounts[0]


@pytest.mark.parametrize(("params", "code", "text"), BAD_QUESTIONS)
def test_bad_questions(
    ask: Ask, account: str, params: dict[str, str], code: int, text: str
) -> None:
    """A bad question is a 400 with Meta's code and text, a trace id and the OAuth header."""
    response = ask(f"/v26.0/{account}/insights", **params)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (400, code)
    assert text in error["message"]
    assert error["fbtrace_id"]
    assert response.headers["www-authenticate"].startswith('OAuth "Facebook Platform"')


@pytest.mark.parametrize("edge", ["act_1", "act_1/insights", "120000000001001999", "42/ads"])
def test_an_object_that_is_not_there(ask: Ask, edge: str) -> None:
    """A missing object is 100/33, whatever is asked of it."""
    error = ask(f"/v26.0/{edge}").json()["error"]
    assert (error["code"], error["error_subcode"]) == (100, 33)
    assert "does not exist, cannot be loaded due to missing permissions" in error["message"]


def test_paths_that_lead_nowhere(ask: Ask, account: str) -> None:
    """An unknown edge or version is code 2500, an account without a version 2635."""
    assert ask(f"/v26.0/{account}/moons").json()["error"]["code"] == 2500
    assert ask("/v99.0/me").json()["error"]["code"] == 2500
    assert ask(f"/{account}/insights").json()["error"]["code"] == 2635


@pytest.mark.parametrize(
    ("token", "code", "subcode"),
    [("expired-1", 190, 463), ("invalid-1", 190, 467), ("EAAPage???", 190, None)],
)
def test_tokens_that_are_refused(
    meta: RunningSimulator, token: str, code: int, subcode: int | None
) -> None:
    """Expired, invalid and malformed tokens are code 190."""
    error = asker(meta, token)("/v26.0/me/adaccounts").json()["error"]
    assert (error["code"], error.get("error_subcode")) == (code, subcode)


def test_no_token(meta: RunningSimulator, account: str) -> None:
    """Without a token `/me` is code 2500 and anything else 104."""
    me = requests.get(f"{meta.url}/v26.0/me", timeout=10).json()["error"]
    other = requests.get(f"{meta.url}/v26.0/{account}", timeout=10).json()["error"]
    assert (me["code"], other["code"]) == (2500, 104)


def test_the_token_may_stand_in_the_query(meta: RunningSimulator, account: str) -> None:
    """A token in the query counts like one in the header, and is not logged."""
    url = f"{meta.url}/v26.0/{account}"
    assert requests.get(url, params={"access_token": "secret"}, timeout=10).status_code == 200
    assert "secret" not in repr(meta.requests)


@pytest.mark.parametrize(
    ("version", "now", "code"),
    [
        ("v26.0", NOW, None),
        ("v25.0", NOW, None),
        ("v24.0", NOW, 2635),
        ("v24.0", datetime(2026, 9, 1, tzinfo=UTC), None),
        ("v19.0", NOW, 2635),
    ],
)
def test_expired_marketing_versions(
    meta: RunningSimulator, ask: Ask, account: str, version: str, now: datetime, code: int | None
) -> None:
    """An expired version of the Marketing API is code 2635 from its last day on."""
    meta.clock.move_to(now)
    body = ask(f"/{version}/{account}/insights").json()
    assert body.get("error", {}).get("code") == code


def test_expired_core_versions_are_served_by_a_newer_one(meta: RunningSimulator, ask: Ask) -> None:
    """Pages answer an expired version by the oldest living one and say so in the header."""
    response = ask(f"/v19.0/{meta.source.clients()[0].pages[0]}")
    assert response.status_code == 200
    assert response.headers["facebook-api-version"] == "v21.0"


def test_permissions_secret_and_caps() -> None:
    """Listed tokens see their clients only, proofs are checked, large answers refused."""
    import hmac

    source = generated_agency()
    mine, other = source.clients()[:2]
    with RunningSimulator(source, NOW, tokens={"t": {mine.id}}, app_secret="s", max_rows=5) as meta:
        ask = asker(meta, "t")
        proof = hmac.new(b"s", b"t", "sha256").hexdigest()
        missing = ask("/v26.0/me/adaccounts").json()["error"]
        wrong = ask("/v26.0/me/adaccounts", appsecret_proof="0").json()["error"]
        assert missing["message"].startswith("API calls from the server require")
        assert wrong["message"].startswith("Invalid appsecret_proof")
        listed = ask("/v26.0/me/adaccounts", appsecret_proof=proof).json()["data"]
        assert [item["id"] for item in listed] == list(mine.ad_accounts)
        hidden = ask(f"/v26.0/{other.ad_accounts[0]}", appsecret_proof=proof).json()["error"]
        assert hidden["error_subcode"] == 33
        many = ask(
            f"/v26.0/{mine.ad_accounts[0]}/insights",
            level="ad",
            time_increment=1,
            appsecret_proof=proof,
        ).json()["error"]
        assert many["error_subcode"] == 1487534


def test_auto_upgrade_and_async_and_batch() -> None:
    """Expired versions may be upgraded, reports run asynchronously, calls come in batches."""
    with RunningSimulator(generated_agency(), NOW, auto_upgrade=True, max_rows=3) as meta:
        ask = asker(meta)
        account = meta.source.clients()[0].ad_accounts[0]
        response = ask(f"/v24.0/{account}/insights")
        assert response.headers["facebook-api-version"] == "v25.0"
        assert "auto-upgraded to v25.0" in response.headers["x-ad-api-version-warning"]

        form = {"access_token": "t", "level": "ad", "time_increment": "1"}
        url = f"{meta.url}/v26.0/{account}/insights"
        run = requests.post(url, data=form, timeout=10).json()["report_run_id"]
        states = [ask(f"/v26.0/{run}").json()["async_status"] for _ in range(2)]
        assert states == ["Job Running", "Job Completed"]
        assert len(ask(f"/v26.0/{run}/insights", limit=40).json()["data"]) == 40

        items = [{"method": "GET", "relative_url": f"{account}?fields=name"}, {"relative_url": "x"}]
        form = {"access_token": "t", "batch": json.dumps(items)}
        answers = requests.post(f"{meta.url}/v26.0/", data=form, timeout=10).json()
        assert [answer["code"] for answer in answers] == [200, 400]
        assert json.loads(answers[0]["body"])["name"] == "Acme Dental"
