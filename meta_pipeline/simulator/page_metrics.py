"""The metrics of Pages: how a stretch of days becomes a value, and which of them are dead."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from meta_pipeline.simulator.source import Page, PageDay, Source

PERIODS = {"day": 1, "week": 7, "days_28": 28}
"""The periods of a Page metric, with their days."""


@dataclass(frozen=True)
class Metric:
    """A Page metric: how a stretch of days becomes a value, and from when on it is dead."""

    title: str
    value: Callable[[Source, Page, list[PageDay]], Any]
    dead_from: date | None = None
    periods: tuple[str, ...] = tuple(PERIODS)


def _added(name: str) -> Callable[[Source, Page, list[PageDay]], int]:
    return lambda _source, _page, days: sum(getattr(day, name) for day in days)


def _viewers(source: Source, page: Page, days: list[PageDay]) -> int:
    return source.page_unique(page, sum(day.views for day in days))


def _level(_source: Source, _page: Page, days: list[PageDay]) -> int:
    return days[-1].follows_level


def _reactions(_source: Source, _page: Page, days: list[PageDay]) -> dict[str, int]:
    # Only reactions that occurred are named.
    found: dict[str, int] = {}
    for day in days:
        for name, count in day.reactions.items():
            found[name] = found.get(name, 0) + count
    return found


def _reaction(name: str) -> Callable[[Source, Page, list[PageDay]], int]:
    return lambda _source, _page, days: sum(day.reactions.get(name, 0) for day in days)


def _unpaid(name: str) -> Callable[[Source, Page, list[PageDay]], dict[str, int]]:
    """All of it without ads: what a Page pays for is not told apart here."""

    def value(_source: Source, _page: Page, days: list[PageDay]) -> dict[str, int]:
        total = sum(getattr(day, name) for day in days)
        return {"total": total, "paid": 0, "unpaid": total}

    return value


REACTIONS = ("like", "love", "wow", "haha", "sorry", "anger")
RETIRED = {
    "2024-03": date(2024, 3, 14),
    "2025-11": date(2025, 11, 15),
    "2026-06": date(2026, 6, 15),
}
"""The three days on which Meta retired Page and post metrics (its deprecations page)."""

_ENGAGED_END, _NOV_2025, _JUNE_2026 = RETIRED.values()
METRICS: dict[str, Metric] = {
    "page_media_view": Metric("Total Views", _added("views")),
    "page_total_media_view_unique": Metric("Total Viewers", _viewers),
    "page_post_engagements": Metric("Post Engagements", _added("engagements")),
    "page_views_total": Metric("Total views count per Page", _added("visits")),
    "page_follows": Metric("Total Follows", _level),
    "page_daily_follows": Metric("New Follows", _added("follows"), periods=("day",)),
    "page_daily_follows_unique": Metric("New Follows", _added("follows")),
    "page_daily_unfollows_unique": Metric("New Unfollows", _added("unfollows")),
    "page_total_actions": Metric("Total Actions on Page", _added("actions")),
    "page_video_views": Metric("Total Video Views", _added("video_views")),
    "page_actions_post_reactions_total": Metric("Total Reactions", _reactions),
    **{
        f"page_actions_post_reactions_{name}_total": Metric(f"Total {name}", _reaction(name))
        for name in REACTIONS
    },
    "page_video_views_organic": Metric("Total Organic Video Views", _added("video_views")),
    "page_video_views_by_paid_non_paid": Metric("Total Video Views", _unpaid("video_views")),
    "page_fan_adds_by_paid_non_paid_unique": Metric("New Likes", _unpaid("follows")),
    # Retired server-side, in every version at once (Meta's Page Insights deprecations).
    "page_engaged_users": Metric("Engaged Users", _added("engagements"), _ENGAGED_END),
    "page_impressions": Metric("Total Impressions", _added("views"), _NOV_2025),
    "page_fans": Metric("Total Likes", _level, _NOV_2025),
    "page_fan_adds": Metric("New Likes", _added("follows"), _NOV_2025),
    "page_fan_adds_unique": Metric("New Likes", _added("follows"), _NOV_2025),
    "page_fan_removes": Metric("Unlikes", _added("unfollows"), _NOV_2025),
    "page_fan_removes_unique": Metric("Unlikes", _added("unfollows"), _NOV_2025),
    "page_impressions_unique": Metric("Total Reach", _viewers, _JUNE_2026),
}
NOT_SIMULATED = frozenset(
    {
        *("page_lifetime_engaged_followers_unique", "page_video_views_paid"),
        *("page_video_views_autoplayed", "page_video_views_click_to_play"),
        *("page_video_views_unique", "page_video_views_by_uploaded_hosted"),
        *("page_video_repeat_views", "page_video_view_time", "page_video_complete_views_30s"),
        *("page_video_complete_views_30s_paid", "page_video_complete_views_30s_organic"),
        *("page_video_complete_views_30s_autoplayed", "page_video_complete_views_30s_unique"),
        *("page_video_complete_views_30s_click_to_play", "content_monetization_earnings"),
        *("page_video_complete_views_30s_repeat_views", "monetization_approximate_earnings"),
    }
)
"""Alive (37 metrics answered on v25 in July 2026, a third party), but without figures here:
as at Meta, a metric without data has no item in the list."""
