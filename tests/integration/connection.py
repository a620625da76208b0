"""A command line beside a simulator, without any pulled data."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from meta_pipeline.cli import main
from meta_pipeline.cli.demo import write_clients
from meta_pipeline.simulator import RunningSimulator, generated_agency
from tests.integration.conftest import NOW, TOKEN

Run = Callable[..., tuple[int, str, str]]


@dataclass
class Connection:
    """A simulator, the home of the commands that ask it, and their environment."""

    home: Path
    meta: RunningSimulator
    patch: pytest.MonkeyPatch
    capfd: pytest.CaptureFixture[str]

    @property
    def accounts(self) -> list[str]:
        """Every ad account's id."""
        return [account for c in self.meta.source.clients() for account in c.ad_accounts]

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Runs a command in this process: its exit code, stdout and stderr."""
        self.patch.setattr(sys, "argv", ["meta-pipeline", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = self.capfd.readouterr()
        code = stop.value.code
        return (code if isinstance(code, int) else 0), out, err


@contextmanager
def connected(
    home: Path, capfd: pytest.CaptureFixture[str], clients: int = 2, **options: Any
) -> Iterator[Connection]:
    """A connection for every client of a generated agency."""
    source = generated_agency(clients=clients)
    with (
        RunningSimulator(source, now=NOW, **options) as meta,
        pytest.MonkeyPatch.context() as patch,
    ):
        home.mkdir()
        write_clients(source, home / "clients.yml")
        patch.setenv("META_PIPELINE_HOME", str(home))
        patch.setenv("META_PIPELINE_CLIENTS", str(home / "clients.yml"))
        patch.setenv("META_PIPELINE_NOW", NOW.isoformat())
        patch.setenv("META_GRAPH_URL", meta.url)
        patch.setenv("META_ACCESS_TOKEN", TOKEN)
        for name in ("META_APP_ID", "META_APP_SECRET", "META_AD_ACCOUNT_ID"):
            patch.delenv(name, raising=False)
        yield Connection(home, meta, patch, capfd)
