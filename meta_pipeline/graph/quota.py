"""The quotas' ledger: what Meta said about each, shared by all threads and processes.

It is one SQLite file, since many processes read and write it at once, and none may lose what
another learned. It holds percentages and times, nothing of what was asked.
"""

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from meta_pipeline.errors import MetaPipelineError
from meta_pipeline.graph.errors import ThrottledError
from meta_pipeline.graph.pace import Pace
from meta_pipeline.graph.usage import Bucket, Usage, refused_buckets, usages

PATIENCE = 3600.0
"""Seconds that one request waits for quotas in all, unless told otherwise."""

_BUSY_TIMEOUT = 30.0

# One row is a `Pace`, its columns are the members of one, in their order.
_SCHEMA = """
create table if not exists paces (
    kind text not null,
    asset_id text not null,
    percent real not null,
    tier text not null,
    seen_at real not null,
    expires_at real not null,
    blocked_from real not null,
    blocked_until real not null,
    strikes integer not null,
    next_at real not null,
    primary key (kind, asset_id)
) without rowid
"""
_SELECT = """
select percent, tier, seen_at, expires_at, blocked_from, blocked_until, strikes, next_at
from paces
where kind = ? and asset_id = ?
"""
_SELECT_ASSET = """
select
    kind, asset_id,
    percent, tier, seen_at, expires_at, blocked_from, blocked_until, strikes, next_at
from paces
where asset_id in (?, '')
order by asset_id, kind
"""
_SAVE = "insert or replace into paces values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class BucketUsage:
    """What is known of a quota, to be shown. Times are UTC.

    `percent` was seen at `seen_at` and is old when `is_current` is false; `blocked_until` is
    None when requests may be sent.
    """

    bucket: Bucket
    percent: float
    is_current: bool
    seen_at: datetime
    blocked_until: datetime | None


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a request has to wait `seconds`, until `until` (UTC).

    Either `bucket` is used up (`is_block`), or it is used slowly and this is the request's turn.
    """

    bucket: Bucket
    seconds: float
    until: datetime
    is_block: bool


class QuotaLedger:
    """What is known of all quotas, and who may send when.

    `path` is the file shared by the machine's processes (None: this process alone). `now` has
    to go on by itself, as time does. `patience` is how long one request waits, in seconds.
    Every method raises `MetaPipelineError` when the file cannot be used.
    """

    def __init__(
        self, path: Path | None, now: Callable[[], datetime], *, patience: float = PATIENCE
    ) -> None:
        self.now = now
        self.patience = patience
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._process = 0

    def hold(
        self, needed: Sequence[Bucket], *, has_turn: bool = False, within: float
    ) -> Hold | None:
        """What keeps a request from being sent now, or None.

        Where a quota is to be used slowly, the next free turn is taken for this request, unless
        it is more than `within` seconds away. Who comes back with it says so with `has_turn`.
        """
        with self._using() as connection:
            now = self._seconds()
            found = _judge(_load(connection, needed), now, has_turn=has_turn)
            if found is None or found.is_block:
                return found
            with _transaction(connection):
                now, paces = self._seconds(), _load(connection, needed)
                found = _judge(paces, now, has_turn=False)
                if found is None or found.is_block or found.seconds > within:
                    return found
                start = now + found.seconds
                _save(connection, [pace.taken(start, now) for pace in paces])
            return found if found.seconds > 0 else None

    def note(
        self,
        asset: str,
        needed: Sequence[Bucket],
        headers: Mapping[str, str],
        *,
        sent_at: datetime,
        error: ThrottledError | None = None,
    ) -> datetime | None:
        """Takes down what one answer says about quotas, be it rows or a refusal (`error`).

        Returns when the quota that was refused is back (UTC), None without `error`.
        """
        said = usages(headers, asset)
        sent = sent_at.timestamp()
        refused = refused_buckets(error, asset, needed) if error else ()
        buckets = list(dict.fromkeys([*needed, *refused, *(usage.bucket for usage in said)]))

        def after(pace: Pace, now: float) -> Pace:
            for usage in said:
                if usage.bucket == pace.bucket:
                    pace = pace.seen(usage, now)
            if error is None:
                return pace.served(sent) if pace.bucket in needed else pace
            if pace.bucket in refused:
                pace = pace.refused(error, sent, now, _told(said, pace.bucket, refused))
            return pace

        with self._using() as connection:
            now = self._seconds()
            paces = _load(connection, buckets)
            if any(after(pace, now) is not pace for pace in paces):
                with _transaction(connection):
                    now = self._seconds()
                    paces = [after(pace, now) for pace in _load(connection, buckets)]
                    _save(connection, paces)
        until = max((pace.blocked_until for pace in paces if pace.bucket in refused), default=0)
        return _time(until) if error else None

    def usage(self, asset_id: str = "") -> list[BucketUsage]:
        """What is known of the app's quotas and of those of one asset, to be shown."""
        with self._using() as connection:
            rows = connection.execute(_SELECT_ASSET, [asset_id.removeprefix("act_")]).fetchall()
            now = self._seconds()
        paces = [Pace(Bucket(kind, asset), *rest) for kind, asset, *rest in rows]
        return [
            BucketUsage(
                pace.bucket,
                pace.percent,
                is_current=now < pace.expires_at,
                seen_at=_time(pace.seen_at or pace.blocked_from),
                blocked_until=_time(pace.blocked_until) if pace.is_blocked(now) else None,
            )
            for pace in paces
        ]

    def close(self) -> None:
        """Closes the file; it is opened again when needed."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _seconds(self) -> float:
        return self.now().timestamp()

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._opened()
            except (sqlite3.Error, OSError) as error:
                raise self._unusable(error) from error

    def _opened(self) -> sqlite3.Connection:
        # A connection must not be used across a fork.
        if self._connection is None or self._process != os.getpid():
            self._process = os.getpid()
            self._connection = _open(self._path)
            # Not at the end of the process, which closes files by itself: a child would close
            # its parent's.
            weakref.finalize(self, self._connection.close).atexit = False
        return self._connection

    def _unusable(self, error: Exception) -> MetaPipelineError:
        # The lowest byte is the error, the others say more about it.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if isinstance(error, OSError) or code in _OUTER_CODES:
            hint = f"check that the folder of {self._path} exists, has room, and may be written to"
        else:
            hint = (
                f"delete {self._path} and run the same command again; it holds only what Meta "
                "said about quotas in the last hours"
            )
        return MetaPipelineError(f"the quota file {self._path} cannot be used: {error}", hint=hint)


# The file is sound, its surroundings are not.
_OUTER_CODES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)


def _open(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(
        path or ":memory:", timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
    )
    try:
        # With WAL, who reads holds up nobody. What a power cut takes away is hours old anyway.
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        connection.execute(_SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("begin immediate")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _load(connection: sqlite3.Connection, buckets: Sequence[Bucket]) -> list[Pace]:
    paces: list[Pace] = []
    for bucket in buckets:
        row = connection.execute(_SELECT, (bucket.kind, bucket.asset_id)).fetchone()
        paces.append(Pace(bucket, *row) if row else Pace(bucket))
    return paces


def _save(connection: sqlite3.Connection, paces: Sequence[Pace]) -> None:
    rows = [
        (
            *(pace.bucket.kind, pace.bucket.asset_id, pace.percent, pace.tier),
            *(pace.seen_at, pace.expires_at, pace.blocked_from, pace.blocked_until),
            *(pace.strikes, pace.next_at),
        )
        for pace in paces
        if pace != Pace(pace.bucket)
    ]
    connection.executemany(_SAVE, rows)


def _judge(paces: Sequence[Pace], now: float, *, has_turn: bool) -> Hold | None:
    """The longest block, else the turn in what is to be used slowly, else None."""
    blocked = (pace for pace in paces if pace.is_blocked(now))
    last = max(blocked, key=lambda pace: pace.blocked_until, default=None)
    if last is not None:
        until = last.blocked_until
        return Hold(last.bucket, until - now, _time(until), is_block=True)
    slow = [pace for pace in paces if pace.distance(now) > 0]
    if has_turn or not slow:
        return None
    turn = max(slow, key=lambda pace: pace.next_turn(now))
    start = max(now, turn.next_turn(now))
    return Hold(turn.bucket, start - now, _time(start), is_block=False)


def _told(said: Sequence[Usage], bucket: Bucket, refused: Sequence[Bucket]) -> float:
    """Seconds that the headers of a refusal give: of the quota itself, or of its namesake."""
    waits = {usage.bucket: usage.resets_in.total_seconds() for usage in said if usage.resets_in}
    return waits.get(bucket) or max((waits.get(other, 0.0) for other in refused), default=0.0)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
