"""A home in which commands are killed, and what is looked at afterwards."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import victim

from meta_pipeline.cli.demo import write_clients
from meta_pipeline.simulator import RunningSimulator
from meta_pipeline.warehouse import locked

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
# Long final, so that a pull says the same whenever it is made.
SINCE, UNTIL = "2026-09-01", "2026-09-04"
REPORTS = ("accounts", "campaigns", "account_daily", "ad_daily", "page_daily")
TOKEN = "EAAsecretTokenOfTheCrashes"
VICTIM = Path(victim.__file__)
MOST_SECONDS = 500
"""A command that takes longer hangs, and the test fails."""

_ROWS = "select client_id, report, asset_id, part, day, entity_key, payload from raw.records "
_DOUBLED = """
    select client_id, report, asset_id, part, day, entity_key, count(*) from raw.records
    where valid_to is null group by all having count(*) > 1
    union all
    select client_id, report, asset_id, part, day, '', count(*) from raw.coverage
    group by all having count(*) > 1
    union all
    select pull_id, '', '', '', null, '', count(*) from raw.pulls group by all having count(*) > 1
"""


@dataclass(frozen=True)
class House:
    """A pipeline's home, and the simulated Meta that it asks."""

    path: Path
    meta: RunningSimulator
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        if not (self.path / "clients.yml").exists():
            write_clients(self.meta.source, self.path / "clients.yml")

    @property
    def warehouse(self) -> Path:
        """The file that one process writes."""
        return self.path / "warehouse.duckdb"

    @property
    def marts(self) -> Path:
        """The file that analysts read."""
        return self.path / "marts.duckdb"

    def variables(self) -> dict[str, str]:
        """What a command's environment says of this home."""
        return {
            "PYTHONPATH": str(VICTIM.parents[2]),
            "META_PIPELINE_HOME": str(self.path),
            "META_PIPELINE_CLIENTS": str(self.path / "clients.yml"),
            "META_PIPELINE_NOW": self.meta.clock.now().isoformat(),
            "META_GRAPH_URL": self.meta.url,
            "META_ACCESS_TOKEN": TOKEN,
            "META_APP_SECRET": "secret-of-the-app",
            "META_AD_ACCOUNT_ID": "",
            "DAGSTER_HOME": str(self.path / "dagster"),
            "CRASH_DAYS": f"{SINCE}:{UNTIL}",
            **self.environment,
        }

    def start(self, *what: str, point: str = "-", nth: int = 1, **more: str) -> subprocess.Popen:
        """Starts `victim.py` on this home; `more` is put into its environment."""
        return subprocess.Popen(
            [sys.executable, str(VICTIM), point, str(nth), *what],
            env={**os.environ, **self.variables(), **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *what: str, expected: int | None = 0, **more: Any) -> str:
        """Runs it to its end; what it printed. Its exit code must be the expected one, if any."""
        process = self.start(*what, **more)
        try:
            said, _ = process.communicate(timeout=MOST_SECONDS)
        finally:
            process.kill()
        if expected is not None:
            assert process.returncode == expected, said
        return said

    def kill(self, *what: str, point: str, nth: int = 1) -> None:
        """Runs it until it dies at a point; that it never got there is a failure."""
        self.run(*what, point=point, nth=nth, expected=-signal.SIGKILL)

    def pull(self, *reports: str) -> None:
        """Pulls reports in this process, which costs no new one."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.variables().items():
                patch.setenv(name, value)
            victim.main("-", 1, ["pull", *reports])

    @contextmanager
    def opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The warehouse; who died while writing must hold neither the lock nor the file."""
        with locked(self.warehouse, timeout=0.5), duckdb.connect(str(self.warehouse)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            yield connection

    def rows(self) -> set[tuple[Any, ...]]:
        """The rows that stand, as Meta sent them."""
        with self.opened() as connection:
            return set(connection.execute(_ROWS + "where valid_to is null").fetchall())

    def doubled(self) -> list[tuple[Any, ...]]:
        """Keys with two rows that stand, days with two coverages, pulls landed twice."""
        with self.opened() as connection:
            return connection.execute(_DOUBLED).fetchall()

    def unpulled(self) -> list[tuple[Any, ...]]:
        """Days and reports asked for of which the coverage says that they have not landed."""
        with self.opened() as connection:
            return connection.execute(
                "select client_id, report, asset_id, part, day, status, failure from raw.coverage "
                "where status = 'failed' or failed_at is not null"
            ).fetchall()

    def knows_pulls(self) -> bool:
        """Whether there is a warehouse with its tables."""
        if not self.warehouse.exists():
            return False
        with self.opened() as connection:
            found = connection.execute(
                "select count(*) from duckdb_tables() where table_name in ('records', 'coverage')"
            ).fetchone()
        return found == (2,)

    def unfinished_runs(self) -> int:
        """Runs that Dagster still takes for running."""
        with closing(sqlite3.connect(self.path / "dagster" / "history" / "runs.db")) as runs:
            return runs.execute(
                "select count(*) from runs where status not in ('SUCCESS', 'FAILURE', 'CANCELED')"
            ).fetchone()[0]

    def leftovers(self) -> list[str]:
        """Files that somebody wrote beside their place, and that nobody moved."""
        return sorted(
            str(path.relative_to(self.path))
            for path in self.path.rglob("*")
            if path.name.endswith((".tmp", ".tmp.wal"))
            or ".rebuild." in path.name
            or path.match("launchers/*.lock")
        )

    def assert_sound(self) -> None:
        """Right after a kill: the file opens, nothing is doubled, the lock is free."""
        if self.knows_pulls():
            assert self.doubled() == []

    def age(self, hours: float) -> None:
        """Lets the files that are there be older than they are."""
        for path in self.path.rglob("*"):
            if path.is_file():
                moment = path.stat().st_mtime - hours * 3600
                os.utime(path, (moment, moment))
