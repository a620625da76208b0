"""One request on a real socket: what counts as a whole answer, and how long it may take."""

import gzip
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread

import pytest
from pydantic import SecretStr
from unit_transport import (
    APP_SECRET,
    TOKEN,
    Reply,
    client_of,
    error_reply,
    page_of,
)

from meta_pipeline.graph import (
    AuthError,
    BrokenAnswerError,
    Credential,
    CursorExpiredError,
    GraphError,
    TransientError,
    new_session,
)
from meta_pipeline.graph.transport import READ_DEADLINE, Transport

BODY = b'{"data":[' + b",".join([b'{"a":"1"}'] * 500) + b"]}"
FINE = page_of([{"a": "1"}])


@contextmanager
def served(answer: bytes) -> Iterator[str]:
    """The address of a server that answers each connection with these bytes, then closes it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(65536)
                        connection.sendall(answer)

        worker = Thread(target=serve, daemon=True)
        worker.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    worker.join()


def sent_to(url: str, monotonic: Callable[[], float] = lambda: 0.0) -> bytes:
    """The body that one GET gets."""
    with new_session(url) as session:
        transport = Transport(url, "v26.0", session, monotonic)
        return transport.send("GET", "act_1", {}, Credential(SecretStr(TOKEN))).body


def plain(body: bytes, length: int | None = None, more: bytes = b"") -> bytes:
    """An HTTP answer with a length, right or wrong."""
    size = len(body) if length is None else length
    return b"HTTP/1.1 200 OK\r\n" + more + b"Content-Length: %d\r\n\r\n" % size + body


def chunked(*chunks: bytes) -> bytes:
    """An HTTP answer in chunks; the end is a chunk of its own, which is not added here."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)


GZIP = b"Content-Encoding: gzip\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        plain(BODY),
        chunked(BODY[:7], BODY[7:], b""),
        plain(gzip.compress(BODY), more=GZIP),
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + BODY,
    ],
)
def test_a_whole_answer_is_read_whole(answer: bytes) -> None:
    """With a length, in chunks, compressed, or until the end."""
    with served(answer) as url:
        assert sent_to(url) == BODY


@pytest.mark.parametrize(
    "answer",
    [
        plain(BODY, len(BODY) + 1),
        chunked(BODY[:7], BODY[7:]),
        plain(gzip.compress(BODY)[:-30], len(gzip.compress(BODY)), more=GZIP),
        plain(b"no gzip", more=GZIP),
        b"",
        b"no HTTP at all\r\n\r\n",
    ],
)
def test_half_an_answer_is_none(answer: bytes) -> None:
    """Even where what came would pass for JSON."""
    with served(answer) as url, pytest.raises(BrokenAnswerError):
        sent_to(url)


def test_nobody_at_home_is_a_broken_answer() -> None:
    """Without the address, which has the proof in it."""
    with served(b"") as url:
        pass
    with pytest.raises(BrokenAnswerError, match="act_1: no answer: ConnectionError"):
        sent_to(url)


def test_the_deadline_is_for_the_whole_body() -> None:
    """A drip that never pauses for long would otherwise go on for hours."""
    ticks = iter([0.0, READ_DEADLINE - 1, READ_DEADLINE + 1, READ_DEADLINE + 2])
    with (
        served(chunked(*[b" " * 70_000] * 5, BODY, b"")) as url,
        pytest.raises(BrokenAnswerError, match="was not complete after 240 s"),
    ):
        sent_to(url, lambda: next(ticks))


def test_a_body_too_large_is_refused() -> None:
    """Memory is for the rows of one page, not for what an answer unpacks to."""
    bomb = plain(gzip.compress(b" " * 10_000_000), more=GZIP)
    with served(bomb) as url, new_session(url) as session:
        transport = Transport(url, "v26.0", session, largest_body=1_000_000)
        with pytest.raises(BrokenAnswerError, match="larger than 1000000 bytes"):
            transport.send("GET", "act_1", {}, Credential(SecretStr(TOKEN)))


def test_a_post_carries_its_parameters_in_its_body() -> None:
    """With the proof, and nothing of either in the address."""
    client, meta = client_of(Reply({"report_run_id": "6"}), app_secret=APP_SECRET)
    assert client.post_json("act_1/insights", {"level": "ad"}) == {"report_run_id": "6"}
    (request,) = meta.requests
    assert (request.method, request.url) == (
        "POST",
        "https://graph.test.facebook.com/v26.0/act_1/insights",
    )
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    proof = Credential(SecretStr(TOKEN), SecretStr(APP_SECRET)).proof()
    assert meta.asked == [{"level": "ad", **proof}]


def test_a_post_is_answered_like_a_get() -> None:
    """The same errors, the same attempts; the answer says how it was asked."""
    waits: list[float] = []
    busy = error_reply(2, status=503)
    client, _ = client_of(busy, FINE, error_reply(190), attempts=3, waits=waits)
    answer = client.post("act_1/insights", {"level": "ad"})
    assert (answer.method, answer.rows, answer.params) == ("POST", 1, {"level": "ad"})
    assert waits == [1.0]
    with pytest.raises(AuthError):
        client.post("act_1/insights", {})


def test_a_post_follows_no_redirect() -> None:
    """Its body holds what nobody else may see."""
    client, meta = client_of(Reply("", 307, {"location": "https://elsewhere.example/"}), FINE)
    with pytest.raises(BrokenAnswerError, match="HTTP 307"):
        client.post("debug_token", {"input_token": "EAAother"})
    assert len(meta.requests) == 1


def test_a_secret_goes_into_a_body_and_nowhere_else() -> None:
    """Not into an address, what is kept of the answer, or what Meta says about it."""
    client, meta = client_of(
        Reply({"data": {}}), error_reply(190, message="Malformed access token EAAother")
    )
    asked = {"method": "get", "input_token": "EAAother"}
    with pytest.raises(ValueError, match="never goes into a URL"):
        client.get("debug_token", asked)
    answer = client.post("debug_token", asked)
    assert (answer.params, "EAAother" in str(meta.requests[0].url)) == ({"method": "get"}, False)
    with pytest.raises(AuthError, match=r"access token \[redacted\]"):
        client.post("debug_token", asked)


def test_an_answer_shows_no_body() -> None:
    """A Page's answer to who may read it holds the Page's token."""
    client, _ = client_of(Reply({"id": "7", "access_token": "EAApage"}))
    assert "EAApage" not in repr(client.get("7", {"fields": "access_token"}))


EXPIRED = error_reply(2642, None, "(#2642) Invalid cursors values")


def test_an_expired_cursor_says_that_the_list_starts_again() -> None:
    """It is not asked again by itself: the pages before it count for nothing."""
    client, meta = client_of(page_of([1], "B"), EXPIRED, attempts=5)
    pages = client.pages("act_1/ads", {})
    assert next(pages).rows == 1
    with pytest.raises(CursorExpiredError):
        next(pages)
    assert len(meta.requests) == 2


def test_a_whole_list_is_asked_anew_when_its_cursors_expire() -> None:
    """What came before is thrown away, so that nothing is doubled."""
    client, meta = client_of(page_of([1], "B"), EXPIRED, page_of([2, 1], "C"), page_of([3]))
    answers = client.whole_list("act_1/ads", {"limit": "2"})
    assert [answer.rows for answer in answers] == [2, 1]
    assert [asked.get("after") for asked in meta.asked] == [None, "B", None, "C"]


def test_a_list_whose_cursors_always_expire_ends() -> None:
    """After the third time."""
    client, meta = client_of(*[page_of([1], "B"), EXPIRED] * 5)
    with pytest.raises(CursorExpiredError):
        client.whole_list("act_1/ads", {})
    assert len(meta.requests) == 6


@pytest.mark.parametrize(
    "body", [b'{"data":[{"a":"\xff"}]}', b'{"error":{"message":"\xff"}}', b"[" * 100_000, b"\x00"]
)
@pytest.mark.parametrize("status", [200, 400])
def test_bytes_that_are_no_json_are_an_error_of_ours(body: bytes, status: int) -> None:
    """Whatever the parser thinks of them."""
    client, _ = client_of(Reply(body, status))
    with pytest.raises(GraphError):
        client.get("act_1/insights", {})


def test_an_error_far_back_in_a_body_is_an_error() -> None:
    """Where data stand before it, they are not all."""
    body = {"data": [{"name": "x" * 3000}], "error": {"message": "no", "code": 2}}
    client, _ = client_of(Reply(body))
    with pytest.raises(TransientError):
        client.get("act_1/insights", {})


def test_a_client_for_an_asset_is_the_same_client() -> None:
    """Only what its requests count for is another."""
    client, meta = client_of(FINE, FINE)
    other = client.for_asset("act_1")
    assert (client.asset_id, other.asset_id) == ("", "act_1")
    assert other.with_token(SecretStr("EAApage")).asset_id == "act_1"
    other.get("6", {})
    assert meta.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"


def test_credentials_are_the_same_when_their_secrets_are() -> None:
    """Calls of one Page go into one batch."""
    one, same, other = (Credential(SecretStr(token)) for token in ("a", "a", "b"))
    assert (one == same, one == other, len({one, same, other})) == (True, False, 2)
    assert one != "a"
