"""The simulator's own routes, below `/_simulator/`: no part of Meta's API, no token needed."""

from collections.abc import Awaitable, Callable
from dataclasses import fields
from datetime import date, datetime
from typing import Any

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from meta_pipeline.simulator.clock import SimulatorClock
from meta_pipeline.simulator.errors import json_response
from meta_pipeline.simulator.source import Source
from meta_pipeline.simulator.traffic import Fault, Traffic
from meta_pipeline.simulator.truth import account_truth, page_truth

Handler = Callable[[HttpRequest], Awaitable[Response]]


def admin_routes(source: Source, clock: SimulatorClock, traffic: Traffic) -> list[Route]:
    """The routes `clock`, `truth`, `requests`, `reset`, `fail` and `clients`."""

    async def read_clock(request: HttpRequest) -> Response:
        if request.method == "POST":
            body = await _body(request)
            clock.move_to(_moment(str(body.get("now", ""))))
        return json_response({"now": clock.now().isoformat()})

    async def read_truth(request: HttpRequest) -> Response:
        return json_response({"data": _truth(source, dict(request.query_params))})

    async def read_requests(_: HttpRequest) -> Response:
        counts = traffic.counts()
        return json_response({"total": sum(counts.values()), "by_kind": counts})

    async def reset(_: HttpRequest) -> Response:
        traffic.reset()
        return json_response({"reset": True})

    async def fail(request: HttpRequest) -> Response:
        body = await _body(request)
        known = {field.name for field in fields(Fault)}
        if unknown := sorted(set(body) - known):
            raise ValueError(f"unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")
        traffic.script(Fault(**body))
        return json_response({"queued": True})

    async def clients(_: HttpRequest) -> Response:
        return json_response({"data": [_client(client) for client in source.clients()]})

    table: list[tuple[str, Handler, list[str]]] = [
        ("clock", read_clock, ["GET", "POST"]),
        ("truth", read_truth, ["GET"]),
        ("requests", read_requests, ["GET"]),
        ("reset", reset, ["POST"]),
        ("fail", fail, ["POST"]),
        ("clients", clients, ["GET"]),
    ]
    return [Route(f"/_simulator/{name}", _plain(run), methods=how) for name, run, how in table]


def _plain(handler: Handler) -> Handler:
    """Turn what was asked wrongly into a 400 that says so."""

    async def run(request: HttpRequest) -> Response:
        try:
            return await handler(request)
        except (ValueError, TypeError, LookupError) as error:
            return json_response({"error": str(error)}, 400)

    return run


async def _body(request: HttpRequest) -> dict[str, Any]:
    found = orjson.loads(await request.body() or b"{}")
    if not isinstance(found, dict):
        raise ValueError("expected a JSON object")
    return found


def _moment(text: str) -> datetime:
    # In a query string the plus of an offset arrives as a space.
    return datetime.fromisoformat(text.replace(" ", "+"))


def _truth(source: Source, params: dict[str, str]) -> list[dict[str, Any]]:
    since, until = date.fromisoformat(params["since"]), date.fromisoformat(params["until"])
    if "page" in params:
        page = source.page(params["page"])
        if page is None:
            raise LookupError(f"no page {params['page']!r}")
        return page_truth(source, page, since, until)
    account = source.account(params["account"])
    if account is None:
        raise LookupError(f"no account {params['account']!r}")
    dimension = ",".join(sorted(filter(None, params.get("breakdown", "").split(","))))
    if source.cells(dimension) is None:
        raise ValueError(f"no breakdown {dimension!r}")
    return account_truth(
        source,
        account,
        since,
        until,
        level=params.get("level", "account"),
        by=params.get("by", "total"),
        dimension=dimension,
        as_of=_moment(params["as_of"]) if params.get("as_of") else None,
    )


def _client(client: Any) -> dict[str, Any]:
    return {
        "id": client.id,
        "name": client.name,
        "ad_accounts": list(client.ad_accounts),
        "pages": list(client.pages),
        "start_date": client.start_date.isoformat(),
        "result": client.result,
        "currency": client.currency,
        "timezone": client.timezone,
    }
