"""Meta's Graph, Marketing and Page Insights API on loopback.

Two truths stand behind the same API: a generated agency, every figure of which follows from a
seed, and the replay of a CSV file. Time is a clock that tests set. What is true in the end can be
asked below `/_simulator/truth`, so that a pipeline can be checked to the cent.

    with RunningSimulator(generated_agency(), now=datetime(2026, 11, 22, 12, tzinfo=UTC)) as meta:
        requests.get(f"{meta.url}/v26.0/me/adaccounts", params={"access_token": "any"})
"""

from meta_pipeline.simulator.agency import Agency, generated_agency
from meta_pipeline.simulator.app import assemble, create_app
from meta_pipeline.simulator.cases import Case, cases
from meta_pipeline.simulator.clock import SimulatorClock
from meta_pipeline.simulator.errors import GraphError
from meta_pipeline.simulator.faults import Fault
from meta_pipeline.simulator.mapping import CsvMapping, ReplayError, read_mapping
from meta_pipeline.simulator.replay import Replay, replayed
from meta_pipeline.simulator.runs import RunScript
from meta_pipeline.simulator.server import RunningSimulator, serve, serve_app
from meta_pipeline.simulator.settings import Settings, read_setting
from meta_pipeline.simulator.source import (
    Account,
    Ad,
    AdSet,
    Campaign,
    Client,
    Fact,
    InstagramAccount,
    InstagramDay,
    Page,
    PageDay,
    PagePost,
    PostFigures,
    Source,
    default_today,
)
from meta_pipeline.simulator.traffic import Request, Traffic
from meta_pipeline.simulator.truth import (
    account_truth,
    instagram_truth,
    page_truth,
    post_truth,
)

__all__ = [
    "Account",
    "Ad",
    "AdSet",
    "Agency",
    "Campaign",
    "Case",
    "Client",
    "CsvMapping",
    "Fact",
    "Fault",
    "GraphError",
    "InstagramAccount",
    "InstagramDay",
    "Page",
    "PageDay",
    "PagePost",
    "PostFigures",
    "Replay",
    "ReplayError",
    "Request",
    "RunScript",
    "RunningSimulator",
    "Settings",
    "SimulatorClock",
    "Source",
    "Traffic",
    "account_truth",
    "assemble",
    "cases",
    "create_app",
    "default_today",
    "generated_agency",
    "instagram_truth",
    "page_truth",
    "post_truth",
    "read_mapping",
    "read_setting",
    "replayed",
    "serve",
    "serve_app",
]
