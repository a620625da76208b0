"""What the simulator's tests share: a way to ask, and where their data lies."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from meta_pipeline.simulator import RunningSimulator

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DATA = Path(__file__).parent / "data"
Ask = Callable[..., requests.Response]


def asker(meta: RunningSimulator, token: str = "test-token") -> Ask:
    """A function that asks one simulator: path and parameters in, the response out."""
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {token}"

    def ask(path: str, **params: Any) -> requests.Response:
        return session.get(f"{meta.url}{path}", params=params, timeout=30)

    return ask


def every_row(ask: Ask, path: str, **params: Any) -> list[dict[str, Any]]:
    """All rows of a list, page by page, following the cursor."""
    rows: list[dict[str, Any]] = []
    while True:
        response = ask(path, **params)
        assert response.status_code == 200, response.text
        body = response.json()
        rows += body["data"]
        if "next" not in body.get("paging", {}):
            return rows
        params["after"] = body["paging"]["cursors"]["after"]
