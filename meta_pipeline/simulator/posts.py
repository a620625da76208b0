"""A Page's posts, and the totals of each so far.

The id of a post is `PAGEID_POSTID`. Post metrics have one value for the post's whole life,
without an `end_time` (recorded answers of public connectors).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from meta_pipeline.simulator.errors import invalid, unknown_field
from meta_pipeline.simulator.objects import read_fields
from meta_pipeline.simulator.page_metrics import RETIRED
from meta_pipeline.simulator.pages import moment as bound
from meta_pipeline.simulator.pages import no_metric, not_a_metric
from meta_pipeline.simulator.query import list_param
from meta_pipeline.simulator.source import PACIFIC, Page, PagePost, PostFigures, Source
from meta_pipeline.simulator.vocabulary import POST_FIELDS

_KNOWN = frozenset(POST_FIELDS)
# Page feeds give at most 100 posts a page (Meta's feed reference).
MAX_POSTS = 100
PERIODS = ("day", "week", "days_28", "month", "lifetime", "total_over_range")


@dataclass(frozen=True)
class Metric:
    """A post metric: its value, and from when on it is dead."""

    title: str
    value: Callable[[PostFigures], Any]
    dead_from: date | None = None


METRICS: dict[str, Metric] = {
    "post_media_view": Metric("Post Views", lambda seen: seen.views),
    "post_total_media_view_unique": Metric("Post Viewers", lambda seen: seen.viewers),
    "post_clicks": Metric("Post Clicks", lambda seen: seen.clicks),
    # Only reactions that occurred are named.
    "post_reactions_by_type_total": Metric("Total Reactions by Type", lambda seen: seen.reactions),
    "post_reactions_like_total": Metric("Likes", lambda seen: seen.reactions.get("like", 0)),
    "post_reactions_love_total": Metric("Loves", lambda seen: seen.reactions.get("love", 0)),
    "post_impressions": Metric("Post Impressions", lambda seen: seen.views, RETIRED["2025-11"]),
    "post_impressions_paid": Metric("Paid Impressions", lambda _: 0, RETIRED["2025-11"]),
    "post_impressions_organic": Metric(
        "Organic Impressions", lambda seen: seen.views, RETIRED["2025-11"]
    ),
    "post_impressions_unique": Metric("Post Reach", lambda seen: seen.viewers, RETIRED["2026-06"]),
    "post_engaged_users": Metric("Engaged Users", lambda seen: seen.clicks, RETIRED["2024-03"]),
}


def list_posts(
    source: Source, page: Page, params: Mapping[str, str], now: datetime
) -> list[PagePost]:
    """The posts of a Page that exist by now, newest first.

    `since` and `until` bound `created_time`; without them all posts since the Page began come.

    Raises:
        GraphError: for a bad range.
    """
    since, until = bound(params, "since"), bound(params, "until")
    newest = min(until or now, now)
    oldest = since or datetime.combine(page.created, time(), UTC)
    posts = source.posts(page, oldest.astimezone(UTC).date(), newest.astimezone(UTC).date())
    return [post for post in posts if oldest <= post.created <= newest]


def post_body(post: PagePost, params: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """The fields asked for of one post; without `fields` its time and words, as in Meta's feed.

    Raises:
        GraphError: for a field that posts do not have.
    """
    fields = read_fields(params)
    for name in fields:
        if name not in _KNOWN:
            raise unknown_field(name, "Post")
    number = post.id.partition("_")[2]
    values: dict[str, Any] = {
        "id": post.id,
        "created_time": _written(post.created),
        "updated_time": _written(min(now, post.created + timedelta(hours=2))),
        # A post of pictures alone has no message.
        "message": post.message or None,
        "permalink_url": f"https://www.facebook.com/{post.page.id}/posts/{number}",
        "status_type": post.status_type,
        "is_published": True,
        "is_hidden": False,
        "from": {"id": post.page.id, "name": post.page.name},
    }
    wanted = dict.fromkeys([*(fields or ["created_time", "message"]), "id"])
    return {name: values[name] for name in wanted if values.get(name) is not None}


def post_insights(
    source: Source, post: PagePost, params: Mapping[str, str], now: datetime
) -> dict[str, Any]:
    """The body of a post's insights: each metric with one value, its total so far.

    Raises:
        GraphError: as Meta answers to a missing, unknown or retired metric, or a wrong period.
    """
    names = list_param(params, "metric")
    if not names:
        raise no_metric()
    today = now.astimezone(PACIFIC).date()
    for name in names:
        metric = METRICS.get(name)
        if metric is None or (metric.dead_from and today >= metric.dead_from):
            raise not_a_metric()
    period = params.get("period") or "lifetime"
    if period not in PERIODS:
        listed = ", ".join(PERIODS)
        raise invalid(f"For field 'insights': Param period must be one of {{{listed}}}")
    if period != "lifetime":
        # These metrics have no other period; what Meta answers then is not documented.
        return {"data": []}
    figures = source.post_figures(post, now)
    data = [
        {
            "name": name,
            "period": "lifetime",
            "values": [{"value": METRICS[name].value(figures)}],
            "title": f"Lifetime {METRICS[name].title}",
            "description": f"Lifetime: {METRICS[name].title}",
            "id": f"{post.id}/insights/{name}/lifetime",
        }
        for name in dict.fromkeys(names)
    ]
    return {"data": data}


def _written(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
