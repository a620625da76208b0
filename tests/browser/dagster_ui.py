"""Dagster's web UI on a pipeline that was pulled in part, and a browser to look at it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
import yaml

from meta_pipeline.config import load_clients
from meta_pipeline.dates import Span
from meta_pipeline.defs.launch import Launcher
from meta_pipeline.pulling import Outcome, Puller
from tests.integration.conftest import NOW, Pipeline

CHROMIUM = Path("/usr/bin/chromium")
LAST = NOW.date() - timedelta(days=1)
DAYS = Span(LAST - timedelta(days=9), LAST)
"""The ten days that end yesterday."""

REFUSED = LAST - timedelta(days=1)
"""The first of the two days that one client is refused."""

_REFUSAL = {
    "error": {
        "message": "(#200) Ad account owner has NOT grant ads_read permission",
        "type": "OAuthException",
        "code": 200,
        "fbtrace_id": "Aabc",
    }
}
_STARTS_WITHIN = 180.0  # seconds
_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-default-apps"),
)


@dataclass(frozen=True)
class Ui:
    """A running webserver."""

    url: str

    def asked(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of a GraphQL query, which is what the pages show."""
        answer = requests.post(
            f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=30
        )
        answer.raise_for_status()
        body = answer.json()
        assert "errors" not in body, body
        return body["data"]


def give_few_reports(pipeline: Pipeline, *reports: str) -> None:
    """Lets every client get these reports alone, and those that always come."""
    path = pipeline.home / "clients.yml"
    text = path.read_text(encoding="utf-8")
    known = yaml.safe_load(text) | {"defaults": {"reports": list(reports)}}
    mark = text.partition("\n")[0]
    path.write_text(f"{mark}\n{yaml.safe_dump(known, sort_keys=False)}", encoding="utf-8")


def launcher_of(pipeline: Pipeline) -> Launcher:
    """What runs the pipeline's assets."""
    settings = pipeline.settings
    clients = load_clients(settings)
    outcomes: list[Outcome] = []
    return Launcher(settings, clients, Puller(settings, clients, listener=outcomes.append))


def backfill_in_part(pipeline: Pipeline, days: Span = DAYS) -> None:
    """The first client's days, all of them; of the second none from the fifth to the seventh; of
    the third, all but the last two, which it is refused. Then, four days later, the first client
    is pulled once more, and the marts are built."""
    first, second, third = (client.id for client in load_clients(pipeline.settings))
    launcher = launcher_of(pipeline)
    assert launcher.pull("snapshot", [first, second, third], days)
    assert launcher.pull("day", [first], days)
    assert launcher.pull("day", [second], Span(days.since, days.since + timedelta(days=3)))
    assert launcher.pull("day", [second], Span(days.since + timedelta(days=7), days.until))
    assert launcher.pull("day", [third], Span(days.since, days.until - timedelta(days=2)))
    pipeline.meta.fail_next(f"{pipeline.accounts[2]}/insights", 403, _REFUSAL, times=2)
    refused = Span(days.until - timedelta(days=1), days.until)
    assert not launcher.pull("day", [third], refused)
    pipeline.move_to(NOW + timedelta(days=4))
    launcher = launcher_of(pipeline)
    assert launcher.pull("day", [first], Span(days.since, days.until + timedelta(days=4)))
    launcher.build()


@contextmanager
def webserver(log: Path) -> Iterator[Ui]:
    """Dagster's webserver on a free port of loopback, for the pipeline of the environment.

    It and the code server that it starts are gone with the block.
    """
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(str(Path(sys.executable).with_name("dagster-webserver")), "-h", "127.0.0.1"),
        *("-p", str(port), "-m", "meta_pipeline.defs"),
    ]
    with (
        log.open("w") as out,
        subprocess.Popen(
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | {"DAGSTER_DISABLE_TELEMETRY": "1"},
        ) as process,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(url, process, log)
            yield Ui(url)
        finally:
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < until and process.poll() is None:
        try:
            requests.get(f"{url}/server_info", timeout=5).raise_for_status()
        except requests.RequestException:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"no webserver at {url}:\n{log.read_text()[-3000:]}")


@contextmanager
def browser_page(profile: Path, *, width: int = 1300, height: int = 800) -> Iterator[Any]:
    """A page of Debian's chromium, without a window, with a profile of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(profile),
            executable_path=str(CHROMIUM),
            headless=True,
            args=list(_FLAGS),
            viewport={"width": width, "height": height},
        )
        try:
            page = context.pages[0]
            page.set_default_timeout(20_000)
            yield page
        finally:
            context.close()
