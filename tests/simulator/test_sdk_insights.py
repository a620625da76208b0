"""Meta's SDK reads ads insights from the simulator as it would from Meta."""

# The SDK's annotations do not say what its calls give back.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportGeneralTypeIssues=false, reportIndexIssue=false, reportOptionalSubscript=false

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from facebook_business.adobjects.adaccount import AdAccount
from facebook_business.adobjects.adreportrun import AdReportRun
from facebook_business.adobjects.adsinsights import AdsInsights
from facebook_business.adobjects.campaign import Campaign
from facebook_business.api import FacebookAdsApi
from sdk import sdk_api
from simulator_asking import Ask, every_row

from meta_pipeline.simulator import RunningSimulator

FIELDS = ["ad_id", "impressions", "spend", "reach", "actions", "action_values"]
RANGE = {"since": "2026-11-01", "until": "2026-11-10"}
DAILY = {"level": "ad", "time_increment": 1, "time_range": RANGE}


@pytest.fixture
def api(meta: RunningSimulator) -> Iterator[FacebookAdsApi]:
    """The SDK's client."""
    with sdk_api(meta) as found:
        yield found


@pytest.fixture
def account(meta: RunningSimulator, api: FacebookAdsApi) -> AdAccount:
    """The account that sells."""
    return AdAccount(meta.source.clients()[1].ad_accounts[0], api=api)


def exported(rows: Any) -> list[dict[str, Any]]:
    """The SDK's objects as plain values."""
    return [row.export_all_data() for row in rows]


def test_pages_of_rows(meta: RunningSimulator, ask: Ask, account: AdAccount) -> None:
    """The SDK's cursor walks all pages and finds the rows that a plain client finds."""
    rows = exported(account.get_insights(FIELDS, {**DAILY, "limit": 50}))
    assert len([one for one in meta.requests if one.kind == "insights"]) > 1
    params = DAILY | {"time_range": json.dumps(RANGE), "fields": ",".join(FIELDS), "limit": 500}
    plain = every_row(ask, f"/v26.0/{account['id']}/insights", **params)
    assert rows == plain


def test_asynchronous_reports(account: AdAccount) -> None:
    """A report is started, polled until it is done, and read page by page: the same rows."""
    job = account.get_insights_async(FIELDS, dict(DAILY))
    assert isinstance(job, AdReportRun)
    states = []
    for _ in range(5):
        job = job.api_get()
        states.append(job[AdReportRun.Field.async_status])
        if job[AdReportRun.Field.async_percent_completion] == 100:
            break
    assert states == ["Job Running", "Job Completed"]
    read = exported(job.get_insights(params={"limit": 30}))
    assert read == exported(account.get_insights(FIELDS, {**DAILY, "limit": 500}))


def test_the_old_way_to_poll(account: AdAccount) -> None:
    """`remote_read` polls too."""
    job = account.get_insights(FIELDS, dict(DAILY), is_async=True)
    for _ in range(3):
        job.remote_read()
    assert job["async_status"] == "Job Completed"
    assert len(exported(job.get_insights())) > 25


def test_windows_and_ranges(account: AdAccount) -> None:
    """Lists and objects among the parameters arrive as the SDK writes them."""
    windows = [AdsInsights.ActionAttributionWindows.value_1d_click, "7d_click"]
    params = {"time_range": RANGE, "action_attribution_windows": windows}
    row = account.get_insights(["actions"], params)[0]
    sold = next(a for a in row["actions"] if a["action_type"] == "omni_purchase")
    assert {"value", "1d_click", "7d_click"} <= set(sold)
    ranges = [RANGE, {"since": "2026-11-05", "until": "2026-11-12"}]
    rows = account.get_insights(["reach"], {"time_ranges": ranges})
    assert [row["date_start"] for row in rows] == ["2026-11-01", "2026-11-05"]


def test_breakdowns_and_filters(account: AdAccount) -> None:
    """Cells sum to the whole; a filter by campaign is the campaign's own insights."""
    whole = Decimal(account.get_insights(["spend"], {"time_range": RANGE})[0]["spend"])
    cells = account.get_insights(["spend"], {"time_range": RANGE, "breakdowns": ["age", "gender"]})
    assert sum(Decimal(row["spend"]) for row in cells) == whole
    campaign = account.get_campaigns(["name"])[0]
    condition = {"field": "campaign.id", "operator": "IN", "value": [campaign["id"]]}
    filtered = account.get_insights(
        ["spend"], {"time_range": RANGE, "level": "campaign", "filtering": [condition]}
    )
    own = Campaign(campaign["id"]).get_insights(["spend"], {"time_range": RANGE})
    assert exported(filtered) == exported(own)


def test_a_summary(account: AdAccount) -> None:
    """The SDK asks for a summary and finds it."""
    params = {"time_range": RANGE, "level": "ad", "default_summary": True}
    cursor = account.get_insights(["spend"], params)
    found = json.loads(cursor.summary().removeprefix("<Summary> "))
    whole = account.get_insights(["spend"], {"time_range": RANGE})[0]
    assert found["spend"] == whole["spend"]


def test_every_preset_and_window_of_the_sdk_is_accepted(account: AdAccount) -> None:
    """What the SDK names is no error at the simulator."""
    for preset in AdsInsights.DatePreset.__dict__.values():
        if isinstance(preset, str) and preset in ("today", "maximum", "last_week_mon_sun"):
            account.get_insights(["spend"], {"date_preset": preset})
    windows = sorted(
        value
        for name, value in vars(AdsInsights.ActionAttributionWindows).items()
        if not name.startswith("__")
    )
    assert account.get_insights(["actions"], {"action_attribution_windows": windows})[0]["actions"]
