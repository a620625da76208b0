"""A client with a ledger: it waits, sends again, keeps its place, and gives up in time."""

import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from unit_quota import NOON, FakeTime, account, app, business, ledger_of
from unit_transport import ListAdapter, Reply, client_of, error_reply, page_of, session_of

from meta_pipeline.graph import (
    AuthError,
    Credential,
    GraphClient,
    QuotaLedger,
    RetryPolicy,
    Slots,
    ThrottledError,
    TransientError,
)
from meta_pipeline.graph.errors import failure_of_run
from meta_pipeline.graph.usage import Bucket, gates

FINE = page_of([{"a": "1"}])


def throttled_client(
    time: FakeTime,
    *replies: Reply | Exception,
    ledger: QuotaLedger | None = None,
    attempts: int = 1,
) -> tuple[GraphClient, ListAdapter]:
    """A client that waits by `time`."""
    quota = ledger or ledger_of(time)
    return client_of(
        *replies, quota=quota, sleep=time.sleep, uniform=lambda: 0.0, attempts=attempts
    )


def with_headers(reply: Reply, headers: dict[str, str]) -> Reply:
    """The same answer with these headers."""
    return Reply(reply.body, reply.status, headers)


def refused(code: int, subcode: int | None, headers: dict[str, str] | None = None) -> Reply:
    """A refusal for a quota."""
    return with_headers(error_reply(code, subcode), headers or {})


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        (refused(17, 2446079, account(100, 120)), 120),
        (refused(613, 1487742), 300),
        (refused(613, None), 60),
        (refused(4, 1504022), 300),
        (refused(4, None, app(101)), 600),
        (refused(80000, 2446079, business(100, 19)), 19 * 60),
        (Reply("slow down", 429), 60),
        (refused(80004, None), 300),
    ],
)
def test_a_throttled_request_is_sent_again_when_the_quota_is_back(
    reply: Reply, seconds: float
) -> None:
    """After exactly the wait that Meta names, or its documentation."""
    time = FakeTime()
    client, meta = throttled_client(time, reply, FINE)
    assert client.get("act_1/insights", {"level": "ad"}).rows == 1
    assert time.slept == [seconds]
    assert meta.asked == [{"level": "ad"}] * 2


def test_a_wait_keeps_the_place_in_a_list() -> None:
    """Pages that came are not asked for again."""
    time = FakeTime()
    client, meta = throttled_client(
        time, page_of([1], "B"), refused(17, 2446079), page_of([2], "C"), page_of([3])
    )
    assert [answer.rows for answer in client.pages("act_1/ads", {})] == [1, 1, 1]
    assert [asked.get("after") for asked in meta.asked] == [None, "B", "B", "C"]


def test_a_request_known_to_be_refused_is_not_sent() -> None:
    """Another client of the machine learned that the quota is used up."""
    time = FakeTime()
    ledger = ledger_of(time, patience=60)
    one, _ = throttled_client(time, with_headers(FINE, business(100, 19)), ledger=ledger)
    two, meta = throttled_client(time, FINE, ledger=ledger)
    one.get("act_1/insights", {})
    with pytest.raises(ThrottledError, match="not sent: the quota ads_insights of 1") as raised:
        two.get("act_1/insights", {})
    assert (meta.requests, time.slept) == ([], [])
    assert raised.value.retry_at == NOON.replace(minute=19)
    assert raised.value.scope == "account+type"


def test_a_throttled_account_holds_up_no_other() -> None:
    """The next account is asked at once, by the same client."""
    time = FakeTime()
    ledger = ledger_of(time, patience=60)
    client, _ = throttled_client(time, refused(17, 2446079), FINE, FINE, ledger=ledger)
    with pytest.raises(ThrottledError):
        client.get("act_1/insights", {})
    client.get("act_2/insights", {})
    client.for_asset("7").get("7/insights", {})
    assert time.slept == []


def test_a_run_counts_for_the_account_it_was_made_for() -> None:
    """Its id alone would not say so."""
    time = FakeTime()
    ledger = ledger_of(time, patience=60)
    client, meta = throttled_client(time, refused(80000, None), FINE, ledger=ledger)
    with pytest.raises(ThrottledError):
        client.get("act_1/insights", {})
    with pytest.raises(ThrottledError):
        client.for_asset("act_1").get("602392", {})
    assert len(meta.requests) == 1


def test_patience_is_for_all_waits_of_a_request_together() -> None:
    """Then Meta's refusal is raised, with the time to come back."""
    time = FakeTime()
    ledger = ledger_of(time, patience=1000)
    client, meta = throttled_client(time, *[refused(17, 2446079)] * 5, ledger=ledger)
    with pytest.raises(ThrottledError, match="code 17/2446079") as raised:
        client.get("act_1/insights", {})
    assert time.slept == [300, 600]
    assert len(meta.requests) == 3
    assert raised.value.retry_at is not None
    assert raised.value.retry_at > time.now()


def test_a_throttled_request_uses_up_no_attempts() -> None:
    """Those are for what fails; and those that fail use up no patience."""
    time = FakeTime()
    busy = error_reply(2, status=503)
    client, meta = throttled_client(
        time, busy, refused(17, 2446079), busy, refused(4, None), FINE, attempts=3
    )
    assert client.get("act_1/insights", {}).rows == 1
    assert len(meta.requests) == 5
    assert [seconds for seconds in time.slept if seconds] == [300, 600]


def test_requests_slow_down_before_they_are_refused() -> None:
    """At 83 % one every four seconds; the first two went before anybody knew."""
    time = FakeTime()
    client, _ = throttled_client(time, *[with_headers(FINE, business(83))] * 4)
    for _ in range(4):
        client.get("act_1/insights", {})
    assert time.slept == [4, 4]


def test_headers_of_a_failure_count_as_well() -> None:
    """Whoever reads them on success only never hears of the quota (airbyte#86316)."""
    time = FakeTime()
    busy = with_headers(error_reply(2, status=500), business(97, 4))
    client, _ = throttled_client(time, busy, FINE, attempts=2)
    assert client.get("act_1/insights", {}).rows == 1
    assert time.slept == [0.0, 240.0]


def test_a_header_of_garbage_stops_nothing() -> None:
    """The rows are good."""
    odd = Reply(FINE.body, 200, {"x-app-usage": "{{{", "x-business-use-case-usage": "[1"})
    client, _ = throttled_client(FakeTime(), odd)
    assert client.get("act_1/insights", {}).rows == 1


def test_reach_with_breakdowns_is_not_waited_for() -> None:
    """Its quota is of a day; without reach the question is answered now."""
    time = FakeTime()
    reply = error_reply(
        100, None, "Reach-related metric breakdowns are unavailable due to rate limit"
    )
    client, _ = throttled_client(time, reply, FINE)
    with pytest.raises(ThrottledError) as raised:
        client.get("act_1/insights", {})
    assert raised.value.scope == "reach"
    assert raised.value.retry_at == NOON.replace(day=23)
    assert client.get("act_1/insights", {}).rows == 1
    assert time.slept == []


def test_a_refusal_within_an_answer_is_heeded() -> None:
    """A report run that failed for a quota is read with HTTP 200."""
    time = FakeTime()
    client, meta = throttled_client(time, FINE, ledger=ledger_of(time, patience=0))
    run = ThrottledError(failure_of_run("6", {"error_code": 4, "error_subcode": 1504022}))
    heeded = client.for_asset("act_1").heed(run, "6")
    assert heeded.retry_at == NOON.replace(minute=5)
    with pytest.raises(ThrottledError, match="not sent"):
        client.get("act_2/insights", {})
    assert client.get("act_2/ads", {}).rows == 1
    assert len(meta.requests) == 1


def test_waiters_do_not_all_wake_at_once() -> None:
    """Each adds a share of its own to the wait."""
    slept: list[float] = []
    for draw in (0.0, 0.5, 1.0):
        time = FakeTime()
        client, _ = client_of(
            refused(17, 2446079),
            FINE,
            quota=ledger_of(time),
            sleep=time.sleep,
            uniform=lambda draw=draw: draw,
        )
        client.get("act_1/ads", {})
        slept += time.slept
    assert slept == [300, 315, 330]


def test_a_wait_says_what_it_waits_for(caplog: pytest.LogCaptureFixture) -> None:
    """So that nobody thinks that it hangs."""
    client, _ = throttled_client(FakeTime(), refused(17, 2446079), FINE)
    client.get("act_1/ads", {})
    assert "the quota account of 1 is used up: waiting 300 s" in caplog.text


def test_an_error_frees_its_slot() -> None:
    """Whatever an answer is, the next request can go."""
    client, _ = client_of(error_reply(190), requests.ConnectionError(), FINE, slots=Slots(1))
    with pytest.raises(AuthError):
        client.get("act_1", {})
    with pytest.raises(TransientError):
        client.get("act_1", {})
    assert client.get("act_1", {}).rows == 1


def test_a_slot_is_not_held_while_waiting() -> None:
    """With a single slot, one account waits and another is asked meanwhile."""
    time, asked_meanwhile, slots = FakeTime(), Event(), Slots(1)
    ledger = ledger_of(time)
    other, _ = client_of(FINE, quota=ledger, sleep=time.sleep, slots=slots)

    def sleep(seconds: float) -> None:
        worker = Thread(target=lambda: (other.get("act_2/ads", {}), asked_meanwhile.set()))
        worker.start()
        worker.join(timeout=10)
        time.sleep(seconds)

    client, _ = client_of(refused(17, 2446079), FINE, quota=ledger, sleep=sleep, slots=slots)
    client.get("act_1/ads", {})
    assert asked_meanwhile.is_set()


def test_a_clock_that_stands_still_ends_in_an_error() -> None:
    """Never in an endless wait."""
    time = FakeTime()
    waits: list[float] = []
    ledger = ledger_of(time, patience=500)
    client, meta = client_of(refused(17, 2446079), FINE, quota=ledger, waits=waits)
    with pytest.raises(ThrottledError):
        client.get("act_1/ads", {})
    assert sum(waits) <= 500
    assert len(meta.requests) == 1


# Path, what is refused with which code, and the quota that this is about.
PATHS = ["act_1/insights", "act_1/ads", "act_2/insights", "7/insights"]
REFUSALS = {4: "app", 17: "account", 613: "account", 80000: "ads_insights", 32: "pages"}
answers = st.one_of(
    st.builds(
        lambda percent, minutes: with_headers(FINE, business(percent, minutes)),
        st.integers(0, 120),
        st.sampled_from([0, 0, 1, 7, 90]),
    ),
    st.builds(
        lambda percent, seconds: with_headers(FINE, {**account(percent, seconds), **app(percent)}),
        st.integers(0, 110),
        st.sampled_from([0, 60, 300]),
    ),
    st.builds(lambda code: refused(code, None), st.sampled_from([*REFUSALS])),
    st.just(with_headers(FINE, {"x-app-usage": "garbage"})),
    st.just(error_reply(2, status=500)),
)


class Meta:
    """Answers in turn, and notes how long each quota is used up at least."""

    def __init__(self, time: FakeTime, replies: Sequence[Reply]) -> None:
        self.time = time
        self.replies = itertools.cycle(replies)
        self.until: dict[Bucket, datetime] = {}

    def __call__(self, request: requests.PreparedRequest) -> Reply:
        """The next answer. Fails for a request that was known to be refused."""
        path = str(request.url).split("/v26.0/")[1].split("?")[0]
        number = path.split("/")[0].removeprefix("act_")
        assert not [b for b in gates(path) if self.until.get(b, NOON) > self.time.now()]
        reply = next(self.replies)
        for bucket, seconds in self._blocks(reply, number):
            self.until[bucket] = self.time.now() + timedelta(seconds=seconds)
        return reply

    def _blocks(self, reply: Reply, number: str) -> Iterator[tuple[Bucket, float]]:
        if isinstance(reply.body, dict) and (error := reply.body.get("error")):
            kind = REFUSALS.get(error["code"])
            if kind:
                yield Bucket(kind, "" if kind == "app" else number), 60
        said = {name: json.loads(v) for name, v in reply.headers.items() if v[0] == "{"}
        for (entry,) in said.get("x-business-use-case-usage", {}).values():
            minutes = entry["estimated_time_to_regain_access"]
            if minutes or entry["call_count"] >= 95:
                yield Bucket("ads_insights", "1"), minutes * 60 or 60
        score = said.get("x-ad-account-usage", {"acc_id_util_pct": 0})
        if score["acc_id_util_pct"] >= 95:
            yield Bucket("account", number), score["reset_time_duration"] or 60
            yield Bucket("app"), 60


@given(
    st.lists(st.tuples(st.sampled_from(PATHS), st.integers(0, 900)), max_size=12),
    st.lists(answers, min_size=1, max_size=8),
    st.integers(0, 4000),
    st.floats(0, 1),
)
@settings(max_examples=100, deadline=None)
def test_nothing_is_sent_while_blocked_and_no_wait_outlasts_patience(
    asks: Sequence[tuple[str, int]], replies: Sequence[Reply], patience: int, draw: float
) -> None:
    """For any answers, in any order, by any paths, at any times."""
    time = FakeTime()
    client = GraphClient(
        base_url="https://graph.test.facebook.com",
        version="v26.0",
        credential=Credential(SecretStr("EAA")),
        session=session_of(ListAdapter(Meta(time, replies))),
        quota=ledger_of(time, patience=patience),
        retry=RetryPolicy(attempts=1),
        sleep=time.sleep,
        uniform=lambda: draw,
    )
    for path, pause in asks:
        before = len(time.slept)
        with suppress(ThrottledError, TransientError):
            client.get(path, {})
        assert sum(time.slept[before:]) <= patience + 1e-6
        time.sleep(pause)


def test_a_ledger_outlives_its_client(tmp_path: Path) -> None:
    """The next process knows what this one was told."""
    time = FakeTime()
    path = tmp_path / "quota.sqlite"
    first, _ = throttled_client(
        time, with_headers(FINE, business(100, 19)), ledger=ledger_of(time, path)
    )
    first.get("act_1/insights", {})
    second, _ = throttled_client(time, FINE, ledger=ledger_of(time, path))
    second.get("act_1/insights", {})
    assert time.slept == [19 * 60]
