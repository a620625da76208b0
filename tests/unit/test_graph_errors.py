"""What Meta's refusals become, payload by payload."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit_reference import reference
from unit_transport import Reply, client_of, error_reply

from meta_pipeline.errors import MetaPipelineError
from meta_pipeline.graph import (
    AuthError,
    BadRequestError,
    BrokenAnswerError,
    Failure,
    GraphError,
    PermissionDeniedError,
    ThrottledError,
    TooLargeError,
    TransientError,
    VersionError,
)
from meta_pipeline.graph.errors import classify, failure_of

WORTH_ASKING_AGAIN = (TransientError, ThrottledError, TooLargeError)

# Both are raised by asynchronous report runs alone, which nothing here asks for.
ASYNC_ONLY = {"reach_breakdown_throttle", "summary_param_glitch"}
# What must be made smaller; any other question to be changed is wrong as a whole.
TO_BE_SPLIT = {
    "too_many_rows",
    "reduce_data",
    "sync_timeout",
    "async_timeout",
    "async_too_large",
}
THROTTLE_CODES = {4, 17, 32, 341, 613, *range(80000, 80015)}


def raised_for(reply: Reply) -> GraphError:
    """The error that one answer becomes."""
    client, _ = client_of(reply)
    with pytest.raises(GraphError) as raised:
        client.get("act_1/insights", {})
    return raised.value


TABLE: list[tuple[int, int | None, str, int, type[GraphError]]] = [
    (190, 463, "Session has expired", 400, AuthError),
    (190, None, "Cannot parse access token", 400, AuthError),
    (102, None, "Session key invalid", 400, AuthError),
    (104, None, "An access token is required", 400, AuthError),
    (2500, None, "An active access token must be used", 400, AuthError),
    (100, None, "Invalid appsecret_proof provided in the API argument", 400, AuthError),
    (100, None, "API calls from the server require an appsecret_proof", 400, AuthError),
    (3, None, "no capability", 400, PermissionDeniedError),
    (10, None, "(#10) Application does not have permission", 403, PermissionDeniedError),
    (200, None, "(#200) NOT grant ads_management", 403, PermissionDeniedError),
    (294, None, "(#294) extended permission", 400, PermissionDeniedError),
    (368, None, "temporarily blocked", 400, PermissionDeniedError),
    (100, 33, "Unsupported get request", 400, PermissionDeniedError),
    (100, None, "(#100) Missing permissions", 400, PermissionDeniedError),
    (100, 3191001, "no access to the report", 400, PermissionDeniedError),
    (2635, None, "deprecated version", 400, VersionError),
    (4, 1504022, "too many calls", 400, ThrottledError),
    (17, 2446079, "too many calls", 400, ThrottledError),
    (32, None, "page request limit", 400, ThrottledError),
    (613, 1487742, "too many calls", 400, ThrottledError),
    (80000, 2446079, "too many calls to ads insights", 400, ThrottledError),
    (80014, None, "too many calls", 400, ThrottledError),
    (4, None, "(#4) Application request limit reached", 403, ThrottledError),
    (100, 1487534, "Invalid parameter", 400, TooLargeError),
    (100, 1504018, "timed out", 400, TooLargeError),
    (2, 1504038, "timeout", 400, TooLargeError),
    (-3, 1504045, "report too large", 400, TooLargeError),
    (1, None, "Please reduce the amount of data you're asking for", 500, TooLargeError),
    (1, 99, "An unknown error occurred", 500, TransientError),
    (2, None, "Service temporarily unavailable", 503, TransientError),
    (2, 1504043, "intermittent", 400, TransientError),
    (-2, None, "report failed", 400, TransientError),
    (2, 1504041, "invalid breakdowns", 400, BadRequestError),
    (2, 1504042, "invalid custom metrics", 400, BadRequestError),
    (100, None, "(#100) nope is not valid for fields param", 400, BadRequestError),
    (100, 1504016, "Invalid parameter", 400, BadRequestError),
    (12, None, "(#12) endpoint is deprecated", 400, BadRequestError),
    (2642, None, "(#2642) Invalid cursors values", 400, BadRequestError),
    (3001, 1504028, "no metric", 400, BadRequestError),
    (3018, None, "(#3018) beyond 37 months", 400, BadRequestError),
    (80015, None, "not a throttle", 400, BadRequestError),
    (999, None, "never heard of", 400, BadRequestError),
]


@pytest.mark.parametrize(("code", "subcode", "message", "status", "kind"), TABLE)
def test_each_code_has_its_class(
    code: int, subcode: int | None, message: str, status: int, kind: type[GraphError]
) -> None:
    """Code and subcode decide; the message decides only where there is nothing else."""
    assert type(raised_for(error_reply(code, subcode, message, status))) is kind


@pytest.mark.parametrize(("code", "subcode", "message", "status", "kind"), TABLE)
def test_an_error_is_an_error_with_status_200_as_well(
    code: int, subcode: int | None, message: str, status: int, kind: type[GraphError]
) -> None:
    """Meta sends error payloads with HTTP 200, too."""
    assert type(raised_for(error_reply(code, subcode, message, 200))) is kind


CATALOGUE: list[dict[str, Any]] = (reference("meta-error-cases.json") or {"cases": []})["cases"]


def has_error(case: dict[str, Any]) -> bool:
    """Whether the answer itself is a refusal: not a batch, a report run, or an empty list."""
    payload, text = case["payload"], case["raw_body"]
    if isinstance(payload, dict):
        return "error" in payload
    return text is not None and not text.startswith("[")


def has_run_error(case: dict[str, Any]) -> bool:
    """Whether it is a report run that failed and says why."""
    return isinstance(case["payload"], dict) and "error_code" in case["payload"]


def assert_documented(case: dict[str, Any], error: GraphError) -> None:
    """The error's class agrees with what the catalogue says about asking again."""
    if case["id"] in ASYNC_ONLY:
        assert type(error) is BadRequestError
    elif case["retryable"] in ("no", "after_restart"):
        assert not isinstance(error, WORTH_ASKING_AGAIN)
    elif case["retryable"] == "after_wait":
        assert case["code"] in THROTTLE_CODES
        assert type(error) is ThrottledError
    elif case["retryable"] == "after_change":
        expected = TooLargeError if case["id"] in TO_BE_SPLIT else BadRequestError
        assert type(error) is expected
    else:
        assert case["retryable"] in ("yes", "limited")
        assert isinstance(error, TransientError)


@pytest.mark.parametrize("case", filter(has_error, CATALOGUE), ids=lambda case: case["id"])
def test_every_known_refusal_is_what_its_documentation_says(case: dict[str, Any]) -> None:
    """Each recorded answer, through the client, is asked again only where that is of use."""
    headers, body = case["response_headers"], case["payload"] or case["raw_body"]
    error = raised_for(Reply(body, case["http_status"], headers))
    assert_documented(case, error)


@pytest.mark.parametrize("case", filter(has_run_error, CATALOGUE), ids=lambda case: case["id"])
def test_every_known_failed_run_is_what_its_documentation_says(case: dict[str, Any]) -> None:
    """The codes of report runs mean the same as those of answers."""
    failure = Failure("run", 200, case["code"], case["subcode"], case["message"] or "")
    assert_documented(case, classify(failure))


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply("Service Unavailable"), BrokenAnswerError),
        (Reply("<!DOCTYPE html><title>Error</title>", 502), BrokenAnswerError),
        (Reply('<html>an "error" page</html>', 500), BrokenAnswerError),
        (Reply('<html>an "error" page</html>', 200), BrokenAnswerError),
        (Reply("upstream request timeout", 504), TooLargeError),
        (Reply("", 503), BrokenAnswerError),
        (Reply("", 200), BrokenAnswerError),
        (Reply("null", 200), BrokenAnswerError),
        (Reply("[]", 200), BrokenAnswerError),
        (Reply('{"data":[{"a":"1"}', 200), BrokenAnswerError),
        (Reply('{"data":[{"a":tru}]}', 200), BrokenAnswerError),
        (Reply("", 302, {"location": "https://elsewhere.example/"}), BrokenAnswerError),
        (Reply("slow down", 429), ThrottledError),
        (Reply("no", 401), PermissionDeniedError),
        (Reply("no", 403), PermissionDeniedError),
        (Reply("no", 404), BadRequestError),
        (Reply("{}", 500), BrokenAnswerError),
        (Reply({"error": "a mere text"}, 400), BadRequestError),
        (Reply({"error": "a mere text"}, 500), BrokenAnswerError),
        (Reply({"error": None}, 200), BrokenAnswerError),
        (Reply({"error": []}, 200), BrokenAnswerError),
    ],
)
def test_without_a_code_the_status_decides(reply: Reply, kind: type[GraphError]) -> None:
    """Proxies and gateways answer in Meta's place, in no JSON at all."""
    assert type(raised_for(reply)) is kind


def test_a_word_in_the_data_is_no_error() -> None:
    """A campaign may be called "error"."""
    client, _ = client_of(Reply({"data": [{"name": "error"}]}))
    assert client.get("act_1/campaigns", {}).rows == 1


def test_the_failure_keeps_what_meta_said() -> None:
    """Code, subcode, status, path and trace stand in the error's text."""
    error = raised_for(error_reply(190, 463, "expired", fbtrace_id="Axyz"))
    assert error.failure == Failure("act_1/insights", 400, 190, 463, "expired", "Axyz")
    message = "act_1/insights: HTTP 400, code 190/463: expired (fbtrace_id Axyz)"
    assert error.message == message
    assert str(error) == f"{message}\nhint: {AuthError.advice}"


def test_what_meta_wrote_for_people_is_shown_as_well() -> None:
    """`error_user_msg` says more than "Invalid parameter", but decides nothing."""
    error = raised_for(error_reply(100, 1487534, "Invalid parameter", error_user_msg="Too much"))
    assert "Invalid parameter - Too much" in str(error)


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (100, "(#100) Missing permissions", PermissionDeniedError),
        (1, "Please reduce the amount of data you're asking for", TooLargeError),
        (100, "Invalid appsecret_proof provided in the API argument", AuthError),
    ],
)
def test_a_message_for_people_changes_no_class(code: int, message: str, kind: type) -> None:
    """It is in the user's language, so nothing is read out of it."""
    reply = error_reply(code, message=message, error_user_msg="Bitte später noch einmal")
    assert type(raised_for(reply)) is kind


def test_numbers_as_text_are_numbers() -> None:
    """Some gateways quote them."""
    failure = failure_of("p", 400, {"error": {"code": "190", "error_subcode": "463"}})
    assert (failure.code, failure.subcode, failure.message) == (190, 463, "no message")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
NAMES = ["code", "error_subcode", "message", "error_user_msg", "fbtrace_id", "error_data"]


@given(
    st.sampled_from([200, 400, 500]),
    st.dictionaries(st.sampled_from(NAMES), json_values) | json_values,
)
@settings(max_examples=150, deadline=None)
def test_no_error_payload_is_too_odd(status: int, error: object) -> None:
    """Whatever stands in the payload becomes a `GraphError` with a text, nothing else."""
    failure = failure_of("act_1", status, {"error": error})
    found = classify(failure)
    assert isinstance(found, GraphError)
    assert str(found).startswith(f"act_1: HTTP {status}")


def test_every_class_is_ours_and_has_a_kind_of_its_own() -> None:
    """One `except` catches them all; the ledger tells them apart."""
    kinds = [
        *(TransientError, BrokenAnswerError, ThrottledError, TooLargeError, AuthError),
        *(PermissionDeniedError, BadRequestError, VersionError),
    ]
    assert all(issubclass(kind, GraphError) for kind in kinds)
    assert issubclass(GraphError, MetaPipelineError)
    assert len({kind.kind for kind in kinds}) == len(kinds)
