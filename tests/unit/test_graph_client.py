"""The HTTP client: what it sends, when it asks again, and what it never says."""

import hashlib
import hmac
import json
import logging
import traceback
from pathlib import Path

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from unit_transport import (
    APP_SECRET,
    HOST,
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
    GraphError,
    PermissionDeniedError,
    RetryPolicy,
    ThrottledError,
    TransientError,
    new_session,
    page_client,
)

BUSY = error_reply(2, message="(#2) Service temporarily unavailable", status=503)
FINE = page_of([{"a": "1"}])


def proof_of(token: str, app_secret: str = APP_SECRET) -> str:
    """The proof as Meta's guide computes it."""
    return hmac.new(app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def test_a_request_is_put_together_from_its_parts() -> None:
    """Host, version, path, parameters, and the token in the header."""
    client, meta = client_of(FINE)
    client.get("act_1/insights", {"level": "ad", "fields": "a,b"})
    assert meta.paths == ["/v26.0/act_1/insights"]
    assert meta.asked == [{"level": "ad", "fields": "a,b"}]
    assert meta.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"


def test_without_app_secret_there_is_no_proof() -> None:
    """The proof is sent only where one can be made."""
    assert Credential(SecretStr(TOKEN)).proof() == {}


def test_the_proof_is_a_known_value() -> None:
    """HMAC-SHA256 of the token, keyed with the app secret, in hex (RFC 4231, case 2)."""
    credential = Credential(SecretStr("what do ya want for nothing?"), SecretStr("Jefe"))
    assert credential.proof()["appsecret_proof"] == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_the_proof_goes_with_the_request() -> None:
    """As a parameter, beside the others."""
    client, meta = client_of(FINE, app_secret=APP_SECRET)
    client.get("act_1", {"fields": "id"})
    assert meta.asked == [{"fields": "id", "appsecret_proof": proof_of(TOKEN)}]


def test_a_page_has_its_own_token_and_proof() -> None:
    """The Page's token comes from Meta, and its proof belongs to it."""
    client, meta = client_of(
        Reply({"id": "7", "access_token": "EAApage"}), FINE, app_secret=APP_SECRET
    )
    page_client(client, "7").get("7/insights", {})
    assert meta.asked[0] == {"fields": "id,access_token", "appsecret_proof": proof_of(TOKEN)}
    assert meta.asked[1] == {"appsecret_proof": proof_of("EAApage")}
    assert meta.requests[1].headers["Authorization"] == "Bearer EAApage"


@pytest.mark.parametrize("page", [{"id": "7"}, {"id": "7", "access_token": ""}])
def test_a_page_without_token_is_a_missing_right(page: dict[str, str]) -> None:
    """Meta leaves the token out when the system user has no role on the Page."""
    client, _ = client_of(Reply(page))
    with pytest.raises(PermissionDeniedError, match="no role on this Page"):
        page_client(client, "7")


def test_netrc_does_not_replace_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """requests would put a password for the host over a plain header."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine graph.test.facebook.com login me password mine\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    client, meta = client_of(FINE)
    client.get("act_1", {})
    assert meta.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"


def test_redirects_are_not_followed() -> None:
    """Nobody is handed the token or the proof because an answer says so."""
    client, meta = client_of(Reply("", 302, {"location": f"{HOST}/elsewhere"}), FINE)
    with pytest.raises(BrokenAnswerError, match="HTTP 302"):
        client.get("act_1", {})
    assert len(meta.requests) == 1


def test_a_transient_failure_is_asked_again() -> None:
    """The answer that comes in the end is the answer."""
    waits: list[float] = []
    client, meta = client_of(
        BUSY, Reply("<html>502</html>", 502), Reply('{"data":['), FINE, attempts=5, waits=waits
    )
    assert client.get("act_1/ads", {"limit": "5"}).rows == 1
    assert meta.asked == [{"limit": "5"}] * 4
    assert waits == [1.0, 2.0, 4.0]


def test_a_broken_connection_is_asked_again() -> None:
    """Timeouts, resets and the like."""
    client, meta = client_of(
        requests.ConnectionError("reset"), requests.ReadTimeout("slow"), FINE, attempts=3
    )
    assert client.get("act_1/ads", {}).rows == 1
    assert len(meta.requests) == 3


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_the_attempts_are_bounded(attempts: int) -> None:
    """Then the last error is raised as it is, without one more wait."""
    waits: list[float] = []
    client, meta = client_of(*[BUSY] * 9, attempts=attempts, waits=waits)
    with pytest.raises(TransientError, match="temporarily unavailable"):
        client.get("act_1", {})
    assert (len(meta.requests), len(waits)) == (attempts, attempts - 1)


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=10, max_size=10))
@settings(max_examples=30, deadline=None)
def test_waits_have_full_jitter_within_the_doubled_and_capped_wait(draws: list[float]) -> None:
    """Each wait is the drawn share of 1, 2, 4, ... seconds, and of a minute at most."""
    waits: list[float] = []
    left = iter(draws)
    client, _ = client_of(*[BUSY] * 10, attempts=10, waits=waits, uniform=lambda: next(left))
    with pytest.raises(TransientError):
        client.get("act_1", {})
    bounds = [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert waits == [draw * bound for draw, bound in zip(draws, bounds, strict=False)]


def test_the_policy_can_be_another() -> None:
    """First and longest wait are settings."""
    policy = RetryPolicy(first_wait=0.5, longest_wait=3)
    assert [policy.wait(n, lambda: 1.0) for n in range(1, 6)] == [0.5, 1, 2, 3, 3]


@pytest.mark.parametrize("code", [190, 10, 4, 80000, 3018, 2635, 12])
def test_what_does_not_pass_is_not_asked_again(code: int) -> None:
    """One request, no wait."""
    waits: list[float] = []
    client, meta = client_of(error_reply(code), FINE, attempts=5, waits=waits)
    with pytest.raises(GraphError):
        client.get("act_1", {})
    assert (len(meta.requests), waits) == (1, [])


def test_a_gateway_timeout_is_not_asked_again() -> None:
    """The question was too large, and would be the second time."""
    client, meta = client_of(Reply("<html>", 504), FINE, attempts=5)
    with pytest.raises(GraphError):
        client.get("act_1", {})
    assert len(meta.requests) == 1


def test_pages_follow_the_cursors() -> None:
    """The cursor is added to the parameters; the URL that Meta names is not used."""
    client, meta = client_of(page_of([1, 2], "B"), page_of([3], "C"), page_of([4]))
    answers = list(client.pages("act_1/ads", {"limit": "2"}))
    assert [answer.rows for answer in answers] == [2, 1, 1]
    assert meta.asked == [
        {"limit": "2"},
        {"limit": "2", "after": "B"},
        {"limit": "2", "after": "C"},
    ]
    assert set(meta.paths) == {"/v26.0/act_1/ads"}


def test_pages_stop_where_no_next_page_is_named() -> None:
    """A cursor alone is no next page."""
    last = Reply({"data": [1], "paging": {"cursors": {"before": "a", "after": "b"}}})
    client, meta = client_of(last, FINE)
    assert len(list(client.pages("act_1/ads", {}))) == 1
    assert len(meta.requests) == 1


def test_an_empty_page_in_the_middle_does_not_end_the_list() -> None:
    """Meta filters after cutting pages, so one may be empty."""
    client, _ = client_of(page_of([1], "B"), page_of([], "C"), page_of([2]))
    assert [answer.rows for answer in client.pages("act_1/ads", {})] == [1, 0, 1]


def test_a_cursor_that_stands_still_is_broken() -> None:
    """Better an error than an endless list."""
    client, meta = client_of(page_of([1], "B"), page_of([2], "B"), page_of([3], "B"), attempts=3)
    with pytest.raises(BrokenAnswerError, match="followed before"):
        list(client.pages("act_1/ads", {}))
    assert len(meta.requests) == 2


def test_pages_do_not_change_the_parameters_given() -> None:
    """They belong to the caller."""
    params = {"limit": "2"}
    client, _ = client_of(page_of([1], "B"), page_of([2]))
    list(client.pages("act_1/ads", params))
    assert params == {"limit": "2"}


def test_a_failure_between_pages_is_raised_after_the_pages_before_it() -> None:
    """What came is handed over; then the error says that it is not all."""
    client, _ = client_of(page_of([1], "B"), error_reply(4))
    answers = client.pages("act_1/ads", {})
    assert next(answers).rows == 1
    with pytest.raises(ThrottledError):
        next(answers)


def test_an_object_is_parsed() -> None:
    """For what is used at once."""
    client, _ = client_of(Reply({"id": "7", "name": "Café"}))
    assert client.get_json("7", {}) == {"id": "7", "name": "Café"}


def test_parameters_in_an_answer_hold_no_proof() -> None:
    """They are kept with the pull."""
    client, _ = client_of(FINE, app_secret=APP_SECRET)
    assert client.get("act_1", {"fields": "id"}).params == {"fields": "id"}


PROOF = proof_of(TOKEN)
URL = f"{HOST}/v26.0/act_1?appsecret_proof={PROOF}&access_token={TOKEN}"
ECHOES = [
    error_reply(190, message=f"Malformed access token {TOKEN}"),
    error_reply(190, message="bad", error_user_msg=f"token {TOKEN} with {PROOF}"),
    error_reply(100, message=f"Invalid appsecret_proof {PROOF}"),
    error_reply(2, message=f"try {URL} again", status=500),
    Reply({"error": f"token {TOKEN}, proof {PROOF}"}, 400),
    Reply({"error": {"message": [TOKEN, {"proof": PROOF}], "code": 1}}),
    Reply(f"<html>{URL}</html>", 502),
    Reply(f'{{"data":["{TOKEN} {PROOF}'),
    Reply(f'["{TOKEN}","{PROOF}"]'),
    Reply("", 302, {"location": URL}),
    requests.ConnectionError(f"Max retries exceeded with url: {URL}"),
    requests.exceptions.InvalidHeader(f"Bearer {TOKEN}"),
]


@pytest.mark.parametrize("reply", ECHOES)
def test_neither_token_nor_proof_is_ever_repeated(
    reply: Reply | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in the error, its traceback, what is logged while asking again, nor any repr."""
    caplog.set_level(logging.DEBUG)
    client, meta = client_of(*[reply] * 3, app_secret=APP_SECRET, attempts=3)
    with pytest.raises(GraphError) as raised:
        client.get("act_1", {})
    said = [str(raised.value), repr(raised.value), repr(raised.value.failure), caplog.text]
    said += [repr(client), repr(vars(client)), *traceback.format_exception(raised.value)]
    said += [str(record.args) for record in caplog.records]
    assert [text for text in said if any(s in text for s in (TOKEN, PROOF, APP_SECRET))] == []
    assert all(TOKEN not in str(request.url) for request in meta.requests)


def test_a_redacted_message_says_that_it_is() -> None:
    """The rest of Meta's words stay."""
    client, _ = client_of(error_reply(190, message=f"Malformed access token {TOKEN}"))
    with pytest.raises(AuthError, match=r"Malformed access token \[redacted\]"):
        client.get("act_1", {})


def test_asking_again_is_logged_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    """One warning a wait."""
    client, _ = client_of(BUSY, FINE, attempts=2)
    client.get("act_1", {})
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "asking again in 1.0 s: act_1: HTTP 503, code 2" in record.getMessage()


def test_no_next_page_url_leaves_the_client() -> None:
    """Bodies are kept on disk, so the token in `paging.next` is cut out."""
    client, _ = client_of(page_of([{"a": "1"}], "B"), page_of([{"a": "2"}]))
    bodies = [answer.body for answer in client.pages("act_1/ads", {})]
    assert [TOKEN.encode() in body for body in bodies] == [False, False]
    assert [json.loads(body)["data"] for body in bodies] == [[{"a": "1"}], [{"a": "2"}]]


def test_a_credential_shows_nothing() -> None:
    """Neither do its parts."""
    credential = Credential(SecretStr(TOKEN), SecretStr(APP_SECRET))
    shown = f"{credential!r} {credential} {vars(credential)} {credential.bearer()!r}"
    assert TOKEN not in shown
    assert APP_SECRET not in shown


def test_a_slash_behind_the_host_is_no_harm() -> None:
    """META_GRAPH_URL may end with one."""
    client, meta = client_of(FINE, host=f"{HOST}/")
    client.get("act_1", {})
    assert meta.requests[0].url == f"{HOST}/v26.0/act_1"


def test_a_session_pools_its_connections() -> None:
    """As many as there are threads, for both schemes, with no retries of its own."""
    session = new_session(HOST, 3)
    adapters = [session.get_adapter("https://x"), session.get_adapter("http://x")]
    assert adapters[0] is adapters[1]
    assert vars(adapters[0])["_pool_maxsize"] == 3
    assert vars(adapters[0])["max_retries"].total == 0


@pytest.mark.parametrize(
    ("url", "uses_proxies"),
    [
        ("https://graph.facebook.com", True),
        ("http://127.0.0.1:8080", False),
        ("http://[::1]", False),
    ],
)
def test_proxies_do_not_serve_this_machine(url: str, uses_proxies: bool) -> None:
    """A simulator on loopback is asked directly."""
    assert new_session(url).trust_env is uses_proxies


def test_a_next_page_without_a_cursor_is_broken() -> None:
    """To stop there would cut the data short without a word."""
    client, _ = client_of(Reply({"data": [1], "paging": {"next": "https://x/?after=B"}}))
    with pytest.raises(BrokenAnswerError):
        list(client.pages("act_1/ads", {}))


def test_cursors_in_a_circle_are_broken() -> None:
    """Two pages that name each other would go on for ever."""
    client, _ = client_of(*[page_of([1], "B"), page_of([1], "C")] * 20)
    with pytest.raises(BrokenAnswerError):
        list(client.pages("act_1/ads", {}))


def test_the_last_attempt_promises_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """As many waits are announced as are waited."""
    client, _ = client_of(*[error_reply(2, status=503)] * 5, attempts=5)
    with pytest.raises(TransientError):
        client.get("act_1", {})
    assert caplog.text.count("asking again") == 4


@pytest.mark.parametrize("body", [{}, {"success": True}, {"data": None}, {"data": {}}])
def test_an_answer_without_a_list_is_no_empty_list(body: dict[str, object]) -> None:
    """It would pass for a day on which nothing ran."""
    client, _ = client_of(Reply(body))
    with pytest.raises(BrokenAnswerError):
        list(client.pages("act_1/insights", {}))
