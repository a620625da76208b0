"""The re-pull policy: what is due at which age, whatever failed before."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from meta_pipeline.dates import Span, spans
from meta_pipeline.reports import reports_of
from meta_pipeline.repulls import Policy, bridged, day_end, due_days, free_gap

POLICY = Policy()
HERE = ZoneInfo("UTC")
ZONES = [ZoneInfo(name) for name in ("UTC", "America/Los_Angeles", "Pacific/Auckland")]
MONDAY = datetime(2026, 11, 23, 5, 15, tzinfo=UTC)
SUNDAY = date(2026, 11, 22)


def back(days: int) -> date:
    """The day so many days before the Sunday that has just ended."""
    return SUNDAY - timedelta(days=days)


def daily_pulls(until: datetime, policy: Policy = POLICY) -> dict[date, datetime]:
    """What every day's sync up to `until` leaves behind, for 80 days."""
    pulled: dict[date, datetime] = {}
    for days in range(80, -1, -1):
        now = until - timedelta(days=days)
        pulled |= dict.fromkeys(due_days(policy, HERE, now, pulled), now)
    return pulled


def due(now: datetime, policy: Policy = POLICY) -> list[Span]:
    """What is due at `now` after daily syncs that all went well."""
    return spans(due_days(policy, HERE, now, daily_pulls(now - timedelta(days=1), policy)))


def test_a_day_is_pulled_daily_for_a_week() -> None:
    """Until a pull is seven days old; on a Tuesday nothing else is due."""
    tuesday = MONDAY + timedelta(days=1)
    assert due(tuesday) == [Span(back(6), back(-1))]


def test_weeks_come_due_as_a_whole() -> None:
    """On Mondays: the week whose Sunday is 14 days old, and that whose Sunday is 28 days old."""
    assert due(MONDAY) == [
        Span(back(34), back(28)),
        Span(back(20), back(14)),
        Span(back(7), back(0)),
    ]


def test_a_policy_may_be_narrower_and_is_looked_at_weekly_then() -> None:
    """With three daily days the week at seven days is a milestone of its own."""
    narrow = Policy(daily_through=3)
    assert due(MONDAY + timedelta(days=1), narrow) == [Span(back(2), back(-1))]
    assert Span(back(20), back(7)) in due(MONDAY, narrow)  # the weeks at 7 and at 14 days


def test_a_policy_may_be_wider() -> None:
    """With 14 daily days the week after them comes in place of that at 14 days."""
    assert due(MONDAY, Policy(daily_through=14)) == [
        Span(back(34), back(21)),
        Span(back(14), back(0)),
    ]


def test_a_wider_policy_asks_for_all_that_the_narrower_one_does() -> None:
    """On any weekday, days between two spans included: it knows no day less well."""
    for days in range(7):
        now = MONDAY + timedelta(days=days)
        narrow, wide = (
            {day for span in bridged(spans_due, 7) for day in span}
            for spans_due in (
                [day for span in due(now, policy) for day in span]
                for policy in (POLICY, Policy(daily_through=14))
            )
        )
        assert narrow <= wide


def test_what_was_never_pulled_is_due_for_28_days() -> None:
    """A new client's first sync takes them all; older days are asked for on request alone."""
    assert spans(due_days(POLICY, HERE, MONDAY, {})) == [Span(back(27), back(0))]


def test_an_outage_heals() -> None:
    """After three weeks without a sync all that was pulled too early is due, whatever the day."""
    wednesday = MONDAY + timedelta(days=2)
    pulled = daily_pulls(wednesday - timedelta(days=21))
    found = due_days(POLICY, HERE, wednesday, pulled)
    assert {back(19), back(20), back(27), back(30)} <= found
    missed = {day for day in found if day not in pulled}
    assert missed == set(Span(back(18), back(-2)))


def test_a_gap_is_due_for_eight_weeks() -> None:
    """After an outage of five weeks no day between is lost; what lies before all pulls is not due,
    nor what was pulled long ago and by itself."""
    stopped = MONDAY - timedelta(days=35)
    pulled = daily_pulls(stopped)
    missed = {day for day in due_days(POLICY, HERE, MONDAY, pulled) if day not in pulled}
    assert missed == set(Span(stopped.date(), back(0)))
    lone = {back(40): MONDAY, back(200): MONDAY}
    assert min(due_days(POLICY, HERE, MONDAY, lone)) == back(39)
    assert min(due_days(POLICY, HERE, MONDAY, {back(200): MONDAY})) == back(27)


def test_what_never_lands_is_given_up() -> None:
    """Eight weeks after its end a day is not asked for any more."""
    pulled = {back(n): MONDAY - timedelta(days=60) for n in range(90)}
    assert min(due_days(POLICY, HERE, MONDAY, pulled)) == back(55)


def test_within_the_daily_stretch_a_day_is_due_at_any_time() -> None:
    """Somebody who runs a sync wants today's figures; a week that has landed is left alone."""
    pulled = daily_pulls(MONDAY)
    later = due_days(POLICY, HERE, MONDAY + timedelta(minutes=5), pulled)
    assert spans(later) == [Span(back(6), back(0))]


@settings(max_examples=25, deadline=None)
@given(
    failures=st.lists(st.booleans(), min_size=120, max_size=120),
    daily_through=st.integers(3, 14),
    zone=st.sampled_from(ZONES),
    minute=st.integers(0, 24 * 60 - 1),
    start=st.dates(date(2026, 1, 1), date(2026, 12, 31)),
)
def test_every_day_ends_final_and_no_milestone_is_asked_twice(
    failures: list[bool], daily_through: int, zone: ZoneInfo, minute: int, start: date
) -> None:
    """Daily syncs of which any may fail, but no seven in a row: every day is pulled 28 days or
    more after its end, and once for each milestone at most, in any zone and over clock changes."""
    policy = Policy(daily_through=daily_through)
    for n in range(6, len(failures)):
        failures[n] &= not all(failures[n - 6 : n])
    begin = datetime(start.year, start.month, start.day, tzinfo=UTC) + timedelta(minutes=minute)
    pulled: dict[date, datetime] = {}
    milestones: Counter[tuple[date, int]] = Counter()
    for n, fails in enumerate(failures):
        now = begin + timedelta(days=n)
        for day in set() if fails else due_days(policy, zone, now, pulled):
            pulled[day] = now
            age = (now - day_end(day, zone)) / timedelta(days=1)
            passed = [m for m in (daily_through, *policy.pulled_once_at) if m <= age]
            if age >= daily_through:
                milestones[day, max(passed)] += 1
    last = (begin + timedelta(days=len(failures) - 1)).date()
    for day in Span(start, last - timedelta(days=28 + 7 + 8)):
        assert pulled[day] - day_end(day, zone) >= timedelta(days=28), day
    assert max(milestones.values()) == 1


def test_days_are_joined_over_what_would_be_asked_anyway() -> None:
    """Two weeks with one between them are one question; with eight days between they are two."""
    week, next_but_one = Span(back(20), back(14)), Span(back(6), back(0))
    assert bridged([*week, *next_but_one], 7) == [Span(back(20), back(0))]
    assert bridged([*week, *next_but_one], 6) == [week, next_but_one]
    assert bridged([], 7) == []


def test_instagram_alone_pays_by_the_day() -> None:
    """Nothing is asked along there; everything else is asked over a week that is not due."""
    gaps = {report.name: free_gap(report) for report in reports_of(grain="day")}
    assert {name for name, gap in gaps.items() if gap == 0} == {"instagram_daily"}
    assert set(gaps.values()) == {0, 7}
