"""How figures grow, settle and freeze."""

import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from meta_pipeline.simulator import account_truth, generated_agency

SOURCE = generated_agency(campaigns=6, ads=4)
ACCOUNT = SOURCE.account(SOURCE.clients()[0].ad_accounts[0])
DAY = date(2026, 11, 4)
# New York is five hours behind UTC in November.
DAY_END = datetime(2026, 11, 5, 5, tzinfo=UTC)


def seen(as_of: datetime | None, day: date = DAY, until: date | None = None) -> dict[str, Any]:
    """The account's totals at a moment; zeros where there is no row."""
    assert ACCOUNT is not None
    rows = account_truth(SOURCE, ACCOUNT, day, until or day, as_of=as_of)
    return rows[0] if rows else {"impressions": 0, "spend": "0", "results": 0}


def test_a_running_day_is_a_growing_part() -> None:
    """During the day delivery only grows, from nothing to nearly all of it."""
    moments = [DAY_END - timedelta(hours=hours) for hours in (25, 20, 12, 6, 1)]
    found = [seen(moment)["impressions"] for moment in moments]
    assert found[0] == 0
    assert found == sorted(found)
    assert found[-1] < seen(None)["impressions"]


def test_delivery_settles_within_two_days() -> None:
    """Spend of an ended day is within 0.5 % at once and exact two days later."""
    final = Decimal(seen(None)["spend"])
    first = Decimal(seen(DAY_END + timedelta(hours=1))["spend"])
    assert abs(first / final - 1) <= Decimal("0.006")
    assert Decimal(seen(DAY_END + timedelta(hours=48))["spend"]) == final


def test_conversions_follow_the_restatement_curve() -> None:
    """About 92 % of a day's conversions are known on the next day, 99.5 % after a week."""
    since, until = date(2026, 9, 1), date(2026, 10, 30)
    assert ACCOUNT is not None
    known = {1: 0, 7: 0}
    final = 0
    day = since
    while day <= until:
        noon = datetime(day.year, day.month, day.day, 17, tzinfo=UTC)
        for after in known:
            known[after] += seen(noon + timedelta(days=after), day)["results"]
        final += seen(None, day)["results"]
        day += timedelta(days=1)
    assert final > 500
    assert 0.89 < known[1] / final < 0.95
    assert 0.975 < known[7] / final < 1.01


def test_conversions_rarely_drop() -> None:
    """Day by day the known conversions grow; only fraud filtering takes some back."""
    days = [DAY_END + timedelta(days=n) for n in range(29)]
    found = [seen(moment, date(2026, 10, 1), DAY)["results"] for moment in days]
    drops = sum(max(0, a - b) for a, b in itertools.pairwise(found))
    assert found[-1] > found[0]
    assert drops <= 0.02 * found[-1]


def test_nothing_changes_after_28_days() -> None:
    """28 days after its end a day equals the truth and stays so."""
    assert seen(DAY_END + timedelta(days=28)) == seen(None)
    assert seen(DAY_END + timedelta(days=400)) == seen(None)


def test_an_ended_ad_still_converts() -> None:
    """In the week after a campaign's end there are rows with results and no delivery."""
    assert ACCOUNT is not None
    rows = account_truth(
        SOURCE, ACCOUNT, date(2026, 11, 9), date(2026, 11, 22), level="ad", by="day"
    )
    late = [row for row in rows if row["impressions"] == 0]
    assert late
    assert all(row["results"] > 0 and row["spend"] == "0.00" for row in late)


def test_clicks_before_the_range_may_not_count() -> None:
    """With truncation a day asked for alone loses the conversions of earlier clicks."""
    assert ACCOUNT is not None
    whole = sum(f.counts.get("lead", 0) for f in SOURCE.facts(ACCOUNT, DAY, DAY, None))
    cut = SOURCE.facts(ACCOUNT, DAY, DAY, None, clicks_since=DAY)
    assert 0 < sum(f.counts.get("lead", 0) for f in cut) < whole
