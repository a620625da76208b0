"""Batches: what is sent, what each call becomes, and what is asked again."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr
from unit_quota import NOON, FakeTime, account, business, ledger_of
from unit_transport import APP_SECRET, TOKEN, ListAdapter, Reply, client_of, error_reply

from meta_pipeline.graph import (
    Answer,
    AuthError,
    BadRequestError,
    BrokenAnswerError,
    Call,
    Credential,
    DeadMetricError,
    GraphError,
    ThrottledError,
    TooLargeError,
    TransientError,
)

CALL = Call("7/insights", {"metric": "views"})


def item_of(reply: Reply) -> dict[str, Any]:
    """An answer as it stands in a batch's."""
    headers = [{"name": name, "value": value} for name, value in reply.headers.items()]
    return {"code": reply.status, "headers": headers, "body": reply.content.decode()}


def batch_of(*replies: Reply | None) -> Reply:
    """A batch's answer; None is a call that Meta did not get to."""
    return Reply(json.dumps([None if reply is None else item_of(reply) for reply in replies]))


def row(value: str, headers: Mapping[str, str] | None = None) -> Reply:
    """A list of one row."""
    return Reply({"data": [{"v": value}]}, 200, headers or {})


def rows_of(results: Sequence[Answer | GraphError]) -> list[object]:
    """The row of each answer, or the class of each error."""
    return [
        json.loads(one.body)["data"][0]["v"] if isinstance(one, Answer) else type(one)
        for one in results
    ]


def calls_in(meta: ListAdapter) -> list[list[dict[str, str]]]:
    """The calls of each request."""
    return [json.loads(asked["batch"]) for asked in meta.asked]


def test_calls_go_as_one_form() -> None:
    """To the root, as relative URLs with their parameters, the token in the header alone."""
    client, meta = client_of(batch_of(row("1"), row("2")), app_secret=APP_SECRET)
    client.batch([CALL, Call("act_1/insights", {"a": "b c"}, "POST")])
    (request,) = meta.requests
    assert (request.method, request.url) == ("POST", "https://graph.test.facebook.com/v26.0/")
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    proof = Credential(SecretStr(TOKEN), SecretStr(APP_SECRET)).proof()["appsecret_proof"]
    assert meta.asked[0]["appsecret_proof"] == proof
    assert calls_in(meta) == [
        [
            {
                "method": "GET",
                "relative_url": f"7/insights?metric=views&appsecret_proof={proof}",
            },
            {
                "method": "POST",
                "relative_url": "act_1/insights",
                "body": f"a=b+c&appsecret_proof={proof}",
            },
        ]
    ]
    assert TOKEN not in str(request.url) + str(request.body)


def test_answers_come_in_the_order_of_the_calls() -> None:
    """Each with the path, the parameters and the headers that are its own."""
    version = {"Facebook-API-Version": "v26.0"}
    client, _ = client_of(batch_of(row("1", version), row("2")))
    first, second = client.batch([CALL, Call("8/insights", {}, "POST")])
    assert rows_of([first, second]) == ["1", "2"]
    assert isinstance(first, Answer)
    assert (first.path, first.params, first.method) == ("7/insights", {"metric": "views"}, "GET")
    assert first.served_version == "v26.0"


def test_no_calls_are_no_request() -> None:
    """An empty batch is an error at Meta."""
    client, meta = client_of()
    assert (client.batch([]), meta.requests) == ([], [])


def test_more_than_fifty_calls_are_several_requests() -> None:
    """Meta takes fifty."""
    replies = [batch_of(*[row("x")] * size) for size in (50, 50, 20)]
    client, meta = client_of(*replies)
    assert rows_of(client.batch([CALL] * 120)) == ["x"] * 120
    assert [len(calls) for calls in calls_in(meta)] == [50, 50, 20]


def test_calls_of_different_tokens_are_different_requests() -> None:
    """Each under its own header, with its own proof; the order stays."""
    page = Credential(SecretStr("EAApage"), SecretStr(APP_SECRET))
    again = Credential(SecretStr("EAApage"), SecretStr(APP_SECRET))
    client, meta = client_of(
        batch_of(row("1"), row("4")), batch_of(row("2"), row("3")), app_secret=APP_SECRET
    )
    theirs = [Call("7/insights", {}, credential=one) for one in (page, again)]
    assert rows_of(client.batch([CALL, *theirs, CALL])) == ["1", "2", "3", "4"]
    tokens = [request.headers["Authorization"] for request in meta.requests]
    assert tokens == [f"Bearer {TOKEN}", "Bearer EAApage"]
    assert meta.asked[1]["appsecret_proof"] == page.proof()["appsecret_proof"]
    assert page.proof()["appsecret_proof"] in calls_in(meta)[1][0]["relative_url"]
    assert all("EAA" not in str(request.body) for request in meta.requests)


def test_a_failed_call_is_a_result_and_stops_no_other() -> None:
    """Classified as if it had come alone."""
    dead = error_reply(100, None, "(#100) The value must be a valid insights metric")
    client, meta = client_of(batch_of(row("1"), dead, error_reply(190), row("4")), attempts=3)
    results = rows_of(client.batch([CALL] * 4))
    assert results == ["1", DeadMetricError, AuthError, "4"]
    assert len(meta.requests) == 1


def test_only_what_meta_did_not_get_to_is_asked_again() -> None:
    """The others are not, so that nothing is counted twice."""
    waits: list[float] = []
    busy = error_reply(2, status=500)
    client, meta = client_of(
        batch_of(row("1"), None, busy), batch_of(row("2"), None), batch_of(row("3")),
        attempts=4,
        waits=waits,
    )  # fmt: skip
    calls = [Call(f"{n}/insights", {}) for n in (1, 2, 3)]
    assert rows_of(client.batch(calls)) == ["1", "2", "3"]
    asked = [[call["relative_url"] for call in calls] for calls in calls_in(meta)]
    assert asked[1:] == [["2/insights", "3/insights"], ["3/insights"]]
    assert waits == [1.0, 2.0]


def test_what_never_comes_is_an_error_of_its_call() -> None:
    """After as many attempts as any request gets."""
    client, meta = client_of(*[batch_of(row("1"), None)], *[batch_of(None)] * 9, attempts=3)
    assert rows_of(client.batch([CALL, CALL])) == ["1", TransientError]
    assert len(meta.requests) == 3


@pytest.mark.parametrize(
    "body",
    [
        Reply(""),
        Reply("<html>502</html>", 502),
        Reply('[{"code":200,"body":"{'),
        Reply("[]"),
        Reply('[{"code":200,"body":"{}"},null]'),
        Reply('[{"body":"{}"}]'),
        Reply('[{"code":"x","body":"{}"}]'),
        Reply("[5]"),
        Reply(b'[{"code":200,"body":"\xff"}]'),
        Reply({"data": []}),
    ],
)
def test_an_answer_that_is_no_batch_is_asked_again(body: Reply) -> None:
    """And an error of them all when it stays so."""
    client, meta = client_of(body, batch_of(row("1")), attempts=2)
    assert rows_of(client.batch([CALL])) == ["1"]
    client, meta = client_of(body, body, attempts=2)
    with pytest.raises(BrokenAnswerError):
        client.batch([CALL])
    assert len(meta.requests) == 2


def test_a_broken_answer_within_a_batch_is_that_calls_alone() -> None:
    """Half a JSON, a page of HTML."""
    broken = [Reply('{"data":['), Reply("<html>", 502)]
    client, _ = client_of(batch_of(row("1"), *broken), batch_of(row("2"), row("3")), attempts=2)
    assert rows_of(client.batch([CALL] * 3)) == ["1", "2", "3"]


@pytest.mark.parametrize(("code", "kind"), [(190, AuthError), (100, BadRequestError)])
def test_an_error_of_the_whole_request_is_raised(code: int, kind: type[GraphError]) -> None:
    """There is no answer to any call."""
    client, _ = client_of(error_reply(code, message="(#1) no"))
    with pytest.raises(kind, match="batch: HTTP 400"):
        client.batch([CALL, CALL])


def test_a_batch_too_heavy_for_meta_is_halved() -> None:
    """Down to the call that is too large by itself."""
    heavy = Reply("upstream request timeout", 504)
    client, meta = client_of(heavy, heavy, heavy, batch_of(row("2")), batch_of(row("3"), row("4")))
    assert rows_of(client.batch([CALL] * 4)) == [TooLargeError, "2", "3", "4"]
    assert [len(calls) for calls in calls_in(meta)] == [4, 2, 1, 1, 2]


def test_a_throttled_call_waits_alone() -> None:
    """The others have their answers; after the wait only it is asked again."""
    time = FakeTime()
    throttled = Reply(error_reply(17, 2446079).body, 400, account(100, 120))
    client, meta = client_of(
        batch_of(throttled, row("2")),
        batch_of(row("1")),
        quota=ledger_of(time),
        sleep=time.sleep,
        uniform=lambda: 0.0,
    )
    calls = [Call("act_1/ads", {}), Call("act_2/ads", {})]
    assert rows_of(client.batch(calls)) == ["1", "2"]
    assert time.slept == [120]
    assert [len(calls) for calls in calls_in(meta)] == [2, 1]


def test_a_call_known_to_be_refused_is_not_sent() -> None:
    """Its headers came with another call; the rest of the batch goes on."""
    time = FakeTime()
    client, meta = client_of(
        batch_of(row("1", business(100, 19))),
        batch_of(row("2")),
        quota=ledger_of(time, patience=60),
        sleep=time.sleep,
    )
    client.batch([Call("act_1/insights", {})])
    results = client.batch([Call("act_1/insights", {}), Call("act_2/insights", {})])
    assert rows_of(results) == [ThrottledError, "2"]
    assert isinstance(results[0], ThrottledError)
    assert results[0].retry_at == NOON.replace(minute=19)
    assert [len(calls) for calls in calls_in(meta)] == [1, 1]


def test_each_call_takes_its_own_turn() -> None:
    """At 83 % three calls need eight seconds, in one request or in three."""
    time = FakeTime()
    client, meta = client_of(
        batch_of(row("0", business(83))),
        batch_of(row("1")),
        batch_of(row("2"), row("3")),
        quota=ledger_of(time),
        sleep=time.sleep,
    )
    call = Call("act_1/insights", {})
    client.batch([call])
    assert rows_of(client.batch([call] * 3)) == ["1", "2", "3"]
    assert (time.slept, len(meta.requests)) == ([8], 3)


def test_a_long_batch_has_patience_for_all_of_its_turns() -> None:
    """At 91 % ten calls take their turns over minutes; none is given up for being the tenth."""
    time = FakeTime()
    client, _ = client_of(
        batch_of(row("0", business(91))),
        batch_of(row("1")),
        batch_of(*[row(str(n)) for n in range(2, 11)]),
        quota=ledger_of(time, patience=60),
        sleep=time.sleep,
    )
    call = Call("act_1/insights", {})
    client.batch([call])
    assert rows_of(client.batch([call] * 10)) == [str(n) for n in range(1, 11)]
    assert sum(time.slept) > 60


def test_a_throttled_batch_is_sent_again() -> None:
    """When the whole request is refused, all of it waits."""
    time = FakeTime()
    client, meta = client_of(
        error_reply(4), batch_of(row("1")), quota=ledger_of(time), sleep=time.sleep
    )
    client_jitter = 30.0  # a tenth of ten minutes, at most half a minute
    assert rows_of(client.batch([CALL])) == ["1"]
    assert time.slept == [600 + client_jitter]
    assert len(meta.requests) == 2


@pytest.mark.parametrize("patience", [0, 500])
def test_the_patience_of_a_batch_ends(patience: float) -> None:
    """Calls that would wait longer are errors of their own, with the time to come back."""
    time = FakeTime()
    throttled = error_reply(17, 2446079)
    client, _ = client_of(
        *[batch_of(throttled, row("2"))],
        *[batch_of(throttled)] * 9,
        quota=ledger_of(time, patience=patience),
        sleep=time.sleep,
    )
    results = client.batch([Call("act_1/ads", {}), CALL])
    assert rows_of(results) == [ThrottledError, "2"]
    assert sum(time.slept) <= patience
    assert isinstance(results[0], ThrottledError)
    assert results[0].failure.code == 17
    assert results[0].retry_at is not None


def test_a_batch_may_be_told_not_to_wait() -> None:
    """What is refused, or known to be, is an error at once; the others are answered."""
    time = FakeTime()
    throttled = error_reply(17, 2446079)
    client, meta = client_of(
        batch_of(throttled, row("2")), batch_of(row("3")), quota=ledger_of(time), sleep=time.sleep
    )
    calls = [Call("6", {}, asset_id="act_1"), Call("9", {}, asset_id="act_2")]
    assert rows_of(client.batch(calls, patience=0)) == [ThrottledError, "2"]
    assert rows_of(client.batch(calls, patience=0)) == [ThrottledError, "3"]
    assert time.slept == []
    assert [len(calls) for calls in calls_in(meta)] == [2, 1]


def test_without_a_ledger_a_throttled_call_is_an_error() -> None:
    """Nobody knows how long to wait."""
    client, _ = client_of(batch_of(error_reply(17), row("2")), attempts=5)
    assert rows_of(client.batch([CALL, CALL])) == [ThrottledError, "2"]
    client, _ = client_of(error_reply(4), attempts=5)
    with pytest.raises(ThrottledError):
        client.batch([CALL])


def test_a_secret_is_never_part_of_a_url() -> None:
    """Not even within a batch's body."""
    client, meta = client_of()
    with pytest.raises(ValueError, match="never goes into a URL"):
        client.batch([Call("debug_token", {"input_token": "EAAother"})])
    assert meta.requests == []


def test_neither_token_nor_proof_is_repeated_from_a_batch(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As they are, or as they stand in a URL or in JSON."""
    caplog.set_level(logging.DEBUG)
    token = 'EAA|pipe/and "quote'
    client, meta = client_of(
        batch_of(error_reply(100, message=f"bad {token}"), None),
        batch_of(error_reply(100, message="in %7Cpipe%2Fand and EAA%7Cpipe%2Fand+%22quote")),
        error_reply(190, message=f"Malformed {json.dumps(token)}"),
        token=token,
        app_secret=APP_SECRET,
        attempts=2,
    )
    results = client.batch([CALL, CALL])
    with pytest.raises(GraphError) as raised:
        client.batch([CALL, CALL])
    said = [*map(str, results), str(raised.value), caplog.text]
    spellings = [token, "EAA%7Cpipe%2Fand+%22quote", 'EAA|pipe/and \\"quote']
    assert [text for text in said if any(spelling in text for spelling in spellings)] == []
    assert token not in parse_qs(urlsplit(str(meta.requests[0].url)).query)
