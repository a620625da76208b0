"""Page Insights."""

import itertools
import json
from datetime import UTC, datetime

import pytest
from simulator_asking import Ask, asker

from meta_pipeline.simulator import RunningSimulator


@pytest.fixture
def path(meta: RunningSimulator) -> str:
    """The insights edge of a Page."""
    return f"/v26.0/{meta.source.clients()[0].pages[0]}/insights"


def test_days_end_at_midnight_pacific(ask: Ask, path: str) -> None:
    """`end_time` is 07:00 UTC in summer and 08:00 in winter; both bounds are left out."""
    asked = {"metric": "page_media_view", "period": "day"}
    data = ask(path, since="2026-10-30", until="2026-11-04", **asked).json()["data"]
    assert [value["end_time"] for value in data[0]["values"]] == [
        "2026-10-31T07:00:00+0000",
        "2026-11-01T07:00:00+0000",
        "2026-11-02T08:00:00+0000",
        "2026-11-03T08:00:00+0000",
    ]
    assert all(isinstance(value["value"], int) for value in data[0]["values"])


def test_a_day_shows_some_hours_after_its_end(meta: RunningSimulator, ask: Ask, path: str) -> None:
    """The 20th ends at 08:00 UTC of the 21st and is visible six hours later."""
    asked = {"metric": "page_media_view", "period": "day", "since": "2026-11-18"}

    def newest(hour: int) -> str:
        meta.clock.move_to(datetime(2026, 11, 21, hour, 30, tzinfo=UTC))
        return ask(path, **asked).json()["data"][0]["values"][-1]["end_time"]

    assert newest(13) == "2026-11-20T08:00:00+0000"
    assert newest(14) == "2026-11-21T08:00:00+0000"


@pytest.mark.parametrize(
    ("metrics", "now", "status"),
    [
        ("page_media_view,page_fans", datetime(2026, 11, 22, tzinfo=UTC), 400),
        ("page_fans", datetime(2025, 11, 1, tzinfo=UTC), 200),
        ("page_impressions_unique", datetime(2026, 6, 1, tzinfo=UTC), 200),
        ("page_impressions_unique", datetime(2026, 6, 16, tzinfo=UTC), 400),
        ("page_engaged_users", datetime(2025, 1, 1, tzinfo=UTC), 400),
        ("page_moons", datetime(2026, 11, 22, tzinfo=UTC), 400),
    ],
)
def test_one_dead_metric_fails_the_call(
    meta: RunningSimulator, ask: Ask, path: str, metrics: str, now: datetime, status: int
) -> None:
    """A retired or unknown name fails everything with it, from its last day on."""
    meta.clock.move_to(now)
    response = ask(path, metric=metrics, period="day")
    assert response.status_code == status
    if status == 400:
        error = response.json()["error"]
        assert error["message"] == "(#100) The value must be a valid insights metric"
        assert set(error) == {"message", "type", "code", "fbtrace_id"}


def test_viewers_follows_and_reactions_hang_together(ask: Ask, path: str) -> None:
    """Viewers never exceed views, follows add up to the level, reactions are a dict."""
    names = (
        "page_media_view,page_total_media_view_unique,page_follows,page_daily_follows_unique,"
        "page_daily_unfollows_unique,page_actions_post_reactions_total"
    )
    body = ask(path, metric=names, period="day", since="2026-10-01", until="2026-11-01").json()
    values = {item["name"]: [v["value"] for v in item["values"]] for item in body["data"]}
    views, viewers = values["page_media_view"], values["page_total_media_view_unique"]
    level = values["page_follows"]
    flow = zip(
        values["page_daily_follows_unique"], values["page_daily_unfollows_unique"], strict=True
    )
    change = [gained - lost for gained, lost in flow]
    assert all(a <= b for a, b in zip(viewers, views, strict=True))
    assert [b - a for a, b in itertools.pairwise(level)] == change[1:]
    assert set(values["page_actions_post_reactions_total"][0]) >= {"like"}


def test_week_is_a_rolling_sum(ask: Ask, path: str) -> None:
    """`week` has one point a day, each the sum of the seven days up to it."""
    asked = {"metric": "page_media_view", "since": "2026-10-01", "until": "2026-10-20"}

    def values(period: str) -> list[int]:
        data = ask(path, period=period, **asked).json()["data"][0]
        return [value["value"] for value in data["values"]]

    days, weeks = values("day"), values("week")
    assert len(days) == len(weeks) == 18
    assert weeks[-1] == sum(days[-7:])


def test_ranges(ask: Ask, path: str) -> None:
    """91 days are refused, a start alone is not capped, no range gives two days."""
    asked = {"metric": "page_media_view", "period": "day"}
    wide = ask(path, since="2026-08-01", until="2026-10-31", **asked).json()["error"]
    assert (wide["code"], wide["error_subcode"]) == (100, 1504016)
    open_end = ask(path, since="2026-01-01", **asked).json()["data"][0]["values"]
    assert len(open_end) > 300
    assert len(ask(path, **asked).json()["data"][0]["values"]) == 2


def test_periods(ask: Ask, path: str) -> None:
    """No period gives one item per period; a wrong one is refused with the list."""
    items = ask(path, metric="page_media_view").json()["data"]
    assert [item["period"] for item in items] == ["day", "week", "days_28"]
    error = ask(path, metric="page_media_view", period="month").json()["error"]
    assert "must be one of {day, week, days_28}" in error["message"]


def test_tokens_for_pages(meta: RunningSimulator, path: str) -> None:
    """A person's token is refused, the Page's own works, without read_insights it is empty."""
    asked = {"metric": "page_media_view", "period": "day"}
    assert asker(meta, "user-1")(path, **asked).json()["error"]["code"] == 190
    page = asker(meta, "user-1")("/v26.0/me/accounts").json()["data"][0]
    assert asker(meta, page["access_token"])(path, **asked).status_code == 200
    assert asker(meta, "no-insights-1")(path, **asked).json() == {"data": []}
    described = asker(meta)("/v26.0/debug_token", input_token=page["access_token"]).json()["data"]
    assert (described["type"], described["profile_id"]) == ("PAGE", page["id"])


def test_the_truth_of_a_page(meta: RunningSimulator, ask: Ask, path: str) -> None:
    """The truth route gives the same figures by day."""
    page = meta.source.clients()[0].pages[0]
    truth = ask("/_simulator/truth", page=page, since="2026-11-02", until="2026-11-02").json()
    asked = {"metric": json.dumps(["page_views_total"]), "period": "day"}
    data = ask(path, since="2026-11-02", until="2026-11-04", **asked).json()["data"][0]
    assert truth["data"][0]["page_views_total"] == data["values"][0]["value"]


def test_28_days_are_a_sum_that_rolls(ask: Ask, path: str) -> None:
    """`days_28` has one point a day: views of 28 days, and their viewers counted once."""
    days = {"since": "2026-09-01", "until": "2026-10-20", "period": "day"}
    names = "page_media_view,page_total_media_view_unique"
    views, viewers = ask(path, metric=names, **days).json()["data"]
    rolling = ask(path, metric=names, **(days | {"period": "days_28"})).json()["data"]
    last = [item["values"][-1] for item in (views, viewers, *rolling)]
    assert len({value["end_time"] for value in last}) == 1
    assert len(rolling[0]["values"]) == len(views["values"])
    assert last[2]["value"] == sum(value["value"] for value in views["values"][-28:])
    assert last[1]["value"] < last[3]["value"] < sum(v["value"] for v in viewers["values"][-28:])


def test_metrics_alive_without_figures(ask: Ask, path: str) -> None:
    """A living metric that has no data is no error and has no item."""
    data = ask(path, metric="page_video_view_time,page_follows", period="day").json()["data"]
    assert [item["name"] for item in data] == ["page_follows"]


def test_new_follows_have_days_alone(ask: Ask, path: str) -> None:
    """`page_daily_follows` knows no other period."""
    assert len(ask(path, metric="page_daily_follows").json()["data"]) == 1
    error = ask(path, metric="page_daily_follows", period="week").json()["error"]
    assert "must be one of {day}" in error["message"]


def test_reactions_by_type(ask: Ask, path: str) -> None:
    """Each kind of reaction is a metric too; a dict splits what was paid for."""
    names = "page_actions_post_reactions_total,page_actions_post_reactions_love_total"
    both, love = ask(path, metric=names, period="days_28").json()["data"]
    assert both["values"][0]["value"]["love"] == love["values"][0]["value"]
    paid = ask(path, metric="page_video_views_by_paid_non_paid", period="day").json()["data"][0]
    assert set(paid["values"][0]["value"]) == {"total", "paid", "unpaid"}


def test_presets_of_days(ask: Ask, path: str) -> None:
    """`date_preset` covers its days, each by the midnight that ends it."""
    data = ask(path, metric="page_follows", period="day", date_preset="last_7d").json()["data"]
    ends = [value["end_time"][:10] for value in data[0]["values"]]
    assert ends == [f"2026-11-{day}" for day in range(16, 22)]
