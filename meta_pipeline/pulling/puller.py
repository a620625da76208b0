"""Pulls: many threads ask, one lands what comes.

Ad accounts, Pages and Instagram accounts are asked in parallel, each by a thread of its own, so
that one that waits for its quota holds up no other. What fails for one is written down as
failed.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event
from typing import Literal
from zoneinfo import ZoneInfo

import duckdb
import requests

from meta_pipeline import clock
from meta_pipeline.config import Client, Settings
from meta_pipeline.dates import TRAILING_DAYS, Span, end_of_month, spans
from meta_pipeline.graph import new_session
from meta_pipeline.graph.quota import QuotaLedger
from meta_pipeline.graph.versions import version_findings
from meta_pipeline.graph.waiting import IN_FLIGHT
from meta_pipeline.landing import (
    Landed,
    Manifest,
    PullFailure,
    Spool,
    create_schema,
    load_all,
    load_missing,
)
from meta_pipeline.pulling.due import asked_days, read_policies
from meta_pipeline.pulling.errands import Errand, Outcome, Plan, plan
from meta_pipeline.pulling.fetching import Fetcher
from meta_pipeline.pulling.memory import Memory, read_memory, zone_info
from meta_pipeline.reports import PAGE_TIME_ZONE, Report
from meta_pipeline.repulls import Policy, day_end, due_days
from meta_pipeline.warehouse import writing

log = logging.getLogger(__name__)

MOST_THREADS = 64
"""Errands under way at once, most of them waiting; eight requests at most are in flight."""

QUOTA_PATIENCE = 60.0
"""Seconds that one request waits for its quota. An account that has to wait longer is given up
for now, lest the next report of all the others waits for it."""


@dataclass
class _Progress:
    """What has come of an errand so far."""

    landed: list[Landed] = field(default_factory=list)
    manifests: list[Manifest] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _News:
    """From a thread: a pull of an errand is spooled, or (None) the errand has ended."""

    errand: Errand
    manifest: Manifest | None = None
    error: BaseException | None = None


Only = Literal["due", "missing"]
"""Which of the days wanted a pull asks for: those that the re-pull policy makes due, or also all
that have not landed. None stands for all of them."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a pull of a report would ask for (`errands`), and what it would leave out, since it
    has landed (`known`). `memory` is what was known of the report."""

    report: Report
    errands: Sequence[Errand]
    known: Sequence[Errand]
    memory: Memory


class Puller:
    """Pulls reports for clients into the spool and the warehouse.

    `session` is the transport shared by all threads, `now` the clock, `listener` is told of
    each errand as it ends. What was pulled since `fresh_since`, and has not failed after that,
    is not asked again. `quota` is the machine's view of Meta's quotas. `sleep` is what waits,
    by default until the pull is interrupted, and `monotonic` what measures it.
    """

    def __init__(
        self,
        settings: Settings,
        clients: Iterable[Client],
        *,
        session: requests.Session | None = None,
        now: Callable[[], datetime] = clock.now,
        listener: Callable[[Outcome], None] | None = None,
        fresh_since: datetime | None = None,
        quota: QuotaLedger | None = None,
        sleep: Callable[[float], None] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.clients = {client.id: client for client in clients}
        self._now = now
        self._listener = listener
        self._fresh_since = fresh_since
        self._spool = Spool(settings.spool)
        self._is_stopped = Event()
        # Quotas run by the wall clock, also where META_PIPELINE_NOW stands still.
        ledger = quota or QuotaLedger(
            settings.quota, lambda: datetime.now(UTC), patience=QUOTA_PATIENCE
        )
        self._fetcher = Fetcher(
            settings,
            self._spool,
            session=session or new_session(settings.graph_url, IN_FLIGHT),
            quota=ledger,
            now=now,
            pause=sleep or self._pause,
            monotonic=monotonic,
        )

    def pull(
        self,
        report: Report,
        wanted: Mapping[str, Iterable[Span]],
        *,
        only: Only | None = None,
        fresh_since: datetime | None = None,
    ) -> list[Outcome]:
        """Pulls `report` for the spans wanted of each client (by id) that gets it.

        For a snapshot the spans are not looked at. Days before the client's start or not begun
        yet in the asset's time zone are left out, days beyond Meta's retention are marked so;
        what is left is asked for as contiguous ranges, each landed in one transaction. `only`
        narrows it to the days that are due or missing, and to days between two of them that cost
        nothing to ask along. What was pulled since `fresh_since` (UTC; by default the puller's)
        and has not failed after that is not asked again. Clients that are in clients.yml no
        longer are left alone.
        """
        with self._writing() as connection:
            for client_id in wanted:
                self._spool.tidy(client_id, report.name)
            load_missing(connection, self._spool, client_ids=wanted, report=report.name)
            survey = self._survey(connection, report, wanted, only, fresh_since)
        outcomes = [Outcome(errand) for errand in survey.known]
        for outcome in outcomes:
            self._tell(outcome)
        return outcomes + list(self._run(survey.errands, survey.memory))

    def survey(
        self, report: Report, wanted: Mapping[str, Iterable[Span]], *, only: Only | None = None
    ) -> Survey:
        """What `pull` would ask for, without asking; nothing is written.

        A warehouse that does not exist is not made. An account whose time zone is not known yet
        has its days begin as late as they can.
        """
        place = self.settings.place
        if isinstance(place, Path) and not place.exists():
            return self._survey(None, report, wanted, only, None)
        with self._writing() as connection:
            return self._survey(connection, report, wanted, only, None)

    def _survey(
        self,
        connection: duckdb.DuckDBPyConnection | None,
        report: Report,
        wanted: Mapping[str, Iterable[Span]],
        only: Only | None,
        fresh_since: datetime | None,
    ) -> Survey:
        now = self._now()
        policies = read_policies(self.settings.marts) if only else {}
        memory = Memory()
        if connection is not None:
            memory = read_memory(
                connection,
                report,
                now=now,
                fresh_since=fresh_since or self._fresh_since,
                pulled_from=_looked_back_to(only, policies, wanted, now),
            )
        errands: list[Errand] = []
        known: list[Errand] = []
        for client_id, some in wanted.items():
            client = self.clients.get(client_id)
            if client is None or not client.gets(report):
                continue
            policy = policies.get(client_id, Policy())
            for asset_id in client.assets(report.surface):
                planned = self._plan(report, client, asset_id, some, memory, now, only, policy)
                errands += planned.errands
                known += planned.known
        return Survey(report, errands, known, memory)

    @property
    def throttled(self) -> dict[str, datetime]:
        """The accounts and Pages that were given up for now, since their quota is used up, and
        when it is back (UTC)."""
        return self._fetcher.throttled

    def resume(self, since: datetime) -> None:
        """From now on what was pulled since then is not asked again."""
        self._fresh_since = since

    def refuse(self, client_id: str, failure: PullFailure) -> None:
        """From now on nothing is asked for the client, and all that is pulled fails so."""
        self._fetcher.refuse(client_id, failure)

    def check_warehouse(self) -> None:
        """Raises `WarehouseError` when the warehouse cannot be written, before Meta is asked."""
        with self._writing():
            pass

    @contextmanager
    def _writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with writing(self.settings.place) as connection:
            create_schema(connection)
            yield connection

    def _plan(
        self,
        report: Report,
        client: Client,
        asset_id: str,
        wanted: Iterable[Span],
        memory: Memory,
        now: datetime,
        only: Only | None,
        policy: Policy,
    ) -> Plan:
        """The plan of one asset; with `only`, of what is due or missing of the spans wanted."""
        is_organic = report.surface != "ads"
        zone = zone_info(PAGE_TIME_ZONE if is_organic else memory.zones.get(asset_id))
        pulled = {part: memory.pulled.get((client.id, asset_id, part), {}) for part in report.parts}
        asked: Mapping[str, Set[date]] | None = None
        if only is not None and report.grain == "day":
            days = {day for span in wanted for day in span}
            due = {part: due_days(policy, zone, now, of) for part, of in pulled.items()}
            if only == "missing":
                due = {part: days - (of.keys() - due[part]) for part, of in pulled.items()}
            asked = asked_days(report, due, days, memory.dead_parts(report, asset_id))
            # What is neither due nor pulled is left out: a green partition would be a lie.
            known = set().union(*asked.values(), *pulled.values())
            wanted = spans(days & known)
        elif only == "missing" and report.grain == "month":
            firsts = {day.replace(day=1) for span in wanted for day in span}
            asked = {
                part: {first for first in firsts if not _is_final(of.get(first), first, zone)}
                for part, of in pulled.items()
            }

        def is_known(part: str, day: date | None) -> bool:
            if (client.id, asset_id, part, day) in memory.fresh:
                return True
            return asked is not None and day not in asked[part]

        return plan(
            client,
            report,
            asset_id,
            wanted,
            today=now.astimezone(zone).date(),
            is_known=is_known,
            is_marked=lambda part, day: (client.id, asset_id, part, day) in memory.settled,
        )

    def _run(self, errands: Sequence[Errand], memory: Memory) -> Iterator[Outcome]:
        """Runs the errands, and lands their pulls as they come, many at a time."""
        self._is_stopped.clear()
        news: SimpleQueue[_News] = SimpleQueue()
        progress = {id(errand): _Progress() for errand in errands}
        with ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="pull") as threads:
            for errand in errands:
                threads.submit(self._work, errand, memory, news)
            try:
                while progress:
                    yield from self._take(_all_of(news), progress)
            except BaseException:
                self._is_stopped.set()
                threads.shutdown(wait=False, cancel_futures=True)
                raise

    def _work(self, errand: Errand, memory: Memory, news: SimpleQueue[_News]) -> None:
        """One errand, in a thread: whatever ends it is told."""
        try:
            for manifest in self._fetcher.fetch(errand, memory):
                news.put(_News(errand, manifest))
                if self._is_stopped.is_set():
                    return  # nobody listens any more; what is spooled lands with the next pull
            news.put(_News(errand))
        except BaseException as error:  # noqa: BLE001 (raised by the thread that listens)
            news.put(_News(errand, error=error))

    def _take(self, told: list[_News], progress: dict[int, _Progress]) -> Iterator[Outcome]:
        """Lands what was spooled, and gives the outcome of each errand that has ended."""
        for one in told:
            if one.error is not None:
                raise one.error
        spooled = [(one.errand, one.manifest) for one in told if one.manifest is not None]
        if spooled:
            with writing(self.settings.place) as connection:
                landed = load_all(connection, self._spool, [manifest for _, manifest in spooled])
            for (errand, manifest), came_of_it in zip(spooled, landed, strict=True):
                so_far = progress[id(errand)]
                so_far.manifests.append(manifest)
                so_far.landed.append(came_of_it)
        for one in told:
            if one.manifest is None:
                outcome = _outcome(one.errand, progress.pop(id(one.errand)))
                self._tell(outcome)
                yield outcome

    def _tell(self, outcome: Outcome) -> None:
        if self._listener is not None:
            self._listener(outcome)

    def _pause(self, seconds: float) -> None:
        """Waits before a request is sent; an interrupted pull waits no longer."""
        if self._is_stopped.wait(seconds):
            raise InterruptedError("the pull was interrupted")


def _looked_back_to(
    only: Only | None,
    policies: Mapping[str, Policy],
    wanted: Mapping[str, Iterable[Span]],
    now: datetime,
) -> date | None:
    """The first day of which a survey has to know when it was pulled, None when of none."""
    if only is None:
        return None
    reach = max(one.given_up for one in (Policy(), *policies.values()))
    due = now.date() - timedelta(days=reach)
    if only == "due":
        return due
    # A month is known by its first day, which may lie before the span.
    return min([due, *(span.since.replace(day=1) for some in wanted.values() for span in some)])


def _is_final(pulled_at: datetime | None, first: date, zone: ZoneInfo) -> bool:
    """Whether the month that begins on `first` was pulled when Meta no longer restated it."""
    final = day_end(end_of_month(first), zone) + timedelta(days=TRAILING_DAYS)
    return pulled_at is not None and pulled_at >= final


def _all_of(news: SimpleQueue[_News]) -> list[_News]:
    """All that has been told; waits until there is something."""
    told = [news.get()]
    while True:
        try:
            told.append(news.get_nowait())
        except Empty:
            return told


def _outcome(errand: Errand, progress: _Progress) -> Outcome:
    sent = [request for one in progress.manifests for request in one.requests]
    warnings: dict[str, None] = {}
    for served, warning in dict.fromkeys(
        (one.headers.get("facebook-api-version"), one.headers.get("x-ad-api-version-warning"))
        for one in sent
    ):
        found = version_findings(errand.client.api_version, served, warning, errand.today)
        warnings |= dict.fromkeys(found)
    return Outcome(
        errand,
        tuple(progress.landed),
        requests=len(sent),
        bytes=sum(request.bytes for request in sent),
        warnings=tuple(warnings),
    )
