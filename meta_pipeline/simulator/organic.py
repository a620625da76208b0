"""What happens without ads: the generated days of an Instagram account, the posts of a Page.

Like everything of the generated agency, a pure function of the seed and the id.
"""

import math
from datetime import UTC, date, datetime, time, timedelta

from meta_pipeline.simulator.audience import PAGE_EPOCH, reach
from meta_pipeline.simulator.noise import lognormal, rounded, split, uniforms
from meta_pipeline.simulator.source import (
    InstagramAccount,
    InstagramDay,
    Page,
    PagePost,
    PostFigures,
)

_SHARES = {
    "likes": 0.74,
    "comments": 0.05,
    "shares": 0.07,
    "saves": 0.09,
    "replies": 0.03,
    "reposts": 0.02,
}
_NO_DAY = InstagramDay(*[0] * 15)
# A post has had most of its views after a week: `1 - exp(-age / 60 hours)` of them.
_POST_HOURS = 60.0
POSTS_A_DAY = 2
_TOPICS = ("New this week", "Behind the scenes", "Thank you", "Opening hours", "Our favourites")
_TYPES = ("added_photos", "added_video", "shared_story", "mobile_status_update")


def instagram_people(seed: int, account: InstagramAccount) -> float:
    """Everybody who may come across an Instagram account."""
    return lognormal(uniforms(seed, account.id, "people")[0], 40_000, 0.6)


class InstagramHistory:
    """The days of one Instagram account, made on demand and in order: follows add up."""

    def __init__(self, seed: int, account: InstagramAccount) -> None:
        self._seed = seed
        self._account = account
        self._people = instagram_people(seed, account)
        self._days: list[InstagramDay] = []
        self._followers = int(self._people * 0.2)
        self._media = 150

    def day(self, day: date) -> InstagramDay:
        """The figures of a Pacific day; days before 2023 are empty."""
        place = (day - PAGE_EPOCH).days
        if place < 0:
            return _NO_DAY
        while len(self._days) <= place:
            self._days.append(self._next(PAGE_EPOCH + timedelta(days=len(self._days))))
        return self._days[place]

    def _next(self, day: date) -> InstagramDay:
        u = uniforms(self._seed, self._account.id, day.toordinal())
        views = int(lognormal(u[0], self._people * 0.05, 0.4))
        viewers = reach(views, self._people)
        total = min(views, rounded(views * 0.03, u[1]))
        shares = (
            share * (0.7 + 0.6 * n) for share, n in zip(_SHARES.values(), u[2:8], strict=True)
        )
        counts = dict(zip(_SHARES, split(total, list(shares)), strict=True))
        engaged = min(viewers, reach(total, self._people))
        follows = min(viewers, rounded(viewers * 0.003, u[8]))
        unfollows = min(self._followers, rounded(viewers * 0.001, u[9]))
        self._followers += follows - unfollows
        self._media += u[10] < 0.4
        visits = rounded(viewers * 0.05, u[11])
        return InstagramDay(
            views=views,
            reach=viewers,
            accounts_engaged=engaged,
            **counts,
            profile_links_taps=rounded(visits * 0.005, u[12]),
            profile_views=visits,
            follows=follows,
            unfollows=unfollows,
            followers_level=self._followers,
            media_level=self._media,
        )


def page_posts(seed: int, page: Page, since: date, until: date) -> list[PagePost]:
    """The posts that a Page published between two UTC days (both included), newest first."""
    found = []
    day = max(since, PAGE_EPOCH, page.created)
    while day <= until:
        for number in range(POSTS_A_DAY):
            post = _post(seed, page, day, number)
            if post:
                found.append(post)
        day += timedelta(days=1)
    return sorted(found, key=lambda post: post.created, reverse=True)


def find_post(seed: int, page: Page, post_id: str) -> PagePost | None:
    """The post with this whole id (`PAGEID_POSTID`), None if the Page never had it."""
    number = post_id.removeprefix(f"{page.id}_")
    if not number.isascii() or not number.isdigit() or len(number) != 15:
        return None
    ordinal, place = int(number[3:13]), int(number[13:])
    if not 1 <= ordinal <= date.max.toordinal() or place >= POSTS_A_DAY:
        return None
    day = date.fromordinal(ordinal)
    if day < PAGE_EPOCH or day < page.created:
        return None
    found = _post(seed, page, day, place)
    return found if found and found.id == post_id else None


def post_figures(seed: int, post: PagePost, as_of: datetime | None) -> PostFigures:
    """What a post has gathered by a moment, None: when nothing more comes."""
    u = uniforms(seed, post.id, "figures")
    share = 1.0
    if as_of is not None:
        hours = max(0.0, (as_of - post.created).total_seconds() / 3600)
        # In steps of a quarter of an hour, like everything that Meta counts.
        hours = int(4 * hours) / 4
        share = -math.expm1(-hours / _POST_HOURS)
    views = int(lognormal(u[0], 2_500, 0.6) * share)
    reactions = int(views * 0.02 * (0.6 + 0.8 * u[1]))
    love = int(reactions * 0.15 * u[2])
    wow = int(reactions * 0.05 * u[3])
    by_type = {"like": reactions - love - wow, "love": love, "wow": wow}
    return PostFigures(
        views=views,
        viewers=reach(views, 60_000),
        clicks=int(views * 0.03 * (0.6 + 0.8 * u[4])),
        reactions={name: count for name, count in by_type.items() if count},
    )


def _post(seed: int, page: Page, day: date, number: int) -> PagePost | None:
    u = uniforms(seed, page.id, "post", day.toordinal(), number)
    if u[0] > (0.45, 0.1)[number]:
        return None
    created = datetime.combine(day, time(7 + 6 * number, int(60 * u[1])), UTC)
    topic = _TOPICS[int(u[2] * len(_TOPICS))]
    # One in ten has a picture and no words: it has no `message` at all.
    message = "" if u[3] < 0.1 else f"{topic} at {page.name} — {day:%d %B}"
    return PagePost(
        id=f"{page.id}_122{day.toordinal():010d}{number:02d}",
        page=page,
        created=created,
        message=message,
        status_type=_TYPES[int(u[4] * len(_TYPES))],
    )
