"""A spool and a warehouse at hand, with made-up pulls to put into them."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

import duckdb

from meta_pipeline.dates import Span
from meta_pipeline.landing import (
    Landed,
    Manifest,
    Pull,
    PullFailure,
    Spool,
    create_schema,
    load,
    new_pull_id,
)

TABLES = ("clients", "client_assets", "pulls", "records", "coverage")
FAILURE = PullFailure(kind="throttled", message="come back later", hint="wait")


def day(number: int) -> date:
    """A day of October 2026."""
    return date(2026, 10, number)


def at(number: int) -> datetime:
    """Noon UTC of a day of November 2026: when something was pulled."""
    return datetime(2026, 11, number, 12, tzinfo=UTC)


def ad_row(on: date, ad: str = "1", spend: str = "1.5", **more: Any) -> dict[str, Any]:
    """A row of `ad_daily`."""
    return {"ad_id": ad, "date_start": str(on), "date_stop": str(on), "spend": spend, **more}


def account_row(on: date, impressions: str = "10", spend: str = "1.5", **more: Any) -> dict:
    """A row of `account_daily`."""
    return {
        "account_id": "1",
        "date_start": str(on),
        "date_stop": str(on),
        "impressions": impressions,
        "clicks": "0" if impressions == "0" else "1",
        "spend": spend,
        **more,
    }


def page_body(rows: list[Any], summary: Mapping[str, Any] | None = None) -> bytes:
    """A page as the client keeps it."""
    body: dict[str, Any] = {"data": rows}
    if summary is not None:
        body["summary"] = summary
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


class Page(NamedTuple):
    """A page of a pull: its rows, the days of it that count, and the part it belongs to."""

    rows: list[Any] | bytes
    keep: Span | None = None
    group: int = 0
    summary: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Desk:
    """One spool and one warehouse in memory."""

    connection: duckdb.DuckDBPyConnection
    spool: Spool

    def spooled(
        self,
        rows: list[Any] | bytes,
        since: date | None = None,
        until: date | None = None,
        *,
        pulled: datetime | None = None,
        report: str = "ad_daily",
        client: str = "acme",
        asset: str = "act_1",
        part: str = "",
        summary: Mapping[str, Any] | None = None,
        failure: PullFailure | None = None,
        pull_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        note: str | None = None,
        proof: str | None = None,
        pages: Sequence[Page] | None = None,
    ) -> Manifest:
        """A finished pull in the spool: one page with `rows`, or no page when it failed.

        `pages` are the pages of a question that was split, in place of `rows`.
        """
        pull = Pull(
            pull_id=pull_id or new_pull_id(),
            client_id=client,
            report=report,
            asset_id=asset,
            part=part,
            since=since,
            until=until or since,
            requested_since=since,
            requested_until=until or since,
            pulled_at=pulled or at(10),
            api_version="v26.0",
            note=note,
            proof=proof,
        )
        writer = self.spool.begin(pull)
        if failure is None:
            for page in pages if pages is not None else [Page(rows, summary=summary)]:
                rows, keep = page.rows, page.keep
                writer.add(
                    rows if isinstance(rows, bytes) else page_body(rows, page.summary),
                    path=asset,
                    params={},
                    status=200,
                    headers=dict(headers or {}),
                    rows=1,
                    since=keep.since if keep else None,
                    until=keep.until if keep else None,
                    group=page.group,
                )
        return writer.finish(failure)

    def landed(self, *args: Any, **kwargs: Any) -> Landed:
        """The same pull, landed as well."""
        return load(self.connection, self.spool, self.spooled(*args, **kwargs))

    def all(self, sql: str) -> list[tuple[Any, ...]]:
        """Every row of a query."""
        return self.connection.execute(sql).fetchall()

    def current(self) -> dict[tuple[date | None, str], str]:
        """The newest payload of each day and key."""
        rows = self.all("select day, entity_key, payload from raw.records where valid_to is null")
        return {(on, key): payload for on, key, payload in rows}

    def spends(self) -> dict[tuple[date, str], str]:
        """The newest spend of each day and ad."""
        return {
            (on, json.loads(key)[0]): json.loads(payload)["spend"]
            for (on, key), payload in self.current().items()
            if on is not None
        }

    def statuses(self, report: str = "ad_daily") -> dict[date, str]:
        """The coverage of each day of a report."""
        return dict(
            cast(
                "list[tuple[date, str]]",
                self.all(
                    f"select day, status from raw.coverage where report = '{report}' order by day"
                ),
            )
        )

    def coverage(self) -> list[tuple[Any, ...]]:
        """What is known of each day, without the numbers of the loads."""
        return self.all("select * exclude (load_seq) from raw.coverage order by all")

    def snapshot(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything in `raw`."""
        return {table: self.all(f"from raw.{table} order by all") for table in TABLES}


def a_filled_desk(desk: Desk) -> None:
    """Something of everything that a pull may change."""
    desk.landed([account_row(day(n)) for n in (1, 2)], day(1), day(3), report="account_daily")
    desk.landed([ad_row(day(1)), ad_row(day(2), ad="2")], day(1), day(3), pulled=at(10))


@contextmanager
def opened_desk() -> Iterator[Desk]:
    """An empty desk, cleared away at the end: hypothesis needs one an example."""
    with (
        tempfile.TemporaryDirectory() as folder,
        duckdb.connect(config={"threads": 1}) as connection,
    ):
        connection.execute("set TimeZone = 'UTC'")
        create_schema(connection)
        yield Desk(connection, Spool(Path(folder) / "spool"))


_FELL_OVER = RuntimeError("the machine fell over")


class BreakingConnection:
    """A connection whose n-th statement raises an error; ending a transaction works."""

    def __init__(
        self, inner: duckdb.DuckDBPyConnection, *, at_statement: int, error: Exception
    ) -> None:
        self._inner = inner
        self._error = error
        self._left = at_statement

    def execute(self, sql: str, *args: Any) -> duckdb.DuckDBPyConnection:
        """Passes a statement on, unless it is the one that breaks."""
        if sql not in ("rollback", "commit"):
            self._left -= 1
            if self._left == 0:
                raise self._error
        return self._inner.execute(sql, *args)


def breaking(
    connection: duckdb.DuckDBPyConnection,
    at_statement: int,
    error: Exception = _FELL_OVER,
) -> duckdb.DuckDBPyConnection:
    """`connection`, breaking at one statement (the first is 1)."""
    broken = BreakingConnection(connection, at_statement=at_statement, error=error)
    return cast("duckdb.DuckDBPyConnection", broken)
