"""Meta's error answers: the JSON body, the status, the `www-authenticate` header.

Texts are Meta's own as captured from live calls or printed in Meta's error references; those
nobody captured say so.
"""

from collections.abc import Mapping
from itertools import count
from typing import Any

import orjson
from starlette.responses import Response

_TRACE = count(1)
_GRAPH_DOC = "https://developers.facebook.com/docs/graph-api"
_INSIGHTS_DOC = "https://developers.facebook.com/docs/marketing-api/reference/ads-insights/"


class GraphError(Exception):
    """An error that Meta answers with; raised anywhere below the routes.

    `extra` goes into the body (`error_user_title` and the like), `headers` to the answer.
    `raw` is answered instead of a JSON body: a proxy's page, for instance.
    """

    def __init__(
        self,
        message: str,
        code: int | None,
        *,
        subcode: int | None = None,
        status: int = 400,
        kind: str | None = "OAuthException",
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        raw: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.subcode = subcode
        self.status = status
        self.kind = kind
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})
        self.raw = raw


def json_response(
    body: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A compact JSON answer, as Meta's are (`pretty` is ignored since 2026-10-27)."""
    kept = {"content-type": "application/json; charset=UTF-8", **(headers or {})}
    return Response(orjson.dumps(body), status, kept)


def error_response(error: GraphError) -> Response:
    """The answer that carries an error."""
    if error.raw is not None:
        return Response(error.raw, error.status, error.headers, "text/html")
    body: dict[str, Any] = {"message": error.message}
    if error.kind:
        body["type"] = error.kind
    if error.code is not None:
        body["code"] = error.code
    if error.subcode is not None:
        body["error_subcode"] = error.subcode
    body |= error.extra
    body["fbtrace_id"] = f"A{next(_TRACE):010d}Simulator"
    # Header values are latin-1; a name in a message may not be.
    text = error.message.encode("ascii", "replace").decode().replace('"', "'")
    headers = {"www-authenticate": f'OAuth "Facebook Platform" "invalid_request" "{text}"'}
    return json_response({"error": body}, error.status, headers | error.headers)


def invalid(message: str) -> GraphError:
    """Code 100, Meta's answer to most of what is wrong with a request."""
    return GraphError(f"(#100) {message}", 100)


def unknown_field(field: str, node: str) -> GraphError:
    """A field that the node does not have."""
    return invalid(f"Tried accessing nonexisting field ({field}) on node type ({node})")


def unknown_insight_field(field: str) -> GraphError:
    """A field that insights do not have (captured text)."""
    return invalid(
        f"{field} is not valid for fields param. please check {_INSIGHTS_DOC} for all valid values"
    )


def not_one_of(param: str, values: object) -> GraphError:
    """A value outside an enumeration (captured text)."""
    listed = ", ".join(values) if isinstance(values, tuple) else str(values)
    return invalid(f"{param} must be one of the following values: {listed}")


def not_found(object_id: str) -> GraphError:
    """An object that does not exist, or that this token may not see: Meta does not say which."""
    return GraphError(
        f"Unsupported get request. Object with ID '{object_id}' does not exist, cannot be loaded "
        "due to missing permissions, or does not support this operation. Please read the Graph "
        f"API documentation at {_GRAPH_DOC}",
        100,
        subcode=33,
        kind="GraphMethodException",
    )


def unknown_path(path: str) -> GraphError:
    """A path that leads nowhere."""
    return GraphError(f"Unknown path components: {path}", 2500)


def beyond_37_months() -> GraphError:
    """A start too long ago; beyond shorter limits Meta silently leaves figures out instead."""
    return GraphError(
        "(#3018) The start date of the time range cannot be beyond 37 months from the current date",
        3018,
    )


def deprecated_version(newest: str) -> GraphError:
    """A Marketing API version that is no more."""
    return GraphError(
        "(#2635) You are calling a deprecated version of the Ads API. Please update to the latest "
        f"version: {newest}.",
        2635,
    )
