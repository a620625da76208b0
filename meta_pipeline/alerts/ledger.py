"""The alerts' ledger: which causes are known, and what each channel was told of them.

It is one SQLite file below the pipeline's home, since sensors of several processes use it.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from meta_pipeline.alerts.causes import Cause
from meta_pipeline.alerts.incidents import (
    Event,
    Incident,
    Rules,
    Telling,
    due,
    mended,
    seen,
    unseen,
)
from meta_pipeline.errors import MetaPipelineError

KEPT = timedelta(days=90)
"""How long what is over is remembered."""

_BUSY_TIMEOUT = 30.0
_SCHEMA = """
create table if not exists incidents (key text primary key, body text not null) without rowid;
create table if not exists tellings (
    key text not null, channel text not null, body text not null, primary key (key, channel)
) without rowid;
create table if not exists channels (name text primary key, met_at text not null) without rowid;
"""


class LedgerError(MetaPipelineError):
    """The ledger cannot be read or written."""


class Ledger:
    """The incidents and who was told of them, in the file `path`, for all processes.

    Every method raises `LedgerError` when the file cannot be used. Times are UTC.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def note_failures(self, causes: Iterable[Cause], at: datetime) -> None:
        """Takes down causes that a run met when it ended, at `at`."""
        with self._writing() as connection:
            for cause in causes:
                _save(connection, seen(_load(connection, cause.key), cause, at))

    def note_success(self, is_good: Callable[[str, str], bool], at: datetime) -> None:
        """Takes down what turned out good at `at`: `is_good` is asked with client and place."""
        with self._writing() as connection:
            for incident in _open_incidents(connection):
                if incident.cause.source != "check":
                    _save(connection, mended(incident, is_good, at))

    def note_checks(
        self, failing: Iterable[tuple[Cause, datetime]], undecided: Collection[str], now: datetime
    ) -> None:
        """Takes down all causes that checks show now, with the time of each evaluation.

        What no check shows any more is over, but for the `undecided` checks.
        """
        with self._writing() as connection:
            present = set()
            for cause, at in failing:
                present.add(cause.key)
                _save(connection, seen(_load(connection, cause.key), cause, at, max(at, now)))
            for gone in unseen(_open_incidents(connection), present, undecided):
                _save(connection, msgspec.structs.replace(gone, resolved_at=now))

    def due(self, channel: str, now: datetime, rules: Rules) -> list[tuple[Incident, Event]]:
        """What the channel has to be told now, the oldest first; makes its acquaintance."""
        with self._writing() as connection:
            connection.execute(
                "insert or ignore into channels values (?, ?)", [channel, now.isoformat()]
            )
            (met,) = connection.execute(
                "select met_at from channels where name = ?", [channel]
            ).fetchone()
            rows = connection.execute(
                "select incidents.body, tellings.body from incidents left join tellings "
                "on tellings.key = incidents.key and tellings.channel = ?",
                [channel],
            ).fetchall()
        found: list[tuple[Incident, Event]] = []
        for body, telling in rows:
            incident = msgspec.json.decode(body, type=Incident)
            told = msgspec.json.decode(telling, type=Telling) if telling else None
            met_at = datetime.fromisoformat(met)
            event = due(incident, told, met_at=met_at, now=now, rules=rules)
            if event is not None:
                found.append((incident, event))
        return sorted(found, key=lambda one: (one[0].since, one[0].cause.key))

    def note_told(
        self, channel: str, incidents: Iterable[Incident], event: Event, now: datetime
    ) -> None:
        """Takes down that the channel was told of the incidents."""
        with self._writing() as connection:
            for one in incidents:
                telling = Telling(
                    episode=one.episode, event=event, severity=one.cause.severity, told_at=now
                )
                connection.execute(
                    "insert or replace into tellings values (?, ?, ?)",
                    [one.cause.key, channel, msgspec.json.encode(telling).decode()],
                )

    def forget(self, now: datetime) -> None:
        """Forgets what has been over for 90 days."""
        with self._writing() as connection:
            for key, body in connection.execute("select key, body from incidents").fetchall():
                over = msgspec.json.decode(body, type=Incident).resolved_at
                if over is not None and over < now - KEPT:
                    connection.execute("delete from incidents where key = ?", [key])
                    connection.execute("delete from tellings where key = ?", [key])

    def incidents(self) -> list[Incident]:
        """All that is known, open or over."""
        with self._writing() as connection:
            rows = connection.execute("select body from incidents order by key").fetchall()
        return [msgspec.json.decode(body, type=Incident) for (body,) in rows]

    @contextmanager
    def delivering(self) -> Iterator[bool]:
        """Whether this process is the one that delivers now; no two do at a time."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{self._path}.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A connection in one transaction, which holds off other processes."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(
                sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT, isolation_level=None)
            ) as connection:
                connection.executescript(_SCHEMA)
                connection.execute("begin immediate")
                try:
                    yield connection
                except BaseException:
                    connection.rollback()
                    raise
                connection.commit()
        except (sqlite3.Error, OSError, msgspec.MsgspecError) as error:
            raise LedgerError(
                f"the alerts' ledger {self._path} cannot be used: {error}",
                hint="check that its folder has room and may be written to; if the file is "
                "damaged, delete it: what fails now is then told once more",
            ) from error


def _load(connection: sqlite3.Connection, key: str) -> Incident | None:
    row = connection.execute("select body from incidents where key = ?", [key]).fetchone()
    return msgspec.json.decode(row[0], type=Incident) if row else None


def _save(connection: sqlite3.Connection, incident: Incident) -> None:
    connection.execute(
        "insert or replace into incidents values (?, ?)",
        [incident.cause.key, msgspec.json.encode(incident).decode()],
    )


def _open_incidents(connection: sqlite3.Connection) -> list[Incident]:
    rows = connection.execute("select body from incidents").fetchall()
    found = (msgspec.json.decode(body, type=Incident) for (body,) in rows)
    return [one for one in found if one.is_open]
