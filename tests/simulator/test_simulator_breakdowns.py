"""Breakdowns that need an opt-in, hours, attribution windows, ranges, deleted objects."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from simulator_asking import NOW, Ask, asker, every_row

from meta_pipeline.simulator import RunningSimulator, generated_agency

FIELDS = "impressions,clicks,spend,reach,frequency,unique_clicks,actions,action_values"
RANGE = json.dumps({"since": "2026-11-01", "until": "2026-11-07"})
HOURS = "hourly_stats_aggregated_by_advertiser_time_zone"
OPT_IN = (
    "frequency_value",
    "hourly_stats_aggregated_by_audience_time_zone",
    "publisher_platform,impression_device",
)


@pytest.fixture
def path(meta: RunningSimulator) -> str:
    """The insights edge of the account that sells."""
    return f"/v26.0/{meta.source.clients()[1].ad_accounts[0]}/insights"


@pytest.fixture(scope="module")
def opted() -> Iterator[RunningSimulator]:
    """An agency that opted in, with deleted ads below living parents."""
    source = generated_agency(ads=3, deletions=True)
    with RunningSimulator(source, NOW, opted_in_breakdowns=True) as meta:
        yield meta


def total(rows: list[dict[str, Any]], field: str) -> Decimal:
    """The sum of a field."""
    return sum((Decimal(row[field]) for row in rows), Decimal(0))


def test_hours_of_the_advertiser(ask: Ask, path: str) -> None:
    """24 cells that sum to the day; no people, no actions off Meta."""
    asked = {"fields": FIELDS, "time_range": RANGE}
    whole = ask(path, **asked).json()["data"][0]
    rows = every_row(ask, path, breakdowns=HOURS, limit=30, **asked)
    assert [row[HOURS] for row in rows][:2] == ["00:00:00 - 00:59:59", "01:00:00 - 01:59:59"]
    assert len(rows) == 24
    for field in ("impressions", "clicks", "spend"):
        assert total(rows, field) == Decimal(whole[field])
    assert {(row["reach"], row["frequency"]) for row in rows} == {("0", "0")}
    assert not any("unique_clicks" in row or "action_values" in row for row in rows)
    types = {action["action_type"] for row in rows for action in row["actions"]}
    assert "link_click" in types
    assert "purchase" not in types


@pytest.mark.parametrize("breakdowns", OPT_IN)
def test_without_opt_in_nothing_comes(ask: Ask, path: str, breakdowns: str) -> None:
    """A breakdown that needs an opt-in is empty without an error."""
    assert ask(path, breakdowns=breakdowns, fields=FIELDS).json() == {"data": []}


@pytest.mark.parametrize("breakdowns", OPT_IN)
def test_with_opt_in_the_cells_sum_to_the_whole(opted: RunningSimulator, breakdowns: str) -> None:
    """With it each has its cells."""
    ask = asker(opted)
    path = f"/v26.0/{opted.source.clients()[0].ad_accounts[0]}/insights"
    asked = {"fields": "impressions,spend", "time_range": RANGE}
    whole = ask(path, **asked).json()["data"][0]
    rows = every_row(ask, path, breakdowns=breakdowns, **asked)
    assert len(rows) > 1
    assert all(name in row for row in rows for name in breakdowns.split(","))
    assert total(rows, "spend") == Decimal(whole["spend"])


def test_a_device_alone_is_no_breakdown(opted: RunningSimulator) -> None:
    """`impression_device` needs `publisher_platform` beside it."""
    path = f"/v26.0/{opted.source.clients()[0].ad_accounts[0]}/insights"
    error = asker(opted)(path, breakdowns="impression_device").json()["error"]
    assert "Current combination of data breakdown columns" in error["message"]


@pytest.mark.parametrize(("breakdowns", "months"), [(HOURS, 13), ("frequency_value", 6)])
def test_old_days_are_missing(opted: RunningSimulator, breakdowns: str, months: int) -> None:
    """Beyond 13 months of hours, and 6 of frequencies, rows are missing without an error."""
    ask = asker(opted)
    path = f"/v26.0/{opted.source.clients()[0].ad_accounts[0]}/insights"
    limit = date(2025, 10, 22) if months == 13 else date(2026, 5, 22)
    asked = {"breakdowns": breakdowns, "time_increment": 1, "limit": 500}
    days = {"since": str(limit - timedelta(days=5)), "until": str(limit + timedelta(days=5))}
    rows = every_row(ask, path, time_range=json.dumps(days), **asked)
    assert min(row["date_start"] for row in rows) == limit.isoformat()
    older = {"since": str(limit - timedelta(days=9)), "until": str(limit - timedelta(days=1))}
    assert ask(path, time_range=json.dumps(older), **asked).json() == {"data": []}


def test_money_has_windows_like_counts(ask: Ask, path: str) -> None:
    """What was bought after a view and after a click sum to the value of all purchases."""
    windows = "1d_click,7d_click,1d_view,28d_view"
    asked = {"fields": "actions,action_values", "time_range": RANGE}
    row = ask(path, action_attribution_windows=windows, **asked).json()["data"][0]
    for field in ("actions", "action_values"):
        item = next(one for one in row[field] if one["action_type"] == "omni_purchase")
        assert set(item) == {"action_type", "value", "1d_click", "7d_click", "1d_view"}
        assert Decimal(item["7d_click"]) + Decimal(item["1d_view"]) == Decimal(item["value"])
        assert 0 < Decimal(item["1d_click"]) <= Decimal(item["7d_click"])
    bare = ask(path, **asked).json()["data"][0]
    assert all(set(one) == {"action_type", "value"} for one in bare["action_values"])


def test_twenty_eight_days_that_end_with_each_day(ask: Ask, path: str) -> None:
    """`time_ranges` may overlap: one row each, with the people of its own 28 days."""
    ends = [date(2026, 11, 10) + timedelta(days=n) for n in range(5)]
    ranges = [{"since": str(end - timedelta(days=27)), "until": str(end)} for end in ends]
    asked = {"fields": "impressions,reach,spend"}
    rows = every_row(ask, path, time_ranges=json.dumps(ranges), limit=2, **asked)
    assert [(row["date_start"], row["date_stop"]) for row in rows] == [
        (one["since"], one["until"]) for one in ranges
    ]
    for row, one in zip(rows, ranges, strict=True):
        assert [row] == ask(path, time_range=json.dumps(one), **asked).json()["data"]
    default = ask(path, time_ranges=json.dumps(ranges)).json()["data"]
    assert [set(row) for row in default] == [
        {"account_id", "impressions", "spend", "date_start", "date_stop"}
    ] * 5


def test_attribution_settings(opted: RunningSimulator) -> None:
    """Ad sets have Meta's view-first spelling; a row over several is `multiple`."""
    source = generated_agency(adsets=3)
    account = source.account(source.clients()[1].ad_accounts[0])
    assert account is not None
    campaign = source.campaigns(account)[0]
    settings = [adset.attribution_setting for adset in source.adsets(campaign)]
    assert settings == ["1d_view_7d_click", "7d_click", "1d_view_7d_click_1d_ev"]
    path = f"/v26.0/{opted.source.clients()[1].ad_accounts[0]}/insights"
    asked = {"fields": "attribution_setting", "time_range": RANGE}
    rows = every_row(asker(opted), path, level="adset", **asked)
    assert {row["attribution_setting"] for row in rows} == {"1d_view_7d_click", "7d_click"}
    assert asker(opted)(path, **asked).json()["data"][0]["attribution_setting"] == "multiple"


def test_deleted_ads_stay_in_their_parents(opted: RunningSimulator) -> None:
    """Rows of a deleted ad come only when its status is asked for; its spend is never lost."""
    ask = asker(opted)
    account = opted.source.clients()[1].ad_accounts[0]
    path, asked = f"/v26.0/{account}/insights", {"fields": "ad_id,spend", "limit": 500}
    since = json.dumps({"since": "2026-10-01", "until": "2026-11-20"})
    whole = ask(path, fields="spend", time_range=since).json()["data"][0]
    shown = every_row(ask, path, level="ad", time_range=since, **asked)
    states = ["ACTIVE", "PAUSED", "ADSET_PAUSED", "CAMPAIGN_PAUSED", "ARCHIVED", "DELETED"]
    condition = [{"field": "ad.effective_status", "operator": "IN", "value": states}]
    every = every_row(
        ask, path, level="ad", time_range=since, filtering=json.dumps(condition), **asked
    )
    missing = {row["ad_id"] for row in every} - {row["ad_id"] for row in shown}
    assert missing
    assert total(shown, "spend") < total(every, "spend") == Decimal(whole["spend"])
    listed = every_row(ask, f"/v26.0/{account}/ads", effective_status='["DELETED"]', limit=500)
    assert missing <= {ad["id"] for ad in listed}
    one = missing.pop()
    assert ask(f"/v26.0/{one}", fields="effective_status").json()["effective_status"] == "DELETED"
    assert ask(f"/v26.0/{one}/insights", time_range=since).json()["data"]
