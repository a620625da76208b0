"""Whose turn it is: each client once a day, after its own midnight and a margin."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_pipeline.config import Client
from meta_pipeline.dates import Span
from meta_pipeline.pulling.memory import zone_info
from meta_pipeline.pulling.turns import adjacent, days_under_way, due_clients, turn
from meta_pipeline.repulls import Policy, due_days

SYDNEY, NEW_YORK = "Australia/Sydney", "America/New_York"
ZONES = {"act_1": SYDNEY, "act_2": NEW_YORK}


def client(number: int, **more: object) -> Client:
    """A client with one ad account of that number."""
    known = {"id": f"c{number}", "name": f"C {number}", "ad_accounts": [f"act_{number}"]}
    return Client.model_validate(known | more)


SYD, NYC = client(1), client(2)


def at(text: str) -> datetime:
    """An instant of UTC in November 2026 unless it says otherwise."""
    return datetime.fromisoformat(text if "-" in text[:5] else f"2026-11-{text}").replace(
        tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("21T15:59", {}),  # Sydney: 02:59 on the 22nd
        ("21T16:00", {"c1": date(2026, 11, 21)}),
        ("22T07:59", {"c1": date(2026, 11, 21)}),  # New York: 02:59 on the 22nd
        ("22T08:00", {"c1": date(2026, 11, 21), "c2": date(2026, 11, 21)}),
    ],
)
def test_each_client_has_its_turn_after_its_own_midnight(now: str, due: dict[str, date]) -> None:
    """Sydney's day is pulled sixteen hours before New York's."""
    last = {"c1": date(2026, 11, 20), "c2": date(2026, 11, 20)}
    assert due_clients(at(now), [SYD, NYC], ZONES, last) == due


def test_a_turn_comes_once() -> None:
    """Who has had the day's turn is not due until the next day is over."""
    taken = due_clients(at("22T08:00"), [NYC], ZONES, {})
    assert due_clients(at("23T07:59"), [NYC], ZONES, taken) == {}
    assert due_clients(at("23T08:00"), [NYC], ZONES, taken) == {"c2": date(2026, 11, 22)}


@pytest.mark.parametrize(
    ("midnight", "day"),
    [
        ("2026-11-01T04:00", date(2026, 10, 31)),  # a night of 25 hours follows
        ("2026-11-02T05:00", date(2026, 11, 1)),  # the day that had 25 hours
        ("2026-03-08T05:00", date(2026, 3, 7)),  # the clock leaves out 02:00 to 03:00
        ("2026-03-09T04:00", date(2026, 3, 8)),
    ],
)
def test_the_margin_is_time_that_passes(midnight: str, day: date) -> None:
    """Three hours after midnight are three hours, whatever the wall clock does meanwhile."""
    over = at(midnight) + timedelta(hours=3)
    assert turn(over, NYC, ZONES) == day
    assert turn(over - timedelta(seconds=1), NYC, ZONES) == day - timedelta(days=1)


def test_a_client_may_have_a_margin_of_its_own() -> None:
    """`sync_after` counts from the end of the day."""
    late = client(2, sync_after="05:30")
    assert turn(at("22T10:29"), late, ZONES) == date(2026, 11, 20)
    assert turn(at("22T10:30"), late, ZONES) == date(2026, 11, 21)


def test_before_meta_has_said_it_the_time_zone_is_the_files() -> None:
    """Then the latest on earth; what Meta says counts before what the file says."""
    assert turn(at("21T16:00"), client(3, timezone=SYDNEY), {}) == date(2026, 11, 21)
    assert turn(at("22T14:59"), client(3), {}) == date(2026, 11, 20)
    assert turn(at("22T15:00"), client(3), {}) == date(2026, 11, 21)
    assert turn(at("21T16:00"), client(3, timezone=SYDNEY), {"act_3": NEW_YORK}) == date(
        2026, 11, 20
    )


def test_the_day_must_be_over_for_all_accounts_of_a_client() -> None:
    """With accounts in Sydney and New York it is New York's hour."""
    both = client(1, ad_accounts=["act_1", "act_2"])
    assert turn(at("22T07:59"), both, ZONES) == date(2026, 11, 20)
    assert turn(at("22T08:00"), both, ZONES) == date(2026, 11, 21)


def test_turns_that_were_missed_are_made_up_for_at_once() -> None:
    """After ten hours without the daemon those are due whose hour has passed meanwhile."""
    zones = {f"act_{n}": zone for n, zone in enumerate((SYDNEY, "Asia/Tokyo", NEW_YORK))}
    clients = [client(n) for n in range(3)]
    before = due_clients(at("21T13:00"), clients, zones, {})
    assert list(due_clients(at("21T23:00"), clients, zones, before)) == ["c0", "c1"]
    # After two days each of them has one turn, not two.
    assert due_clients(at("24T12:00"), clients, zones, before) == dict.fromkeys(
        ["c0", "c1", "c2"], date(2026, 11, 23)
    )


def test_due_clients_stand_in_the_files_order() -> None:
    """So that neighbours can share a run."""
    assert list(due_clients(at("22T12:00"), [NYC, SYD], ZONES, {})) == ["c2", "c1"]


def test_neighbours_share_a_stretch() -> None:
    """It is cut where a client lies between that is not wanted."""
    assert adjacent("abcdef", "fdcb") == [["b", "c", "d"], ["f"]]
    assert adjacent(["a"], []) == []


def test_days_under_way_are_those_of_all_zones() -> None:
    """Yesterday where it is earliest to today where it is latest."""
    assert days_under_way(at("22T15:00"), [SYD, NYC], ZONES) == Span(
        date(2026, 11, 21), date(2026, 11, 23)
    )
    assert days_under_way(at("22T03:00"), [NYC], ZONES) == Span(
        date(2026, 11, 20), date(2026, 11, 21)
    )


@given(
    st.sampled_from([SYDNEY, NEW_YORK, "Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kathmandu"]),
    st.integers(0, 700 * 24 * 4).map(lambda n: at("2025-01-01T00:00") + timedelta(minutes=15 * n)),
)
def test_the_day_of_a_turn_is_due(zone: str, now: datetime) -> None:
    """Whoever's turn it is, the re-pull policy asks for the day that has just ended."""
    day = turn(now, client(1), {"act_1": zone})
    assert day in due_days(Policy(), zone_info(zone), now, {})
