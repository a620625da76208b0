"""Asks Meta and keeps the answer: where `graph` and `landing` meet.

Ad accounts and Pages are asked in parallel, each by one thread; one thread lands. What fails
for one account or Page is written down as failed and holds up nobody else.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from threading import Event
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import duckdb
import requests

from meta_pipeline import clock
from meta_pipeline.config import Client, Settings, token_of
from meta_pipeline.dates import Span, add_months, retention_floor
from meta_pipeline.errors import ConfigError
from meta_pipeline.graph import (
    AuthError,
    Credential,
    GraphClient,
    GraphError,
    Question,
    new_session,
    page_client,
    questions,
)
from meta_pipeline.landing import (
    Landed,
    Manifest,
    Pull,
    PullFailure,
    Spool,
    create_schema,
    load,
    load_missing,
    new_pull_id,
)
from meta_pipeline.reports import PAGE_TIME_ZONE, Report
from meta_pipeline.warehouse import writing

log = logging.getLogger(__name__)

WORKERS = 8

# Where no account has said its time zone yet, a day is taken to begin as late as it can.
LATEST_TIME_ZONE = "Etc/GMT+12"


@dataclass(frozen=True, slots=True)
class Errand:
    """One report of one asset of a client, over one span (None for a snapshot).

    `first_day` is the first that Meta answers for, on the asset's today.
    """

    client: Client
    report: Report
    asset_id: str
    span: Span | None
    first_day: date


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one errand ended: its pulls as landed, and what was spent on them."""

    errand: Errand
    landed: tuple[Landed, ...]
    requests: int
    bytes: int

    @property
    def failures(self) -> tuple[PullFailure, ...]:
        """What went wrong, each once, in Meta's words."""
        return tuple(dict.fromkeys(one.failure for one in self.landed if one.failure))

    @property
    def is_complete(self) -> bool:
        """Whether every part landed, or newer answers had landed before."""
        return not self.failures

    @property
    def rows(self) -> int:
        """Rows in the answer for the days kept."""
        return sum(one.rows for one in self.landed)


class Puller:
    """Pulls reports for clients into the spool and the warehouse.

    `session` is the transport shared by all threads, `now` the clock, `listener` is told of
    each errand as it ends.
    """

    def __init__(
        self,
        settings: Settings,
        clients: Iterable[Client],
        *,
        session: requests.Session | None = None,
        now: Callable[[], datetime] = clock.now,
        listener: Callable[[Outcome], None] | None = None,
    ) -> None:
        self.settings = settings
        self.clients = {client.id: client for client in clients}
        self._session = session or new_session(settings.graph_url, WORKERS)
        self._now = now
        self._listener = listener
        self._spool = Spool(settings.spool)
        self._is_stopped = Event()

    def pull(self, report: Report, wanted: Mapping[str, Iterable[Span]]) -> list[Outcome]:
        """Pulls `report` for the spans wanted of each client (by id).

        For a snapshot the spans are not looked at. Days before the client's start, beyond
        Meta's retention, or not begun yet in the account's time zone are left out; what is
        left is asked for as contiguous ranges, each landed in one transaction.
        """
        with self._writing() as connection:
            for client_id in wanted:
                load_missing(connection, self._spool, client_id=client_id, report=report.name)
            zones = _time_zones(connection)
        errands = [
            errand
            for client_id, spans in wanted.items()
            for asset_id in self.clients[client_id].assets(report.surface)
            for errand in self._errands(report, self.clients[client_id], asset_id, spans, zones)
        ]
        return list(self._run(errands))

    def check_warehouse(self) -> None:
        """Raises `WarehouseError` when the warehouse cannot be written, before Meta is asked."""
        with self._writing():
            pass

    @contextmanager
    def _writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with writing(self.settings.warehouse) as connection:
            create_schema(connection)
            yield connection

    def _errands(
        self,
        report: Report,
        client: Client,
        asset_id: str,
        spans: Iterable[Span],
        zones: Mapping[str, str],
    ) -> Iterator[Errand]:
        zone = PAGE_TIME_ZONE if report.surface == "page" else zones.get(asset_id)
        today = self._now().astimezone(_zone_info(zone)).date()
        first_day = retention_floor(today)
        if report.grain == "snapshot":
            yield Errand(client, report, asset_id, None, first_day)
            return
        clamp = _months_within if report.grain == "month" else _days_within
        for span in spans:
            kept = clamp(span, client, today)
            if kept is not None:
                yield Errand(client, report, asset_id, kept, first_day)

    def _run(self, errands: list[Errand]) -> Iterator[Outcome]:
        self._is_stopped.clear()
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="pull") as threads:
            running: set[Future[tuple[Errand, list[Manifest]]]]
            running = {threads.submit(self._fetch, errand) for errand in errands}
            try:
                while running:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    yield from self._land([future.result() for future in done])
            except BaseException:
                self._is_stopped.set()
                threads.shutdown(wait=False, cancel_futures=True)
                raise

    def _pause(self, seconds: float) -> None:
        """Waits before a request is sent again; an interrupted pull waits no longer."""
        if self._is_stopped.wait(seconds):
            raise InterruptedError("the pull was interrupted")

    def _land(self, fetched: list[tuple[Errand, list[Manifest]]]) -> Iterator[Outcome]:
        outcomes = []
        with writing(self.settings.warehouse) as connection:
            for errand, manifests in fetched:
                landed = tuple(load(connection, self._spool, one) for one in manifests)
                sent = [request for one in manifests for request in one.requests]
                size = sum(request.bytes for request in sent)
                outcomes.append(Outcome(errand, landed, len(sent), size))
        for outcome in outcomes:
            if self._listener is not None:
                self._listener(outcome)
            yield outcome

    def _fetch(self, errand: Errand) -> tuple[Errand, list[Manifest]]:
        """Asks every part of an errand and spools the answers. Runs in a thread."""
        asked = questions(errand.report, errand.asset_id, errand.span, first_day=errand.first_day)
        try:
            graph = self._graph(errand)
        except (GraphError, ConfigError) as error:
            return errand, [self._spool_failure(errand.client, one, error) for one in asked]
        manifests: list[Manifest] = []
        refused: AuthError | None = None
        for question in asked:
            if refused is not None:  # what is known to be refused is not asked
                manifests.append(self._spool_failure(errand.client, question, refused))
                continue
            manifest, error = self._ask(graph, errand.client, question)
            manifests.append(manifest)
            refused = error if isinstance(error, AuthError) else None
        return errand, manifests

    def _ask(
        self, graph: GraphClient, client: Client, question: Question
    ) -> tuple[Manifest, GraphError | None]:
        writer = self._spool.begin(self._new_pull(client, question))
        try:
            for answer in question.ask(graph):
                writer.add(
                    answer.body,
                    path=answer.path,
                    params=dict(answer.params),
                    status=answer.status,
                    headers=dict(answer.headers),
                    rows=answer.rows,
                )
        except GraphError as error:
            return writer.finish(_failure(error)), error
        return writer.finish(), None

    def _spool_failure(
        self, client: Client, question: Question, error: GraphError | ConfigError
    ) -> Manifest:
        return self._spool.begin(self._new_pull(client, question)).finish(_failure(error))

    def _new_pull(self, client: Client, question: Question) -> Pull:
        span, requested = question.span, question.requested
        return Pull(
            pull_id=new_pull_id(),
            client_id=client.id,
            report=question.report.name,
            asset_id=question.asset_id,
            part=question.part,
            since=span.since if span else None,
            until=span.until if span else None,
            requested_since=requested.since if requested else None,
            requested_until=requested.until if requested else None,
            pulled_at=self._now(),
            api_version=client.api_version,
        )

    def _graph(self, errand: Errand) -> GraphClient:
        client = errand.client
        graph = GraphClient(
            base_url=self.settings.graph_url,
            version=client.api_version,
            credential=Credential(token_of(client), self.settings.app_secret),
            session=self._session,
            sleep=self._pause,
        )
        return page_client(graph, errand.asset_id) if errand.report.surface == "page" else graph


def _failure(error: GraphError | ConfigError) -> PullFailure:
    kind = error.kind if isinstance(error, GraphError) else "config"
    return PullFailure(kind=kind, message=error.message, hint=error.hint)


def _time_zones(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The time zone of each ad account whose own record has landed."""
    return dict(
        connection.execute(
            """
            select asset_id, payload->>'timezone_name' from raw.records
            where report = 'accounts' and valid_to is null
                and (payload->>'timezone_name') is not null
            """
        ).fetchall()
    )


def _zone_info(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or LATEST_TIME_ZONE)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        log.warning("Meta names a time zone that is not known here: %r", name)
        return ZoneInfo(LATEST_TIME_ZONE)


def _days_within(span: Span, client: Client, today: date) -> Span | None:
    floor = retention_floor(today)
    return span.clamped(since=max(floor, client.start_date or floor), until=today)


def _months_within(span: Span, client: Client, today: date) -> Span | None:
    """Whole months, the running one up to yesterday; a month cut by retention is left out."""
    floor = retention_floor(today)
    first = floor if floor.day == 1 else add_months(floor.replace(day=1), 1)
    begun = span.clamped(since=client.start_date, until=today - timedelta(days=1))
    return begun.months().clamped(since=first, until=today - timedelta(days=1)) if begun else None
