"""Reports of many clients, by several processes; what fails for one holds up no other."""

import logging
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from meta_pipeline.config import Client
from meta_pipeline.errors import MetaPipelineError
from meta_pipeline.reporting.report import Made, UnsettledError, Wanted, make_report
from meta_pipeline.warehouse import reading_marts

log = logging.getLogger(__name__)

ALONE = 3
"""So many clients are done before another process has started."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A client without a report, and why. `settles_at` is when an unsettled month settles."""

    client_id: str
    message: str
    hint: str | None = None
    settles_at: datetime | None = None


def make_reports(
    marts: Path, clients: Sequence[Client], wanted: Wanted, *, processes: int | None = None
) -> Iterator[Made | Refused]:
    """Writes each client's report and says what came of it, in the order of the clients.

    `processes` are as many as there are cores, or this process alone for few clients. The files
    are the same either way. Raises `WarehouseError` without marts.
    """
    with reading_marts(marts):
        pass
    count = min(processes or (os.cpu_count() or 1), len(clients))
    if count == 1 or (processes is None and len(clients) <= ALONE):
        for client in clients:
            yield _make(marts, client, wanted)
        return
    pool = _pool(count)
    try:
        under_way = [pool.submit(_make, marts, client, wanted) for client in clients]
        for client, one in zip(clients, under_way, strict=True):
            try:
                yield one.result()
            except BrokenProcessPool:
                # Some client ended the process that others were waiting for.
                yield _apart(marts, client, wanted)
    finally:
        pool.shutdown(cancel_futures=True)


def _apart(marts: Path, client: Client, wanted: Wanted) -> Made | Refused:
    """One client's report by a process of its own."""
    with _pool(1) as pool:
        try:
            return pool.submit(_make, marts, client, wanted).result()
        except BrokenProcessPool:
            return Refused(
                client.id,
                f"{client.id}: the process that wrote the report was ended",
                hint="is there enough memory? Then try this client alone with -c",
            )


def _pool(processes: int) -> ProcessPoolExecutor:
    # A fork would copy DuckDB's locks without its threads. Where Ctrl-C is ignored, as behind a
    # script's &, Dagster ignores SIGTERM as well; a process of a broken pool has to die by it.
    return ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=signal.signal,
        initargs=(signal.SIGTERM, signal.SIG_DFL),
    )


def _make(marts: Path, client: Client, wanted: Wanted) -> Made | Refused:
    try:
        with reading_marts(marts) as connection:
            return make_report(connection, client, wanted)
    except UnsettledError as error:
        return Refused(client.id, error.message, error.hint, error.report.settles_at)
    except MetaPipelineError as error:
        return Refused(client.id, error.message, error.hint)
    except Exception as error:
        # A fault of this program: told as a client's like any other, with where it happened.
        log.exception("%s: the report failed", client.id)
        return Refused(client.id, f"{client.id}: {type(error).__name__}: {error}")
