"""Accounts, campaigns, ad sets and ads as objects."""

import re
from datetime import UTC, datetime

import pytest
from simulator_asking import Ask, every_row

from meta_pipeline.simulator import RunningSimulator


@pytest.fixture
def account(meta: RunningSimulator) -> str:
    """The account in Berlin."""
    return meta.source.clients()[1].ad_accounts[0]


def test_only_ids_without_fields(ask: Ask, account: str) -> None:
    """Without `fields` an account gives its two ids, a campaign its one."""
    assert set(ask(f"/v26.0/{account}").json()) == {"id", "account_id"}
    campaigns = ask(f"/v26.0/{account}/campaigns").json()["data"]
    assert all(set(campaign) == {"id"} for campaign in campaigns)


def test_lists_hide_archived_objects(ask: Ask, account: str) -> None:
    """Archived campaigns appear only when `effective_status` asks for them."""
    path = f"/v26.0/{account}/campaigns"
    shown = {c["effective_status"] for c in every_row(ask, path, fields="effective_status")}
    asked = every_row(ask, path, effective_status='["ACTIVE","PAUSED","ARCHIVED"]')
    assert shown == {"ACTIVE", "PAUSED"}
    assert len(asked) == 4


def test_states_belong_to_their_time(meta: RunningSimulator, ask: Ask, account: str) -> None:
    """A campaign is unknown to lists before it starts and active before it ends."""
    meta.clock.move_to(datetime(2024, 10, 1, tzinfo=UTC))
    rows = every_row(ask, f"/v26.0/{account}/campaigns", fields="effective_status")
    assert [row["effective_status"] for row in rows] == ["ACTIVE"] * 3


def test_children_of_a_paused_campaign(ask: Ask, account: str) -> None:
    """Ads below a paused campaign are CAMPAIGN_PAUSED."""
    rows = every_row(ask, f"/v26.0/{account}/ads", fields="effective_status", limit=3)
    assert {row["effective_status"] for row in rows} == {"ACTIVE", "CAMPAIGN_PAUSED"}


def test_budgets_and_times(ask: Ask, account: str) -> None:
    """Budgets are minor units in strings, on the campaign or its ad sets; offsets have no colon."""
    fields = "daily_budget,created_time,adset_id,name"
    campaigns = every_row(ask, f"/v26.0/{account}/campaigns", fields="daily_budget,created_time")
    adsets = every_row(ask, f"/v26.0/{account}/adsets", fields="daily_budget,campaign_id")
    holding = {c["id"] for c in campaigns if "daily_budget" in c}
    assert holding
    assert all(("daily_budget" in s) == (s["campaign_id"] not in holding) for s in adsets)
    assert all(c["daily_budget"].isdigit() for c in campaigns if "daily_budget" in c)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0100", campaigns[0]["created_time"])
    error = ask(f"/v26.0/{account}/campaigns", fields=fields).json()["error"]
    assert error["message"].endswith("nonexisting field (adset_id) on node type (Campaign)")


def test_every_listed_object_can_be_read(ask: Ask, account: str) -> None:
    """What a list names is also a node, and has insights of its own."""
    for edge in ("campaigns", "adsets", "ads"):
        listed = ask(f"/v26.0/{account}/{edge}", fields="name", limit=2).json()["data"][1]
        assert ask(f"/v26.0/{listed['id']}", fields="name").json() == listed
        assert ask(f"/v26.0/{listed['id']}/insights", date_preset="last_30d").json()["data"]


def test_ad_creatives_are_nested(ask: Ask, account: str) -> None:
    """`creative{id}` gives the creative's id."""
    ad = ask(f"/v26.0/{account}/ads", fields="id,creative{id},adset_id").json()["data"][0]
    assert set(ad) == {"id", "creative", "adset_id"}
    assert set(ad["creative"]) == {"id"}
