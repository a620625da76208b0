"""What a row of insights holds, and what it leaves out."""

import json
from decimal import Decimal
from typing import Any

import pytest
from simulator_asking import Ask, every_row

from meta_pipeline.simulator import RunningSimulator

FIELDS = (
    "account_id,account_currency,campaign_id,campaign_name,adset_id,ad_id,ad_name,objective,"
    "optimization_goal,attribution_setting,impressions,clicks,spend,reach,frequency,ctr,cpc,cpm,"
    "inline_link_clicks,inline_link_click_ctr,actions,action_values,cost_per_action_type,results,"
    "purchase_roas,video_play_actions"
)
RANGE = json.dumps({"since": "2026-11-01", "until": "2026-11-20"})


@pytest.fixture
def path(meta: RunningSimulator) -> str:
    """The insights edge of the account that sells."""
    return f"/v26.0/{meta.source.clients()[1].ad_accounts[0]}/insights"


@pytest.fixture
def rows(ask: Ask, path: str) -> list[dict[str, Any]]:
    """Twenty days of ads."""
    return every_row(
        ask, path, fields=FIELDS, level="ad", time_increment=1, time_range=RANGE, limit=100
    )


def test_all_figures_are_strings(rows: list[dict[str, Any]]) -> None:
    """Counts, money and ratios come as strings, money without padding."""
    for row in rows:
        assert all(isinstance(v, str) for v in row.values() if not isinstance(v, list))
        assert row["spend"] == "0" or not row["spend"].endswith((".", ".0", ".00"))
        assert row["spend"] == str(Decimal(row["spend"]))


def test_ratios_are_what_they_say(rows: list[dict[str, Any]]) -> None:
    """ctr is percent, cpc per click, cpm per thousand impressions, in major units."""
    row = next(row for row in rows if int(row["clicks"]) > 10)
    impressions, clicks = int(row["impressions"]), int(row["clicks"])
    spend = Decimal(row["spend"])
    assert float(row["ctr"]) == pytest.approx(100 * clicks / impressions, abs=1e-6)
    assert float(row["cpc"]) == pytest.approx(float(spend) / clicks, abs=1e-6)
    assert float(row["cpm"]) == pytest.approx(1000 * float(spend) / impressions, abs=1e-6)
    assert float(row["frequency"]) == pytest.approx(impressions / int(row["reach"]), abs=1e-6)


def test_a_row_with_conversions_alone(rows: list[dict[str, Any]]) -> None:
    """Late conversions make a row whose delivery is "0" and whose ratios are missing."""
    late = [row for row in rows if row["impressions"] == "0"]
    assert late
    for row in late:
        assert (row["clicks"], row["spend"]) == ("0", "0")
        assert "actions" in row
        assert not {"cpc", "cpm", "ctr", "frequency", "cost_per_action_type"} & set(row)


def test_no_delivery_and_no_action_is_no_row(rows: list[dict[str, Any]]) -> None:
    """Rows exist only where something happened, and never for a day to come."""
    assert all(row["impressions"] != "0" or row.get("actions") for row in rows)
    assert max(row["date_start"] for row in rows) <= "2026-11-20"


def test_the_future_has_no_rows(ask: Ask, path: str) -> None:
    """A range that lies ahead is answered with an empty list and no paging."""
    ahead = json.dumps({"since": "2026-11-25", "until": "2026-11-30"})
    assert ask(path, time_range=ahead).json() == {"data": []}


def test_a_known_field_without_a_value_is_left_out(rows: list[dict[str, Any]]) -> None:
    """What Meta knows and the simulator has no figure for is no error and no key."""
    assert not any("video_play_actions" in row for row in rows)


def test_purchases_repeat_under_several_names(rows: list[dict[str, Any]]) -> None:
    """One purchase is listed under each of its synonyms with the same count and money."""
    row = next(
        row for row in rows if any(a["action_type"] == "purchase" for a in row.get("actions", ()))
    )
    counts = {a["action_type"]: a["value"] for a in row["actions"]}
    values = {a["action_type"]: a["value"] for a in row["action_values"]}
    assert counts["purchase"] == counts["omni_purchase"]
    assert counts["purchase"] == counts["offsite_conversion.fb_pixel_purchase"]
    assert values["purchase"] == values["omni_purchase"]


def test_engagement_nests(rows: list[dict[str, Any]]) -> None:
    """page_engagement contains post_engagement, which contains link_click."""
    for row in rows:
        counts = {a["action_type"]: int(a["value"]) for a in row.get("actions", ())}
        if "link_click" in counts:
            assert counts["page_engagement"] >= counts["post_engagement"] >= counts["link_click"]


def test_windows_appear_when_asked(ask: Ask, path: str) -> None:
    """Window keys come only on request; the retired 7d_view is accepted and missing."""
    windows = '["1d_click","7d_click","1d_view","7d_view"]'
    asked = {"fields": "actions", "time_range": RANGE, "action_attribution_windows": windows}
    row = ask(path, **asked).json()["data"][0]
    purchase = next(a for a in row["actions"] if a["action_type"] == "omni_purchase")
    parts = {name: int(value) for name, value in purchase.items() if name != "action_type"}
    assert "7d_view" not in parts
    assert parts["1d_click"] <= parts["7d_click"] <= parts["value"]
    assert parts["7d_click"] + parts["1d_view"] == parts["value"]


def test_a_row_names_its_level_and_no_deeper(ask: Ask, path: str) -> None:
    """A campaign row has no ad id, an account row no campaign; mixed settings are `multiple`."""
    asked = {"fields": FIELDS, "time_range": RANGE}
    campaign = ask(path, level="campaign", **asked).json()["data"][0]
    account = ask(path, level="account", **asked).json()["data"][0]
    assert "campaign_id" in campaign
    assert "ad_id" not in campaign
    assert "campaign_id" not in account
    assert account["attribution_setting"] == "multiple"


def test_default_fields(ask: Ask, path: str) -> None:
    """Without `fields` a row has the ids of its level, impressions, spend and the dates."""
    row = ask(path, level="campaign", time_range=RANGE).json()["data"][0]
    assert set(row) == {
        *("account_id", "campaign_id", "impressions", "spend", "date_start", "date_stop")
    }


def test_yen_have_no_cents(meta: RunningSimulator, ask: Ask) -> None:
    """Money of a zero-decimal currency is a whole number."""
    account = meta.source.clients()[2].ad_accounts[0]
    row = ask(f"/v26.0/{account}/insights", fields="spend,account_currency").json()["data"][0]
    assert row["account_currency"] == "JPY"
    assert row["spend"].isdigit()


def test_a_zero_result_has_no_values(ask: Ask, path: str) -> None:
    """`results` of an ad without results is the indicator alone."""
    found = every_row(
        ask, path, fields="results", level="ad", time_increment=1, time_range=RANGE, limit=200
    )
    shapes = {tuple(sorted(row["results"][0])) for row in found}
    assert shapes == {("indicator",), ("indicator", "values")}


def test_the_summary_is_the_whole(ask: Ask, path: str) -> None:
    """`default_summary` adds the figures of all pages, with people counted once."""
    asked = {"fields": "impressions,reach,spend", "time_range": RANGE}
    whole = ask(path, **asked).json()["data"][0]
    paged = ask(path, level="ad", default_summary="true", limit=2, **asked).json()
    assert len(paged["data"]) == 2
    assert paged["summary"]["spend"] == whole["spend"]
    assert paged["summary"]["reach"] == whole["reach"]


def test_old_unique_figures_vanish_from_breakdowns(ask: Ask, path: str) -> None:
    """Beyond 13 months reach with a breakdown is silently left out."""
    old = json.dumps({"since": "2025-09-01", "until": "2025-09-03"})
    asked = {"fields": "reach,impressions", "time_range": old}
    assert "reach" in ask(path, **asked).json()["data"][0]
    assert "reach" not in ask(path, breakdowns="gender", **asked).json()["data"][0]
