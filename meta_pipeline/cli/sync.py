"""`sync` and `reload`: pull, build, publish, and say what came of it."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from meta_pipeline import clock
from meta_pipeline.cli.app import EXIT_PARTLY
from meta_pipeline.cli.asked import asked_span, beyond_retention, choose_span
from meta_pipeline.cli.progress import Steps, console, steps
from meta_pipeline.cli.summary import Summary, report_of
from meta_pipeline.config import (
    Client,
    Settings,
    load_clients,
    load_settings,
    select_clients,
    token_of,
)
from meta_pipeline.dates import (
    Span,
)
from meta_pipeline.pulling import Only, Outcome, Puller, due_spans
from meta_pipeline.reports import REPORTS, Grain, reports_of

if TYPE_CHECKING:
    from meta_pipeline.defs.launch import Launcher

FRESH_HOURS = 6
"""`--resume` does not ask again for what landed since then."""

QUOTA_WAIT = timedelta(hours=1)
"""How long a sync waits, when all else is done, for accounts whose quota is used up."""

_NEXT_TRY = timedelta(minutes=5)

_LABELS: dict[Grain, str] = {"snapshot": "objects", "day": "days", "month": "months"}


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
    make_puller: Callable[..., Puller] = Puller,
) -> Summary:
    """Pulls objects, days and months for the wanted clients, builds, publishes.

    With `due` the daily reports are asked, of these spans, for what is due alone. `lost` are days
    that Meta keeps no longer: they are marked so. With `only_missing`, which is a backfill, what
    has landed and is not due is left out, and no run is made for it. What landed since
    `fresh_since` and has not failed after that is not asked again. What fails for one client is
    in the summary and holds up no other; a client that is refused altogether is not asked for
    its days, which fail for the same reason. An account whose quota is used up is given up for
    now and taken up again, where it stopped, when all others are published. `make_puller` makes
    what pulls, for who gives it a clock of its own. Raises
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

        puller = make_puller(settings, clients, listener=note, fresh_since=fresh_since)
        puller.check_warehouse()
        with shown.step("definitions"):
            launcher = Launcher(settings, clients, puller)
        begun = clock.now()
        _pull(launcher, puller, summary, wanted, shown, lost)
        # Marts that stand already must learn of a failure as well.
        # A backfill that finds nothing missing may go on with one that was killed in its build.
        is_left = only_missing and not summary.outcomes
        if summary.landed or is_left or settings.marts.exists():
            _build(launcher, shown)
        for ready in when_back(puller, summary, wanted, sleep):
            puller.resume(fresh_since or begun)
            summary.forget_failures(ready)
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
    """Pulls all of some clients; whether anything landed, be it a part of what was asked."""
    done = len(summary.outcomes)
    for grain, label in _LABELS.items():
        asked = _jobs(puller, summary, clients, grain)
        with shown.step(label, _reports_of(asked, grain)):
            for job in asked:
                launcher.pull(grain, job.clients, job.span, only=summary.only, reports=job.reports)
        asked_of = {client.id for client in clients}
        for client_id, refusal in summary.refusals().items():
            if client_id in asked_of:
                puller.refuse(client_id, refusal)
    if lost is not None:
        _mark_lost(puller, clients, lost)
    new = (one for outcome in summary.outcomes[done:] for one in outcome.landed)
    return any(one.status == "complete" for one in new)


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
    while waiting := _named(clients, summary.throttled()):
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


def _named(clients: Sequence[Client], ids: Collection[str]) -> list[Client]:
    return [client for client in clients if client.id in ids]


def _mark_lost(puller: Puller, clients: Sequence[Client], lost: Span) -> None:
    """Writes into the coverage of every report that Meta keeps these days no longer."""
    for report in (*reports_of(grain="day"), *reports_of(grain="month")):
        puller.pull(report, {client.id: [lost] for client in clients})


def run_reload() -> int:
    """Runs `meta-pipeline reload`; returns its exit code."""
    from meta_pipeline.defs.launch import Launcher
    from meta_pipeline.landing import DAMAGED, Spool, reload

    settings = load_settings()
    clients = load_clients(settings)
    with steps() as shown:
        with shown.step("spool"):
            landed = reload(settings.place, Spool(settings.spool))
        with shown.step("definitions"):
            launcher = Launcher(settings, clients, Puller(settings, clients))
        _build(launcher, shown)
    damaged = [one.failure for one in landed if one.failure and one.failure.kind == DAMAGED]
    for failure in damaged:
        console.print(f"error: {failure.message}\nhint: {failure.hint}", markup=False)
    console.print(f"{len(landed)} pulls replayed; marts: {settings.marts}")
    return EXIT_PARTLY if damaged else 0


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
