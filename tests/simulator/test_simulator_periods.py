"""Date presets and the cutting of ranges."""

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_pipeline.simulator.noise import split
from meta_pipeline.simulator.paging import cursor, place
from meta_pipeline.simulator.periods import months_before, preset, slices
from meta_pipeline.simulator.vocabulary import DATE_PRESETS

DAYS = st.dates(date(2020, 1, 1), date(2035, 12, 31))


@pytest.mark.parametrize(
    ("name", "since", "until"),
    [
        ("today", "2026-11-22", "2026-11-22"),
        ("yesterday", "2026-11-21", "2026-11-21"),
        ("last_7d", "2026-11-15", "2026-11-21"),
        ("last_month", "2026-10-01", "2026-10-31"),
        ("this_month", "2026-11-01", "2026-11-22"),
        ("last_quarter", "2026-07-01", "2026-09-30"),
        ("last_week_mon_sun", "2026-11-09", "2026-11-15"),
        ("last_week_sun_sat", "2026-11-15", "2026-11-21"),
        ("this_week_mon_today", "2026-11-16", "2026-11-22"),
        ("this_week_sun_today", "2026-11-22", "2026-11-22"),
        ("last_year", "2025-01-01", "2025-12-31"),
        ("maximum", "2023-10-22", "2026-11-22"),
    ],
)
def test_presets(name: str, since: str, until: str) -> None:
    """On Sunday, 22 November 2026 a preset means these days."""
    found = preset(name, date(2026, 11, 22))
    assert found == (date.fromisoformat(since), date.fromisoformat(until))


@given(DAYS, st.sampled_from(DATE_PRESETS))
def test_presets_are_ranges_up_to_today(today: date, name: str) -> None:
    """Every preset of every day is a range that ends today or before."""
    since, until = preset(name, today)
    assert since <= until <= today


@given(DAYS, st.integers(0, 400), st.sampled_from(["1", "7", "90", "monthly", "all_days"]))
def test_slices_cover_the_range(since: date, length: int, increment: str) -> None:
    """Periods follow each other without gap or overlap from the first day to the last."""
    until = since + timedelta(days=length)
    found = slices(since, until, increment)
    assert (found[0][0], found[-1][1]) == (since, until)
    for (_, end), (start, _) in itertools.pairwise(found):
        assert start == end + timedelta(days=1)


@given(DAYS, st.integers(0, 60))
def test_months_before(day: date, months: int) -> None:
    """Going back months lands in the right month, never later in it."""
    found = months_before(day, months)
    assert (day.year - found.year) * 12 + day.month - found.month == months
    assert found.day <= day.day


@given(st.integers(0, 10**9), st.lists(st.floats(0, 100), min_size=1, max_size=20))
def test_splits_are_exact(total: int, weights: list[float]) -> None:
    """The parts of a split sum to the whole and are never negative."""
    parts = split(total, weights)
    assert sum(parts) == total
    assert min(parts) >= 0


@given(st.integers(0, 10**9))
def test_cursors_go_there_and_back(number: int) -> None:
    """A cursor names the place it was made from."""
    assert place(cursor(number)) == number
