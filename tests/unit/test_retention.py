"""How far back Meta answers: what is cut, what is left out, and what the days say about it."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta_pipeline.dates import Span, add_months, retention_floor
from meta_pipeline.graph.retention import (
    MARGIN_DAYS,
    Beyond,
    Stretch,
    beyond,
    days_before,
    is_unique,
    stretches,
)
from meta_pipeline.reports import PAD_DAYS, REPORTS, Grain, Report

TODAY = date(2026, 11, 22)
FLOOR = retention_floor(TODAY)
SILENT = add_months(TODAY, -13)
"""A question with reach and breakdowns that begins before this day comes back without reach."""
PLATFORM = REPORTS["platform_daily"]
UNIQUE = tuple(field for field in PLATFORM.fields if is_unique(field))


def made_up(*breakdowns: str, grain: Grain = "day", fields: str = "reach spend actions") -> Report:
    """A report with breakdowns of any kind."""
    return Report(
        name="made_up",
        description="",
        surface="ads",
        edge="insights",
        grain=grain,
        level="campaign",
        key=("campaign_id",),
        breakdowns=breakdowns,
        fields=tuple(fields.split()),
    )


def cut(report: Report, span: Span, *windows: str, today: date = TODAY) -> list[Stretch]:
    """The stretches of a span, asked today."""
    floor = retention_floor(today)
    return stretches(report, span, today=today, first_day=floor, windows=windows)


def around(day: date, before: int = 60, after: int = 60) -> Span:
    """Days on both sides of one."""
    return Span(day - timedelta(days=before), day + timedelta(days=after))


def test_what_counts_people() -> None:
    """Those are kept for less long."""
    people = ["reach", "frequency", "cpp", "unique_clicks", "cost_per_unique_click"]
    assert all(map(is_unique, people))
    assert not any(map(is_unique, ["impressions", "spend", "cpc", "actions", "outbound_clicks"]))


def test_without_breakdowns_people_are_kept_like_everything() -> None:
    """One stretch over the 13 months."""
    (stretch,) = cut(REPORTS["account_daily"], around(SILENT))
    assert (stretch.left_out, stretch.note) == ((), "")


@pytest.mark.parametrize("windows", [(), ("28d_click",)])
def test_reach_with_breakdowns_is_cut_at_13_months(windows: tuple[str, ...]) -> None:
    """Older days are asked for without it and say so, newer ones with it."""
    old, new = cut(PLATFORM, around(SILENT), *windows)
    assert (old.left_out, new.left_out) == (UNIQUE, ())
    assert "Meta keeps reach, frequency, unique_clicks with breakdowns for 13 months" in old.note
    assert new.note == ""


@given(st.dates(date(2026, 1, 1), date(2027, 12, 31)), st.integers(0, 1200), st.booleans())
@settings(deadline=None)
def test_no_question_asks_for_reach_that_would_be_missing(
    today: date, age: int, has_window: bool
) -> None:
    """The padded start counts at Meta, not the first day kept."""
    windows = ("28d_click",) if has_window else ()
    for stretch in cut(PLATFORM, around(today - timedelta(days=age)), *windows, today=today):
        is_late = stretch.requested.since < add_months(today, -13) + timedelta(days=MARGIN_DAYS)
        assert stretch.left_out == (UNIQUE if is_late else ())


@given(st.integers(0, 1200), st.booleans(), st.sampled_from([*REPORTS.values()]))
@settings(deadline=None)
def test_stretches_keep_each_day_once_and_whole(age: int, has_window: bool, report: Report) -> None:
    """A day keeps its conversions: all padding is asked for, except beyond the floor."""
    if report.surface != "ads" or report.grain != "day":
        return
    windows = ("28d_click",) if has_window else ()
    span = around(TODAY - timedelta(days=age))
    found = cut(report, span, *windows)
    lost = beyond(report, span, today=TODAY, first_day=FLOOR)
    days = [*(lost.span if lost else ()), *(day for one in found for day in one.span)]
    assert days == list(span)
    for one in found:
        padded = one.span.padded(days_before(report, windows))
        assert one.requested == padded.clamped(since=FLOOR)


def test_near_the_cut_conversions_go_before_reach() -> None:
    """A missing reach is seen; a missing conversion would look like a number."""
    _, new = cut(PLATFORM, around(SILENT))
    boundary = SILENT + timedelta(days=MARGIN_DAYS)
    assert new.requested.since == boundary
    assert new.span.since == boundary + timedelta(days=PAD_DAYS)


def test_the_first_days_of_all_lack_conversions() -> None:
    """Their clicks lie where Meta does not look any more."""
    lean, rest = cut(REPORTS["ad_daily"], around(FLOOR))
    assert lean == Stretch(
        Span(FLOOR, FLOOR + timedelta(days=PAD_DAYS - 1)),
        Span(FLOOR, FLOOR + timedelta(days=PAD_DAYS - 1)),
        note=f"conversions whose click lies before {FLOOR} are not in it",
    )
    assert (rest.requested.since, rest.note) == (FLOOR, "")


def test_days_beyond_37_months_are_named() -> None:
    """Asking for them would cost the whole question (error 3018)."""
    lost = beyond(REPORTS["ad_daily"], around(FLOOR), today=TODAY, first_day=FLOOR)
    days = Span(FLOOR - timedelta(days=60), FLOOR - timedelta(days=1))
    assert lost == Beyond(days, "beyond retention: Meta keeps figures for 37 months")


def test_a_span_beyond_retention_is_not_asked_for() -> None:
    """There is nothing to ask, and a reason why."""
    span = around(FLOOR - timedelta(days=100), 3, 3)
    assert cut(REPORTS["ad_daily"], span) == []
    lost = beyond(REPORTS["ad_daily"], span, today=TODAY, first_day=FLOOR)
    assert lost
    assert lost.span == span


def test_within_retention_nothing_is_lost() -> None:
    """The usual case."""
    span = around(TODAY - timedelta(days=100))
    assert beyond(PLATFORM, span, today=TODAY, first_day=FLOOR) is None


@pytest.mark.parametrize(
    ("breakdown", "months"),
    [
        ("hourly_stats_aggregated_by_advertiser_time_zone", 13),
        ("hourly_stats_aggregated_by_audience_time_zone", 13),
        ("frequency_value", 6),
    ],
)
def test_some_breakdowns_are_kept_for_less_long(breakdown: str, months: int) -> None:
    """Beyond, Meta sends no rows and no error: those days are left out and named."""
    report, edge = made_up(breakdown), add_months(TODAY, -months) + timedelta(days=MARGIN_DAYS)
    found = cut(report, around(edge))
    assert found[0].span.since == found[0].requested.since == edge
    assert found[0].left_out == ()
    assert "conversions whose click lies before" in found[0].note
    lost = beyond(report, around(edge), today=TODAY, first_day=FLOOR)
    assert lost
    assert lost.span.until == edge - timedelta(days=1)
    assert lost.reason == (
        f"beyond retention: Meta keeps figures by {breakdown} for {months} months"
    )


def test_the_shortest_of_several_limits_counts() -> None:
    """Six months of frequency values lie within the 13 months of reach."""
    report = made_up("frequency_value", "age")
    found = cut(report, around(TODAY - timedelta(days=200), 300, 100))
    edge = add_months(TODAY, -6) + timedelta(days=MARGIN_DAYS)
    assert found[0].span.since == edge
    assert all(one.left_out == () for one in found)


def test_months_are_cut_whole() -> None:
    """The month that reach ends in is asked for without it; months have no padding."""
    report = made_up("age", grain="month", fields="reach spend")
    old, new = cut(report, Span(date(2025, 8, 1), date(2026, 2, 28)))
    assert (old.span, old.left_out) == (Span(date(2025, 8, 1), date(2025, 10, 31)), ("reach",))
    assert (new.span, new.left_out) == (Span(date(2025, 11, 1), date(2026, 2, 28)), ())
    assert (old.requested, new.requested) == (old.span, new.span)


def test_a_rolling_range_before_retention_says_why_it_is_missing() -> None:
    """Its last day lies within retention, its first does not."""
    lost = beyond(REPORTS["account_28d"], around(FLOOR, 0, 40), today=TODAY, first_day=FLOOR)
    assert lost
    assert lost.span == Span(FLOOR, FLOOR + timedelta(days=26))
    assert "37 months, and a range of 28 days lies within them" in lost.reason
