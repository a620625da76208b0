"""What is really true: totals straight from the source, for tests to compare with."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from meta_pipeline.simulator import instagram, posts
from meta_pipeline.simulator.actions import expand
from meta_pipeline.simulator.groups import Group, grouped
from meta_pipeline.simulator.page_metrics import METRICS
from meta_pipeline.simulator.periods import slices
from meta_pipeline.simulator.rows import major
from meta_pipeline.simulator.source import Account, InstagramAccount, Page, Source


def account_truth(
    source: Source,
    account: Account,
    since: date,
    until: date,
    *,
    level: str = "account",
    by: str = "total",
    dimension: str = "",
    as_of: datetime | None = None,
) -> list[dict[str, Any]]:
    """Totals of an account's ads: counts as integers, money as exact decimals in strings.

    Args:
        source: the truth.
        account: the ad account; days are in its time zone.
        since: first day, included.
        until: last day, included.
        level: `account`, `campaign`, `adset` or `ad`.
        by: `day` or `total`.
        dimension: a breakdown, `publisher_platform` or `age,gender`.
        as_of: what was visible at that moment; None: the final totals.
    """
    periods = tuple(slices(since, until, "1" if by == "day" else "all_days"))
    facts = source.facts(account, since, until, as_of, dimension)
    groups = grouped(facts, periods, level)
    return [_row(source, account, groups[key], level, dimension) for key in sorted(groups)]


def _row(
    source: Source, account: Account, group: Group, level: str, dimension: str
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "date_start": group.since.isoformat(),
        "date_stop": group.until.isoformat(),
        "account_id": account.account_id,
    }
    objects = {"campaign": group.ad.campaign, "adset": group.ad.adset, "ad": group.ad}
    for name, node in objects.items():
        if level == "account":
            break
        found[f"{name}_id"] = node.id
        if name == level:
            break
    found |= dict(zip(source.cells(dimension) or (), group.cell, strict=False))
    value = major(expand(group.values).get(account.result, 0), account.minor_digits)
    return found | {
        "spend": format(major(group.spend, account.minor_digits), "f"),
        "impressions": group.impressions,
        "clicks": group.clicks,
        "inline_link_clicks": group.link_clicks,
        "results": int(expand(group.counts).get(account.result, 0)),
        "result_value": format(Decimal(value), "f"),
    }


def page_truth(source: Source, page: Page, since: date, until: date) -> list[dict[str, Any]]:
    """The settled daily value of each living metric of a Page, by Pacific day."""
    found = []
    for day, _ in slices(since, until, "1"):
        facts = [source.page_day(page, day)]
        metrics: Mapping[str, Any] = {
            name: metric.value(source, page, facts)
            for name, metric in METRICS.items()
            if metric.dead_from is None
        }
        found.append({"date": day.isoformat(), "page_id": page.id, **metrics})
    return found


def instagram_truth(
    source: Source, account: InstagramAccount, since: date, until: date
) -> list[dict[str, Any]]:
    """The settled daily value of each metric of an Instagram account, by Pacific day.

    `follows_and_unfollows` is two numbers here: `follows` and `unfollows`. A zero here is an
    empty list in the API.
    """
    found = []
    for day, _ in slices(since, until, "1"):
        seen = source.instagram_day(account, day)
        metrics = {
            name: metric.value(source, account, [seen])
            for name, metric in instagram.METRICS.items()
            if name != "follows_and_unfollows"
        }
        flows = {"follows": seen.follows, "unfollows": seen.unfollows}
        found.append({"date": day.isoformat(), "instagram_id": account.id, **metrics, **flows})
    return found


def post_truth(
    source: Source, page: Page, since: date, until: date, as_of: datetime | None = None
) -> list[dict[str, Any]]:
    """The totals of each post that a Page published between two UTC days, newest first.

    `as_of` gives what a post had gathered by that moment, and leaves out later posts.
    """
    return [
        {
            "post_id": post.id,
            "created_time": post.created.isoformat(),
            **{
                name: metric.value(source.post_figures(post, as_of))
                for name, metric in posts.METRICS.items()
                if metric.dead_from is None
            },
        }
        for post in source.posts(page, since, until)
        if as_of is None or post.created <= as_of
    ]
