"""Running the simulator: in the foreground for a person, in a thread for tests."""

import contextlib
import signal
import socket
import threading
from collections.abc import Iterator
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import uvicorn

from meta_pipeline.simulator.app import create_app
from meta_pipeline.simulator.clock import SimulatorClock
from meta_pipeline.simulator.source import Source
from meta_pipeline.simulator.traffic import Fault, Request, Traffic

_START_SECONDS = 15.0


def serve(
    host: str = "127.0.0.1",
    port: int = 8099,
    source: Source | None = None,
    now: datetime | None = None,
    **options: Any,
) -> None:
    """Serve until SIGINT or SIGTERM, then return quietly.

    Args:
        host: the address to listen on.
        port: the port to listen on.
        source: the truth; None makes the default generated agency.
        now: an aware moment at which the clock stands; None follows the real time.
        options: keyword arguments of `create_app`.

    Raises:
        OSError: if the port is taken.
    """
    from meta_pipeline.simulator.agency import generated_agency

    app = create_app(source or generated_agency(), SimulatorClock(now), **options)
    with socket.create_server((host, port), backlog=256) as listener:
        _Server(_config(app)).run(sockets=[listener])


class RunningSimulator:
    """A simulator in a daemon thread on a free loopback port, as a context manager.

    Args:
        source: the truth; None makes the default generated agency.
        now: an aware moment at which the clock stands; None follows the real time.
        options: keyword arguments of `create_app`.

    Raises:
        RuntimeError: on entering, if the server does not start within 15 seconds.
    """

    def __init__(
        self, source: Source | None = None, now: datetime | None = None, **options: Any
    ) -> None:
        from meta_pipeline.simulator.agency import generated_agency

        self.source: Source = source or generated_agency()
        self.clock = SimulatorClock(now)
        self.traffic = Traffic()
        self.url = ""
        app = create_app(self.source, self.clock, traffic=self.traffic, **options)
        self._server = _Server(_config(app))
        self._thread: threading.Thread | None = None
        self._listener: socket.socket | None = None

    @property
    def requests(self) -> list[Request]:
        """The calls so far, oldest first; the simulator's own routes are not among them."""
        return self.traffic.requests

    def fail_next(
        self,
        path: str = "",
        status: int | None = 500,
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        times: int = 1,
        skip: int = 0,
        delay_seconds: float = 0.0,
    ) -> None:
        """Script the answer to the next calls whose path contains `path`; see `Fault`."""
        self.traffic.script(Fault(path, status, body, headers or {}, times, skip, delay_seconds))

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True
        )
        self._thread.start()
        if not self._server.ready.wait(_START_SECONDS):
            raise RuntimeError(f"the simulator did not start within {_START_SECONDS:g} seconds")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        if self._thread:
            self._thread.join(_START_SECONDS)
        if self._listener:
            self._listener.close()


class _Server(uvicorn.Server):
    """A server that says when it is ready and ends quietly on a signal."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell whoever waits."""
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal; uvicorn would raise it again afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        access_log=False,
        lifespan="off",
        log_level="error",
        timeout_graceful_shutdown=2,
        server_header=False,
    )
