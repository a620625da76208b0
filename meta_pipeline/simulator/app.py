"""The web application: what a simulator is made of, behind Meta's routes and its own."""

from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route

from meta_pipeline.simulator.admin import admin_routes
from meta_pipeline.simulator.clock import SimulatorClock
from meta_pipeline.simulator.control import Control
from meta_pipeline.simulator.front import Front
from meta_pipeline.simulator.graph import Graph
from meta_pipeline.simulator.insights import Insights
from meta_pipeline.simulator.quotas import Quotas
from meta_pipeline.simulator.runs import Runs
from meta_pipeline.simulator.settings import Settings
from meta_pipeline.simulator.source import Source
from meta_pipeline.simulator.tokens import Tokens
from meta_pipeline.simulator.traffic import Traffic


def assemble(
    source: Source,
    clock: SimulatorClock,
    *,
    tokens: Mapping[str, set[str]] | None = None,
    app_secret: str | None = None,
    **switches: Any,
) -> tuple[Starlette, Control]:
    """Meta's Graph and Marketing API over one truth, and what makes it misbehave.

    Args:
        source: the truth, e.g. `generated_agency()` or `replayed(path)`.
        clock: what time it is at Meta.
        tokens: for each token the account, Page or client ids it sees; None: all see all.
        app_secret: when given, each call needs the `appsecret_proof` of its token.
        switches: how Meta behaves; see `Settings`.

    Raises:
        ValueError: for an unknown switch, or a value that does not fit it.
    """
    settings = Settings()
    settings.change(**switches)
    insights = Insights(source, settings)
    runs = Runs(insights, settings)
    graph = Graph(source, Tokens(source, tokens, app_secret), insights, runs, settings)
    control = Control(clock, settings, Traffic(), Quotas(settings), runs)
    front = Front(graph, clock, settings, control.traffic, control.quotas, runs)
    routes = [
        *admin_routes(source, control),
        Route("/{path:path}", front, methods=["GET", "POST", "DELETE", "PUT"]),
    ]
    return Starlette(routes=routes), control


def create_app(source: Source, clock: SimulatorClock, **options: Any) -> Starlette:
    """The web application alone; the options are those of `assemble`."""
    return assemble(source, clock, **options)[0]
