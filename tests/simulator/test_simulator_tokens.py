"""Tokens: what they may do, how long they live, and how they are exchanged."""

import hmac
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from simulator_asking import NOW, Ask, asker

from meta_pipeline.simulator import RunningSimulator, generated_agency
from meta_pipeline.simulator.tokens import APP_ID, APP_SECRET

APP = f"{APP_ID}|{APP_SECRET}"
DAY = 86_400


def describe(meta: RunningSimulator, token: str, asker_token: str = APP) -> dict[str, Any]:
    """What `/debug_token` says of a token."""
    return asker(meta, asker_token)("/v26.0/debug_token", input_token=token).json()["data"]


def exchange(meta: RunningSimulator, token: str, **more: str) -> dict[str, Any]:
    """The answer to an exchange, asked by form."""
    form = {
        "method": "get",
        "grant_type": "fb_exchange_token",
        "client_id": APP_ID,
        "client_secret": APP_SECRET,
        "fb_exchange_token": token,
    }
    return requests.post(
        f"{meta.url}/v26.0/oauth/access_token", data=form | more, timeout=10
    ).json()


@pytest.fixture(scope="module")
def guarded() -> Iterator[RunningSimulator]:
    """A simulator that knows its tokens: `t` sees one client."""
    source = generated_agency()
    with RunningSimulator(source, NOW, tokens={"t": {source.clients()[0].id}}) as meta:
        yield meta


@pytest.mark.parametrize(
    ("token", "kind", "days", "data_days"),
    [
        ("plain", "SYSTEM_USER", 0, 0),
        ("sys60-1", "SYSTEM_USER", 60, 0),
        ("soon-1", "SYSTEM_USER", 3, 0),
        ("user-1", "USER", 60, 90),
        ("data-soon-1", "USER", 60, 3),
        ("short-1", "USER", 1 / 24, 90),
    ],
)
def test_how_long_tokens_live(
    meta: RunningSimulator, token: str, kind: str, days: float, data_days: float
) -> None:
    """A 0 is never; access to data has an end of its own."""
    data = describe(meta, token)
    now = int(NOW.timestamp())
    assert (data["type"], data["is_valid"]) == (kind, True)
    assert data["expires_at"] == (now + days * DAY if days else 0)
    assert data["data_access_expires_at"] == (now + data_days * DAY if data_days else 0)
    assert data["issued_at"] <= now


@pytest.mark.parametrize(("token", "subcode"), [("expired-1", 463), ("invalid-1", 467)])
def test_a_bad_token_is_described(meta: RunningSimulator, token: str, subcode: int) -> None:
    """It is a 200 that says why the token is not valid, and has no scopes."""
    data = describe(meta, token)
    assert (data["is_valid"], data["scopes"]) == (False, [])
    assert (data["error"]["code"], data["error"]["subcode"]) == (190, subcode)


def test_asking_about_a_token_needs_one(meta: RunningSimulator) -> None:
    """Any valid token or the app's may ask; a token is needed, and one to ask about."""
    url = f"{meta.url}/v26.0/debug_token"
    assert requests.get(url, params={"input_token": "t"}, timeout=10).json()["error"]["code"] == 104
    assert describe(meta, "t", "other")["is_valid"]
    error = asker(meta)("/v26.0/debug_token").json()["error"]
    assert error["message"] == "(#100) The parameter input_token is required"
    wrong = asker(meta, f"{APP_ID}|guess")("/v26.0/debug_token", input_token="t").json()["error"]
    assert (wrong["code"], wrong["message"]) == (190, "Invalid OAuth access token signature.")


def test_a_form_may_read(meta: RunningSimulator) -> None:
    """POST with `method=get` is the GET, so that a token need not stand in a URL."""
    head = {"Authorization": f"Bearer {APP}"}
    form = {"method": "get", "input_token": "sys60-1"}
    data = requests.post(f"{meta.url}/v26.0/debug_token", form, headers=head, timeout=10).json()
    assert data["data"] == describe(meta, "sys60-1")
    account = meta.source.clients()[0].ad_accounts[0]
    form = {"method": "GET", "fields": "spend", "limit": "1"}
    head = {"Authorization": "Bearer t"}
    url = f"{meta.url}/v26.0/{account}/insights"
    assert "spend" in requests.post(url, form, headers=head, timeout=10).json()["data"][0]
    assert "sys60-1" not in repr(meta.requests)


def test_scopes_are_those_of_the_token(meta: RunningSimulator) -> None:
    """A beginning names the scopes; without assigned assets they hold for all."""
    data = describe(meta, "scopes-ads_read+read_insights-x")
    assert data["scopes"] == ["ads_read", "read_insights"]
    assert data["granular_scopes"] == [{"scope": "ads_read"}, {"scope": "read_insights"}]
    assert "ads_read" not in describe(meta, "noads-1")["scopes"]


def test_assigned_assets_are_targets(guarded: RunningSimulator) -> None:
    """A token that sees one client has its assets in `target_ids`; business has none."""
    client = guarded.source.clients()[0]
    scopes = {
        one["scope"]: one.get("target_ids") for one in describe(guarded, "t")["granular_scopes"]
    }
    assert scopes["ads_read"] == [one.removeprefix("act_") for one in client.ad_accounts]
    assert scopes["read_insights"] == scopes["pages_show_list"] == list(client.pages)
    assert scopes["instagram_basic"] == list(client.instagram_accounts)
    assert scopes["business_management"] is None


@pytest.mark.parametrize("edge", ["", "/insights", "/campaigns", "/adcreatives"])
def test_without_ads_read(meta: RunningSimulator, edge: str) -> None:
    """An ad account answers 200/403 with Meta's words, Pages go on."""
    client = meta.source.clients()[0]
    ask = asker(meta, "noads-1")
    response = ask(f"/v26.0/{client.ad_accounts[0]}{edge}")
    assert (response.status_code, response.json()["error"]["code"]) == (403, 200)
    assert "NOT grant ads_management or ads_read" in response.json()["error"]["message"]
    assert ask("/v26.0/me/adaccounts").status_code == 403
    asked = {"metric": "page_media_view", "period": "day"}
    assert ask(f"/v26.0/{client.pages[0]}/insights", **asked).json()["data"]


def test_without_pages_show_list(meta: RunningSimulator) -> None:
    """The list of Pages is empty, without an error."""
    assert asker(meta, "scopes-ads_read-1")("/v26.0/me/accounts").json() == {"data": []}


def test_a_page_token_has_its_parents_scopes(meta: RunningSimulator) -> None:
    """It sees its Page alone, never expires and may do what its parent may."""
    parent = asker(meta, "no-insights-1")
    token = parent("/v26.0/me/accounts").json()["data"][0]["access_token"]
    data = describe(meta, token)
    assert (data["type"], data["expires_at"]) == ("PAGE", 0)
    assert "read_insights" not in data["scopes"]
    targets = {one["scope"]: one.get("target_ids") for one in data["granular_scopes"]}
    assert targets["pages_show_list"] == [data["profile_id"]]
    other = meta.source.clients()[1].pages[0]
    assert asker(meta, token)(f"/v26.0/{other}").json()["error"]["error_subcode"] == 33


@pytest.mark.parametrize("path", ["/v26.0/oauth/access_token", "/oauth/access_token"])
def test_a_short_token_becomes_a_long_one(meta: RunningSimulator, path: str) -> None:
    """The exchange gives a token of 60 days, by GET too, with a version and without."""
    params = {
        "grant_type": "fb_exchange_token",
        "client_id": APP_ID,
        "client_secret": APP_SECRET,
        "fb_exchange_token": "short-1",
    }
    body = requests.get(f"{meta.url}{path}", params, timeout=10).json()
    assert (body["token_type"], body["expires_in"]) == ("bearer", 60 * DAY)
    data = describe(meta, body["access_token"])
    assert (data["type"], data["expires_at"]) == ("USER", int(NOW.timestamp()) + 60 * DAY)
    assert asker(meta, body["access_token"])("/v26.0/me/adaccounts").json()["data"]
    assert not {"short-1", APP_SECRET} & {v for r in meta.requests for v in r.params.values()}


def test_what_a_new_token_sees(guarded: RunningSimulator) -> None:
    """A refreshed token sees what the old one saw; a system user's may be made to end."""
    new = exchange(guarded, "t")
    assert "expires_in" not in new
    ending = exchange(guarded, "t", set_token_expires_in_60_days="true")
    assert ending["expires_in"] == 60 * DAY
    ask = asker(guarded, ending["access_token"])
    listed = ask("/v26.0/me/adaccounts").json()["data"]
    assert [one["id"] for one in listed] == list(guarded.source.clients()[0].ad_accounts)
    page = ask("/v26.0/me/accounts").json()["data"][0]
    assert asker(guarded, page["access_token"])(f"/v26.0/{page['id']}").status_code == 200


@pytest.mark.parametrize(
    ("token", "more", "code", "text"),
    [
        ("short-1", {"client_secret": "guess"}, 1, "Error validating client secret."),
        ("short-1", {"client_id": "7"}, 101, "Error validating application."),
        ("short-1", {"client_id": ""}, 101, "Missing client_id parameter."),
        ("short-1", {"grant_type": "wish"}, 100, "Invalid grant_type: wish"),
        ("", {}, 100, "The parameter fb_exchange_token is required"),
        ("expired-1", {}, 190, "Session has expired"),
        (APP, {}, 100, "must be the token of a user"),
    ],
)
def test_exchanges_that_fail(
    meta: RunningSimulator, token: str, more: dict[str, str], code: int, text: str
) -> None:
    """A wrong app or secret, or an expired token, is refused with Meta's words."""
    error = exchange(meta, token, **more)["error"]
    assert error["code"] == code
    assert text in error["message"]


def test_the_apps_own_token(meta: RunningSimulator) -> None:
    """It is made from id and secret, and is nobody: it has no accounts and sees nothing."""
    form = {"grant_type": "client_credentials", "client_id": APP_ID, "client_secret": APP_SECRET}
    body = requests.get(f"{meta.url}/v26.0/oauth/access_token", form, timeout=10).json()
    assert body == {"access_token": APP, "token_type": "bearer"}
    ask: Ask = asker(meta, APP)
    assert ask("/v26.0/me/adaccounts").json()["error"]["code"] == 2500
    account = meta.source.clients()[0].ad_accounts[0]
    assert ask(f"/v26.0/{account}").json()["error"]["error_subcode"] == 33
    assert describe(meta, APP)["type"] == "APP"


def test_an_app_secret_of_ones_own() -> None:
    """With a secret set, the app's token needs it, and needs no proof of it."""
    with RunningSimulator(generated_agency(), NOW, app_secret="mine") as meta:
        proof = hmac.new(b"mine", b"t", "sha256").hexdigest()
        data = describe(meta, "t", f"{APP_ID}|mine")
        assert data["is_valid"]
        refused = asker(meta, APP)("/v26.0/debug_token", input_token="t").json()["error"]
        assert refused["code"] == 190
        assert asker(meta, "t")("/v26.0/me", appsecret_proof=proof).status_code == 200
