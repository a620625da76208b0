"""What Meta's refusals become, payload by payload."""

import json
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
    BeyondRetentionError,
    BrokenAnswerError,
    Call,
    CursorExpiredError,
    DeadMetricError,
    Failure,
    GraphError,
    NoDataError,
    PermissionDeniedError,
    ThrottledError,
    TooLargeError,
    TransientError,
    VersionError,
)
from meta_pipeline.graph.advice import advice_for
from meta_pipeline.graph.errors import Scope, classify, failure_of, failure_of_run


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
    (2500, None, "Unknown path components: /v99.0", 400, VersionError),
    (1, None, "Error validating client secret.", 400, AuthError),
    (101, None, "Error validating application. Invalid application ID.", 400, AuthError),
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
    (2642, None, "(#2642) Invalid cursors values", 400, CursorExpiredError),
    (100, None, "(#100) Invalid cursor", 400, CursorExpiredError),
    (100, None, "(#100) The After Cursor specified exceeds the max limit", 400, TooLargeError),
    (100, None, "(#100) The value must be a valid insights metric", 400, DeadMetricError),
    (100, None, "(#100) the impressions metric is no longer supported", 400, DeadMetricError),
    (10, None, "(#10) Not enough viewers for the media", 400, NoDataError),
    (2601, 1815107, "Job not ready", 400, TransientError),
    (2601, None, "anything else", 400, BadRequestError),
    (100, None, "unavailable due to rate limit threshold.", 400, ThrottledError),
    (
        100,
        None,
        "(#100) Cannot include spend in summary param because they weren't there while creating",
        400,
        TransientError,
    ),
    (3001, 1504028, "no metric", 400, BadRequestError),
    (3018, None, "(#3018) beyond 37 months", 400, BeyondRetentionError),
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
WORDS: dict[type[GraphError] | None, str] = {
    AuthError: """
        token_expired token_session_reset token_app_removed token_checkpoint token_unconfirmed_user
        token_invalid token_page_role_missing token_malformed page_token_required token_missing
        me_without_token session_invalid appsecret_proof_invalid appsecret_proof_missing""",
    PermissionDeniedError: """
        app_no_permission ads_owner_not_granted business_permission_missing api_access_blocked
        monetization_permission missing_permissions_generic object_not_found dev_tier_access
        extended_permission_294 policy_block async_permission""",
    VersionError: "marketing_version_deprecated",
    BadRequestError: """
        endpoint_deprecated_12 nonexisting_field insights_invalid_field invalid_enum_value
        breakdown_combo_invalid ids_param_removed date_format_removed page_no_metric
        page_period_invalid page_range_too_wide page_range_93_days ig_range_30_days ig_metric_type
        batch_too_large async_invalid_breakdowns""",
    BeyondRetentionError: "range_beyond_37_months",
    DeadMetricError: "page_metric_invalid ig_impressions_removed",
    NoDataError: "ig_not_enough_viewers",
    CursorExpiredError: "invalid_cursor",
    TooLargeError: """
        too_many_rows reduce_data sync_timeout cursor_too_deep async_timeout async_too_large""",
    ThrottledError: """
        reach_breakdown_throttle app_limit insights_app_limit insights_global_load
        account_score_limit page_user_limit custom_limit_613 account_limit_613 mutation_qps_613
        buc_insights buc_pages buc_instagram buc_ads_management batch_item_error""",
    TransientError: """
        summary_param_glitch unknown_transient service_unavailable_2 unknown_99 batch_item_null
        async_report_failed async_intermittent async_skipped""",
    BrokenAnswerError: "html_502 service_unavailable_200",
    None: """
        silent_page_no_read_insights silent_breakdown_beyond_13_months silent_view_window_removed
        silent_optin_breakdown silent_version_upgrade""",
}
EXPECTED = {name: kind for kind, names in WORDS.items() for name in names.split()}


def error_of(case: dict[str, Any]) -> GraphError | None:
    """What one recorded answer becomes: an answer, a batch's last item, or a report run."""
    payload, text = case["payload"], case["raw_body"]
    if isinstance(payload, dict) and "async_status" in payload:
        return classify(failure_of_run("run", payload))
    if text is not None and text.startswith("["):
        client, _ = client_of(Reply(text))
        last = client.batch([Call("act_1/insights", {})] * len(json.loads(text)))[-1]
        return last if isinstance(last, GraphError) else None
    client, _ = client_of(
        Reply(payload or text or "", case["http_status"], case["response_headers"])
    )
    try:
        client.get("act_1/insights", {})
    except GraphError as error:
        return error
    return None


@pytest.mark.parametrize("case", CATALOGUE, ids=lambda case: case["id"])
def test_every_known_answer_is_what_its_documentation_says(case: dict[str, Any]) -> None:
    """Each recorded answer becomes the error, or the absence of one, that is written here."""
    error = error_of(case)
    assert (None if error is None else type(error)) is EXPECTED[case["id"]]


def test_no_known_answer_is_left_out() -> None:
    """The catalogue and the expectations name the same 81 cases."""
    assert {case["id"] for case in CATALOGUE} in (set(), set(EXPECTED))
    assert len(EXPECTED) == 81


@pytest.mark.parametrize("case", CATALOGUE, ids=lambda case: case["id"])
def test_what_is_worth_asking_again_is_asked_again(case: dict[str, Any]) -> None:
    """The catalogue's own word for it agrees with the class."""
    kind = EXPECTED[case["id"]]
    if case["id"] == "cursor_too_deep":  # "no", but its advice is to split the question
        return
    allowed: dict[str, tuple[type[GraphError] | None, ...]] = {
        "yes": (TransientError, BrokenAnswerError),
        "limited": (TransientError,),
        "after_wait": (ThrottledError,),
        "after_change": (TooLargeError, BadRequestError, DeadMetricError),
        "after_restart": (CursorExpiredError,),
        "n/a": (None,),
    }
    lasting = (AuthError, PermissionDeniedError, VersionError, NoDataError)
    wrong = (BadRequestError, BeyondRetentionError, DeadMetricError)
    assert kind in allowed.get(case["retryable"], (*lasting, *wrong))


@pytest.mark.parametrize(
    ("code", "subcode", "scope"),
    [
        (4, None, Scope.APP),
        (341, None, Scope.APP),
        (4, 1504022, Scope.APP_INSIGHTS),
        (4, 1504039, Scope.APP_INSIGHTS),
        (17, 2446079, Scope.ACCOUNT),
        (613, None, Scope.ACCOUNT),
        (32, None, Scope.PAGE),
        (80000, 2446079, Scope.ACCOUNT_TYPE),
        (80001, None, Scope.ACCOUNT_TYPE),
    ],
)
def test_a_used_up_quota_says_whose_it_is(code: int, subcode: int | None, scope: Scope) -> None:
    """An account's quota is nobody else's."""
    error = raised_for(error_reply(code, subcode))
    assert isinstance(error, ThrottledError)
    assert (error.scope, error.retry_at) == (scope, None)


@pytest.mark.parametrize("state", ["Job Failed", "Job Skipped"])
def test_a_run_that_gives_no_reason_may_work_in_a_moment(state: str) -> None:
    """Runs before v25, and skipped ones, end without a code."""
    body = {"id": "6", "async_status": state, "async_percent_completion": 57}
    error = classify(failure_of_run("6", body))
    assert type(error) is TransientError
    assert f"the report run ended as '{state}' at 57 %" in str(error)


def test_what_meta_calls_transient_is_where_the_code_says_nothing() -> None:
    """Its word counts for codes nobody has heard of, and for no others."""
    assert type(raised_for(error_reply(999, is_transient=True))) is TransientError
    assert type(raised_for(error_reply(190, is_transient=True))) is AuthError


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
    assert str(error) == f"{message}\nhint: {advice_for(error.failure).fix}"


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
        *(PermissionDeniedError, BadRequestError, VersionError, CursorExpiredError),
        *(NoDataError, DeadMetricError, BeyondRetentionError),
    ]
    assert all(issubclass(kind, GraphError) for kind in kinds)
    assert issubclass(GraphError, MetaPipelineError)
    assert len({kind.kind for kind in kinds}) == len(kinds)
