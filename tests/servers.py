"""Servers and Dagster's own programs, as processes that end with the test.

A server has a script of its own, which gives a clear reason where it cannot be had.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import psutil
import pytest
import yaml

BIN = Path(sys.executable).parent
_CANNOT = 77


@contextmanager
def served(script: Path, log: Path) -> Iterator[str]:
    """The URL of a server that `script` starts, which ends with this process, however that ends."""
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            [script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as server,
    ):
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        if not url:
            code, said = server.wait(), log.read_text(errors="replace").strip()
            if code == _CANNOT:
                pytest.skip(said.splitlines()[-1])
            pytest.fail(f"{script.name} ended with {code}: {said}")
        yield url
        server.communicate("")
    assert server.returncode == 0


class Programs:
    """Programs of this environment, each with a log in `folder`; they end with the block.

    `longest` is how many seconds anything is waited for.
    """

    def __init__(self, folder: Path, *, longest: float = 300.0) -> None:
        self.folder = folder
        self.socket = folder / "code.sock"
        self.workspace = folder / "workspace.yaml"
        self._longest = longest
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def start(
        self, name: str, *command: str | Path, environment: Mapping[str, str] | None = None
    ) -> None:
        """Starts one; a program without a folder is this environment's."""
        with self.log(name).open("ab") as log:
            self._running.append(
                subprocess.Popen(
                    [BIN / command[0], *command[1:]],
                    env=environment,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    def log(self, name: str) -> Path:
        """Where one says what it does."""
        return self.folder / f"{name}.log"

    def start_code_server(self) -> None:
        """Starts it as deploy/ does, and waits until it answers; `workspace` then names it."""
        server = {"socket": str(self.socket), "location_name": "meta_pipeline"}
        self.workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
        where = ("--socket", str(self.socket))
        self.start(
            *("code", "dagster", "code-server", "start"),
            *(*where, "--module-name", "meta_pipeline.defs"),
        )
        asked = [BIN / "dagster", "api", "grpc-health-check", *where]
        self.until(
            lambda: subprocess.run(asked, check=False, capture_output=True).returncode == 0,
            "the code server does not answer",
            every=2,
        )

    def start_daemon(self, name: str = "daemon") -> None:
        """Starts one that looks at the code server."""
        self.start(name, "dagster-daemon", "run", "--workspace", self.workspace)

    def until(self, is_so: Callable[[], Any], otherwise: str, *, every: float = 0.2) -> None:
        """Waits until something is so; fails with what the programs said when it never is."""
        deadline = time.monotonic() + self._longest
        while not is_so():
            if time.monotonic() > deadline:
                self.fail(otherwise)
            time.sleep(every)

    def fail(self, why: str) -> None:
        """Fails the test, with what the programs said last."""
        said = (f"{path.name}:\n{path.read_text()[-3000:]}" for path in self.folder.glob("*.log"))
        pytest.fail("\n".join((why, *said)))

    def end(self) -> None:
        """Ends them and what they started, the last one first, as systemd does."""
        for program in reversed(self._running):
            with program:
                if program.poll() is None:
                    os.killpg(program.pid, signal.SIGTERM)
                try:
                    program.wait(30)
                except subprocess.TimeoutExpired:
                    os.killpg(program.pid, signal.SIGKILL)
        self._running.clear()

    def kill(self) -> None:
        """SIGKILL to all of it, runs included, as when the machine goes down."""
        lost = [
            one
            for program in self._running
            if program.poll() is None
            for process in (psutil.Process(program.pid),)
            for one in (*process.children(recursive=True), process)
        ]
        for process in lost:
            process.kill()
        psutil.wait_procs(lost, timeout=20)
        for program in self._running:
            program.wait()
        self._running.clear()
        self.socket.unlink(missing_ok=True)
