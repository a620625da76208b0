"""How far the numbers can be trusted, read from marts made up for it."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from meta_pipeline.dates import Span
from meta_pipeline.errors import WarehouseError
from meta_pipeline.freshness import Freshness, LateDay, read_freshness

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
Day = tuple[str, str, date, str, str | None, datetime | None, datetime, bool]
Marts = Callable[..., Path]


def a_day(
    number: int,
    maturity: str | None = "final",
    coverage: str = "pulled",
    *,
    client: str = "acme",
    account: str = "act_1",
    pulled: datetime | None = NOW - timedelta(hours=2),
    active: bool = True,
) -> Day:
    """A day of November 2026 as `mart_freshness` has it; it ended at midnight UTC."""
    ended = datetime(2026, 11, number, tzinfo=UTC) + timedelta(days=1)
    pulled = pulled if maturity else None
    on = date(2026, 11, number)
    settles = ended + timedelta(days=28)
    return (client, account, on, coverage, maturity, pulled, settles, active)


@pytest.fixture
def marts(tmp_path: Path) -> Marts:
    """Writes a marts file with these clients and days."""

    def write(days: Sequence[Day], clients: Sequence[tuple[str, bool]] = (("acme", True),)) -> Path:
        path = tmp_path / "marts.duckdb"
        with duckdb.connect(str(path)) as con:
            con.execute(
                """
                create table dim_clients (client_id text, is_active boolean);
                create table mart_freshness (
                    client_id text, ad_account_id text, day date, coverage text, maturity text,
                    pulled_at timestamptz, settles_at timestamptz, is_active boolean
                )
                """
            )
            con.executemany("insert into dim_clients values (?, ?)", list(clients))
            if days:
                con.executemany("insert into mart_freshness values (?, ?, ?, ?, ?, ?, ?, ?)", days)
        return path

    return write


def the_client(path: Path, now: datetime = NOW) -> Freshness:
    """The freshness of the only client."""
    (found,) = read_freshness(path, now)
    return found


def test_a_settled_client_is_fresh(marts: Marts) -> None:
    """Every day known, old enough, and pulled today."""
    found = the_client(marts([a_day(1), a_day(2), a_day(3, "attributing")]))
    assert found == Freshness(
        client_id="acme",
        data_through=date(2026, 11, 3),
        settled_through=date(2026, 11, 3),
        last_pull=NOW - timedelta(hours=2),
        gaps=0,
        days={"final": 2, "attributing": 1},
        late=(),
    )
    assert found.state(NOW) == "fresh"


def test_a_client_without_days_was_never_pulled(marts: Marts) -> None:
    """It is listed all the same."""
    found = the_client(marts([]))
    assert found == Freshness("acme", None, None, None, 0, {}, ())
    assert found.state(NOW) == "never pulled"


def test_inactive_clients_are_left_out_and_others_sorted(marts: Marts) -> None:
    """Each client has its own days."""
    days = [a_day(1, client="b"), a_day(2, client="a"), a_day(3, client="gone")]
    path = marts(days, [("b", True), ("a", True), ("gone", False)])
    found = [(one.client_id, one.data_through) for one in read_freshness(path, NOW)]
    assert found == [("a", date(2026, 11, 2)), ("b", date(2026, 11, 1))]


@pytest.mark.parametrize("coverage", ["unconfirmed_empty", "failed", "never_pulled"])
def test_a_day_that_is_not_known_is_a_gap(marts: Marts, coverage: str) -> None:
    """It ends what is settled, and not what is there."""
    found = the_client(marts([a_day(1), a_day(2, None, coverage), a_day(3)]))
    assert (found.gaps, found.state(NOW)) == (1, "gaps")
    assert (found.settled_through, found.data_through) == (date(2026, 11, 1), date(2026, 11, 3))


def test_a_proved_empty_day_is_known(marts: Marts) -> None:
    """No delivery is an answer."""
    found = the_client(marts([a_day(1), a_day(2, "final", "confirmed_empty")]))
    assert (found.gaps, found.data_through) == (0, date(2026, 11, 2))


@pytest.mark.parametrize("maturity", ["open", "provisional", "settling"])
def test_settled_ends_before_the_first_day_that_is_not(marts: Marts, maturity: str) -> None:
    """Later days may be old pulls that are settled; the statement is about all days up to it."""
    found = the_client(marts([a_day(1), a_day(2, maturity), a_day(3)]))
    assert (found.settled_through, found.data_through) == (date(2026, 11, 1), date(2026, 11, 3))


def test_nothing_is_settled_when_the_first_day_is_not(marts: Marts) -> None:
    """There is no day before it."""
    found = the_client(marts([a_day(1, "settling"), a_day(2)]))
    assert found.settled_through is None


def test_the_worst_account_decides(marts: Marts) -> None:
    """A client's number is the sum of its accounts."""
    found = the_client(marts([a_day(1), a_day(2), a_day(1, "open", account="act_2")]))
    assert found.settled_through is None
    assert found.days == {"final": 2, "open": 1}


@pytest.mark.parametrize(
    ("hours", "state"), [(0, "fresh"), (27, "fresh"), (27.01, "stale"), (999, "stale")]
)
def test_a_client_is_stale_a_day_after_its_last_pull(
    marts: Marts, hours: float, state: str
) -> None:
    """A client is pulled daily, and its turn may come three hours later than the day before."""
    found = the_client(marts([a_day(1, pulled=NOW - timedelta(hours=hours))]))
    assert found.state(NOW) == state


def test_stale_is_worse_than_gaps(marts: Marts) -> None:
    """The worst that holds is what is said."""
    old = NOW - timedelta(days=3)
    found = the_client(marts([a_day(1, pulled=old), a_day(2, None, "failed")]))
    assert found.state(NOW) == "stale"


@pytest.mark.parametrize(("hours", "count"), [(95.9, 0), (96, 1), (500, 1)])
@pytest.mark.parametrize("maturity", ["open", "provisional", "settling"])
def test_a_day_is_late_72_hours_and_a_day_after_its_end(
    marts: Marts, maturity: str, hours: float, count: int
) -> None:
    """The pull that finds it older than 72 hours is, pulled daily, up to a day away."""
    ended = datetime(2026, 11, 11, tzinfo=UTC)
    now = ended + timedelta(hours=hours)
    path = marts([a_day(10, maturity, pulled=now - timedelta(hours=1))])
    found = the_client(path, now)
    assert len(found.late) == count
    assert found.state(now) == ("late" if count else "fresh")


def test_a_late_day_is_named(marts: Marts) -> None:
    """With its account and when it was pulled, in UTC."""
    found = the_client(marts([a_day(9, "settling"), a_day(1), a_day(20, "provisional")]))
    pulled, due = NOW - timedelta(hours=2), datetime(2026, 11, 14, tzinfo=UTC)
    assert found.late == (LateDay("act_1", date(2026, 11, 9), "settling", pulled, "settled", due),)
    assert found.late[0].pulled_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize(("days", "count"), [(34.9, 0), (35, 1)])
def test_a_day_is_late_again_28_days_and_a_week_after_its_end(
    marts: Marts, days: float, count: int
) -> None:
    """Its last pull is made together with its week's; a day without a pull is a gap instead."""
    now = datetime(2026, 11, 11, tzinfo=UTC) + timedelta(days=days)
    path = marts([a_day(10, "attributing", pulled=now), a_day(9, None, "failed")])
    found = the_client(path, now)
    assert [late.due for late in found.late] == ["final"] * count
    assert [late.due_at for late in found.late] == [now] * count


@pytest.mark.parametrize("maturity", ["attributing", "final"])
def test_a_day_pulled_after_those_hours_is_not_late(marts: Marts, maturity: str) -> None:
    """Nothing more is asked of it here."""
    assert the_client(marts([a_day(1, maturity)])).late == ()


def test_late_days_belong_to_their_client(marts: Marts) -> None:
    """Nobody is late for somebody else."""
    days = [a_day(1, "open", client="a"), a_day(1, client="b")]
    found = read_freshness(marts(days, [("a", True), ("b", True)]), NOW)
    assert [len(one.late) for one in found] == [1, 0]


def test_without_marts_the_error_says_what_makes_them(tmp_path: Path) -> None:
    """Nothing is created by looking."""
    path = tmp_path / "marts.duckdb"
    with pytest.raises(WarehouseError, match="there are no marts yet") as raised:
        read_freshness(path, NOW)
    assert "meta-pipeline sync" in str(raised.value.hint)
    assert not path.exists()


def test_marts_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """Broken files and files without our tables."""
    broken, foreign = tmp_path / "broken.duckdb", tmp_path / "foreign.duckdb"
    broken.write_bytes(b"no database")
    duckdb.connect(str(foreign)).close()
    for path in (broken, foreign):
        with pytest.raises(WarehouseError, match=rf"{path.name} cannot be read"):
            read_freshness(path, NOW)


def test_reading_leaves_no_trace(marts: Marts) -> None:
    """The file is opened read-only and closed again."""
    path = marts([a_day(1)])
    before = path.read_bytes()
    read_freshness(path, NOW)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_day_that_meta_keeps_no_longer_is_no_gap(marts: Marts) -> None:
    """Nor is it late, and what comes after it may be settled."""
    found = the_client(marts([a_day(1, None, "beyond_retention"), a_day(2), a_day(3)]))
    assert (found.gaps, found.late, found.settled_through) == (0, (), date(2026, 11, 3))
    assert found.state(NOW) == "fresh"


def test_an_account_that_left_clients_yml_holds_its_client_up_no_longer(marts: Marts) -> None:
    """No pull will mend its gaps or its late days, nor is the client as fresh as it was."""
    left = [
        a_day(1, "open", account="act_2", active=False),
        a_day(2, None, "failed", account="act_2", active=False),
        a_day(9, account="act_2", active=False, pulled=NOW),
    ]
    found = the_client(marts([a_day(1), a_day(2), *left]))
    assert (found.gaps, found.late, found.state(NOW)) == (0, (), "fresh")
    assert found.settled_through == found.data_through == date(2026, 11, 2)
    assert (found.last_pull, found.days) == (NOW - timedelta(hours=2), {"final": 2})


def test_days_left_out_between_others_are_a_gap(marts: Marts) -> None:
    """Nobody asked for the 3rd and 4th: the numbers are settled up to the 2nd, whatever follows."""
    found = the_client(marts([a_day(1), a_day(2), a_day(5), a_day(6)]))
    assert found.missing == (("act_1", Span(date(2026, 11, 3), date(2026, 11, 4))),)
    assert (found.missing_days, found.gaps, found.state(NOW)) == (2, 0, "gaps")
    assert found.settled_through == date(2026, 11, 2)


def test_each_account_has_days_of_its_own(marts: Marts) -> None:
    """A day of one account does not fill the hole in another's; one that left has no holes."""
    days = [a_day(1), a_day(3), a_day(2, account="act_2")]
    gone = [a_day(n, account="act_3", active=False) for n in (1, 9)]
    found = the_client(marts([*days, *gone]))
    assert found.missing == (("act_1", Span(date(2026, 11, 2), date(2026, 11, 2))),)


def test_days_left_out_long_ago_are_told_and_make_no_gap(marts: Marts) -> None:
    """What lies more than a quarter before the newest day is nobody's report of today."""
    long_ago = (*a_day(1)[:2], date(2026, 3, 1), *a_day(1)[3:])
    also = (*a_day(1)[:2], date(2026, 8, 9), *a_day(1)[3:])
    days = [long_ago, also, *_daily(date(2026, 8, 10), date(2026, 11, 20))]
    found = the_client(marts(days))
    assert found.missing_days == (date(2026, 8, 9) - date(2026, 3, 1)).days - 1
    assert found.recently_missing == ()
    assert (found.state(NOW), found.settled_through) == ("fresh", date(2026, 11, 20))


def _daily(first: date, last: date) -> list[Day]:
    return [(*a_day(1)[:2], day, *a_day(1)[3:]) for day in Span(first, last)]
