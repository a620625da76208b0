"""Days, spans and Meta's presets, against oracles that count on fingers."""

import calendar
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta_pipeline.dates import (
    PRESETS,
    Span,
    add_months,
    end_of_month,
    preset,
    retention_floor,
    spans,
    trailing,
)
from meta_pipeline.errors import ConfigError

ONE_DAY = timedelta(days=1)
days = st.dates(date(2004, 1, 1), date(2060, 12, 31))
near_days = st.dates(date(2026, 1, 1), date(2026, 4, 30))


@st.composite
def made_spans(draw: st.DrawFn) -> Span:
    """Spans of up to 400 days."""
    since = draw(days)
    return Span(since, since + timedelta(days=draw(st.integers(0, 400))))


@given(st.sets(near_days, max_size=80))
@settings(deadline=None)
def test_spans_hold_the_days_and_no_other(given_days: set[date]) -> None:
    """The union of the spans is the set of days, and no day comes twice."""
    found = [day for span in spans(given_days) for day in span]
    assert set(found) == given_days
    assert len(found) == len(given_days)


@given(st.lists(near_days, max_size=80))
@settings(deadline=None)
def test_spans_are_sorted_apart_and_as_few_as_possible(given_days: list[date]) -> None:
    """Between two spans lies at least one day, so there is one span a start of a run."""
    found = spans(given_days)
    assert all(a.until + ONE_DAY < b.since for a, b in pairwise(found))
    runs = [day for day in set(given_days) if day - ONE_DAY not in given_days]
    assert len(found) == len(runs)


@given(made_spans(), st.integers(1, 100))
@settings(deadline=None)
def test_chunks_cover_every_day_once(span: Span, size: int) -> None:
    """Chunks laid end to end are the span; all but the last are full."""
    chunks = list(span.chunks(size))
    assert [day for chunk in chunks for day in chunk] == list(span)
    assert all(chunk.days == size for chunk in chunks[:-1])
    assert 1 <= chunks[-1].days <= size


@given(made_spans(), st.none() | days, st.none() | days)
@settings(deadline=None)
def test_clamped_keeps_the_days_within_the_bounds(
    span: Span, since: date | None, until: date | None
) -> None:
    """What is left are the days within both bounds; None when there are none."""
    clamped = span.clamped(since=since, until=until)
    kept = [d for d in span if (since is None or since <= d) and (until is None or d <= until)]
    assert (list(clamped) if clamped else []) == kept


@given(made_spans())
@settings(deadline=None)
def test_months_widens_to_whole_months_and_no_further(span: Span) -> None:
    """The widened span begins on a first, ends on a last, in the months of the span's ends."""
    widened = span.months()
    assert (widened.since.day, (widened.until + ONE_DAY).day) == (1, 1)
    assert (widened.since.year, widened.since.month) == (span.since.year, span.since.month)
    assert (widened.until.year, widened.until.month) == (span.until.year, span.until.month)


@given(made_spans(), st.integers(0, 30))
@settings(deadline=None)
def test_padded_adds_days_before_the_start(span: Span, pad: int) -> None:
    """Padding moves the start alone."""
    padded = span.padded(pad)
    assert (padded.days, padded.until) == (span.days + pad, span.until)


@given(made_spans())
@settings(deadline=None)
def test_a_span_counts_and_knows_its_days(span: Span) -> None:
    """`days`, iteration and `in` agree."""
    listed = list(span)
    assert (len(listed), listed[0], listed[-1]) == (span.days, span.since, span.until)
    assert listed[-1] in span
    assert span.since - ONE_DAY not in span
    assert span.until + ONE_DAY not in span
    assert "2026-01-01" not in span


def test_a_span_that_ends_before_it_starts_is_refused() -> None:
    """The error names both ends."""
    with pytest.raises(ConfigError, match=r"2026-01-01\) before it starts \(2026-01-02"):
        Span(date(2026, 1, 2), date(2026, 1, 1))


def test_a_span_reads_like_a_range() -> None:
    """Text for logs and tables."""
    assert str(Span(date(2026, 1, 2), date(2026, 1, 9))) == "2026-01-02..2026-01-09"


@given(days, st.integers(-200, 200))
@settings(deadline=None)
def test_add_months_moves_the_month_and_caps_the_day(day: date, months: int) -> None:
    """The month moves by exactly that many; the day only shrinks to fit."""
    moved = add_months(day, months)
    assert _month(moved) == _month(day) + months
    assert moved.day == min(day.day, calendar.monthrange(moved.year, moved.month)[1])


@given(days)
@settings(deadline=None)
def test_end_of_month_is_the_day_before_a_first(day: date) -> None:
    """The next day is in the next month."""
    end = end_of_month(day)
    assert _month(end) == _month(day)
    assert (end + ONE_DAY).day == 1


@given(days)
@settings(deadline=None)
def test_the_retention_floor_is_the_first_day_less_than_37_months_back(today: date) -> None:
    """The day before the floor is 37 whole months old, the floor itself is not."""
    floor = retention_floor(today)
    assert _whole_months(floor - ONE_DAY, today) == 37
    assert _whole_months(floor, today) < 37


@given(days, st.integers(1, 90))
@settings(deadline=None)
def test_trailing_days_end_yesterday(today: date, count: int) -> None:
    """Exactly that many days, the last one yesterday."""
    span = trailing(today, count)
    assert (span.days, span.until) == (count, today - ONE_DAY)


def test_the_trailing_window_is_28_days_by_default() -> None:
    """As long as Meta restates."""
    assert trailing(date(2026, 11, 22)).days == 28


def _month(day: date) -> int:
    return day.year * 12 + day.month


def _quarter(day: date) -> int:
    return day.year * 4 + (day.month - 1) // 3


def _week(day: date) -> tuple[int, int]:
    return day.isocalendar()[:2]


def _sunday_week(day: date) -> tuple[int, int]:
    return _week(day + ONE_DAY)


def _whole_months(start: date, today: date) -> int:
    return _month(today) - _month(start) - (today.day < start.day)


def _last(count: int) -> Callable[[date, date], bool]:
    return lambda d, today: 1 <= (today - d).days <= count


WEEK = timedelta(days=7)
ORACLE: dict[str, Callable[[date, date], bool]] = {
    "today": lambda d, today: d == today,
    "yesterday": _last(1),
    "this_month": lambda d, today: _month(d) == _month(today) and d <= today,
    "last_month": lambda d, today: _month(d) == _month(today) - 1,
    "this_quarter": lambda d, today: _quarter(d) == _quarter(today) and d <= today,
    "last_quarter": lambda d, today: _quarter(d) == _quarter(today) - 1,
    "this_year": lambda d, today: d.year == today.year and d <= today,
    "last_year": lambda d, today: d.year == today.year - 1,
    "last_3d": _last(3),
    "last_7d": _last(7),
    "last_14d": _last(14),
    "last_28d": _last(28),
    "last_30d": _last(30),
    "last_90d": _last(90),
    "last_week_mon_sun": lambda d, today: _week(d) == _week(today - WEEK),
    "last_week_sun_sat": lambda d, today: _sunday_week(d) == _sunday_week(today - WEEK),
    "this_week_mon_today": lambda d, today: _week(d) == _week(today) and d <= today,
    "this_week_sun_today": lambda d, today: _sunday_week(d) == _sunday_week(today) and d <= today,
    "maximum": lambda d, today: _whole_months(d, today) < 37 and d <= today,
    "data_maximum": lambda d, today: _whole_months(d, today) < 37 and d <= today,
}


def test_the_oracle_knows_every_preset() -> None:
    """No preset escapes the property below."""
    assert set(PRESETS) == set(ORACLE)


@pytest.mark.parametrize("name", sorted(PRESETS))
@given(today=days)
@settings(max_examples=15, deadline=None)
def test_a_preset_holds_the_days_it_is_documented_to_hold(name: str, today: date) -> None:
    """The span is the set of days around today for which the preset's meaning holds."""
    around = (today + timedelta(days=n) for n in range(-1200, 40))
    assert list(preset(name, today)) == [d for d in around if ORACLE[name](d, today)]


@pytest.mark.parametrize("name", sorted(PRESETS))
@given(today=days)
@settings(max_examples=30, deadline=None)
def test_last_presets_leave_today_out_and_this_presets_take_it_in(name: str, today: date) -> None:
    """Today is in `today`, `this_*` and the maxima, and in nothing else."""
    takes_in = name == "today" or name.startswith("this_") or name.endswith("maximum")
    assert (today in preset(name, today)) is takes_in


def test_lifetime_is_refused_with_what_to_use_instead() -> None:
    """Meta removed it, and the hint says so."""
    with pytest.raises(ConfigError, match="lifetime") as raised:
        preset("lifetime", date(2026, 11, 22))
    assert "maximum" in str(raised.value.hint)
    assert "37 months" in str(raised.value.hint)


def test_an_unknown_preset_is_refused_with_the_names_there_are() -> None:
    """The hint lists every preset."""
    with pytest.raises(ConfigError, match="last_week") as raised:
        preset("last_week", date(2026, 11, 22))
    assert all(name in str(raised.value.hint) for name in PRESETS)


def test_the_presets_are_those_of_the_sdk(sdk_enums: dict[str, Any]) -> None:
    """No preset of Meta's is missing, none is made up."""
    enums = sdk_enums["objects"]["adsinsights"]["enums"]
    assert set(PRESETS) == set(enums["DatePreset"])
