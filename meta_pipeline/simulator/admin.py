"""The simulator's own routes, below `/_simulator/`: no part of Meta's API, no token needed."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from meta_pipeline.simulator.cases import Case, cases, how_to_play
from meta_pipeline.simulator.clock import SimulatorClock
from meta_pipeline.simulator.control import Control
from meta_pipeline.simulator.errors import json_response
from meta_pipeline.simulator.source import Source
from meta_pipeline.simulator.truth import (
    account_truth,
    instagram_truth,
    page_truth,
    post_truth,
)

Handler = Callable[[HttpRequest], Awaitable[Response]]


def admin_routes(source: Source, control: Control) -> list[Route]:
    """The routes below `/_simulator/`; `docs/simulator.md` lists them."""
    own = _Admin(source, control)
    table: list[tuple[str, Handler, list[str]]] = [
        ("cases", own.cases, ["GET"]),
        ("clients", own.clients, ["GET"]),
        ("clock", own.clock, ["GET", "POST"]),
        ("fail", own.fail, ["POST"]),
        ("requests", own.requests, ["GET"]),
        ("reset", own.reset, ["POST"]),
        ("run", own.run, ["POST"]),
        ("settings", own.settings, ["GET", "POST"]),
        ("truth", own.truth, ["GET"]),
    ]
    return [Route(f"/_simulator/{name}", _plain(run), methods=how) for name, run, how in table]


class _Admin:
    """What the routes do; all that is wrong with a body is a `ValueError` or the like."""

    def __init__(self, source: Source, control: Control) -> None:
        self._source = source
        self._control = control

    async def cases(self, _: HttpRequest) -> Response:
        return json_response({"data": [_case(item) for item in cases().values()]})

    async def clients(self, _: HttpRequest) -> Response:
        return json_response({"data": [_client(client) for client in self._source.clients()]})

    async def clock(self, request: HttpRequest) -> Response:
        clock = self._control.clock
        if request.method == "POST":
            _set_clock(clock, await _body(request))
        return json_response({"now": clock.now().isoformat()})

    async def fail(self, request: HttpRequest) -> Response:
        self._control.fail(**await _body(request))
        return json_response({"queued": True})

    async def requests(self, request: HttpRequest) -> Response:
        traffic = self._control.traffic
        counts = traffic.counts()
        found: dict[str, Any] = {"total": sum(counts.values()), "by_kind": counts}
        found["refused"] = traffic.refused
        found["refused_although_told"] = traffic.refused_although_told
        if last := int(request.query_params.get("last", "0")):
            found["data"] = [asdict(item) for item in traffic.requests[-last:]]
        return json_response(found)

    async def reset(self, _: HttpRequest) -> Response:
        self._control.reset()
        return json_response({"reset": True})

    async def run(self, request: HttpRequest) -> Response:
        self._control.script_run(**await _body(request))
        return json_response({"queued": True})

    async def settings(self, request: HttpRequest) -> Response:
        if request.method == "POST":
            self._control.settings.change(**await _body(request))
        return json_response(self._control.settings.values())

    async def truth(self, request: HttpRequest) -> Response:
        return json_response({"data": _truth(self._source, dict(request.query_params))})


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


def _set_clock(clock: SimulatorClock, body: dict[str, Any]) -> None:
    known = ("now", "rate", "advance_seconds")
    if not body or set(body) - set(known):
        raise ValueError(f"give one of {', '.join(known)}")
    if "now" in body:
        clock.move_to(_moment(str(body["now"])))
    if "advance_seconds" in body:
        clock.advance(float(body["advance_seconds"]))
    if "rate" in body:
        clock.run_at(float(body["rate"]))


def _case(item: Case) -> dict[str, Any]:
    return {
        "id": item.id,
        "code": item.code,
        "subcode": item.subcode,
        "status": item.status,
        "calls": list(item.calls),
        "meaning": item.meaning,
        "how": how_to_play(item),
    }


def _moment(text: str) -> datetime:
    # In a query string the plus of an offset arrives as a space.
    return datetime.fromisoformat(text.replace(" ", "+"))


def _truth(source: Source, params: dict[str, str]) -> list[dict[str, Any]]:
    is_asset_named = bool({"account", "page", "instagram"} & params.keys())
    if not is_asset_named or not {"since", "until"} <= params.keys():
        raise ValueError("give since, until, and one of account, page, instagram")
    since, until = date.fromisoformat(params["since"]), date.fromisoformat(params["until"])
    as_of = _moment(params["as_of"]) if params.get("as_of") else None
    if "page" in params:
        page = source.page(params["page"])
        if page is None:
            raise LookupError(f"no page {params['page']!r}")
        if params.get("of") == "posts":
            return post_truth(source, page, since, until, as_of)
        return page_truth(source, page, since, until)
    if "instagram" in params:
        profile = source.instagram(params["instagram"])
        if profile is None:
            raise LookupError(f"no Instagram account {params['instagram']!r}")
        return instagram_truth(source, profile, since, until)
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
        as_of=as_of,
    )


def _client(client: Any) -> dict[str, Any]:
    return {
        "id": client.id,
        "name": client.name,
        "ad_accounts": list(client.ad_accounts),
        "pages": list(client.pages),
        "instagram_accounts": list(client.instagram_accounts),
        "start_date": client.start_date.isoformat(),
        "result": client.result,
        "currency": client.currency,
        "timezone": client.timezone,
    }
