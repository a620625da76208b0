"""`sync` and `reload`: pull, build, publish, and say what came of it."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import orjson

from meta_pipeline import clock
from meta_pipeline.cli.app import EXIT_AUTH, EXIT_FAILED, EXIT_PARTLY, EXIT_USAGE
from meta_pipeline.cli.progress import Steps, console, steps
from meta_pipeline.config import (
    Client,
    Settings,
    load_clients,
    load_settings,
    select_clients,
    token_of,
)
from meta_pipeline.dates import (
    FINAL_DAYS,
    TRAILING_DAYS,
    Span,
    preset,
    retention_floor,
    trailing,
)
from meta_pipeline.errors import ConfigError
from meta_pipeline.graph import ThrottledError
from meta_pipeline.landing import PullFailure
from meta_pipeline.pulling import Only, Outcome, Puller, due_spans
from meta_pipeline.reports import REPORTS, Grain, reports_of

if TYPE_CHECKING:
    from meta_pipeline.defs.launch import Launcher

# Kinds of failure that asking again does not mend.
_REFUSALS = frozenset({"auth", "permission", "config"})

# Kinds of failure that hit every report of an account or Page, and say nothing of the report.
_ALIKE = _REFUSALS | {"broken answer", "throttled", "transient", "version"}

FRESH_HOURS = 6
"""`--resume` does not ask again for what landed since then."""

QUOTA_WAIT = timedelta(hours=1)
"""How long a sync waits, when all else is done, for accounts whose quota is used up."""

_NEXT_TRY = timedelta(minutes=5)

_LABELS: dict[Grain, str] = {"snapshot": "objects", "day": "days", "month": "months"}


@dataclass
class Summary:
    """What a sync did, by client.

    `span` are the days asked for, and the months about them. Without any asked for, `due` are the
    spans, newest first, in which the re-pull policy finds something due. `reports` are the names
    of those asked for; a backfill asks `only` for what is missing.
    """

    span: Span
    outcomes: list[Outcome] = field(default_factory=list)
    due: Sequence[Span] | None = None
    reports: frozenset[str] = frozenset(REPORTS)
    only: Only | None = None

    @property
    def days(self) -> Sequence[Span]:
        """What the daily reports are asked for, newest first."""
        return [self.span] if self.due is None else self.due

    @property
    def landed(self) -> bool:
        """Whether anything at all landed, now or a short while ago."""
        return any(
            outcome.is_known or any(one.status == "complete" for one in outcome.landed)
            for outcome in self.outcomes
        )

    @property
    def superseded(self) -> int:
        """How many answers were older than what the warehouse knew already."""
        return sum(one.status == "superseded" for o in self.outcomes for one in o.landed)

    def throttled(self, client: Client) -> bool:
        """Whether something of the client's has to wait for a quota."""
        return any(_is_throttled(o) for o in self.outcomes if o.errand.client.id == client.id)

    def forget_failures(self, client: Client) -> None:
        """Drops what of the client's did not land, since it is asked again."""
        self.outcomes = [
            outcome
            for outcome in self.outcomes
            if outcome.errand.client.id != client.id or outcome.is_complete
        ]

    def is_refused(self, client: Client) -> bool:
        """Whether all that was asked for the client was refused for want of a right."""
        mine = [o for o in self.outcomes if o.errand.client.id == client.id]
        kinds = [{failure.kind for failure in o.failures} for o in mine]
        return bool(kinds) and all(some and some <= _REFUSALS for some in kinds)

    def refusal(self, client: Client) -> PullFailure:
        """Why the client was refused: the first thing that was said."""
        mine = (o for o in self.outcomes if o.errand.client.id == client.id)
        return next(failure for outcome in mine for failure in outcome.failures)

    def warnings(self) -> list[dict[str, str]]:
        """What Meta warns each client of, once."""
        found = dict.fromkeys(
            (outcome.errand.client.id, warning)
            for outcome in self.outcomes
            for warning in outcome.warnings
        )
        return [{"client": client, "message": message} for client, message in found]

    def exit_code(self, clients: Sequence[Client]) -> int:
        """0 when all landed; 3 when some did; else by what went wrong."""
        failed = {o.errand.client.id for o in self.outcomes if not o.is_complete}
        kinds = {failure.kind for o in self.outcomes for failure in o.failures}
        if not failed:
            return 0 if self.landed or not self.superseded else EXIT_FAILED
        if len(failed) < len(clients) or self.landed:
            return EXIT_PARTLY
        if kinds == {"config"}:
            return EXIT_USAGE
        return EXIT_AUTH if kinds <= _REFUSALS else EXIT_FAILED

    def failures(self) -> list[dict[str, str | None]]:
        """Each distinct failure of each client, once."""
        found = dict.fromkeys(
            (outcome.errand.client.id, failure)
            for outcome in self.outcomes
            for failure in outcome.failures
        )
        told = ("kind", "message", "hint")
        return [
            {"client": client, **{name: getattr(failure, name) for name in told}}
            for client, failure in found
        ]

    def told(self) -> list[str]:
        """The failures as a person reads them.

        What one account or Page is refused fails for every report alike, so it is told once.
        """
        alike: dict[tuple[str, str, PullFailure], list[str]] = {}
        for outcome in self.outcomes:
            for failure in outcome.failures:
                is_one = failure.kind in _ALIKE
                key = PullFailure(kind=failure.kind, message="", hint=failure.hint)
                asset = outcome.errand.asset_id if is_one else ""
                group = (outcome.errand.client.id, asset, key if is_one else failure)
                alike.setdefault(group, []).append(failure.message)
        lines = []
        for (client, asset, failure), messages in alike.items():
            lines.append(f"error: {client}: {messages[0]}")
            if more := len(set(messages)) - 1:
                lines.append(f"error: {client}: {asset}: {more} more like it; --json has them all")
            if failure.hint:
                lines.append(f"hint: {failure.hint}")
        return lines

    def document(self, settings: Settings) -> dict[str, object]:
        """The JSON document of `--json`."""
        return {
            "schema": 1,
            "since": min((span.since for span in self.days), default=self.span.since),
            "until": self.span.until,
            "requests": sum(outcome.requests for outcome in self.outcomes),
            "rows": sum(outcome.rows for outcome in self.outcomes),
            "versions_opened": self._versions("opened"),
            "versions_closed": self._versions("closed"),
            "failures": self.failures(),
            "warnings": self.warnings(),
            "marts": str(settings.marts),
        }

    def _versions(self, name: str) -> int:
        return sum(getattr(one, name) for outcome in self.outcomes for one in outcome.landed)


def run_sync(
    *,
    since: date | None,
    until: date | None,
    preset: str | None,
    client_ids: list[str],
    as_json: bool,
    resume: bool = False,
) -> int:
    """Runs `meta-pipeline sync`; returns its exit code."""
    settings = load_settings()
    clients = load_clients(settings)
    wanted = select_clients(clients, client_ids)
    now = clock.now()
    span = choose_span(since, until, preset, now.date(), wanted)
    lost = beyond_retention(asked_span(since, until, preset, now.date()), now.date())
    if lost is not None:
        console.print(
            f"warning: {lost} lies beyond the 37 months that Meta keeps, and is marked so; the "
            f"first day kept is {lost.until + timedelta(days=1)}",
            markup=False,
        )
    for client in wanted:
        token_of(client)
    fresh_since = now - timedelta(hours=FRESH_HOURS) if resume else None
    due = None if since or until or preset else due_spans(settings.marts, wanted, now)
    summary = synchronise(
        settings, clients, wanted, span, due=due, lost=lost, fresh_since=fresh_since
    )
    return report_of(summary, settings, wanted, as_json=as_json)


def report_of(
    summary: Summary, settings: Settings, wanted: Sequence[Client], *, as_json: bool
) -> int:
    """Prints what came of a sync or a backfill; returns the exit code."""
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(summary.document(settings)) + b"\n")
    else:
        _print_summary(summary, settings)
    return summary.exit_code(wanted)


def asked_span(since: date | None, until: date | None, name: str | None, today: date) -> Span:
    """The days asked for: a range, a preset, or else the days that Meta may still restate, of
    which the re-pull policy then says what is due. `today` is UTC's.

    Raises `ConfigError` for a range that ends before it starts, or both range and preset.
    """
    if name is not None:
        if since or until:
            raise ConfigError("--preset and --from/--to exclude each other", hint="give one")
        return preset(name, today)
    if since or until:
        last = until or max(since or today, trailing(today).until)
        return Span(since or last - timedelta(days=TRAILING_DAYS - 1), last)
    return trailing(today, FINAL_DAYS)


def beyond_retention(span: Span, today: date) -> Span | None:
    """The days of the span that Meta keeps no longer, or None."""
    return span.clamped(until=retention_floor(today) - timedelta(days=1))


def choose_span(
    since: date | None,
    until: date | None,
    name: str | None,
    today: date,
    clients: Sequence[Client],
) -> Span:
    """The days to pull: those asked for that Meta keeps and that some client wants.

    Raises `ConfigError` for a range that ends before it starts, lies wholly beyond Meta's
    retention, reaches into the future, or lies before every client's start.
    """
    span = asked_span(since, until, name, today)
    floor = retention_floor(today)
    if span.until < floor:
        raise ConfigError(
            f"{span} lies beyond the 37 months that Meta keeps",
            hint=f"the first day to ask for is --from {floor}",
        )
    if span.until > today:
        raise ConfigError(
            f"{span.until} has not begun (it is {today} in UTC)", hint=f"use --to {today}"
        )
    starts = [max(client.start_date or floor, floor) for client in clients]
    if min(starts) > span.until:
        raise ConfigError(
            f"the range {span} ends before the first client's start ({min(starts)})",
            hint="check start_date in clients.yml",
        )
    return Span(max(span.since, min(starts)), span.until)


def synchronise(
    settings: Settings,
    clients: tuple[Client, ...],
    wanted: Sequence[Client],
    span: Span,
    *,
    due: Sequence[Span] | None = None,
    lost: Span | None = None,
    fresh_since: datetime | None = None,
    reports: frozenset[str] = frozenset(REPORTS),
    only_missing: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> Summary:
    """Pulls objects, days and months for the wanted clients, builds, publishes.

    With `due` the daily reports are asked, of these spans, for what is due alone. `lost` are days
    that Meta keeps no longer: they are marked so. With `only_missing`, which is a backfill, what
    has landed and is not due is left out, and no run is made for it. What landed since
    `fresh_since` and has not failed after that is not asked again. What fails for one client is
    in the summary and holds up no other; a client that is refused altogether is not asked for
    its days, which fail for the same reason. An account whose quota is used up is given up for
    now and taken up again, where it stopped, when all others are published. Raises
    `MetaPipelineError` when the build fails or the warehouse cannot be written.
    """
    from meta_pipeline.defs.launch import Launcher

    only: Only | None = "missing" if only_missing else None if due is None else "due"
    summary = Summary(span, due=due, reports=reports, only=only)
    with steps() as shown:

        def note(outcome: Outcome) -> None:
            summary.outcomes.append(outcome)
            errand = outcome.errand
            shown.note(errand.client.id, errand.report.name, is_good=outcome.is_complete)

        puller = Puller(settings, clients, listener=note, fresh_since=fresh_since)
        puller.check_warehouse()
        with shown.step("definitions"):
            launcher = Launcher(settings, clients, puller)
        begun = clock.now()
        has_news = _pull(launcher, puller, summary, wanted, shown, lost)
        # Marts that stand already must learn of a failure as well.
        # A backfill that finds nothing missing may go on with one that was killed in its build.
        is_left = only_missing and not summary.outcomes
        if has_news or summary.landed or is_left or settings.marts.exists():
            _build(launcher, shown)
        for ready in when_back(puller, summary, wanted, sleep):
            puller.resume(fresh_since or begun)
            for client in ready:
                summary.forget_failures(client)
            if _pull(launcher, puller, summary, ready, shown, lost):
                _build(launcher, shown)
    return summary


def _pull(
    launcher: "Launcher",
    puller: Puller,
    summary: Summary,
    clients: Sequence[Client],
    shown: Steps,
    lost: Span | None,
) -> bool:
    """Pulls all of some clients; whether anything new came of it."""
    done = len(summary.outcomes)
    for grain, label in _LABELS.items():
        asked = _jobs(puller, summary, clients, grain)
        with shown.step(label, _reports_of(asked, grain)):
            for job in asked:
                launcher.pull(grain, job.clients, job.span, only=summary.only, reports=job.reports)
        for client in clients:
            if summary.is_refused(client):
                puller.refuse(client.id, summary.refusal(client))
    if lost is not None:
        _mark_lost(puller, clients, lost)
    return any(outcome.is_complete and outcome.landed for outcome in summary.outcomes[done:])


@dataclass(frozen=True, slots=True)
class Job:
    """Some clients, days and reports of one grain that are pulled together: a rectangle, or one
    for each stretch of its clients."""

    clients: Mapping[str, Client]
    span: Span
    reports: frozenset[str]


def _jobs(puller: Puller, summary: Summary, clients: Sequence[Client], grain: Grain) -> list[Job]:
    """What is pulled of one grain."""
    ids = {client.id: client for client in clients}
    if summary.only == "missing":
        found = missing(puller, summary.reports, ids, summary.span, grain)
        return [found] if found else []
    spans = summary.days if grain == "day" else [summary.span]
    return [Job(ids, span, summary.reports) for span in spans]


def missing(
    puller: Puller,
    reports: Collection[str],
    clients: Mapping[str, Client],
    span: Span,
    grain: Grain,
) -> Job | None:
    """What of one grain has not landed, as one job; None if all has.

    Events in Dagster cost more than a request to Meta where there are many days, so clients,
    days and reports of which nothing is missing are in no run.
    """
    surveys = [
        survey
        for report in reports_of(grain=grain)
        if report.name in reports
        and (
            survey := puller.survey(report, {name: [span] for name in clients}, only="missing")
        ).errands
    ]
    errands = [errand for survey in surveys for errand in survey.errands]
    if not errands:
        return None
    dated = [errand.span for errand in errands if errand.span is not None]
    if dated:
        span = Span(min(one.since for one in dated), max(one.until for one in dated))
    ids = {errand.client.id for errand in errands}
    names = frozenset(survey.report.name for survey in surveys)
    asked = {name: client for name, client in clients.items() if name in ids}
    return Job(asked, span, names)


def when_back(
    puller: Puller, summary: Summary, clients: Sequence[Client], sleep: Callable[[float], None]
) -> Iterator[list[Client]]:
    """The clients that had to wait for a quota, as soon as it is back; none beyond an hour."""
    deadline = datetime.now(UTC) + QUOTA_WAIT
    earliest = datetime.now(UTC)
    while waiting := [client for client in clients if summary.throttled(client)]:
        back = puller.throttled
        until = {
            client.id: max([earliest, *(back[one] for one in client.all_assets if one in back)])
            for client in waiting
        }
        first = min(until.values())
        if first >= deadline:
            return
        seconds = (first - datetime.now(UTC)).total_seconds()
        if seconds > 0:
            console.print(f"quotas used up: going on at {first:%H:%M:%S} UTC", markup=False)
            sleep(seconds)
        yield [client for client in waiting if until[client.id] <= first]
        earliest = max(first, datetime.now(UTC)) + _NEXT_TRY


def _is_throttled(outcome: Outcome) -> bool:
    return any(failure.kind == ThrottledError.kind for failure in outcome.failures)


def _mark_lost(puller: Puller, clients: Sequence[Client], lost: Span) -> None:
    """Writes into the coverage of every report that Meta keeps these days no longer."""
    for report in (*reports_of(grain="day"), *reports_of(grain="month")):
        puller.pull(report, {client.id: [lost] for client in clients})


def run_reload() -> int:
    """Runs `meta-pipeline reload`; returns its exit code."""
    from meta_pipeline.defs.launch import Launcher
    from meta_pipeline.landing import Spool, reload

    settings = load_settings()
    clients = load_clients(settings)
    with steps() as shown:
        with shown.step("spool"):
            landed = reload(settings.warehouse, Spool(settings.spool))
        with shown.step("definitions"):
            launcher = Launcher(settings, clients, Puller(settings, clients))
        _build(launcher, shown)
    console.print(f"{len(landed)} pulls replayed; marts: {settings.marts}")
    return 0


def _build(launcher: "Launcher", shown: Steps) -> None:
    with shown.step("build and publish"):
        launcher.build()


def _reports_of(jobs: Sequence[Job], grain: Grain) -> dict[str, int]:
    """How many reports are pulled for each client, one for each span."""
    return Counter(
        client.id
        for job in jobs
        for client in job.clients.values()
        for report in reports_of(grain=grain)
        if client.gets(report) and report.name in job.reports and client.assets(report.surface)
    )


def _print_summary(summary: Summary, settings: Settings) -> None:
    for warning in summary.warnings():
        console.print(f"warning: {warning['client']}: {warning['message']}", markup=False)
    for line in summary.told():
        console.print(line, markup=False)
    if summary.superseded:
        console.print(
            f"error: {summary.superseded} answers are older than what is known already, and were "
            "not used\nhint: check the clock, and META_PIPELINE_NOW"
        )
    document = summary.document(settings)
    days = ", ".join(map(str, summary.days))
    console.print(
        f"{days}: {document['requests']} requests, {document['rows']} rows, "
        f"{document['versions_opened']} new versions, {document['versions_closed']} closed"
    )
    if settings.marts.exists():
        print(settings.marts)
