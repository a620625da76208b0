"""Where calls arrive: each is logged, counted, answered or made to fail, alone or in a batch."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from meta_pipeline.simulator.call import Call
from meta_pipeline.simulator.clock import SimulatorClock
from meta_pipeline.simulator.errors import GraphError, error_response, invalid, json_response
from meta_pipeline.simulator.faults import Fault
from meta_pipeline.simulator.graph import Graph
from meta_pipeline.simulator.quotas import Quotas
from meta_pipeline.simulator.runs import Runs
from meta_pipeline.simulator.settings import Settings
from meta_pipeline.simulator.traffic import Request, Traffic
from meta_pipeline.simulator.versions import NEWEST

MAX_BATCH = 50
_SECRETS = ("access_token", "appsecret_proof", "input_token", "client_secret", "fb_exchange_token")


class _UnderstoodError(Exception):
    """It is known whom a call counts for; no more work is wanted."""


class Front:
    """Everything that surrounds an answer."""

    def __init__(
        self,
        graph: Graph,
        clock: SimulatorClock,
        settings: Settings,
        traffic: Traffic,
        quotas: Quotas,
        runs: Runs,
    ) -> None:
        self._graph = graph
        self._clock = clock
        self._settings = settings
        self._traffic = traffic
        self._quotas = quotas
        self._runs = runs

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
        response, fault = await self._respond(call, in_batch=False)
        if fault:
            await fault.send(response, scope, receive, send)
        else:
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

    async def _respond(self, call: Call, *, in_batch: bool) -> tuple[Response, Fault | None]:
        fault = self._fault(call, in_batch=in_batch) if self._traffic.has_faults else None
        if fault and fault.delay_seconds and fault.wire != "drip":
            await asyncio.sleep(fault.delay_seconds)
        refused = told = False
        if fault and fault.replaces:
            self._quotas.count(call)
            response = fault.response(call)
        else:
            response, refused, told = await self._answer(call)
        if 400 <= response.status_code < 500 and call.asset and not refused:
            self._quotas.note_error(call)
        found = {"facebook-api-version": call.version, **self._quotas.headers(call)}
        for name, value in found.items():
            response.headers.setdefault(name, value)
        if fault:
            response.headers.update(fault.headers)
            response = fault.mangle(response)
        kept = {k: v for k, v in call.params.items() if k not in _SECRETS}
        about = (call.method, call.path, kept, call.kind, response.status_code, call.asset)
        self._traffic.record(Request(*about, refused=refused, told=told))
        return response, fault

    def _fault(self, call: Call, *, in_batch: bool) -> Fault | None:
        """The scripted answer for a call, which is understood so far without being answered."""
        self._understand(call)
        run = self._runs.find(call.segments[0]) if call.segments else None
        params = {**run.params, **call.params} if run else call.params
        return self._traffic.next_fault(call, params, in_batch=in_batch)

    def _understand(self, call: Call) -> None:
        if _is_batch(call):
            call.kind = "batch"
            return

        def stop(_: Call) -> None:
            raise _UnderstoodError

        tried = replace(call, gate=stop, headers={})
        with suppress(_UnderstoodError, GraphError):
            self._graph.answer(tried)
        for name in ("version", "asset", "usage", "ads", "audience", "kind", "user_token"):
            setattr(call, name, getattr(tried, name))

    async def _answer(self, call: Call) -> tuple[Response, bool, bool]:
        """The usual answer; whether a limit refused it; whether that had been said before."""
        refusals: list[bool] = []

        def gate(counted: Call) -> None:
            told = self._quotas.was_told(counted)
            try:
                self._quotas.admit(counted)
            except GraphError:
                refusals.append(told)
                raise

        call.gate = gate
        try:
            if _is_batch(call):
                return await self._batch(call), False, False
            response = json_response(self._graph.answer(call), headers=call.headers)
        except GraphError as error:
            response = error_response(error)
            response.headers.update(call.headers)
        return response, bool(refusals), any(refusals)

    async def _batch(self, call: Call) -> Response:
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
        return json_response([await self._batch_item(call, item) for item in items])

    async def _batch_item(self, outer: Call, item: dict[str, Any]) -> dict[str, Any] | None:
        url = urlsplit(str(item.get("relative_url", "")))
        params = dict(parse_qsl(url.query, keep_blank_values=True))
        params |= dict(parse_qsl(str(item.get("body", "")), keep_blank_values=True))
        params.setdefault("appsecret_proof", outer.params.get("appsecret_proof", ""))
        token = params.get("access_token") or str(item.get("access_token") or outer.token_text)
        path = f"{outer.asked_version}/{url.path.lstrip('/')}"
        method = str(item.get("method", "GET")).upper()
        inner = self._call(method, path, params, token, outer.base_url)
        response, fault = await self._respond(inner, in_batch=True)
        if fault and fault.wire == "null":
            return None
        found: dict[str, Any] = {
            "code": response.status_code,
            "body": bytes(response.body).decode(),
        }
        if outer.params.get("include_headers", "true").lower() != "false":
            found["headers"] = [{"name": k, "value": v} for k, v in response.headers.items()]
        return found


def _is_batch(call: Call) -> bool:
    return call.method == "POST" and not call.segments and "batch" in call.params
