"""Running the simulator: in the foreground for a person, in a thread for tests."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from meta_pipeline.simulator.app import assemble
from meta_pipeline.simulator.clock import SimulatorClock
from meta_pipeline.simulator.faults import FITTING, TRANSPORT
from meta_pipeline.simulator.settings import Settings
from meta_pipeline.simulator.source import Source
from meta_pipeline.simulator.traffic import Request

_START_SECONDS = 15.0


def serve(
    host: str = "127.0.0.1",
    port: int = 8099,
    source: Source | None = None,
    now: datetime | None = None,
    *,
    clock_rate: float | None = None,
    **options: Any,
) -> None:
    """Serve until SIGINT or SIGTERM, then return quietly.

    Args:
        host: the address to listen on.
        port: the port to listen on.
        source: the truth; None makes the default generated agency.
        now: an aware moment at which the clock stands; None follows the real time.
        clock_rate: simulated seconds in a second, from `now` on.
        options: keyword arguments of `assemble`: tokens, app_secret, and every switch.

    Raises:
        OSError: if the port is taken.
        ValueError: for an option that is unknown or does not fit.
    """
    from meta_pipeline.simulator.agency import generated_agency

    clock = SimulatorClock(now, clock_rate)
    app, _ = assemble(source or generated_agency(), clock, **options)
    serve_app(app, host, port)


def serve_app(
    app: Starlette, host: str, port: int, ready: Callable[[], object] = lambda: None
) -> None:
    """Serve an assembled simulator until SIGINT or SIGTERM, then return quietly.

    `ready` is called when the port is taken, before the first answer.

    Raises:
        OSError: if the port is taken.
    """
    with socket.create_server((host, port), backlog=256) as listener:
        ready()
        _Server(_config(app)).run(sockets=[listener])


class RunningSimulator:
    """A simulator in a daemon thread on a free loopback port, as a context manager.

    Args:
        source: the truth; None makes the default generated agency.
        now: an aware moment at which the clock stands; None follows the real time.
        clock_rate: simulated seconds in a second, from `now` on.
        options: keyword arguments of `assemble`: tokens, app_secret, and every switch.

    What can be held: `clock`, `settings` (every switch, changeable at any time), `traffic` (the
    log), `quotas`, `runs` (asynchronous reports).

    Raises:
        ValueError: for an option that is unknown or does not fit.
        RuntimeError: on entering, if the server does not start within 15 seconds.
    """

    def __init__(
        self,
        source: Source | None = None,
        now: datetime | None = None,
        *,
        clock_rate: float | None = None,
        **options: Any,
    ) -> None:
        from meta_pipeline.simulator.agency import generated_agency

        self.source: Source = source or generated_agency()
        self.clock = SimulatorClock(now, clock_rate)
        self.url = ""
        app, self.control = assemble(self.source, self.clock, **options)
        self.settings: Settings = self.control.settings
        self.traffic = self.control.traffic
        self.quotas = self.control.quotas
        self.runs = self.control.runs
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
        status: int | None = FITTING,
        body: Any = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        """Script what goes wrong with the next calls whose path contains `path`.

        `more` are the other fields of a `Fault`: `case`, `wire`, `where`, `kind`, `asset`,
        `method`, `times`, `skip`, `delay_seconds`. A case that is the end of an asynchronous
        report makes the next matching report end so.

        Raises:
            ValueError: for an unknown case or way over the wire.
        """
        self.control.fail(path=path, status=status, body=body, headers=headers or {}, **more)

    def script_run(self, **script: Any) -> None:
        """Script what becomes of the next matching asynchronous report; see `RunScript`."""
        self.control.script_run(**script)

    def reset(self) -> None:
        """Forget the log, the scripts and what was used of the limits; switches stay."""
        self.control.reset()

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


def _connection_made(self: Any, transport: asyncio.BaseTransport) -> None:
    """Leave the connection where a fault that breaks it finds it."""
    AutoHTTPProtocol.connection_made(self, transport)
    self.app_state = {**self.app_state, TRANSPORT: transport}


_Protocol: type[asyncio.Protocol] = type(
    "_Protocol", (AutoHTTPProtocol,), {"connection_made": _connection_made}
)


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        access_log=False,
        lifespan="off",
        log_level="error",
        timeout_graceful_shutdown=2,
        server_header=False,
    )
