"""A Page's posts and their insights."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from simulator_asking import NOW, Ask, asker, every_row

from meta_pipeline.simulator import RunningSimulator

METRICS = "post_media_view,post_total_media_view_unique,post_clicks,post_reactions_by_type_total"
FIELDS = "id,created_time,message,permalink_url,status_type"


@pytest.fixture
def page(meta: RunningSimulator) -> str:
    """A Page."""
    return meta.source.clients()[0].pages[0]


@pytest.fixture
def posts(ask: Ask, page: str) -> list[dict[str, Any]]:
    """The posts of 28 days."""
    return every_row(ask, f"/v26.0/{page}/posts", fields=FIELDS, since="2026-10-25", limit=7)


def test_posts_are_listed_newest_first(
    meta: RunningSimulator, posts: list[dict[str, Any]], page: str
) -> None:
    """Every post within the range, once, with its Page in its id; none from the future."""
    times = [post["created_time"] for post in posts]
    assert len(posts) > 7
    assert times == sorted(times, reverse=True)
    assert times[0] < "2026-11-22T12"
    assert times[-1] >= "2026-10-25"
    assert all(post["id"].startswith(f"{page}_") for post in posts)
    found = meta.source.page(page)
    assert found is not None
    known = meta.source.posts(found, NOW.date() - timedelta(days=30), NOW.date())
    assert {post["id"] for post in posts} <= {post.id for post in known}


def test_a_range_bounds_the_time_of_creation(ask: Ask, page: str) -> None:
    """`until` leaves out later posts; without a range the list goes back to the beginning."""
    path = f"/v26.0/{page}/posts"
    asked = every_row(ask, path, fields="created_time", since="2026-10-01", until="2026-10-08")
    assert asked
    assert all("2026-10-01" <= post["created_time"] <= "2026-10-08T07" for post in asked)
    assert len(every_row(ask, path, fields="id", limit=500)) > 300


def test_a_page_of_posts_has_at_most_a_hundred(ask: Ask, page: str) -> None:
    """A larger `limit` is cut."""
    assert len(ask(f"/v26.0/{page}/posts", limit=500).json()["data"]) == 100


def test_some_posts_have_no_message(ask: Ask, page: str) -> None:
    """A post of pictures alone has no `message` key."""
    found = every_row(ask, f"/v26.0/{page}/posts", fields="message", since="2026-01-01", limit=100)
    assert {"message" in post for post in found} == {True, False}


def test_the_totals_of_a_post(ask: Ask, page: str, posts: list[dict[str, Any]]) -> None:
    """Each metric has one value, without a time, that is the truth of the moment."""
    truth = ask(
        "/_simulator/truth",
        page=page,
        of="posts",
        since="2026-10-25",
        until="2026-11-22",
        as_of=NOW.isoformat(),
    ).json()["data"]
    by_id = {row["post_id"]: row for row in truth}
    assert set(by_id) == {post["id"] for post in posts}
    for post in posts[:3]:
        data = ask(f"/v26.0/{post['id']}/insights", metric=METRICS).json()["data"]
        assert [item["period"] for item in data] == ["lifetime"] * 4
        assert {item["name"]: item["values"] for item in data} == {
            name: [{"value": by_id[post["id"]][name]}] for name in METRICS.split(",")
        }


def test_totals_grow_with_age(
    meta: RunningSimulator, ask: Ask, posts: list[dict[str, Any]]
) -> None:
    """A young post has less than it will have; viewers never exceed views."""
    path = f"/v26.0/{posts[0]['id']}/insights"

    def seen() -> tuple[int, int]:
        data = ask(path, metric=METRICS).json()["data"]
        return data[0]["values"][0]["value"], data[1]["values"][0]["value"]

    young = seen()
    meta.clock.move_to(NOW + timedelta(days=20))
    old = seen()
    assert young[0] < old[0]
    assert young[1] <= young[0]
    assert old[1] <= old[0]


@pytest.mark.parametrize(
    ("metric", "now", "status"),
    [
        ("post_impressions", datetime(2025, 11, 1, tzinfo=UTC), 200),
        ("post_impressions", datetime(2025, 11, 16, tzinfo=UTC), 400),
        ("post_impressions_unique", datetime(2026, 6, 14, tzinfo=UTC), 200),
        ("post_clicks,post_impressions_unique", NOW, 400),
        ("post_moons", NOW, 400),
    ],
)
def test_dead_metrics_fail_the_call(
    meta: RunningSimulator, ask: Ask, page: str, metric: str, now: datetime, status: int
) -> None:
    """A retired or unknown name fails everything with it, from its last day on."""
    meta.clock.move_to(datetime(2025, 10, 20, tzinfo=UTC))
    post = ask(f"/v26.0/{page}/posts", limit=1).json()["data"][0]["id"]
    meta.clock.move_to(now)
    response = ask(f"/v26.0/{post}/insights", metric=metric, period="lifetime")
    assert response.status_code == status
    if status == 400:
        assert (
            response.json()["error"]["message"]
            == "(#100) The value must be a valid insights metric"
        )


def test_posts_that_are_not_there(meta: RunningSimulator, ask: Ask, page: str) -> None:
    """A post of nobody, of another Page, or of the future is 100/33."""
    found = meta.source.page(page)
    assert found is not None
    ahead = meta.source.posts(found, NOW.date() + timedelta(days=1), NOW.date() + timedelta(days=9))
    for post_id in (f"{page}_1", f"{page}_122000073990007", "1_2", ahead[0].id):
        error = ask(f"/v26.0/{post_id}").json()["error"]
        assert (error["code"], error["error_subcode"]) == (100, 33)


def test_permissions(meta: RunningSimulator, page: str, posts: list[dict[str, Any]]) -> None:
    """Posts need pages_read_engagement, their insights read_insights and no person's token."""
    post, asked = posts[0]["id"], {"metric": "post_clicks"}
    bare = asker(meta, "scopes-ads_read-1")
    assert bare(f"/v26.0/{page}/posts").json()["error"]["code"] == 10
    assert bare(f"/v26.0/{post}/insights", **asked).json() == {"data": []}
    person = asker(meta, "user-1")
    assert person(f"/v26.0/{post}/insights", **asked).json()["error"]["code"] == 190
    own = person(f"/v26.0/{page}", fields="access_token").json()["access_token"]
    assert asker(meta, own)(f"/v26.0/{post}/insights", **asked).json()["data"]
