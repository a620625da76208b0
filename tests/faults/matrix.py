"""What becomes of each report when Meta misbehaves in each way: run, judged and written down.

Every fault has a client of its own in one simulated agency. A client's reports are pulled while
its fault is armed and once more without it, into one warehouse; a twin pulls the same agency
without any fault. What has landed is compared row by row with the twin.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

import duckdb
import pytest

from meta_pipeline.config import Client, Settings
from meta_pipeline.dates import Span
from meta_pipeline.graph.quota import QuotaLedger
from meta_pipeline.pulling import Outcome, Puller
from meta_pipeline.reports import REPORTS, Report
from meta_pipeline.simulator import RunningSimulator, Source

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
# Long final, so that both sides see the same figures whenever they ask.
SPAN = Span(date(2026, 9, 1), date(2026, 9, 4))
# Seconds, simulated.
PATIENCE = 1800.0
TOKEN = "EAAsecretTokenOfTheMatrix"

# While one client waits, time passes for all: posts are made and looked at meanwhile, so that
# of these only the objects are compared that the twin has, and not how they stand.
MOVING = frozenset({"page_posts", "post_insights", "instagram_accounts"})

_ROWS = """
    select asset_id, part, day, entity_key, {payload} from raw.records
    where client_id = $client and report = $report and valid_to is null
"""
_NAMED = """
    select asset_id, part, day from raw.coverage
    where client_id = $client and report = $report
        and (failed_at is not null or status in ('failed', 'unconfirmed_empty', 'pulled'))
        and coalesce(failure, reason) is not null
"""


@dataclass(frozen=True)
class Verdict:
    """What has landed of one report of one client, compared with the twin.

    It is whole when every row of the twin is there, and may have a gap when the coverage names
    each day of which rows are missing; `wrong` says what is neither. `kinds` are the failures
    that the pull told.
    """

    is_whole: bool
    wrong: str
    kinds: tuple[str, ...]
    requests: int


def judge(
    connection: duckdb.DuckDBPyConnection,
    twin: duckdb.DuckDBPyConnection,
    client: str,
    report: str,
) -> tuple[bool, str]:
    """Whether all rows of the twin have landed, and what is wrong if anything is."""
    values = {"client": client, "report": report}
    sql = _ROWS.format(payload="null" if report in MOVING else "payload")
    rows = connection.execute(sql, values).fetchall()
    right = twin.execute(sql, values).fetchall()
    if not right:
        return False, "the twin has no rows, so nothing is proved"
    if len(set(rows)) < len(rows):
        return False, "rows stand there twice"
    if (wrong := set(rows) - set(right)) and report not in MOVING:
        return False, f"{len(wrong)} rows are not Meta's, such as {min(wrong, key=str)}"
    missing = {row[:3] for row in set(right) - set(rows)}
    unsaid = missing - set(connection.execute(_NAMED, values).fetchall())
    if unsaid:
        return False, f"rows of {sorted(map(str, unsaid))} are missing without a word"
    return not missing, ""


def clients_of(source: Source, scenarios: Iterable["Scenario"]) -> dict[str, Client]:
    """A client for each scenario, with a token of its own."""
    return {
        one.id: Client(
            id=one.id,
            name=one.name,
            ad_accounts=one.ad_accounts,
            pages=one.pages,
            instagram_accounts=one.instagram_accounts,
            reports=scenario.reports,
            token_env=f"META_TOKEN_{number}",
        )
        for number, (one, scenario) in enumerate(zip(source.clients(), scenarios, strict=True))
    }


@dataclass
class Home:
    """A warehouse that is filled from a simulator; whatever waits lets simulated time pass."""

    path: Path
    meta: RunningSimulator
    clients: Mapping[str, Client]
    patch: pytest.MonkeyPatch
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        values: dict[str, Any] = {"home": self.path, "graph_url": self.meta.url}
        self.settings = Settings().model_copy(update=values)
        for client in self.clients.values():
            self.patch.setenv(client.token_env, TOKEN)

    def pull(self, report: Report, *client_ids: str, span: Span = SPAN) -> list[Outcome]:
        """Pulls one report for some clients."""
        puller = Puller(
            self.settings,
            self.clients.values(),
            now=self.meta.clock.now,
            sleep=self._sleep,
            monotonic=lambda: self.meta.clock.now().timestamp(),
            quota=QuotaLedger(None, self.meta.clock.now, patience=PATIENCE),
        )
        return puller.pull(report, {client_id: [span] for client_id in client_ids})

    @contextmanager
    def warehouse(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The warehouse, open for reading."""
        with duckdb.connect(str(self.settings.warehouse), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            yield connection

    def disarm(self, cases: Mapping[str, "Scenario"]) -> None:
        """Takes back what scenarios have changed; the log of calls stays."""
        self.meta.traffic.clear_faults()
        self.meta.runs.reset()
        for client_id, scenario in cases.items():
            self.patch.setenv(self.clients[client_id].token_env, TOKEN)
            self.meta.settings.change(**{name: _DEFAULTS[name] for name in scenario.settings})

    def requests_of(self, client_id: str) -> int:
        """Calls so far that were about a client's accounts and Pages."""
        client = self.clients[client_id]
        bare = {asset.removeprefix("act_") for asset in client.all_assets}
        return sum(request.asset in bare for request in self.meta.requests)

    def _sleep(self, seconds: float) -> None:
        # The clock knows microseconds: less would not move it.
        passed = timedelta(seconds=max(seconds, 0.001))
        with self._lock:
            self.meta.clock.move_to(self.meta.clock.now() + passed)


def getters(clients: Mapping[str, Client], report: Report) -> list[str]:
    """The clients that get a report."""
    return [c.id for c in clients.values() if c.gets(report) and c.assets(report.surface)]


@dataclass(frozen=True)
class Twins:
    """Two homes of one agency: one that meets faults, and one that does not."""

    home: Home
    twin: Home


@contextmanager
def opened_twins(
    home: Path, twin: Path, source: Source, scenarios: Sequence["Scenario"]
) -> Iterator[Twins]:
    """Twins of an agency with a client for each scenario, the one without faults pulled."""
    clients = clients_of(source, scenarios)
    with (
        pytest.MonkeyPatch.context() as patch,
        RunningSimulator(source, now=NOW) as meta,
        RunningSimulator(source, now=NOW) as steady,
    ):
        undisturbed = Home(twin, steady, clients, patch)
        for report in REPORTS.values():
            undisturbed.pull(report, *getters(clients, report))
        yield Twins(Home(home, meta, clients, patch), undisturbed)


Arm = Callable[[RunningSimulator, str, Report], bool]
"""Prepares a fault for one asset (its bare id) and report; whether there is one for it."""


@dataclass(frozen=True)
class Scenario:
    """One way in which Meta misbehaves, and the reports on which it is tried.

    `arm` is called before each report is pulled. `settings` are switches of the simulator, and
    `token` the client's, while it lasts; a scenario with settings is run alone, and so is one
    that `is_contagious`: what it teaches about one client counts for all. `heals` says that the
    same pull gets over it. A `lasting` one leaves a gap after it is gone, too.
    """

    name: str
    about: str
    reports: tuple[str, ...]
    arm: Arm | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    token: str = ""
    heals: bool = False
    is_contagious: bool = False
    lasting: bool = False

    @property
    def is_alone(self) -> bool:
        """Whether it cannot share a simulator with others."""
        return bool(self.settings) or self.is_contagious


# Grid: scenario -> report -> verdict while it lasts, and after.
Grid = dict[str, dict[str, tuple[Verdict, Verdict]]]


def run(twins: Twins, together: Sequence[Scenario], alone: Sequence[Scenario]) -> Grid:
    """What becomes of each scenario's reports; those in `together` are pulled at once."""
    ids = list(twins.home.clients)
    cases = dict(zip(ids, together, strict=False))
    grid = _run(twins, cases)
    for client_id, scenario in zip(ids[len(cases) :], alone, strict=True):
        grid |= _run(twins, {client_id: scenario})
    _complete(twins.home, dict(zip(ids, (*together, *alone), strict=True)), grid)
    return grid


def _complete(home: Home, cases: Mapping[str, Scenario], grid: Grid) -> None:
    """Pulls what no scenario was tried on, so that both homes hold the same reports."""
    for report in REPORTS.values():
        getting = getters(home.clients, report)
        home.pull(report, *(name for name in getting if report.name not in grid[cases[name].name]))


def _run(twins: Twins, cases: Mapping[str, Scenario]) -> Grid:
    """Pulls every report of each scenario's client (by id), all scenarios at once.

    What did not come whole is pulled once more when the fault is gone.
    """
    grid: Grid = {scenario.name: {} for scenario in cases.values()}
    for report in REPORTS.values():
        twins.home.meta.clock.move_to(NOW)
        during = pull_under(twins, cases, report)
        left = [client_id for client_id, verdict in during.items() if not verdict.is_whole]
        after = during | _pull(twins, report, left)
        for client_id, verdict in during.items():
            grid[cases[client_id].name][report.name] = (verdict, after[client_id])
    return grid


def pull_under(twins: Twins, cases: Mapping[str, Scenario], report: Report) -> dict[str, Verdict]:
    """Pulls one report of the clients to whom their scenario can happen with it."""
    tried = [name for name in cases if report.name in cases[name].reports]
    hit = [name for name in tried if _prepare(twins.home, name, cases[name], report)]
    found = _pull(twins, report, hit)
    twins.home.disarm(cases)
    return found


def _pull(twins: Twins, report: Report, client_ids: list[str]) -> dict[str, Verdict]:
    if not client_ids:
        return {}
    home = twins.home
    before = {client_id: home.requests_of(client_id) for client_id in client_ids}
    outcomes = home.pull(report, *client_ids)
    kinds: dict[str, set[str]] = {client_id: set() for client_id in client_ids}
    for outcome in outcomes:
        kinds[outcome.errand.client.id] |= {failure.kind for failure in outcome.failures}
    with home.warehouse() as here, twins.twin.warehouse() as there:
        return {
            client_id: Verdict(
                *judge(here, there, client_id, report.name),
                tuple(sorted(kinds[client_id])),
                home.requests_of(client_id) - before[client_id],
            )
            for client_id in client_ids
        }


def _prepare(home: Home, client_id: str, scenario: Scenario, report: Report) -> bool:
    """Arms the scenario for each asset; whether it can happen to the report."""
    home.meta.settings.change(**scenario.settings)
    if scenario.token:
        home.patch.setenv(home.clients[client_id].token_env, scenario.token)
    assets = home.clients[client_id].assets(report.surface)
    if scenario.arm is None:
        return bool(assets)
    armed = [scenario.arm(home.meta, asset.removeprefix("act_"), report) for asset in assets]
    return any(armed)


_DEFAULTS = RunningSimulator().settings.values()


def markdown(grid: Grid, scenarios: Mapping[str, Scenario]) -> str:
    """The table of `docs/reliability.md`: a row a fault, a column a report."""
    names = list(REPORTS)
    head = [
        "| fault | what Meta does | " + " | ".join(f"`{name}`" for name in names) + " |",
        "|---|---|" + ":-:|" * len(names),
    ]
    rows = [
        f"| {name} | {scenarios[name].about} | "
        + " | ".join(sign(row.get(report)) for report in names)
        + " |"
        for name, row in grid.items()
    ]
    return "\n".join([*head, *rows]) + "\n"


def sign(cell: tuple[Verdict, Verdict] | None) -> str:
    """What became of a report, as the table has it."""
    if cell is None:
        return ""
    during, after = cell
    if during.is_whole:
        return "✓"
    return "gap, then ✓" if after.is_whole else "gap"
