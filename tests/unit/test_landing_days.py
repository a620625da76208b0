"""Landing: which day a row of a Page, a post, an Instagram account or a month belongs to."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit_desk import (
    Desk,
    Page,
    account_row,
    day,
    opened_desk,
)

from meta_pipeline.dates import Span

PACIFIC = ZoneInfo("America/Los_Angeles")


def end_of_pacific_day(on: date) -> str:
    """The moment in which a Pacific day ends, as Meta writes it."""
    midnight = datetime(on.year, on.month, on.day, tzinfo=PACIFIC) + timedelta(days=1)
    return midnight.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def series(days_and_values: list[tuple[date, Any]], name: str = "page_follows") -> dict[str, Any]:
    """A metric of a Page as Meta sends it."""
    points = [{"value": v, "end_time": end_of_pacific_day(on)} for on, v in days_and_values]
    return {"name": name, "period": "day", "title": "T", "values": points, "id": f"7/{name}/day"}


def changes_of_clocks(year: int) -> list[date]:
    """The days on which Pacific clocks change."""
    days = (date(year, 1, 1) + timedelta(days=n) for n in range(365))
    return [
        d for d in days if end_of_pacific_day(d)[10:] != end_of_pacific_day(d - timedelta(1))[10:]
    ]


def landed_days(wanted: list[date]) -> list[date]:
    """The days that values ending with these Pacific days land on."""
    span = Span(min(wanted), max(wanted))
    with opened_desk() as desk:
        rows = [series([(on, n) for n, on in enumerate(wanted)])]
        landed = desk.landed(
            rows, span.since, span.until, report="page_daily", asset="7", part="page_follows"
        )
        assert (landed.status, landed.rows) == ("complete", len(wanted))
        found = {json.loads(p)["value"]: on for (on, _), p in desk.current().items()}
        return [on for _, on in sorted(found.items()) if on is not None]


@given(st.lists(st.dates(date(2008, 1, 1), date(2036, 12, 30)), min_size=1, unique=True))
@settings(max_examples=15, deadline=None)
def test_a_page_value_belongs_to_the_pacific_day_that_it_ends(wanted: list[date]) -> None:
    """For any day of any year, the end in UTC leads back to the day."""
    assert landed_days(wanted) == wanted


@pytest.mark.parametrize("year", [2007, 2023, 2026, 2027])
def test_the_days_around_both_changes_of_clocks(year: int) -> None:
    """23 and 25 hours are a day as well."""
    changes = changes_of_clocks(year)
    assert [change.month for change in changes] == [3, 11]
    wanted = [change + timedelta(days=n) for change in changes for n in range(-2, 3)]
    assert landed_days(wanted) == wanted


def test_the_ends_of_days_are_those_of_the_guide() -> None:
    """07:00 in summer and 08:00 in winter, as Meta documents them."""
    assert end_of_pacific_day(date(2026, 7, 4)) == "2026-07-05T07:00:00+0000"
    assert end_of_pacific_day(date(2026, 11, 19)) == "2026-11-20T08:00:00+0000"


def test_a_page_series_is_cut_into_one_row_a_value(desk: Desk) -> None:
    """Numbers stay numbers, and values that are objects stay objects."""
    rows = [series([(day(1), 5), (day(2), {"like": 12})])]
    desk.landed(rows, day(1), day(2), report="page_daily", part="page_follows")
    assert [json.loads(p) for _, p in sorted(desk.current().items())] == [
        {"name": "page_follows", "period": "day", "value": v, "end_time": end_of_pacific_day(on)}
        for on, v in ((day(1), 5), (day(2), {"like": 12}))
    ]


def test_windows_of_a_page_may_overlap(desk: Desk) -> None:
    """The days over-asked for come twice and are one row each."""
    once = series([(day(1), 5), (day(2), 6)])
    rows = [once, series([(day(2), 6)])]
    landed = desk.landed(rows, day(1), day(2), report="page_daily", part="page_follows")
    assert (landed.status, landed.rows) == ("complete", 2)


@pytest.mark.parametrize("part", ["page_views_total", "page_media_view"])
def test_the_answer_to_another_metric_is_not_taken_for_this_one(desk: Desk, part: str) -> None:
    """A batch whose answers came in another order would mix up metrics."""
    rows = [series([(day(1), 5)])]
    landed = desk.landed(rows, day(1), report="page_daily", part=part)
    assert (landed.status, desk.current()) == ("failed", {})


def test_28_days_are_not_taken_for_one(desk: Desk) -> None:
    """A figure of another period than asked for is none."""
    rows = [series([(day(1), 5)])]
    landed = desk.landed(rows, day(1), report="page_28d", part="page_follows")
    assert (landed.status, desk.current()) == ("failed", {})


def test_a_total_of_many_days_has_no_day(desk: Desk) -> None:
    """Instagram's totals hold no date: only one that was asked for one day belongs to it."""
    rows = [{"name": "reach", "period": "day", "total_value": {"value": 9}}]
    page = Page(rows, keep=Span(day(1), day(2)))
    landed = desk.landed(
        [], day(1), day(2), report="instagram_daily", asset="8", part="reach", pages=[page]
    )
    assert (landed.status, desk.current()) == ("failed", {})


def test_a_rolling_row_describes_all_of_its_days(desk: Desk) -> None:
    """One that begins later than asked would be too small a figure that looks right."""
    whole = account_row(date(2026, 9, 4), date_stop="2026-10-01")
    for start, status in (("2026-10-01", "failed"), ("2026-09-04", "complete")):
        rows = [whole | {"date_start": start}]
        assert desk.landed(rows, day(1), report="account_28d").status == status


def test_a_months_row_lies_on_its_first_day(desk: Desk) -> None:
    """Coverage has one entry a month."""
    rows = [account_row(date(2026, month, 1)) for month in (9, 10)]
    desk.landed(rows, date(2026, 9, 1), date(2026, 10, 20), report="account_monthly")
    assert {on for on, _ in desk.current()} == {date(2026, 9, 1), date(2026, 10, 1)}
    assert list(desk.statuses("account_monthly")) == [date(2026, 9, 1), date(2026, 10, 1)]
