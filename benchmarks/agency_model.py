"""What follows from the nights that agency.py measured: tables, and a forecast.

A night costs what it costs without clients, and so much for each client. Two sizes give both.
Workers share what the asking and Dagster's bookkeeping cost; landing and building have one writer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

REQUEST_SECONDS = 2.0
"""Taken, not measured: how long Meta takes to answer."""

IN_FLIGHT = 8
"""Requests that one worker has under way at once."""

NIGHT_HOURS = 6.0
"""Taken: what a daily sync may last, from the end of the last account's day to the morning."""

WORKER_MEMORY = 16e9
"""Taken: bytes of memory of the machine that builds; what a night needs most of is there."""

PARTITIONS = 100_000
"""Partitions of an asset up to which Dagster's documentation recommends to go."""

DISK = 1e12
"""Taken: bytes that a year of nights may fill."""

GRID_DAYS = 730
"""Taken: days of history that a client has in the grid."""

FORECASTS = ((1_000, 1), (10_000, 1), (10_000, 10), (100_000, 10), (100_000, 100))
"""Clients and workers that are forecast."""


@dataclass(frozen=True, kw_only=True)
class Night:
    """One night of one agency. CPU in seconds (user and system), sizes and peaks in bytes.

    `days` are those that the night covers, `days_over` those of them that were over,
    `client_days` how many of them the marts know afterwards. `cpu_ask` is what Meta's answers
    cost the threads that fetch them, `cpu_land` the rest of a pull, `cpu_metadata` what the UI is
    told of each partition, `cpu_dagster` all that is neither pulling nor building, `cpu_build`
    dbt, publishing and the dashboard. `peak_dbt` is the largest process that the night started,
    which begins as a copy of its parent, so it is at most that. `waited` are simulated seconds that
    requests waited for quotas. `grown` is by how much all files together grew.
    """

    kind: str
    clients: int
    days: int
    days_over: int
    requests: int
    refused: int
    client_days: int
    clients_known: int
    cpu_start: float
    cpu_ask: float
    cpu_land: float
    cpu_dagster: float
    cpu_metadata: float
    cpu_build: float
    peak: int
    peak_dbt: int
    waited: float
    wall: float
    warehouse: int
    marts: int
    spool: int
    dagster: int
    grown: int

    @property
    def cpu(self) -> float:
        """All of it, seconds."""
        return self.cpu_start + self.shared + self.cpu_land + self.cpu_build

    @property
    def shared(self) -> float:
        """What workers share, seconds of CPU."""
        return self.cpu_ask + self.cpu_dagster + self.cpu_metadata


@dataclass(frozen=True, slots=True)
class Line:
    """What grows with the clients: `fixed`, and `each` for every client."""

    fixed: float
    each: float

    @classmethod
    def through(cls, small: tuple[int, float], large: tuple[int, float]) -> "Line":
        """The line through two points (clients, cost); what it says of no client is at least 0."""
        (few, low), (many, high) = small, large
        each = (high - low) / (many - few)
        return cls(max(0.0, low - each * few), each)

    def of(self, clients: int) -> float:
        """The cost of so many clients."""
        return self.fixed + self.each * clients


@dataclass(frozen=True, slots=True)
class Model:
    """A night's costs by clients: requests, seconds of CPU, bytes of memory and of disk."""

    requests: Line
    shared: Line
    landing: Line
    building: Line
    memory: Line
    disk: Line

    @classmethod
    def of(cls, small: Night, large: Night) -> "Model":
        """The model of two nights of one kind."""

        def line(name: str) -> Line:
            low, high = getattr(small, name), getattr(large, name)
            return Line.through((small.clients, low), (large.clients, high))

        return cls(
            requests=line("requests"),
            shared=line("shared"),
            landing=line("cpu_land"),
            building=line("cpu_build"),
            memory=line("peak"),
            disk=line("grown"),
        )


@dataclass(frozen=True, slots=True)
class Forecast:
    """A night of so many clients on so many workers; hours of wall time on a core of one's own.

    `passed` names the limits that do not hold, the one that was reached first before the others.
    """

    clients: int
    workers: int
    requests: float
    asking: float
    bookkeeping: float
    landing: float
    building: float
    passed: tuple[str, ...]

    @property
    def hours(self) -> float:
        """The whole night: one after another, since a run pulls, writes its events, then builds."""
        return self.asking + self.bookkeeping + self.landing + self.building


def forecast(model: Model, clients: int, workers: int) -> Forecast:
    """What a night takes: Meta's time and the bookkeeping shared by the workers, landing and
    building not, since one writes at a time."""
    requests = model.requests.of(clients)
    asking = requests * REQUEST_SECONDS / (IN_FLIGHT * workers) / 3600
    bookkeeping = model.shared.of(clients) / workers / 3600
    landing, building = model.landing.of(clients) / 3600, model.building.of(clients) / 3600
    hours = asking + bookkeeping + landing + building
    memory = model.memory.of(clients) / WORKER_MEMORY
    # How many times over each limit is used: what is used most was reached first.
    used = {
        f"Dagster's {PARTITIONS:,} partitions an asset": clients * GRID_DAYS / PARTITIONS,
        f"the night of {NIGHT_HOURS:.0f} h": hours / NIGHT_HOURS,
        f"{WORKER_MEMORY / 1e9:.0f} GB of memory": memory,
        f"{DISK / 1e12:.0f} TB of disk in a year": 365 * model.disk.of(clients) / DISK,
        "one writer alone takes longer than the night": (landing + building) / NIGHT_HOURS,
    }
    passed = sorted((name for name, times in used.items() if times > 1), key=lambda n: -used[n])
    return Forecast(
        clients, workers, requests, asking, bookkeeping, landing, building, tuple(passed)
    )


def markdown(nights: Sequence[Night]) -> str:
    """The tables of benchmarks/README.md."""
    lines = [
        "| night | clients | client-days | requests | refused | CPU, s: start | asking | landing "
        "| Dagster | metadata | building | all | peak, MB | of dbt | wall, s |",
        "|---|" + "---:|" * 14,
    ]
    lines += [
        f"| {n.kind} | {n.clients:,} | {n.client_days:,} | {n.requests:,} | {n.refused:,} "
        f"| {n.cpu_start:.1f} | {n.cpu_ask:.1f} | {n.cpu_land:.1f} | {n.cpu_dagster:.1f} "
        f"| {n.cpu_metadata:.1f} | {n.cpu_build:.1f} | {n.cpu:.0f} | {n.peak / 1e6:.0f} "
        f"| {n.peak_dbt / 1e6:.0f} | {n.wall:.0f} |"
        for n in nights
    ]
    lines += [
        "",
        "| night | clients | requests a client | CPU a client-day, ms: asking | landing | Dagster "
        "| building | KB a client: warehouse | marts | spool | Dagster |",
        "|---|" + "---:|" * 10,
    ]
    for n in nights:
        each = [n.cpu_ask, n.cpu_land, n.cpu_dagster + n.cpu_metadata, n.cpu_build]
        sizes = [n.warehouse, n.marts, n.spool, n.dagster]
        cells = [f"{1000 * one / n.client_days:.1f}" for one in each]
        cells += [f"{one / 1000 / n.clients:,.0f}" for one in sizes]
        lines.append(
            f"| {n.kind} | {n.clients:,} | {n.requests / n.clients:.2f} | {' | '.join(cells)} |"
        )
    return "\n".join(lines + _forecasts([n for n in nights if n.kind == "sync"]))


def _forecasts(syncs: Sequence[Night]) -> list[str]:
    if len(syncs) < 2:
        return []
    model = Model.of(syncs[-2], syncs[-1])
    lines = ["", "| of a sync | without clients | each client |", "|---|---:|---:|"]
    lines += [
        f"| {what} | {line.fixed:.1f} | {line.each:.4f} |"
        for what, line in (
            ("requests", model.requests),
            ("asking and bookkeeping, s of CPU", model.shared),
            ("landing, s of CPU", model.landing),
            ("building, s of CPU", model.building),
        )
    ]
    lines += [
        f"| {what}, MB | {line.fixed / 1e6:.0f} | {line.each / 1e6:.3f} |"
        for what, line in (("memory", model.memory), ("disk, a night", model.disk))
    ]
    lines += [
        "",
        "| clients | workers | requests | asking, h | bookkeeping, h | landing, h | building, h "
        "| night, h | limits passed, the first one first |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for clients, workers in FORECASTS:
        f = forecast(model, clients, workers)
        lines.append(
            f"| {clients:,} | {workers} | {f.requests:,.0f} | {f.asking:.2f} | {f.bookkeeping:.2f} "
            f"| {f.landing:.2f} | {f.building:.2f} | {f.hours:.1f} | {'; '.join(f.passed)} |"
        )
    return lines
