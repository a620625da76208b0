"""What Meta answers when it does not answer, as a tree to catch.

GraphError                 any answer that is not the one asked for
 ├─ TransientError         it may work in a moment: retried here, bounded
 │   └─ BrokenAnswerError  no JSON, half a JSON, an HTML page, no connection
 ├─ ThrottledError         a quota is used up; says which one, and when it may be back
 ├─ TooLargeError          the question must be made smaller
 ├─ CursorExpiredError     the list must be asked anew from its first page
 ├─ NoDataError            nothing is wrong: too few people for a figure
 ├─ AuthError              the token is missing, expired, revoked, or its proof is wrong
 ├─ PermissionDeniedError  the token is good, but may not see this
 ├─ BadRequestError        the question is wrong: a field, a range
 │   ├─ DeadMetricError    the metric is no more
 │   └─ BeyondRetentionError  the days are older than what Meta keeps
 └─ VersionError           the pinned API version is over

`code` and `error_subcode` decide, never the message, except for codes 10 and 100, where the
text is all there is (Meta's error references for Graph, Marketing and Insights API, September
2026).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from meta_pipeline.errors import MetaPipelineError
from meta_pipeline.graph.advice import advice_for


@dataclass(frozen=True, slots=True)
class Failure:
    """Meta's error payload with the request that met it; never the token.

    `message` is Meta's for developers, `user_message` the one for people, in their language.
    `is_transient` is Meta's own word for it, which counts where the code says nothing.
    """

    path: str
    http_status: int | None
    code: int | None
    subcode: int | None
    message: str
    trace_id: str | None = None
    user_message: str | None = None
    is_transient: bool = False

    def __str__(self) -> str:
        numbers = "/".join(str(n) for n in (self.code, self.subcode) if n is not None)
        status = f"HTTP {self.http_status}" if self.http_status else "no answer"
        where = f"{self.path}: {status}" + (f", code {numbers}" if numbers else "")
        trace = f" (fbtrace_id {self.trace_id})" if self.trace_id else ""
        more = f" - {self.user_message}" if self.user_message else ""
        return f"{where}: {self.message}{more}{trace}"


class GraphError(MetaPipelineError):
    """An answer that is not the one asked for. `failure` holds what Meta said."""

    kind = "error"
    advice: str | None = None
    has_own_fix = False
    """Whether each code has a fix of its own, which says more than the advice for the class."""

    def __init__(self, failure: Failure) -> None:
        is_coded = self.has_own_fix and failure.code is not None
        super().__init__(str(failure), hint=advice_for(failure).fix if is_coded else self.advice)
        self.failure = failure


class TransientError(GraphError):
    """It may work in a moment."""

    kind = "transient"
    advice = "Meta could not answer now; run the same command again later"


class BrokenAnswerError(TransientError):
    """No JSON, half a JSON, an HTML page, or no connection at all."""

    kind = "broken answer"
    advice = "check the network and META_GRAPH_URL, then run the same command again"


class Scope(StrEnum):
    """Whose quota is used up."""

    APP = "app"
    APP_INSIGHTS = "app+insights"
    ACCOUNT = "account"
    ACCOUNT_TYPE = "account+type"
    PAGE = "page"
    REACH = "reach"


class ThrottledError(GraphError):
    """A quota is used up: which one (`scope`), and when it may be back (`retry_at`, UTC)."""

    kind = "throttled"
    advice = "wait until the quota is back, then run the same command again; what landed is kept"

    def __init__(
        self, failure: Failure, retry_at: datetime | None = None, scope: Scope | None = None
    ) -> None:
        super().__init__(failure)
        self.scope = scope or _scope_of(failure)
        self.retry_at = retry_at
        if retry_at is not None:
            self.message += f" (not before {retry_at:%Y-%m-%d %H:%M:%S} UTC)"


class TooLargeError(GraphError):
    """The question asks for more than Meta answers at once."""

    kind = "too large"
    advice = "ask for fewer days with --from and --to"


class CursorExpiredError(GraphError):
    """A cursor is no longer good: what came of the list counts for nothing, ask it anew."""

    kind = "cursor expired"
    advice = "run the same command again; the list is asked from its first page"


class NoDataError(GraphError):
    """Too few people for a figure: there is none, which is neither zero nor a failure."""

    kind = "no data"


class AuthError(GraphError):
    """The token is missing, expired or revoked, or the app secret's proof is wrong."""

    kind = "auth"
    has_own_fix = True
    advice = "mint a new token and set it in the client's token_env variable"


class PermissionDeniedError(GraphError):
    """The token is good, but may not see this object."""

    kind = "permission"
    has_own_fix = True
    advice = (
        "check the id, and assign the account or Page to the system user in "
        "Business settings (View performance is enough)"
    )


class BadRequestError(GraphError):
    """The question itself is wrong."""

    kind = "bad request"
    has_own_fix = True


class DeadMetricError(BadRequestError):
    """A metric that is no more, or never was."""

    kind = "dead metric"
    has_own_fix = False
    advice = "see docs/metrics.md for what replaced it"


class BeyondRetentionError(BadRequestError):
    """Days older than what Meta keeps."""

    kind = "beyond retention"
    has_own_fix = False
    advice = "ask for days within the last 37 months"


class VersionError(GraphError):
    """The pinned API version is over."""

    kind = "version"
    has_own_fix = True
    advice = "set a living api_version in clients.yml (v26.0 today)"


_TRANSIENT_CODES = frozenset({1, 2})
_THROTTLE_CODES = frozenset({4, 17, 32, 341, 613, *range(80000, 80015)})
_AUTH_CODES = frozenset({102, 104, 190, 2500})
# 368: blocked for policy reasons; asking again makes it longer.
_PERMISSION_CODES = frozenset({3, 10, 368, *range(200, 300)})
_CLASS_BY_CODE: dict[int, type[GraphError]] = {
    2635: VersionError,
    2642: CursorExpiredError,
    3018: BeyondRetentionError,
    # A bare -2 is "report failed", which Meta asks to be tried again.
    -2: TransientError,
    **dict.fromkeys(_PERMISSION_CODES, PermissionDeniedError),
    **dict.fromkeys(_AUTH_CODES, AuthError),
    **dict.fromkeys(_THROTTLE_CODES, ThrottledError),
    **dict.fromkeys(_TRANSIENT_CODES, TransientError),
}

# Insights error codes reference, 2026: what must be made smaller instead of asked again.
_CLASS_BY_SUBCODE: dict[tuple[int | None, int | None], type[GraphError]] = {
    (100, 1487534): TooLargeError,
    (100, 1504018): TooLargeError,
    (-3, 1504045): TooLargeError,
    (2, 1504038): TooLargeError,
    (2, 1504041): BadRequestError,
    (2, 1504042): BadRequestError,
    (100, 33): PermissionDeniedError,
    (100, 3191001): PermissionDeniedError,
    # A finished report run whose rows cannot be read yet (php-business-sdk#288).
    (2601, 1815107): TransientError,
}

# Where code and subcode leave it open, the text is all there is. The first that fits counts.
_CLASS_BY_TEXT: tuple[tuple[int, str, type[GraphError]], ...] = (
    (1, "reduce the amount of data", TooLargeError),
    # META_APP_SECRET and META_APP_ID, when a token is exchanged (captured by third parties,
    # stackoverflow.com/questions/14575477): asking again mends neither.
    (1, "validating client secret", AuthError),
    (101, "validating application", AuthError),
    # A version that never was: v99.0 is taken for a part of the path (koala#611).
    (2500, "unknown path components", VersionError),
    # "Not enough viewers for the media to show insights" (Instagram insights reference).
    (10, "not enough viewers", NoDataError),
    (100, "missing permission", PermissionDeniedError),
    (100, "appsecret_proof", AuthError),
    # Reach with breakdowns older than 13 months has a quota of its own, of a day.
    (100, "due to rate limit", ThrottledError),
    # Spurious, gone when asked again (airbyte#7723 and others).
    (100, "in summary param because they weren't there", TransientError),
    (100, "must be a valid insights metric", DeadMetricError),
    # "Starting from version 22 and above, the impressions metric is no longer supported".
    (100, "metric is no longer supported", DeadMetricError),
    # A list too deep to be read to its end; a smaller question has a shorter one.
    (100, "cursor specified exceeds the max limit", TooLargeError),
    (100, "cursor", CursorExpiredError),
)

RUN_ENDED = "the report run ended as"


def classify(failure: Failure) -> GraphError:
    """The error that `failure` is."""
    return _class_of(failure)(failure)


def _class_of(failure: Failure) -> type[GraphError]:
    code, text = failure.code, failure.message.lower()
    if code is None:
        # A report run that was skipped, or failed before v25, says no more than that.
        is_run = failure.http_status == 200 and failure.message.startswith(RUN_ENDED)
        return TransientError if is_run else _class_of_status(failure.http_status)
    if found := _CLASS_BY_SUBCODE.get((code, failure.subcode)):
        return found
    for its_code, words, found in _CLASS_BY_TEXT:
        if code == its_code and words in text:
            return found
    if found := _CLASS_BY_CODE.get(code):
        return found
    return TransientError if failure.is_transient else BadRequestError


def _scope_of(failure: Failure) -> Scope:
    """Whose quota it is (rate limiting guides of the Graph and the Marketing API)."""
    code = failure.code
    if code == 100:
        return Scope.REACH
    if code == 4 and failure.subcode in (1504022, 1504039):
        return Scope.APP_INSIGHTS
    if code in (4, 341):
        return Scope.APP
    if code in (17, 613):
        return Scope.ACCOUNT
    return Scope.PAGE if code == 32 else Scope.ACCOUNT_TYPE


def _class_of_status(status: int | None) -> type[GraphError]:
    """The class of an answer without a code: only its HTTP status speaks."""
    if status == 504:
        return TooLargeError  # the gateway gave up on a question that took too long
    if status is None or status < 400 or status >= 500:
        return BrokenAnswerError
    if status == 429:
        return ThrottledError
    if status in (401, 403):
        return PermissionDeniedError
    return BadRequestError


def failure_of(path: str, status: int, payload: Mapping[str, Any]) -> Failure:
    """The `Failure` in an error payload. Missing or odd members become None, never an error."""
    error = payload.get("error")
    if not isinstance(error, dict):
        error = {"message": str(error)}
    return Failure(
        path=path,
        http_status=status,
        code=_integer(error.get("code")),
        subcode=_integer(error.get("error_subcode")),
        message=str(error.get("message") or "no message"),
        user_message=str(error["error_user_msg"]) if error.get("error_user_msg") else None,
        trace_id=str(error["fbtrace_id"]) if error.get("fbtrace_id") else None,
        is_transient=error.get("is_transient") is True,
    )


def failure_of_run(path: str, body: Mapping[str, Any]) -> Failure:
    """The `Failure` of a report run that ended without rows, from the run's own body.

    Its HTTP status is 200; the `error_*` members exist since v25 and mean what they mean in
    an error payload, so `classify` tells what it is.
    """
    state, percent = body.get("async_status"), body.get("async_percent_completion")
    return Failure(
        path=path,
        http_status=200,
        code=_integer(body.get("error_code")),
        subcode=_integer(body.get("error_subcode")),
        message=str(body.get("error_message") or f"{RUN_ENDED} {state!r} at {percent} %"),
        user_message=str(body["error_user_msg"]) if body.get("error_user_msg") else None,
    )


def _integer(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None
