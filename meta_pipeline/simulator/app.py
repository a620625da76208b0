"""The web application: Meta's routes, the simulator's own, and what surrounds each answer."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from meta_pipeline.simulator.admin import admin_routes
from meta_pipeline.simulator.call import Call
from meta_pipeline.simulator.clock import SimulatorClock
from meta_pipeline.simulator.errors import GraphError, error_response, invalid, json_response
from meta_pipeline.simulator.graph import Graph
from meta_pipeline.simulator.insights import Insights
from meta_pipeline.simulator.runs import Runs
from meta_pipeline.simulator.settings import Settings
from meta_pipeline.simulator.source import Source
from meta_pipeline.simulator.tokens import Tokens
from meta_pipeline.simulator.traffic import Fault, Request, Traffic, UsageMeter
from meta_pipeline.simulator.versions import NEWEST

MAX_BATCH = 50
_SECRETS = ("access_token", "appsecret_proof", "input_token")


def create_app(
    source: Source,
    clock: SimulatorClock,
    *,
    traffic: Traffic | None = None,
    tokens: Mapping[str, set[str]] | None = None,
    app_secret: str | None = None,
    **switches: Any,
) -> Starlette:
    """Meta's Graph and Marketing API over one truth.

    Args:
        source: the truth, e.g. `generated_agency()` or `replayed(path)`.
        clock: what time it is at Meta.
        traffic: log of calls and scripted answers; None makes a new one.
        tokens: for each token the account, Page or client ids it sees; None: all see all.
        app_secret: when given, each call needs the `appsecret_proof` of its token.
        switches: how Meta behaves; see `Settings`.

    Raises:
        ValueError: for an unknown switch, or a value that does not fit it.
    """
    settings = Settings(**switches)
    insights = Insights(source, settings)
    runs = Runs(insights, settings)
    graph = Graph(source, Tokens(source, tokens, app_secret), insights, runs, settings)
    traffic = traffic or Traffic()
    front = _Front(graph, clock, traffic, UsageMeter(settings.access_tier), settings)
    routes = [
        *admin_routes(source, clock, traffic),
        Route("/{path:path}", front, methods=["GET", "POST", "DELETE", "PUT"]),
    ]
    return Starlette(routes=routes)


class _Front:
    """Receives calls: logs them, plays scripted answers, adds the headers."""

    def __init__(
        self,
        graph: Graph,
        clock: SimulatorClock,
        traffic: Traffic,
        meter: UsageMeter,
        settings: Settings,
    ) -> None:
        self._graph = graph
        self._settings = settings
        self._clock = clock
        self._traffic = traffic
        self._meter = meter

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one call (an ASGI application, so that every method reaches it)."""
        request = HttpRequest(scope, receive)
        params = dict(request.query_params)
        if request.method == "POST":
            # The SDK sends POST parameters as a form.
            params |= dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        token = bearer.strip() if scheme.lower() == "bearer" else params.get("access_token", "")
        base_url = str(request.base_url).rstrip("/")
        call = self._call(request.method, request.url.path, params, token, base_url)
        fault = self._traffic.next_fault(request.url.path)
        if fault and fault.delay_seconds:
            await asyncio.sleep(fault.delay_seconds)
        if fault and fault.status is not None:
            self._name_kind(call)
            response = _scripted(fault)
        else:
            response = self._answer(call)
        self._dress(response, call)
        if fault:
            response.headers.update(fault.headers)
        kept = {k: v for k, v in params.items() if k not in _SECRETS}
        record = Request(request.method, request.url.path, kept, call.kind, response.status_code)
        self._traffic.record(record)
        await response(scope, receive, send)

    def _call(
        self, method: str, path: str, params: Mapping[str, str], token: str, base_url: str
    ) -> Call:
        version, *segments = [part for part in path.split("/") if part] or [""]
        kept = {k: v for k, v in params.items() if k != "access_token"}
        return Call(
            *(method, tuple(segments), kept, token, self._clock.now(), base_url),
            *(version, NEWEST),
            settings=self._settings,
        )

    def _name_kind(self, call: Call) -> None:
        """The kind of a call that a scripted answer hides from the routes."""
        try:
            self._graph.answer(call)
        except GraphError:
            return

    def _answer(self, call: Call) -> Response:
        try:
            if call.method == "POST" and not call.segments and "batch" in call.params:
                return self._batch(call)
            return json_response(self._graph.answer(call), headers=call.headers)
        except GraphError as error:
            response = error_response(error)
            response.headers.update(call.headers)
            return response

    def _batch(self, call: Call) -> Response:
        """Each item is a call of its own, and counts as one; the answer itself is a 200."""
        call.kind = "batch"
        try:
            items = orjson.loads(call.params["batch"])
        except orjson.JSONDecodeError:
            raise invalid("Param batch must be valid JSON.") from None
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise invalid("Param batch must be an array of objects.")
        if len(items) > MAX_BATCH:
            raise GraphError(
                f"Too many requests in batch message. Maximum batch size is {MAX_BATCH}",
                100,
                kind="GraphBatchException",
            )
        return json_response([self._batch_item(call, item) for item in items])

    def _batch_item(self, outer: Call, item: dict[str, Any]) -> dict[str, Any]:
        url = urlsplit(str(item.get("relative_url", "")))
        params = dict(parse_qsl(url.query, keep_blank_values=True))
        params.setdefault("appsecret_proof", outer.params.get("appsecret_proof", ""))
        token = params.get("access_token") or str(item.get("access_token") or outer.token_text)
        path = f"{outer.asked_version}/{url.path.lstrip('/')}"
        inner = self._call(str(item.get("method", "GET")), path, params, token, outer.base_url)
        response = self._answer(inner)
        self._dress(response, inner)
        kept = {k: v for k, v in params.items() if k not in _SECRETS}
        self._traffic.record(
            Request(inner.method, f"/{path}", kept, inner.kind, response.status_code)
        )
        found: dict[str, Any] = {
            "code": response.status_code,
            "body": bytes(response.body).decode(),
        }
        if outer.params.get("include_headers", "true").lower() != "false":
            found["headers"] = [{"name": k, "value": v} for k, v in response.headers.items()]
        return found

    def _dress(self, response: Response, call: Call) -> None:
        hour = int(call.now.timestamp() // 3600)
        response.headers["facebook-api-version"] = call.version
        response.headers.update(self._meter.headers(call.asset, call.usage, call.ads, hour))


def _scripted(fault: Fault) -> Response:
    status = fault.status or 500
    if isinstance(fault.body, str):
        return Response(fault.body, status, media_type="text/html")
    if fault.body is None:
        return error_response(
            GraphError(
                "An unexpected error has occurred. Please retry your request later.",
                2,
                status=status,
            )
        )
    return json_response(fault.body, status)
