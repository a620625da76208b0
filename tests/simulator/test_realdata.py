"""Answers recorded at Meta and answers of the simulator have the same shapes.

The recordings lie outside the project; without them the simulator's side alone is checked.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import response_models as shape
from simulator_asking import Ask, asker, every_row

from meta_pipeline.simulator import RunningSimulator, vocabulary

REAL = Path(__file__).parents[3] / "shared/realdata"
OBJECTS = {
    "ad_sets": (shape.AdSet, vocabulary.AD_SET_FIELDS, "adsets"),
    "campaigns": (shape.Campaign, vocabulary.CAMPAIGN_FIELDS, "campaigns"),
    "ads": (shape.Ad, vocabulary.AD_FIELDS, "ads"),
    "ad_creatives": (shape.Creative, vocabulary.CREATIVE_FIELDS, "adcreatives"),
}
INSIGHT_WORDS = {*vocabulary.INSIGHT_FIELDS, *vocabulary.BREAKDOWNS}
FIELDS = ",".join(set(shape.InsightsRow.__struct_fields__) & set(vocabulary.INSIGHT_FIELDS))


def recorded(name: str) -> Any:
    """A recorded answer; the test is skipped where the recordings are not at hand."""
    path = REAL / name
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return json.loads(path.read_text(encoding="utf-8"))


def written(value: Any) -> Any:
    """Numbers as the strings that Meta sent, which the connector that recorded them had cast."""
    if isinstance(value, dict):
        return {name: written(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [written(inner) for inner in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    text = f"{value:.6f}" if isinstance(value, float) else str(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def airbyte(*, insights: bool) -> list[tuple[str, dict[str, Any]]]:
    """The recorded Marketing API records by their stream, with numbers as strings."""
    path = REAL / "airbyte/facebook_marketing_expected_records.jsonl"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    records = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [
        (record["stream"], written(record["data"]))
        for record in records
        if ("insight" in record["stream"]) is insights
    ]


def check_row(row: dict[str, Any]) -> None:
    """A row of insights: its shape, its words, and that its ratios are those of its figures."""
    found = msgspec.convert(row, shape.InsightsRow)
    assert set(row) <= INSIGHT_WORDS
    assert found.actions is None or found.actions
    assert found.cpc is None or found.clicks != "0"
    ratios = [
        (found.ctr, 100, found.clicks, found.impressions),
        (found.cpc, 1, found.spend, found.clicks),
        (found.cpm, 1000, found.spend, found.impressions),
        (found.frequency, 1, found.impressions, found.reach),
    ]
    for ratio, times, above, below in ratios:
        if ratio and above and below and below != "0":
            expected = times * Decimal(above) / Decimal(below)
            assert abs(Decimal(ratio) - expected) < Decimal("0.00001")


def test_recorded_rows_of_insights() -> None:
    """Every recorded row fits, whatever it was split by."""
    rows = airbyte(insights=True)
    assert len(rows) > 20
    for _, row in rows:
        check_row(row)


@pytest.mark.parametrize("breakdowns", ["", "age,gender", "country", "publisher_platform"])
def test_simulated_rows_of_insights(meta: RunningSimulator, ask: Ask, breakdowns: str) -> None:
    """Every simulated row fits the same model, with and without windows."""
    for client in meta.source.clients():
        path = f"/v26.0/{client.ad_accounts[0]}/insights"
        asked = {"level": "ad", "time_increment": 1, "date_preset": "last_7d", "limit": 500}
        windows = "1d_click,7d_click,28d_click,1d_view"
        rows = every_row(
            ask,
            path,
            fields=FIELDS,
            breakdowns=breakdowns,
            action_attribution_windows=windows,
            **asked,
        )
        assert rows
        for row in rows:
            check_row(row)


def test_recorded_objects() -> None:
    """The recorded campaigns, ad sets, ads and creatives fit."""
    seen = set()
    for stream, record in airbyte(insights=False):
        if stream in OBJECTS:
            msgspec.convert(record, OBJECTS[stream][0])
            seen.add(stream)
    assert seen == set(OBJECTS)


@pytest.mark.parametrize("stream", OBJECTS)
def test_simulated_objects(meta: RunningSimulator, ask: Ask, stream: str) -> None:
    """All of the simulator's, deleted ones too, fit the same models."""
    model, known, edge = OBJECTS[stream]
    fields = ",".join(model.__struct_fields__)
    assert set(fields.split(",")) <= set(known)
    states = json.dumps(["ACTIVE", "PAUSED", "CAMPAIGN_PAUSED", "ARCHIVED", "DELETED"])
    for client in meta.source.clients():
        path = f"/v26.0/{client.ad_accounts[0]}/{edge}"
        found = every_row(ask, path, fields=fields, effective_status=states)
        assert found
        for item in found:
            msgspec.convert(item, model)


def test_an_action_list_recorded_in_2026(ask: Ask, meta: RunningSimulator) -> None:
    """103 purchases stand under several names; those that the simulator uses are among them."""
    real = recorded("live_probes/actions_purchase_synonyms_2026-05.json")
    actions = msgspec.convert(real["actions"], list[shape.Action])
    count = str(real["_expected_purchases"])
    synonyms = {one.action_type for one in actions if one.value == count}
    path = f"/v26.0/{meta.source.clients()[1].ad_accounts[0]}/insights"
    row = ask(path, fields="actions", date_preset="last_7d").json()["data"][0]
    sold = next(one["value"] for one in row["actions"] if one["action_type"] == "omni_purchase")
    assert {one["action_type"] for one in row["actions"] if one["value"] == sold} <= synonyms


@pytest.mark.parametrize(
    "name",
    [
        "live_probes/v25_page_daily_follows_unique_200.json",
        "live_probes/v25_page_post_engagements_200.json",
        "live_probes/v25_page_views_total_200.json",
        "live_probes/v2.8_page_views_total_2016.json",
        "page_insights/python_facebook_medias_insights.json",
        "page_insights/python_facebook_medias_insights_new.json",
        "page_insights/python_facebook_users_user_insights.json",
        "page_insights/python_facebook_users_user_insights_new.json",
    ],
)
def test_recorded_series(name: str) -> None:
    """Recorded insights of Pages, media and Instagram accounts fit one model."""
    assert msgspec.convert(recorded(name), shape.SeriesAnswer).data


def test_recorded_series_of_dicts() -> None:
    """Values that are dicts fit too (the links of 2012 had neither version nor token)."""
    data = recorded("page_insights/facebook4j_page_insights_2012.json")["data"]
    found = msgspec.convert(data, list[shape.Series])
    assert {one.period for one in found} == {"lifetime", "day", "week", "days_28"}


def test_recorded_series_have_the_simulators_words(meta: RunningSimulator, ask: Ask) -> None:
    """Title, id, period and the width of the links of a recorded answer are the simulator's."""
    page = meta.source.clients()[0].pages[0]
    for metric in ("page_daily_follows_unique", "page_post_engagements", "page_views_total"):
        real = recorded(f"live_probes/v25_{metric}_200.json")
        mine = ask(f"/v26.0/{page}/insights", metric=metric, period="day").json()
        one, two = real["data"][0], mine["data"][0]
        assert one["title"] == two["title"]
        assert one["id"].partition("/")[2] == two["id"].partition("/")[2]
        assert list(one) == list(two)
        assert set(real["paging"]) == set(mine["paging"])


def test_simulated_series(meta: RunningSimulator, ask: Ask) -> None:
    """The simulator's insights of Pages, posts and Instagram accounts fit the same model."""
    client = meta.source.clients()[0]
    page, account = client.pages[0], client.instagram_accounts[0]
    post = ask(f"/v26.0/{page}/posts", limit=1).json()["data"][0]["id"]
    names = "page_media_view,page_follows,page_actions_post_reactions_total"
    total = {"period": "day", "metric_type": "total_value", "since": "2026-11-01"}
    answers = [
        ask(f"/v26.0/{page}/insights", metric=names),
        ask(f"/v26.0/{page}/insights", metric=names, period="days_28", since="2026-11-01"),
        ask(f"/v26.0/{post}/insights", metric="post_clicks,post_reactions_by_type_total"),
        ask(f"/v26.0/{account}/insights", metric="reach", period="day", since="2026-11-01"),
        ask(f"/v26.0/{account}/insights", metric="views,reach,likes", **total),
        ask(
            f"/v26.0/{account}/insights",
            metric="reach",
            breakdown="media_product_type,follow_type",
            **total,
        ),
        ask(
            f"/v26.0/{account}/insights",
            metric="follows_and_unfollows",
            breakdown="follow_type",
            **total,
        ),
    ]
    for answer in answers:
        assert msgspec.json.decode(answer.content, type=shape.SeriesAnswer).data


@pytest.mark.parametrize("metric", ["page_fans", "page_impressions"])
def test_errors(meta: RunningSimulator, ask: Ask, metric: str) -> None:
    """A dead metric's error is the recorded one, but for the trace id."""
    page = meta.source.clients()[0].pages[0]
    response = ask(f"/v26.0/{page}/insights", metric=metric, period="day")
    mine = msgspec.json.decode(response.content, type=shape.ErrorAnswer)
    real = msgspec.convert(recorded(f"live_probes/v25_{metric}_400.json"), shape.ErrorAnswer)
    assert (real.error.message, real.error.type, real.error.code) == (
        mine.error.message,
        mine.error.type,
        mine.error.code,
    )


def test_tokens(meta: RunningSimulator, ask: Ask) -> None:
    """What is said of a token has one shape; scopes without `target_ids` occur in both."""
    kinds = ("plain", "user-1", "sys60-1", "expired-1", "scopes-ads_read-1")
    page = ask("/v26.0/me/accounts").json()["data"][0]["access_token"]
    for token in (*kinds, page):
        answer = ask("/v26.0/debug_token", input_token=token)
        msgspec.json.decode(answer.content, type=shape.TokenAnswer)
    real = msgspec.convert(recorded("live_probes/v25_debug_token_200.json"), shape.TokenAnswer)
    assert any(one.target_ids is None for one in real.data.granular_scopes or ())


def test_pages_of_a_token(meta: RunningSimulator, ask: Ask) -> None:
    """An empty list of Pages is the recorded one; a full one has the documented keys."""
    full = msgspec.json.decode(ask("/v26.0/me/accounts").content, type=shape.AccountsAnswer)
    assert full.data
    nobody = asker(meta, "scopes-ads_read-1")("/v26.0/me/accounts")
    msgspec.json.decode(nobody.content, type=shape.AccountsAnswer)
    assert nobody.json() == recorded("live_probes/v25_me_accounts_empty_200.json")


def test_usage_headers(meta: RunningSimulator, ask: Ask) -> None:
    """The usage headers of insights have the keys of the recorded ones."""
    real = {
        one["name"].lower(): one["value"]
        for one in recorded("live_probes/v23_insights_response_headers.json")
    }
    account = meta.source.clients()[0].ad_accounts[0]
    mine = ask(f"/v26.0/{account}/insights").headers
    for name in ("x-fb-ads-insights-throttle", "x-business-use-case-usage"):
        one, two = json.loads(real[name]), json.loads(mine[name])
        if name == "x-business-use-case-usage":
            # The key is the bare account id.
            assert [key.isdigit() for key in (*one, *two)] == [True, True]
            one, two = next(iter(one.values()))[0], next(iter(two.values()))[0]
        assert set(one) <= set(two)
        assert {key: type(one[key]) for key in one if key in ("type", "call_count")} == {
            key: type(two[key]) for key in one if key in ("type", "call_count")
        }
