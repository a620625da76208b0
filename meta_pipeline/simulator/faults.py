"""Scripted answers: what goes wrong with the next calls, and how it goes over the wire."""

import asyncio
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from meta_pipeline.simulator.call import Call
from meta_pipeline.simulator.cases import SILENT, Case, case
from meta_pipeline.simulator.errors import GraphError, error_response, json_response
from meta_pipeline.simulator.matching import params_match

FITTING = 0
"""A status that is left to the fault: 500 for a plain one, a case's own, else the answer's."""

TRANSPORT = "meta_pipeline.transport"
"""Where the server leaves the connection in the state of a request."""

WIRES = {
    "cut": "Half of the body, as if it were all of it.",
    "drip": "The body in small pieces, within `delay_seconds` (0.2 if 0, 5 at most).",
    "empty": "No body.",
    "html": "A proxy's HTML page (status 502 unless told otherwise).",
    "null": "In a batch, null in place of an answer; does not happen elsewhere.",
    "reset": "No answer: the connection is reset.",
    "truncated": "Half of the body, less than Content-Length says; then the connection ends.",
    "unavailable": "The text `Service Unavailable` (status 200 unless told otherwise).",
}
_CONNECTION = ("drip", "reset", "truncated")
_TEXTS = {
    "html": (502, "<!DOCTYPE html><html><head><title>Error</title></head><body></body></html>"),
    "unavailable": (200, "Service Unavailable"),
}
_DRIP_SECONDS = 0.2
_MOST_DRIP_SECONDS = 5.0
_MOST_PIECES = 20


@dataclass
class Fault:
    """A scripted answer to the next calls that match.

    A call matches if its path contains `path`, its parameters have the values in `where` (equal,
    or inside a comma list or JSON; `""` for absent, `"*"` for any), and its `kind` (as in the
    log), `asset` (an ad account with or without `act_`, a Page) and `method` are the ones given.
    The polls and reads of an asynchronous report have the parameters of its question too. Calls
    inside a batch match by their own path and parameters. The first `skip` matching calls pass,
    the `times` after them are hit.

    The answer has `status` and `body`: a JSON value, or text sent as it is. `case` names one of
    Meta's error answers; it hits only calls that it can happen to, unless `path` or `kind` is
    given. `status=None` answers as usual, with `headers` added. `wire` says how the answer
    goes over the wire (see `WIRES`). `delay_seconds` holds it back.

    Raises:
        ValueError: for an unknown case, kind of wire, or a count that makes no sense.
    """

    path: str = ""
    status: int | None = FITTING
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1
    skip: int = 0
    delay_seconds: float = 0.0
    where: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""
    asset: str = ""
    method: str = ""
    case: str = ""
    wire: str = ""

    def __post_init__(self) -> None:
        if self.wire and self.wire not in WIRES:
            raise ValueError(f"wire must be one of {', '.join(WIRES)}, got {self.wire!r}")
        if self.times < 1 or self.skip < 0 or self.delay_seconds < 0:
            raise ValueError("times must be 1 or more, skip and delay_seconds not negative")
        if self.status not in (None, FITTING) and not 100 <= self.status <= 599:
            raise ValueError(f"status must be between 100 and 599, got {self.status}")
        if not all(isinstance(value, str) for value in self.where.values()):
            raise ValueError("the values of where must be texts, as they stand in the request")
        found = self._case
        if found and found.is_silent:
            raise ValueError(f"{found.id} is no answer but a way to behave: {SILENT[found.id]}")
        if found and found.is_report:
            raise ValueError(f"{found.id} is the end of a report: script it with a RunScript")
        if found and found.id == "batch_item_null":
            self.wire = "null"

    @property
    def replaces(self) -> bool:
        """Whether the usual answer is not made at all."""
        if self.case or self.wire in ("html", "null", "reset", "unavailable"):
            return True
        return self.status is not None and not (self.status == FITTING and self.wire)

    @property
    def _case(self) -> Case | None:
        return case(self.case) if self.case else None

    def hits(self, call: Call, params: Mapping[str, str], *, in_batch: bool) -> bool:
        """Whether a call matches, by the parameters that stand for it."""
        found = self._case
        if (self.wire in _CONNECTION and in_batch) or (self.wire == "null" and not in_batch):
            return False
        if found and found.is_batch_item and not in_batch:
            return False
        if found and not (self.path or self.kind) and found.kinds and call.kind not in found.kinds:
            return False
        return (
            self.path in call.path
            and self.kind in ("", call.kind)
            and self.asset.removeprefix("act_") in ("", call.asset)
            and self.method in ("", call.method)
            and params_match(self.where, params)
        )

    def response(self, call: Call) -> Response:
        """The scripted answer to a call that is hit."""
        if self.wire in _TEXTS:
            status, text = _TEXTS[self.wire]
            return Response(text, self.status or status, media_type="text/html")
        found = self._case
        if found and self.body is None and self.wire != "null":
            error = found.error()
            error.status = self.status or error.status
            headers = {k: v.replace("123456789", call.asset) for k, v in error.headers.items()}
            response = error_response(error)
            response.headers.update(headers)
            return response
        if isinstance(self.body, str):
            return Response(self.body, self.status or 500, media_type="text/html")
        if self.body is None:
            text = "An unexpected error has occurred. Please retry your request later."
            return error_response(GraphError(text, 2, status=self.status or 500))
        return json_response(self.body, self.status or 500)

    def mangle(self, response: Response) -> Response:
        """The answer as it goes over the wire, where that is not about the connection."""
        if self.wire not in ("cut", "empty"):
            return response
        body = bytes(response.body)
        response.body = body[: len(body) // 2] if self.wire == "cut" else b""
        response.headers["content-length"] = str(len(response.body))
        return response

    async def send(self, response: Response, scope: Any, receive: Any, send: Any) -> None:
        """Send the answer, or what is left of it."""
        if self.wire == "reset":
            _transport(scope).abort()
            await _gone(receive)
        elif self.wire == "truncated":
            await _send_half(response, scope, receive, send)
        elif self.wire == "drip":
            await _drip(response, self.delay_seconds or _DRIP_SECONDS, send)
        else:
            await response(scope, receive, send)


def _transport(scope: Any) -> asyncio.WriteTransport:
    transport = scope.get("state", {}).get(TRANSPORT)
    if transport is None:
        raise RuntimeError("faults of the connection need the simulator's own server")
    # Closing sends a reset instead of an orderly end.
    linger = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    return transport


async def _send_half(response: Response, scope: Any, receive: Any, send: Any) -> None:
    body = bytes(response.body)
    response.headers["content-length"] = str(max(len(body), 64))
    await _start(response, send)
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    # An orderly end after what was written.
    scope["state"][TRANSPORT].close()
    await _gone(receive)


async def _drip(response: Response, seconds: float, send: Any) -> None:
    body = bytes(response.body)
    size = max(1, -(-len(body) // _MOST_PIECES))
    pieces = [body[place : place + size] for place in range(0, len(body), size)]
    await _start(response, send)
    for piece in pieces:
        await asyncio.sleep(min(seconds, _MOST_DRIP_SECONDS) / len(pieces))
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _start(response: Response, send: Any) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": response.status_code,
            "headers": response.raw_headers,
        }
    )


async def _gone(receive: Any) -> None:
    """Wait until the server knows that the connection is over."""
    while (await receive())["type"] != "http.disconnect":
        pass
