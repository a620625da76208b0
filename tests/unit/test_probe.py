"""What `check` asks of Meta for one client, in which order, and what it makes of the answers."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from unit_transport import APP_SECRET, HOST, TOKEN, ListAdapter, Reply, error_reply, session_of

from meta_pipeline.config import Client, Settings
from meta_pipeline.graph.accounts import account_remarks
from meta_pipeline.graph.probe import Finding, Prober

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SCOPES = ["ads_read", "read_insights", "pages_read_engagement", "pages_show_list"]
HEADERS = {
    "facebook-api-version": "v26.0",
    "x-app-usage": json.dumps({"call_count": 12, "total_time": 3, "total_cputime": 1}),
}
PAGE = "104882210"


def client_with(**more: Any) -> Client:
    """A client with one ad account and, unless told otherwise, one Page."""
    return Client(
        **{"id": "acme", "name": "Acme", "ad_accounts": ["act_1"], "pages": [PAGE]} | more
    )


class FakeMeta:
    """Answers like Meta where all is well; what a test sets differs."""

    def __init__(self) -> None:
        self.token: dict[str, Any] = {
            "app_id": "12",
            "type": "SYSTEM_USER",
            "is_valid": True,
            "expires_at": 0,
            "data_access_expires_at": 0,
            "scopes": SCOPES,
            "granular_scopes": [],
        }
        self.account: dict[str, Any] = {
            "id": "act_1",
            "name": "Acme US",
            "account_status": 1,
            "currency": "USD",
            "timezone_name": "America/New_York",
        }
        self.headers = HEADERS
        self.instead: dict[str, Reply] = {}
        self.metric: Callable[[str], Reply] = lambda _: Reply(
            {"data": [{"name": "m", "values": [{"value": 1, "end_time": "2026-11-20"}]}]}
        )

    def __call__(self, request: requests.PreparedRequest) -> Reply:
        """What a request is answered with."""
        path = urlsplit(str(request.url)).path.removeprefix("/v26.0/")
        if path in self.instead:
            return self.instead[path]
        if path == "debug_token":
            return Reply({"data": self.token})
        if path == "":
            return self._batch(parse_qs(str(request.body))["batch"][0])
        if path.endswith("/insights"):
            return Reply({"data": [{"spend": "1.00"}]}, headers=self.headers)
        if path == "act_1":
            return Reply(self.account, headers=self.headers)
        return Reply({"id": path, "username": "acme", "access_token": "EAApageTokenOfTheTests"})

    def _batch(self, text: str) -> Reply:
        replies = []
        for item in json.loads(text):
            (metric,) = parse_qs(urlsplit(item["relative_url"]).query)["metric"]
            reply = self.metric(metric)
            replies.append({"code": reply.status, "headers": [], "body": reply.content.decode()})
        return Reply(json.dumps(replies), headers=self.headers)


@pytest.fixture
def meta() -> FakeMeta:
    """Meta, with nothing amiss."""
    return FakeMeta()


def probed(meta: FakeMeta, client: Client, **settings: str) -> tuple[list[Finding], ListAdapter]:
    """What is found for a client, and the requests that it took."""
    adapter = ListAdapter(meta)
    prober = Prober(
        Settings.model_validate({"META_GRAPH_URL": HOST} | settings),
        session=session_of(adapter),
        now=lambda: NOW,
        sleep=lambda _: None,
    )
    return prober.probe(client), adapter


def problems(found: list[Finding]) -> list[tuple[str, str]]:
    """The step and the level of what is not fine."""
    return [(one.step, one.level) for one in found if one.level != "ok"]


def test_a_good_connection_is_fine_at_each_step(meta: FakeMeta):
    """Every step is taken, in its order, and has something good to say."""
    found, adapter = probed(meta, client_with(instagram_accounts=["17841400000000000"]))
    assert problems(found) == [("scopes", "error")]
    meta.token["scopes"] = [*SCOPES, "instagram_basic", "instagram_manage_insights"]
    found, adapter = probed(meta, client_with(instagram_accounts=["17841400000000000"]))
    assert problems(found) == []
    steps = ["config", "token", "scopes", "ad account", "ads insights", "Page", "Instagram"]
    assert list(dict.fromkeys(one.step for one in found)) == [*steps, "version", "quota"]
    assert "9 metrics answer" in " ".join(one.message for one in found)
    assert "88 % left of the fullest quota, app" in found[-1].message
    assert len(adapter.requests) < 15


def test_no_token_is_in_a_url_or_a_finding(meta: FakeMeta):
    """The token asked about, the Page's and the app's secret show up nowhere."""
    secrets = {"META_APP_ID": "12", "META_APP_SECRET": APP_SECRET}
    meta.instead["act_1"] = error_reply(190, message=f"bad {TOKEN} {APP_SECRET}")
    found, adapter = probed(meta, client_with(), **secrets)
    said = repr(found) + "".join(str(request.url) for request in adapter.requests)
    for secret in (TOKEN, APP_SECRET, "EAApageTokenOfTheTests"):
        assert secret not in said


def test_no_token_is_a_matter_of_configuration(meta: FakeMeta):
    """Nothing is asked; the variable is named."""
    found, adapter = probed(meta, client_with(token_env="META_TOKEN_ACME"))
    assert [(one.step, one.kind) for one in found] == [("config", "config")]
    assert "META_TOKEN_ACME" in found[0].message
    assert adapter.requests == []


def test_the_first_error_is_the_last_question(meta: FakeMeta):
    """A refused account ends the client: neither insights nor the Page are asked."""
    meta.instead["act_1"] = error_reply(
        200, message="(#200) Ad account owner has NOT grant", status=403
    )
    found, adapter = probed(meta, client_with())
    assert problems(found) == [("ad account", "error")]
    assert found[-1].kind == "permission"
    assert "View performance" in str(found[-1].fix)
    assert adapter.paths[-1].endswith("/act_1")


@pytest.mark.parametrize(
    ("scopes", "level", "part"),
    [
        (["read_insights", "pages_read_engagement"], "error", "ads_read or ads_management"),
        (["ads_read", "pages_read_engagement"], "error", "read_insights"),
        ([*SCOPES, "ads_management"], "warn", "more than read: ads_management"),
        ([*SCOPES, "pages_manage_posts"], "warn", "pages_manage_posts"),
    ],
)
def test_scopes_are_weighed(meta: FakeMeta, scopes: list[str], level: str, part: str):
    """Too few end the client, too many are a warning; both name the scopes."""
    meta.token["scopes"] = scopes
    found, _ = probed(meta, client_with())
    (one,) = [one for one in found if one.level != "ok"]
    assert (one.step, one.level) == ("scopes", level)
    assert part in one.message
    assert "Generate token" in str(one.fix)


def test_a_step_tells_all_that_it_found(meta: FakeMeta):
    """A token that lacks several scopes is made anew once; what is not asked for is not told."""
    meta.token["scopes"] = ["pages_show_list"]
    found, adapter = probed(meta, client_with())
    assert problems(found) == [("scopes", "error")] * 2
    found, adapter = probed(FakeMeta(), client_with(currency="EUR", timezone="Europe/Berlin"))
    assert problems(found) == [("ad account", "error")] * 2
    assert adapter.paths[-1].endswith("/act_1")


def test_an_api_version_that_never_was_is_named(meta: FakeMeta):
    """Meta takes it for a part of the path; the token is not what is to be mended."""
    meta.instead["debug_token"] = error_reply(2500, message="Unknown path components: /v99.0")
    (*_, one), _ = probed(meta, client_with())
    assert (one.step, one.kind) == ("token", "version")
    assert "api_version" in str(one.fix)


def test_optional_scopes_are_no_problem(meta: FakeMeta):
    """A client without a Page needs no Page scope, and business_management does no harm."""
    meta.token["scopes"] = ["ads_read", "business_management"]
    assert problems(probed(meta, client_with(pages=[]))[0]) == []


def test_a_scope_for_other_assets_is_a_warning(meta: FakeMeta):
    """The scope is there, but was granted for another account; the next steps go on."""
    meta.token["granular_scopes"] = [{"scope": "ads_read", "target_ids": ["99"]}]
    found, _ = probed(meta, client_with())
    assert problems(found) == [("scopes", "warn")]
    assert found[-1].step == "quota"


@pytest.mark.parametrize("wrong", [{"currency": "EUR"}, {"timezone": "Europe/Berlin"}])
def test_another_currency_or_time_zone_than_expected_is_an_error(meta: FakeMeta, wrong: Any):
    """Figures in another currency, or of other days, would look right."""
    found, _ = probed(meta, client_with(**wrong))
    assert problems(found) == [("ad account", "error")]
    assert "clients.yml says" in found[-1].message


def test_one_time_zone_under_two_names_is_the_same(meta: FakeMeta):
    """Meta uses old names of zones too."""
    meta.account["timezone_name"] = "Asia/Calcutta"
    assert problems(probed(meta, client_with(timezone="Asia/Kolkata"))[0]) == []


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        (2, 3, "DISABLED (RISK_PAYMENT)"),
        (101, 0, "CLOSED"),
        (9, 0, "IN_GRACE_PERIOD"),
        (77, 0, "77"),
    ],
)
def test_an_account_that_is_not_active_is_named(status: int, reason: int, said: str):
    """By its status and Meta's reason, as a warning: its past can still be read."""
    account = {"id": "act_1", "account_status": status, "disable_reason": reason}
    found = account_remarks(account, client_with(), NOW)
    (one,) = [one for one in found if one.level != "ok"]
    assert one.level == "warn"
    assert said in one.message


def test_a_dead_metric_is_a_warning_and_spoils_no_other(meta: FakeMeta):
    """Each metric is asked by itself; the dead one is named."""
    alive = meta.metric
    dead = error_reply(100, message="(#100) The value must be a valid insights metric")
    meta.metric = lambda name: dead if name == "page_follows" else alive(name)
    found, _ = probed(meta, client_with())
    assert problems(found) == [("Page", "warn")]
    said = [one.message for one in found if one.step == "Page"]
    assert said == [f"{PAGE}: page_follows is dead", f"{PAGE}: 8 metrics answer"]


def test_a_page_that_answers_nothing_is_suspect(meta: FakeMeta):
    """No error says that the role is missing: only the silence of all metrics does."""
    meta.metric = lambda _: Reply({"data": []})
    found, _ = probed(meta, client_with())
    assert problems(found) == [("Page", "warn")]


def test_a_page_without_a_token_is_an_error(meta: FakeMeta):
    """The Page's menu is named, not the ad account's."""
    meta.instead[PAGE] = Reply({"id": PAGE})
    found, _ = probed(meta, client_with())
    assert problems(found) == [("Page", "error")]
    assert "Pages > (Page) > Insights" in str(found[-1].fix)


def test_another_version_than_the_one_asked_for_is_said(meta: FakeMeta):
    """The header that names the version is compared with the one pinned."""
    warning = "The call has been auto-upgraded to v26.0 as v25.0 will be deprecated"
    meta.headers = HEADERS | {"facebook-api-version": "v25.0", "x-ad-api-version-warning": warning}
    found, _ = probed(meta, client_with())
    assert {step for step, _ in problems(found)} == {"version"}
    said = " ".join(one.message for one in found if one.step == "version")
    assert "asked for v26.0, answered by v25.0" in said
    assert "auto-upgraded" in said


def test_little_quota_is_a_warning(meta: FakeMeta):
    """From 75 % pulls slow down, which is worth knowing before one starts."""
    usage = {"1": [{"type": "ads_insights", "call_count": 80, "total_cputime": 1, "total_time": 1}]}
    meta.headers = HEADERS | {"x-business-use-case-usage": json.dumps(usage)}
    found, _ = probed(meta, client_with(pages=[]))
    (one,) = [one for one in found if one.level == "warn"]
    assert (one.step, one.message) == ("quota", "ads_insights of 1: 80 % used")


def test_an_app_that_is_refused_is_not_the_token(meta: FakeMeta):
    """With a wrong app secret the token still speaks for itself."""
    good = meta.__call__

    def answering(request: requests.PreparedRequest) -> Reply:
        is_app = "|" in request.headers["Authorization"]
        return error_reply(190, message="Invalid app") if is_app else good(request)

    adapter = ListAdapter(answering)
    settings = {"META_GRAPH_URL": HOST, "META_APP_ID": "12", "META_APP_SECRET": APP_SECRET}
    prober = Prober(Settings.model_validate(settings), session=session_of(adapter), now=lambda: NOW)
    found = prober.probe(client_with())
    assert problems(found) == [("token", "warn")]
    assert "META_APP_SECRET" in str(found[1].fix)


def test_meta_being_down_says_nothing_of_the_app(meta: FakeMeta):
    """Nobody is told to copy the app's secret again."""
    meta.instead["debug_token"] = error_reply(2, status=503)
    found, _ = probed(meta, client_with(), META_APP_ID="12", META_APP_SECRET=APP_SECRET)
    assert problems(found) == [("token", "error")]
    assert "META_APP_SECRET" not in str(found[-1].fix)


def test_clients_do_not_depend_on_each_other(meta: FakeMeta):
    """One without a token fails, the others are probed; the order is that of the file."""
    adapter = ListAdapter(meta)
    prober = Prober(
        Settings.model_validate({"META_GRAPH_URL": HOST}),
        session=session_of(adapter),
        now=lambda: NOW,
    )
    heard: list[str] = []
    clients = [client_with(id="b", token_env="META_TOKEN_B"), client_with(id="a")]
    found = prober.probe_all(clients, lambda client: heard.append(client.id))
    assert list(found) == ["b", "a"]
    assert problems(found["b"]) == [("config", "error")]
    assert problems(found["a"]) == []
    assert sorted(heard) == ["a", "b"]


def test_a_token_that_meta_tells_nothing_about_is_tried_all_the_same(meta: FakeMeta):
    """Without scopes and last day the rest of the chain still shows what it may do."""
    meta.instead["debug_token"] = error_reply(100, 33, "Unsupported post request.")
    found, _ = probed(meta, client_with())
    assert ("token", "warn") in problems(found)
    assert not any(one.level == "error" for one in found)
    assert any(one.step == "ads insights" and one.level == "ok" for one in found)
