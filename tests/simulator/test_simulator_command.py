"""`meta-pipeline simulate`: what its options switch on, and how it refuses wrong ones."""

import socket
import subprocess
import sys
import time
from typing import Any

import pytest
import requests

from meta_pipeline.cli.simulate import run_simulate
from meta_pipeline.errors import ConfigError

PLAIN: dict[str, Any] = {
    "port": 1,
    "seed": 7,
    "clients": 1,
    "shape": {},
    "today": "2026-11-22",
    "replay": None,
    "mapping": None,
    "clock_rate": None,
    "switches": {},
    "settings": [],
    "faults": [],
    "runs": [],
}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"settings": ["max_rowz=4"]}, "max_rowz"),
        ({"settings": ["max_rows=many"]}, "must be JSON"),
        ({"settings": ["max_rows"]}, "name=value"),
        ({"switches": {"access_tier": "gold"}}, "development_access"),
        ({"faults": ["{"]}, "--fail needs a JSON object"),
        ({"faults": ['{"case": "buc_insigths"}']}, "did you mean buc_insights"),
        ({"faults": ['{"moon": 1}']}, "unknown key 'moon'"),
        ({"runs": ['{"end": "lost"}']}, "end must be one of"),
    ],
)
def test_wrong_options(given: dict[str, Any], text: str) -> None:
    """What does not fit is a usage error with a hint, before anything is served."""
    with pytest.raises(ConfigError, match=text) as caught:
        run_simulate(**(PLAIN | given))
    assert caught.value.hint


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    """It is named, with what to do; nothing says before that it serves there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} cannot be used") as caught:
            run_simulate(**(PLAIN | {"port": port}))
    assert "--port" in str(caught.value.hint)
    assert "Graph API" not in capsys.readouterr().err


def test_options_reach_the_simulator() -> None:
    """Switches, a fault and a script given on the command line are in force at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    options = ["--enforce-quotas", "--set", "async_polls=7", "--clock-rate", "60"]
    options += ["--fail", '{"case": "unknown_transient"}', "--run", '{"end": "never"}']
    command = [
        "-c",
        "from meta_pipeline.cli import main; main()",
        "simulate",
        "--port",
        str(port),
        *options,
    ]
    process = subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        assert "60 times as fast" in process.stderr.readline()
        settings = asked(f"http://127.0.0.1:{port}/_simulator/settings").json()
        assert (settings["enforce_quotas"], settings["async_polls"]) == (True, 7)
        answer = asked(f"http://127.0.0.1:{port}/v26.0/me?access_token=t")
        assert answer.json()["error"]["code"] == 2
    finally:
        process.terminate()
        process.communicate(timeout=20)


def asked(url: str) -> requests.Response:
    """The answer, as soon as the server is there."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return requests.get(url, timeout=5)
        except requests.ConnectionError:
            assert time.monotonic() < deadline
