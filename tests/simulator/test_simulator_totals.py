"""Every way of asking for the same figures gives the same totals."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from simulator_asking import NOW, Ask, every_row

from meta_pipeline.simulator import RunningSimulator, account_truth, generated_agency

FIELDS = "impressions,clicks,spend,inline_link_clicks,actions,action_values"
RANGE = json.dumps({"since": "2026-10-20", "until": "2026-11-22"})
MOMENTS = (
    datetime(2026, 11, 22, 7, 20, tzinfo=UTC),
    datetime(2026, 11, 24, 1, tzinfo=UTC),
    datetime(2026, 12, 30, 12, tzinfo=UTC),
)


def totals(rows: list[dict[str, Any]]) -> dict[str, Decimal]:
    """Sums of all additive figures of some rows."""
    found: Counter[str] = Counter()
    for row in rows:
        for field in ("impressions", "clicks", "spend", "inline_link_clicks"):
            found[field] += Decimal(row.get(field, "0"))  # type: ignore[assignment]
        for field in ("actions", "action_values"):
            for item in row.get(field, ()):
                found[f"{field}:{item['action_type']}"] += Decimal(item["value"])  # type: ignore
    return {name: Decimal(value) for name, value in found.items() if value}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("client", [0, 1, 2])
def test_levels_and_breakdowns_have_the_same_totals(
    meta: RunningSimulator, ask: Ask, moment: datetime, client: int
) -> None:
    """Levels, increments and breakdowns sum to the account's row, to the cent, at any moment."""
    meta.clock.move_to(moment)
    path = f"/v26.0/{meta.source.clients()[client].ad_accounts[0]}/insights"

    def asked(**params: Any) -> dict[str, Decimal]:
        return totals(every_row(ask, path, fields=FIELDS, time_range=RANGE, limit=500, **params))

    whole = asked()
    assert whole["impressions"] > 0
    for level in ("campaign", "adset", "ad"):
        assert asked(level=level, time_increment=1) == whole
    assert asked(time_increment="monthly") == whole
    for breakdown in ("publisher_platform", "age,gender", "age", "gender", "country"):
        assert asked(level="ad", time_increment=7, breakdowns=breakdown) == whole


def test_a_campaign_has_its_part_of_the_account(meta: RunningSimulator, ask: Ask) -> None:
    """Asking a campaign, or filtering the account by its id, gives the same rows."""
    account = meta.source.clients()[0].ad_accounts[0]
    campaign = every_row(ask, f"/v26.0/{account}/campaigns")[0]["id"]
    condition = [{"field": "campaign.id", "operator": "IN", "value": [campaign]}]
    asked = {"fields": FIELDS, "time_range": RANGE, "level": "ad", "time_increment": 1}
    direct = every_row(ask, f"/v26.0/{campaign}/insights", **asked)
    filtered = every_row(
        ask, f"/v26.0/{account}/insights", filtering=json.dumps(condition), **asked
    )
    assert direct == filtered
    assert direct


def test_the_truth_is_what_is_served_in_the_end(meta: RunningSimulator, ask: Ask) -> None:
    """Once a day is final, the served figures are those of the truth route."""
    meta.clock.move_to(NOW + timedelta(days=40))
    client = meta.source.clients()[1]
    row = ask(f"/v26.0/{client.ad_accounts[0]}/insights", fields=FIELDS, time_range=RANGE).json()[
        "data"
    ][0]
    truth = ask(
        "/_simulator/truth", account=client.ad_accounts[0], since="2026-10-20", until="2026-11-22"
    ).json()["data"][0]
    results = {item["action_type"]: item["value"] for item in row["actions"]}
    values = {item["action_type"]: item["value"] for item in row["action_values"]}
    assert Decimal(row["spend"]) == Decimal(truth["spend"])
    assert row["impressions"] == str(truth["impressions"])
    assert results[client.result] == str(truth["results"])
    assert Decimal(values[client.result]) == Decimal(truth["result_value"])


def test_figures_follow_from_the_seed() -> None:
    """The same seed gives the same figures in any order; another seed gives others."""
    since, until = date(2026, 9, 1), date(2026, 9, 30)
    first, again, other = generated_agency(7), generated_agency(7), generated_agency(8)
    account = first.clients()[2].ad_accounts[0]

    def truth(source: Any, start: date = since) -> list[dict[str, Any]]:
        return account_truth(source, source.account(account), start, until, level="ad", by="day")

    again_late = truth(again, date(2026, 9, 20))
    assert [row for row in truth(first) if row["date_start"] >= "2026-09-20"] == again_late
    assert truth(again) == truth(first)
    assert truth(other) != truth(first)


def test_reach_is_bounded_and_not_additive(meta: RunningSimulator, ask: Ask) -> None:
    """1 <= reach <= impressions everywhere, and a sum's reach is at most the sum of reaches."""
    path = f"/v26.0/{meta.source.clients()[0].ad_accounts[0]}/insights"
    asked = {"fields": "reach,impressions", "time_range": RANGE, "limit": 500}
    rows = every_row(ask, path, level="ad", time_increment=1, **asked)
    whole = every_row(ask, path, **asked)[0]
    delivered = [row for row in rows if row["impressions"] != "0"]
    assert all(1 <= int(row["reach"]) <= int(row["impressions"]) for row in delivered)
    assert int(whole["reach"]) < sum(int(row["reach"]) for row in delivered)


def test_a_thousand_clients_cost_nothing_until_asked() -> None:
    """One client of a thousand is found by its ids without making the others' ads."""
    source = generated_agency(clients=1000)
    client = source.clients()[777]
    account = source.account(client.ad_accounts[0])
    assert account is not None
    assert source.account("act_19999990000000") is None
    day = date(2026, 11, 1)
    assert account_truth(source, account, day, day)[0]["impressions"] > 0
