"""Meta's own SDK, pointed at a simulator."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from facebook_business.api import FacebookAdsApi
from facebook_business.session import FacebookSession

from meta_pipeline.simulator import RunningSimulator
from meta_pipeline.simulator.tokens import APP_ID


@contextmanager
def sdk_api(
    meta: RunningSimulator, token: str = "sdk-token", secret: str | None = None
) -> Iterator[FacebookAdsApi]:
    """The SDK's client, asking a simulator in place of Meta; afterwards it asks Meta again.

    Without `crash_log=False` the SDK would send crash reports to Meta.
    """
    session: Any = FacebookSession
    graph, default = session.GRAPH, FacebookAdsApi.get_default_api()
    session.GRAPH = meta.url
    try:
        api = FacebookAdsApi.init(
            APP_ID, secret, token, api_version="v26.0", timeout=30, crash_log=False
        )
        # Whatever proxy the environment names, the simulator is on loopback.
        api._session.requests.trust_env = False
        with api._session.requests:
            yield api
    finally:
        session.GRAPH = graph
        FacebookAdsApi.set_default_api(default)
