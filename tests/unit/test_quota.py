"""The ledger of quotas: when a request may be sent, as far as all workers together know."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit_quota import NOON, FakeTime, account, app, business, ledger_of

from meta_pipeline.errors import MetaPipelineError
from meta_pipeline.graph.errors import Failure, ThrottledError
from meta_pipeline.graph.pace import Pace
from meta_pipeline.graph.quota import QuotaLedger
from meta_pipeline.graph.usage import Bucket, Usage, gates

INSIGHTS = gates("act_1/insights")
ADS = gates("act_1/ads")
OTHER = gates("act_2/insights")


def refusal(code: int, subcode: int | None = None) -> ThrottledError:
    """A refusal with this code."""
    return ThrottledError(Failure("p", 400, code, subcode, "no"))


def wait_of(ledger: QuotaLedger, needed: tuple[Bucket, ...] = INSIGHTS) -> float:
    """Seconds that a request has to wait now."""
    hold = ledger.hold(needed, within=1e9)
    return hold.seconds if hold else 0.0


def note(ledger: QuotaLedger, headers: dict[str, str], error: ThrottledError | None = None) -> None:
    """An answer about act_1's insights, sent just now."""
    ledger.note("act_1", INSIGHTS, headers, sent_at=ledger.now(), error=error)


def test_nothing_known_holds_up_nobody() -> None:
    """Quotas are used until something is said about them."""
    assert ledger_of(FakeTime()).hold(INSIGHTS, within=0) is None


@pytest.mark.parametrize(
    ("percent", "distance"),
    [(0, 0), (74.9, 0), (75, 1), (79, 2), (83, 4), (87, 8), (91, 16), (94.9, 31.45)],
)
def test_from_75_percent_requests_keep_their_distance(percent: float, distance: float) -> None:
    """It doubles every four points."""
    ledger = ledger_of(FakeTime())
    note(ledger, business(percent))
    assert [round(wait_of(ledger), 2) for _ in range(3)] == [0, distance, 2 * distance]


def test_distances_are_kept_by_all_that_need_the_quota_and_by_no_others() -> None:
    """Another account's insights and the same account's ads have quotas of their own."""
    ledger = ledger_of(FakeTime())
    note(ledger, business(79))
    assert [wait_of(ledger), wait_of(ledger)] == [0, 2]
    assert [wait_of(ledger, OTHER)] * 3 == [0, 0, 0]
    assert [wait_of(ledger, ADS)] * 3 == [0, 0, 0]


def test_a_turn_too_far_away_is_not_taken() -> None:
    """Who does not want to wait that long takes it from nobody."""
    ledger = ledger_of(FakeTime())
    note(ledger, business(91))
    assert wait_of(ledger) == 0
    refused = [ledger.hold(INSIGHTS, within=5) for _ in range(3)]
    assert [hold and hold.seconds for hold in refused] == [16, 16, 16]


def test_who_comes_back_with_a_turn_passes() -> None:
    """Unless a quota ran out meanwhile."""
    ledger = ledger_of(FakeTime())
    note(ledger, business(80))
    assert ledger.hold(INSIGHTS, has_turn=True, within=0) is None
    note(ledger, business(100))
    assert ledger.hold(INSIGHTS, has_turn=True, within=0) is not None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (business(95, 19), 19 * 60),
        (business(20, 3), 3 * 60),  # Meta says so, whatever the figure
        (business(100), 300),
        (account(95, 100), 100),
        (account(96, 0), 300),
        (account(96, 0, "standard_access"), 60),
        (app(95), 600),
        ({"x-fb-ads-insights-throttle": '{"app_id_util_pct":100}'}, 300),
        ({"x-fb-ads-insights-throttle": '{"acc_id_util_pct":97}'}, 300),
        ({"x-fb-ads-insights-reach-throttle": '{"acc_id_util_pct":100}'}, 0),
        (account(94, 300), 0),
    ],
)
def test_from_95_percent_nothing_is_sent(headers: dict[str, str], seconds: float) -> None:
    """For the minutes or seconds that Meta says, or for what its documentation says."""
    ledger = ledger_of(FakeTime())
    note(ledger, headers)
    assert wait_of(ledger) == seconds


def test_after_the_wait_the_old_figure_says_nothing() -> None:
    """The first request after it is sent at once, and the next as well."""
    time = FakeTime()
    ledger = ledger_of(time)
    note(ledger, business(99, 2))
    note(ledger, business(80))  # an answer that was under way
    time.sleep(120)
    assert [wait_of(ledger) for _ in range(3)] == [0, 0, 0]


def test_an_old_figure_is_forgotten() -> None:
    """Quotas count over rolling hours."""
    time = FakeTime()
    ledger = ledger_of(time)
    note(ledger, business(91))
    time.sleep(3600)
    assert [wait_of(ledger) for _ in range(3)] == [0, 0, 0]


def test_a_refusal_blocks_for_what_its_headers_say() -> None:
    """Error 80000 with nineteen minutes."""
    ledger = ledger_of(FakeTime())
    note(ledger, business(100, 19), refusal(80000, 2446079))
    assert wait_of(ledger) == 19 * 60
    assert wait_of(ledger, OTHER) == 0


def test_an_account_that_is_refused_holds_up_no_other() -> None:
    """Nor does it hold up Pages."""
    ledger = ledger_of(FakeTime())
    note(ledger, {}, refusal(17, 2446079))
    assert [wait_of(ledger, needed) for needed in (INSIGHTS, ADS)] == [300, 300]
    assert [wait_of(ledger, needed) for needed in (OTHER, gates("7/insights"))] == [0, 0]


def test_the_apps_refusal_holds_up_everybody() -> None:
    """Error 4; with subcode 1504022 it is about insights alone."""
    ledger = ledger_of(FakeTime())
    note(ledger, {}, refusal(4, 1504022))
    assert [wait_of(ledger, needed) for needed in (OTHER, ADS)] == [300, 0]
    note(ledger, {}, refusal(4))
    assert [wait_of(ledger, needed) for needed in (OTHER, ADS)] == [600, 600]


def test_waits_grow_while_refusals_go_on() -> None:
    """Doubling up to an hour; an answer between them ends the row."""
    time = FakeTime()
    ledger = ledger_of(time)
    waits: list[float] = []
    for _ in range(6):
        note(ledger, {}, refusal(613))
        waits.append(wait_of(ledger))
        time.sleep(waits[-1])
    note(ledger, {})
    note(ledger, {}, refusal(613))
    assert [*waits, wait_of(ledger)] == [60, 120, 240, 480, 960, 1920, 60]


def test_refusals_of_requests_under_way_are_one() -> None:
    """Eight workers that run into a wall at once run into it once."""
    time = FakeTime()
    ledger = ledger_of(time)
    sent_at = time.now()
    time.sleep(1)
    for _ in range(8):
        ledger.note("act_1", INSIGHTS, {}, sent_at=sent_at, error=refusal(613))
    assert wait_of(ledger) == 60


def test_a_late_good_answer_lifts_no_block() -> None:
    """It was asked before."""
    time = FakeTime()
    ledger = ledger_of(time)
    sent_at = time.now()
    time.sleep(1)
    note(ledger, {}, refusal(17, 2446079))
    ledger.note("act_1", INSIGHTS, account(10), sent_at=sent_at)
    assert wait_of(ledger) == 300


def test_what_a_clock_far_ahead_wrote_down_is_not_believed() -> None:
    """Else a machine whose clock was a year ahead for a moment would wait for that year."""
    time = FakeTime()
    ledger = ledger_of(time)
    time.moment += timedelta(days=365)
    note(ledger, business(79))
    wait_of(ledger)
    note(ledger, account(100, 300))
    note(ledger, {}, refusal(80000))
    time.moment = NOON
    assert wait_of(ledger) == 0
    note(ledger, business(79))
    assert [wait_of(ledger) for _ in range(2)] == [0, 2]
    note(ledger, business(100, minutes=5))
    assert wait_of(ledger) == 300


def test_a_clock_that_is_set_back_a_little_lifts_no_block() -> None:
    """Machines correct their clocks all the time."""
    time = FakeTime()
    ledger = ledger_of(time)
    note(ledger, account(100, 300))
    time.moment -= timedelta(seconds=90)
    assert wait_of(ledger) == 390


def test_two_ledgers_on_one_file_know_the_same(tmp_path: Path) -> None:
    """What one learns the other obeys, turns included."""
    time = FakeTime()
    one, two = (ledger_of(time, tmp_path / "quota.sqlite") for _ in range(2))
    note(one, business(83))
    assert [wait_of(one), wait_of(two), wait_of(one)] == [0, 4, 8]
    note(two, business(100, 7))
    assert wait_of(one) == 7 * 60


def test_two_processes_know_the_same(tmp_path: Path) -> None:
    """A worker that is told to stop stops them all."""
    path = tmp_path / "quota.sqlite"
    program = f"""
from pathlib import Path
from unit_quota import FakeTime, business, ledger_of
from meta_pipeline.graph.usage import gates
ledger = ledger_of(FakeTime(), Path({str(path)!r}))
ledger.note("act_1", gates("act_1/insights"), business(100, 7), sent_at=ledger.now())
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parent)
    assert wait_of(ledger_of(FakeTime(), path)) == 7 * 60


def test_turns_are_given_once_over_all_threads(tmp_path: Path) -> None:
    """No two requests go at the same moment where a quota is used slowly."""
    time = FakeTime()
    ledgers = [ledger_of(time, tmp_path / "quota.sqlite") for _ in range(2)]
    note(ledgers[0], business(75))
    waits: list[float] = []
    workers = [
        Thread(target=lambda one=ledgers[n % 2]: waits.append(wait_of(one))) for n in range(12)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(waits) == [float(n) for n in range(12)]


def test_what_is_no_news_is_not_written(tmp_path: Path) -> None:
    """An unthrottled request costs a look at the file, no write."""
    ledger = ledger_of(FakeTime(), tmp_path / "quota.sqlite")
    note(ledger, {**business(20), **account(9), **app(3)})
    log = tmp_path / "quota.sqlite-wal"
    size = log.stat().st_size
    for percent in (20, 20.4, 19.8):
        assert wait_of(ledger) == 0
        note(ledger, {**business(percent), **account(9), **app(3)})
    assert log.stat().st_size == size


def test_what_is_known_can_be_shown() -> None:
    """The app's quotas and those of the asset, with the moment they were seen."""
    time = FakeTime()
    ledger = ledger_of(time)
    note(ledger, {**business(100, 19), **app(12), **business(100, 19)})
    time.sleep(60)
    shown = {usage.bucket: usage for usage in ledger.usage("act_1")}
    assert set(shown) == {Bucket("app"), Bucket("ads_insights", "1")}
    used_up = shown[Bucket("ads_insights", "1")]
    assert (used_up.percent, used_up.seen_at, used_up.is_current) == (100, NOON, True)
    assert used_up.blocked_until == NOON + timedelta(minutes=19)
    assert shown[Bucket("app")].blocked_until is None
    assert [usage.bucket for usage in ledger.usage()] == [Bucket("app")]


@pytest.mark.parametrize("content", [b"no database at all, but long enough" * 40, b"\0" * 4096])
def test_a_damaged_file_is_named_with_the_way_out(tmp_path: Path, content: bytes) -> None:
    """It holds nothing that is not known again in a moment."""
    path = tmp_path / "quota.sqlite"
    path.write_bytes(content)
    with pytest.raises(MetaPipelineError) as raised:
        wait_of(ledger_of(FakeTime(), path))
    assert f"the quota file {path} cannot be used" in raised.value.message
    assert f"delete {path}" in str(raised.value.hint)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """That is not mended by deleting the file."""
    (tmp_path / "file").write_text("")
    with pytest.raises(MetaPipelineError, match="check that the folder"):
        wait_of(ledger_of(FakeTime(), tmp_path / "file" / "quota.sqlite"))


def test_a_closed_ledger_opens_again(tmp_path: Path) -> None:
    """Its file keeps what was known."""
    ledger = ledger_of(FakeTime(), tmp_path / "quota.sqlite")
    note(ledger, business(100, 1))
    ledger.close()
    assert wait_of(ledger) == 60


def test_a_pace_without_news_stays_itself() -> None:
    """That is how the ledger sees that there is nothing to write."""
    usage = Usage(Bucket("app"), 10.0)
    pace = Pace(Bucket("app")).seen(usage, 1000.0)
    assert pace.seen(usage, 1001.0) is pace
    assert pace.seen(usage, 1060.0) is not pace


@given(st.floats(75, 200), st.floats(75, 200))
@settings(max_examples=50, deadline=None)
def test_a_fuller_quota_is_never_used_faster(one: float, other: float) -> None:
    """The distance grows with the figure, from one second on."""
    paces = [Pace(Bucket("app"), percent=p, expires_at=2.0) for p in sorted((one, other))]
    assert 1 <= paces[0].distance(1.0) <= paces[1].distance(1.0) <= 32
