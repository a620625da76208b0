"""An errand, asked: each question's answer in the spool. Runs in many threads at once."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from threading import Lock

import requests

from meta_pipeline.config import Client, Settings, token_of
from meta_pipeline.errors import ConfigError
from meta_pipeline.graph import Answer, Credential, GraphClient, GraphError, Question, questions
from meta_pipeline.graph.asking import ask
from meta_pipeline.graph.catalog import names_of, refuse_dead
from meta_pipeline.graph.errors import (
    AuthError,
    DeadMetricError,
    PermissionDeniedError,
    ThrottledError,
)
from meta_pipeline.graph.jobs import JobBoard
from meta_pipeline.graph.organic import Heard, ask_organic
from meta_pipeline.graph.quota import QuotaLedger
from meta_pipeline.graph.tokens import app_token, inspect
from meta_pipeline.graph.waiting import Slots
from meta_pipeline.landing import (
    BEYOND_RETENTION,
    Manifest,
    Pull,
    PullFailure,
    PullWriter,
    Spool,
    new_pull_id,
)
from meta_pipeline.pulling.errands import Errand
from meta_pipeline.pulling.memory import DEAD_METRIC, Memory, dead_again
from meta_pipeline.reports import Surface


class Fetcher:
    """Asks Meta what errands want to know, and keeps each answer in the spool.

    It remembers what need not be sent: the clients that were refused, the accounts whose quota
    is used up, the metrics that turned out to be dead. `pause` waits, in seconds.
    """

    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        *,
        session: requests.Session,
        quota: QuotaLedger,
        now: Callable[[], datetime],
        pause: Callable[[float], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._session = session
        self._quota = quota
        self._now = now
        self._pause = pause
        self._slots = Slots()
        self._board = JobBoard(sleep=pause, now=monotonic)
        self._lock = Lock()
        self._refused: dict[str, PullFailure] = {}
        self._throttled: dict[str, tuple[PullFailure, datetime]] = {}
        self._dead: dict[tuple[Surface, str], PullFailure] = {}

    @property
    def throttled(self) -> dict[str, datetime]:
        """The accounts and Pages whose quota is used up, and when it is back (UTC)."""
        now = self._quota.now()
        return {asset: until for asset, (_, until) in self._throttled.items() if until > now}

    def refuse(self, client_id: str, failure: PullFailure) -> None:
        """From now on nothing is asked for this client: it fails as it did before."""
        self._refused[client_id] = failure

    def fetch(self, errand: Errand, memory: Memory) -> Iterator[Manifest]:
        """The pulls of an errand, each as soon as it is spooled."""
        asked = questions_of(errand)
        known = self._known_failure(errand)
        if known is not None:
            yield from (self._fail(errand, question, known) for question in asked)
            return
        living = []
        for question in asked:
            dead = self._death_of(question, memory)
            if dead is None:
                living.append(question)
            else:
                yield self._fail(errand, question, dead)
        try:
            graph = self._graph(errand)
        except ConfigError as error:
            failure = PullFailure(kind="config", message=error.message, hint=error.hint)
            yield from (self._fail(errand, question, failure) for question in living)
            return
        if errand.report.surface == "ads":
            yield from self._ask_ads(graph, errand, living, memory)
        elif living:
            yield from self._ask_organic(graph, errand, living)

    def _ask_ads(
        self, graph: GraphClient, errand: Errand, asked: Sequence[Question], memory: Memory
    ) -> Iterator[Manifest]:
        refusal: PullFailure | None = None
        for question in asked:
            if refusal is not None:  # what is known to be refused is not asked
                yield self._fail(errand, question, refusal)
                continue
            rows = memory.expected_rows(errand.client, errand.asset_id, question.requested)
            writer = self._begin(errand.client, question, self._now())
            notes: dict[str, None] = {}
            try:
                for answer in ask(graph, question, expected_rows=rows, board=self._board):
                    _keep(writer, answer)
                    notes |= {answer.note: None} if answer.note else {}
            except GraphError as error:
                failure = self._failure(errand, question, error)
                if isinstance(error, AuthError | PermissionDeniedError | ThrottledError):
                    refusal = failure
                yield writer.finish(failure)
            else:
                yield writer.finish(note="; ".join(notes) or None)

    def _ask_organic(
        self, graph: GraphClient, errand: Errand, asked: Sequence[Question]
    ) -> Iterator[Manifest]:
        settings, token = self._settings, token_of(errand.client)
        app = app_token(settings.app_id, settings.app_secret)
        begun, left = self._now(), list(asked)
        try:
            for heard in ask_organic(
                graph, asked, today=errand.today, inspect=lambda: inspect(graph, token, app)
            ):
                left.remove(heard.question)
                yield self._spool_heard(errand, heard, begun)
        except GraphError as error:
            for question in left:
                yield self._fail(errand, question, self._failure(errand, question, error))

    def _spool_heard(self, errand: Errand, heard: Heard, begun: datetime) -> Manifest:
        writer = self._begin(errand.client, heard.question, begun)
        if isinstance(heard.answer, GraphError):
            return writer.finish(self._failure(errand, heard.question, heard.answer))
        for answer in heard.answer:
            _keep(writer, answer)
        return writer.finish(note=heard.note, proof=heard.proof)

    def _known_failure(self, errand: Errand) -> PullFailure | None:
        """Why nothing of an errand is asked, when that is known before."""
        if errand.gap is not None:
            return PullFailure(kind=BEYOND_RETENTION, message=errand.gap, is_expected=True)
        failure, until = self._throttled.get(errand.asset_id, (None, None))
        if failure is not None and until is not None and self._quota.now() < until:
            return failure
        return self._refused.get(errand.client.id)

    def _death_of(self, question: Question, memory: Memory) -> PullFailure | None:
        """Why a metric is not asked for, when it is known to be dead."""
        report, part = question.report, question.part
        found = memory.deaths.of(report.surface, part, question.asset_id)
        if found is None and (part, question.asset_id) not in memory.deaths.living:
            found = self._dead.get((report.surface, part))
        if found is not None or not part:
            return found
        try:
            for surface in names_of(report):
                refuse_dead(surface, [part], self._now().date())
        except ConfigError as error:
            return PullFailure(kind=DEAD_METRIC, message=error.message, hint=error.hint)
        return None

    def _failure(self, errand: Errand, question: Question, error: GraphError) -> PullFailure:
        """The failure that an error is; remembers what it says about the next questions."""
        failure = PullFailure(kind=error.kind, message=error.message, hint=error.hint)
        if isinstance(error, ThrottledError):
            failure = PullFailure(
                kind=error.kind, message=error.message, hint=_go_on(errand, error.retry_at)
            )
            if error.retry_at is not None:
                self._throttled[errand.asset_id] = (failure, error.retry_at)
        if isinstance(error, DeadMetricError) and question.part:
            key = (errand.report.surface, question.part)
            # Meta does not say which name it means.
            message = f"{question.part}: {error.message}"
            failure = PullFailure(kind=error.kind, message=message, hint=error.hint)
            again = dead_again(message)
            with self._lock:
                is_first = self._dead.setdefault(key, again) is again
            return failure if is_first else again
        return failure

    def _fail(self, errand: Errand, question: Question, failure: PullFailure) -> Manifest:
        return self._begin(errand.client, question, self._now()).finish(failure)

    def _begin(self, client: Client, question: Question, begun: datetime) -> PullWriter:
        span, requested = question.span, question.requested
        return self._spool.begin(
            Pull(
                pull_id=new_pull_id(),
                client_id=client.id,
                report=question.report.name,
                asset_id=question.asset_id,
                part=question.part,
                since=span.since if span else None,
                until=span.until if span else None,
                requested_since=requested.since if requested else None,
                requested_until=requested.until if requested else None,
                pulled_at=begun,
                api_version=client.api_version,
                note=question.note or None,
            )
        )

    def _graph(self, errand: Errand) -> GraphClient:
        client = errand.client
        return GraphClient(
            base_url=self._settings.graph_url,
            version=client.api_version,
            credential=Credential(token_of(client), self._settings.app_secret),
            session=self._session,
            asset_id=errand.asset_id,
            quota=self._quota,
            slots=self._slots,
            sleep=self._pause,
        )


def questions_of(errand: Errand) -> list[Question]:
    """What an errand puts to Meta, oldest days first; for a gap, what is marked."""
    if errand.gap is not None:
        return [
            Question(errand.report, errand.asset_id, part, errand.span, errand.span)
            for part in errand.parts
        ]
    found = questions(
        errand.report,
        errand.asset_id,
        errand.span,
        today=errand.today,
        first_day=errand.first_day,
        windows=errand.client.attribution_windows,
    )
    return [question for question in found if question.part in errand.parts]


def _keep(writer: PullWriter, answer: Answer) -> None:
    keep = answer.keep
    writer.add(
        answer.body,
        path=answer.path,
        params=dict(answer.params),
        status=answer.status,
        headers=dict(answer.headers),
        rows=answer.rows,
        since=keep.since if keep else None,
        until=keep.until if keep else None,
        group=answer.group,
    )


def _go_on(errand: Errand, retry_at: datetime | None) -> str:
    """The command that goes on where a quota ended, and from when on."""
    command = f"meta-pipeline sync --client {errand.client.id}"
    if errand.span is not None:
        span = errand.span
        command = (
            f"meta-pipeline backfill --client {errand.client.id} "
            f"--from {span.since} --to {span.until}"
        )
    when = f"after {retry_at:%Y-%m-%d %H:%M} UTC" if retry_at else "in an hour"
    return f"{when}: `{command}` asks for what is still missing"
