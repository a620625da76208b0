"""What Meta answers when it does not answer, as a tree to catch.

GraphError                 any answer that is not the one asked for
 ├─ TransientError         it may work in a moment: retried here, bounded
 │   └─ BrokenAnswerError  no JSON, half a JSON, an HTML page, no connection
 ├─ ThrottledError         a quota is used up; says when it is worth asking again
 ├─ TooLargeError          the question must be made smaller
 ├─ AuthError              the token is missing, expired, revoked, or its proof is wrong
 ├─ PermissionDeniedError  the token is good, but may not see this
 ├─ BadRequestError        the question is wrong: a field, a metric, a range
 └─ VersionError           the pinned API version is over

`code` and `error_subcode` decide, never the message, except for code 100, where the text is
all there is (Meta's error references for Graph, Marketing and Insights API, September 2026).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from meta_pipeline.errors import MetaPipelineError


@dataclass(frozen=True, slots=True)
class Failure:
    """Meta's error payload with the request that met it; never the token.

    `message` is Meta's for developers, `user_message` the one for people, in their language.
    """

    path: str
    http_status: int | None
    code: int | None
    subcode: int | None
    message: str
    trace_id: str | None = None
    user_message: str | None = None

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

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure), hint=self.advice)
        self.failure = failure


class TransientError(GraphError):
    """It may work in a moment."""

    kind = "transient"
    advice = "Meta could not answer now; run the same command again later"


class BrokenAnswerError(TransientError):
    """No JSON, half a JSON, an HTML page, or no connection at all."""

    kind = "broken answer"
    advice = "check the network and META_GRAPH_URL, then run the same command again"


class ThrottledError(GraphError):
    """A quota is used up."""

    kind = "throttled"
    advice = "wait until the quota is back, then run the same command again; what landed is kept"


class TooLargeError(GraphError):
    """The question asks for more than Meta answers at once."""

    kind = "too large"
    advice = "ask for fewer days with --from and --to"


class AuthError(GraphError):
    """The token is missing, expired or revoked, or the app secret's proof is wrong."""

    kind = "auth"
    advice = "mint a new token and set it in the client's token_env variable"


class PermissionDeniedError(GraphError):
    """The token is good, but may not see this object."""

    kind = "permission"
    advice = (
        "check the id, and assign the account or Page to the system user in "
        "Business settings (View performance is enough)"
    )


class BadRequestError(GraphError):
    """The question itself is wrong."""

    kind = "bad request"


class VersionError(GraphError):
    """The pinned API version is over."""

    kind = "version"
    advice = "set a living api_version in clients.yml (v26.0 today)"


_TRANSIENT_CODES = frozenset({1, 2})
_THROTTLE_CODES = frozenset({4, 17, 32, 341, 613, *range(80000, 80015)})
_AUTH_CODES = frozenset({102, 104, 190, 2500})
# 368: blocked for policy reasons; asking again makes it longer.
_PERMISSION_CODES = frozenset({3, 10, 368, *range(200, 300)})
_VERSION_CODES = frozenset({2635})

# Insights error codes reference, 2026: what must be made smaller instead of asked again.
_TOO_LARGE = frozenset({(100, 1487534), (100, 1504018), (-3, 1504045), (2, 1504038)})
_NEVER_TRANSIENT = frozenset({(2, 1504041), (2, 1504042)})
_NO_SUCH_OBJECT = (100, 33)
_NO_REPORT_ACCESS = (100, 3191001)


def classify(failure: Failure) -> GraphError:
    """The error that `failure` is."""
    return _class_of(failure)(failure)


def _class_of(failure: Failure) -> type[GraphError]:
    code, pair = failure.code, (failure.code, failure.subcode)
    text = failure.message.lower()
    if pair in _TOO_LARGE or (code == 1 and "reduce the amount of data" in text):
        return TooLargeError
    if code is None:
        return _class_of_status(failure.http_status)
    if pair in (_NO_SUCH_OBJECT, _NO_REPORT_ACCESS) or code in _PERMISSION_CODES:
        return PermissionDeniedError
    if code == 100 and "missing permission" in text:
        return PermissionDeniedError
    if code in _VERSION_CODES:
        return VersionError
    if code in _AUTH_CODES or (code == 100 and "appsecret_proof" in text):
        return AuthError
    if code in _THROTTLE_CODES:
        return ThrottledError
    # A bare -2 is "report failed", which Meta asks to be tried again.
    if (code in _TRANSIENT_CODES and pair not in _NEVER_TRANSIENT) or code == -2:
        return TransientError
    return BadRequestError


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
    )


def _integer(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None
