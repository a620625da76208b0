"""Does a client's connection to Meta work? One small question after the other, until one fails.

config -> token -> scopes -> each ad account -> ads insights -> each Page -> its metrics -> each
Instagram account -> its metrics -> served version -> quota left. What is found says what to do,
by the menu in Meta's settings (`advice`). Nothing is written anywhere.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import requests
from pydantic import SecretStr

from meta_pipeline.config import Client, Settings, token_of
from meta_pipeline.dates import Span
from meta_pipeline.errors import ConfigError
from meta_pipeline.graph.accounts import FIELDS, account_remarks
from meta_pipeline.graph.advice import FINDINGS, Advice, advice_for
from meta_pipeline.graph.answer import Answer
from meta_pipeline.graph.auth import Credential
from meta_pipeline.graph.client import GraphClient
from meta_pipeline.graph.errors import (
    BadRequestError,
    DeadMetricError,
    Failure,
    GraphError,
    PermissionDeniedError,
)
from meta_pipeline.graph.organic import ask_organic
from meta_pipeline.graph.questions import questions
from meta_pipeline.graph.quota import QuotaLedger
from meta_pipeline.graph.scopes import scope_remarks
from meta_pipeline.graph.tokens import (
    REFUSALS,
    Level,
    Remark,
    TokenInfo,
    app_token,
    inspect,
    remarks,
)
from meta_pipeline.graph.transport import new_session
from meta_pipeline.graph.usage import Bucket, Usage, asset_of, usages
from meta_pipeline.graph.versions import upgrade_advice, version_findings
from meta_pipeline.graph.waiting import RetryPolicy
from meta_pipeline.reports import PAGE_TIME_ZONE, REPORTS

WORKERS = 4
"""Clients at a time."""

LOW_QUOTA = 75.0
"""Percent used, from which pulls slow down."""

RETRY = RetryPolicy(attempts=3, first_wait=1.0, longest_wait=5.0)
"""A person waits for the answer: a failure that lasts is a finding."""

PATIENCE = 10.0
"""Seconds that a question waits for its quota; a quota that is used up is a finding."""

_LIMITED_TIER = "development_access"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found out about a client's connection, and what to do about it.

    `kind` is what sort of failure an error is: `config`, `auth`, `permission`, or another
    `GraphError.kind`.
    """

    client: str
    step: str
    level: Level
    message: str
    fix: str | None = None
    kind: str = ""


@contextmanager
def opened_prober(settings: Settings, now: Callable[[], datetime]) -> Iterator["Prober"]:
    """A prober on the network, with what this machine knows of Meta's quotas."""
    # Quotas run by the wall clock, also where META_PIPELINE_NOW stands still. A probe alone
    # makes no home.
    path = settings.quota if settings.home.exists() else None
    ledger = QuotaLedger(path, lambda: datetime.now(UTC), patience=PATIENCE)
    with closing(ledger), new_session(settings.graph_url) as session:
        yield Prober(settings, session=session, now=now, quota=ledger)


class Prober:
    """Probes clients, each by itself.

    `session` carries the requests, `now` is the clock, `sleep` what waits between tries, and
    `quota` what other processes of this machine know of Meta's quotas.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        session: requests.Session,
        now: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
        quota: QuotaLedger | None = None,
    ) -> None:
        self._settings = settings
        self._quota = quota
        self._session = session
        self._now = now
        self._sleep = sleep

    def probe_all(
        self, clients: Iterable[Client], done: Callable[[Client], None] = lambda _: None
    ) -> dict[str, list[Finding]]:
        """What is found for each client, by its id, in their order; `done` hears of each."""

        def one(client: Client) -> tuple[str, list[Finding]]:
            found = self.probe(client)
            done(client)
            return client.id, found

        with ThreadPoolExecutor(WORKERS, thread_name_prefix="probe") as threads:
            return dict(threads.map(one, clients))

    def probe(self, client: Client) -> list[Finding]:
        """What is found for one client, up to the first step with an error."""
        try:
            token = token_of(client)
        except ConfigError as error:
            return [Finding(client.id, "config", "error", error.message, error.hint, "config")]
        examination = _Examination(client, token, self._graph(client, token), self._settings)
        return list(examination.findings(self._now()))

    def _graph(self, client: Client, token: SecretStr) -> GraphClient:
        return GraphClient(
            base_url=self._settings.graph_url,
            version=client.api_version,
            credential=Credential(token, self._settings.app_secret),
            session=self._session,
            quota=self._quota,
            retry=RETRY,
            sleep=self._sleep,
        )


class _Examination:
    """One client's steps, with what the later ones need of the earlier ones."""

    def __init__(
        self, client: Client, token: SecretStr, graph: GraphClient, settings: Settings
    ) -> None:
        self._client = client
        self._token = token
        self._graph = graph
        self._app_id = settings.app_id
        self._app = app_token(settings.app_id, settings.app_secret)
        self._info: TokenInfo | None = None
        self._answers: list[Answer] = []

    def findings(self, now: datetime) -> Iterator[Finding]:
        """Each finding as it comes, up to the end of the first step with an error.

        The step itself goes on: a token that lacks two scopes is made anew once, not twice.
        """
        yield self._finding("config", self._configured())
        steps: list[tuple[str, str, Callable[[], Iterator[Remark]]]] = [
            ("token", "", lambda: self._inspected(now)),
            ("scopes", "", self._scopes),
            ("ad account", "ads", lambda: self._accounts(now)),
            ("ads insights", "ads", self._insights),
            ("Page", "page", lambda: self._pages(now)),
            ("Instagram", "instagram", lambda: self._instagram(now)),
            ("version", "", lambda: self._versions(now)),
            ("quota", "", self._quotas),
        ]
        for name, surface, step in steps:
            is_fine = True
            try:
                for remark in step():
                    is_fine &= remark.level != "error"
                    yield self._finding(name, remark)
            except GraphError as error:
                yield self._failed(name, surface, error)
                return
            if not is_fine:
                return

    def _finding(self, step: str, remark: Remark) -> Finding:
        kind = {"token": "auth", "scopes": "permission"}.get(step, "config")
        return Finding(
            client=self._client.id,
            step=step,
            level=remark.level,
            message=remark.message,
            fix=_fix(remark.advice),
            kind=kind if remark.level == "error" else "",
        )

    def _failed(self, step: str, surface: str, error: GraphError) -> Finding:
        fix = _fix(advice_for(error.failure, surface))
        return Finding(self._client.id, step, "error", error.message, fix, error.kind)

    def _configured(self) -> Remark:
        client = self._client
        counts = ((len(client.assets(s)), name) for s, name in _ASSETS.items())
        assets = ", ".join(f"{count} {name}{'s' * (count > 1)}" for count, name in counts if count)
        return Remark("ok", f"{assets}; {client.api_version}; token from {client.token_env}")

    def _inspected(self, now: datetime) -> Iterator[Remark]:
        # An app that is refused says nothing of the token, which then asks for itself.
        if self._app is not None:
            try:
                self._info = inspect(self._graph, self._token, self._app)
            except REFUSALS as error:
                yield Remark("warn", error.message, FINDINGS["app is refused"])
        if self._info is None:
            try:
                self._info = inspect(self._graph, self._token)
            except (BadRequestError, PermissionDeniedError) as error:
                yield Remark("warn", error.message, FINDINGS["token is not told about"])
                return
        yield from remarks(self._info, now)
        if self._app_id and self._info.app_id and self._info.app_id != self._app_id:
            message = f"made for app {self._info.app_id}, META_APP_ID is {self._app_id}"
            yield Remark("warn", message, FINDINGS["token of another app"])

    def _scopes(self) -> Iterator[Remark]:
        if self._info is not None:
            yield from scope_remarks(self._info, self._client)

    def _accounts(self, now: datetime) -> Iterator[Remark]:
        for account_id in self._client.ad_accounts:
            answer = self._get(self._graph, account_id, {"fields": ",".join(FIELDS)})
            account = msgspec.json.decode(answer.body, type=dict[str, object])
            yield from account_remarks(account, self._client, now)

    def _insights(self) -> Iterator[Remark]:
        params = {"fields": "spend,impressions", "level": "account", "limit": "1"}
        for account_id in self._client.ad_accounts:
            asked = {**params, "date_preset": "yesterday"}
            answer = self._get(self._graph, f"{account_id}/insights", asked)
            if answer.rows:
                yield Remark("ok", f"{account_id} answers with yesterday's figures")
            else:
                meaning = FINDINGS["ads answer nothing"]
                yield Remark("ok", f"{account_id} answers; nothing was delivered", meaning)

    def _pages(self, now: datetime) -> Iterator[Remark]:
        for page_id in self._client.pages:
            yield from self._metrics(page_id, ("page_daily", "page_28d"), 3, now)

    def _instagram(self, now: datetime) -> Iterator[Remark]:
        for account_id in self._client.instagram_accounts:
            answer = self._get(self._graph, account_id, {"fields": "id,username"})
            account = msgspec.json.decode(answer.body, type=dict[str, object])
            yield Remark("ok", f"{account_id} is @{account.get('username')}")
            yield from self._metrics(account_id, ("instagram_daily",), 1, now)

    def _metrics(
        self, asset_id: str, names: Sequence[str], days: int, now: datetime
    ) -> Iterator[Remark]:
        """Each metric that a pull asks for, as it asks: a dead one spoils no other."""
        today = now.astimezone(ZoneInfo(PAGE_TIME_ZONE)).date()
        # The day before yesterday is the last one that every Page shows.
        last = today - timedelta(days=2)
        span = Span(last - timedelta(days=days - 1), last)
        filled = empty = 0
        for report in (REPORTS[name] for name in names if self._client.gets(REPORTS[name])):
            asked = questions(report, asset_id, span, today=today, first_day=span.since)
            graph = self._graph.for_asset(asset_id)
            for heard in ask_organic(graph, asked, today=today, inspect=self._known):
                metric, answer = heard.question.part, heard.answer
                if isinstance(answer, DeadMetricError):
                    message = f"{asset_id}: {metric} is dead"
                    yield Remark("warn", message, FINDINGS["metric is dead"])
                    continue
                if isinstance(answer, GraphError):
                    raise answer
                self._answers += answer
                has_values = any(_has_values(page) for page in answer)
                filled, empty = filled + has_values, empty + (not has_values)
        yield from _heard(asset_id, filled, empty)

    def _known(self) -> TokenInfo:
        if self._info is None:
            raise BadRequestError(Failure("debug_token", None, None, None, "not told about"))
        return self._info

    def _versions(self, now: datetime) -> Iterator[Remark]:
        asked, today = self._client.api_version, now.date()
        coming = version_findings(asked, None, None, today)
        heard = {(answer.served_version, answer.version_warning) for answer in self._answers}
        present = (
            finding
            for served, warning in sorted(heard, key=str)
            for finding in version_findings(asked, served, warning, today)
        )
        found = dict.fromkeys(coming, FINDINGS["version ends"])
        for finding in present:
            found.setdefault(finding, FINDINGS["another version answers"])
        advice = upgrade_advice(asked, today)
        for finding, said in found.items():
            message = finding.removesuffix(f"; {advice}")
            yield Remark("warn", message, Advice(said.meaning, advice))
        if not found:
            yield Remark("ok", f"{asked} answers, and has no end yet")

    def _quotas(self) -> Iterator[Remark]:
        last: dict[Bucket, Usage] = {}
        for answer in self._answers:
            for usage in usages(answer.headers, asset_of(answer.path)):
                last[usage.bucket] = usage
        for bucket, usage in sorted(last.items()):
            if usage.is_refused or usage.percent >= LOW_QUOTA:
                message = f"{bucket}: {usage.percent:.0f} % used"
                yield Remark("warn", message, FINDINGS["quota is low"])
        if last:
            highest = max(last.values(), key=lambda usage: usage.percent)
            left = max(0.0, 100 - highest.percent)
            message = f"{left:.0f} % left of the fullest quota, {highest.bucket}"
            yield Remark("ok", message)
        else:
            yield Remark("ok", "Meta named no quota")
        if any(usage.tier == _LIMITED_TIER for usage in last.values()):
            yield Remark("ok", "the app has the Limited access tier", FINDINGS["limited tier"])

    def _get(self, graph: GraphClient, path: str, params: dict[str, str]) -> Answer:
        answer = graph.get(path, params)
        self._answers.append(answer)
        return answer


_ASSETS = {"ads": "ad account", "page": "Page", "instagram": "Instagram account"}


def _fix(advice: Advice | None) -> str | None:
    return str(advice) if advice else None


def _has_values(answer: Answer) -> bool:
    body = msgspec.json.decode(answer.body, type=dict[str, object])
    data = body.get("data")
    items = data if isinstance(data, list) else []
    return any(item.get("values") or item.get("total_value") for item in items)


def _heard(asset_id: str, filled: int, empty: int) -> Iterator[Remark]:
    """What the metrics of one asset came to.

    A Page or account that answers all with nothing is suspect: without a scope Meta says no word
    (third party, 2026-09). The scopes are known to be there by now, so it is no error.
    """
    if empty and not filled:
        message = f"{asset_id}: {empty} metrics answer, all with nothing"
        yield Remark("warn", message, FINDINGS["page answers nothing"])
    elif filled:
        nothing = f", {empty} of them with nothing" if empty else ""
        yield Remark("ok", f"{asset_id}: {filled + empty} metrics answer{nothing}")
