"""A puller at hand, with its home, its clock, and a Meta that answers as told."""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import requests
from unit_batches import Calls, asked_path
from unit_transport import HOST, ListAdapter, Reply, page_of, params_of, session_of

from meta_pipeline.config import Client, load_settings
from meta_pipeline.dates import Span
from meta_pipeline.graph import QuotaLedger
from meta_pipeline.pulling import Outcome, Puller
from meta_pipeline.reports import REPORTS

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ROW = {"ad_id": "1", "date_start": "2026-11-01", "spend": "1.5"}
FIRST = Span(date(2026, 11, 1), date(2026, 11, 1))
Answering = Callable[[requests.PreparedRequest], Reply]
"""Answers by asset and edge, for instance `act_1/insights`."""


def nothing_or(replies: Mapping[str, Reply]) -> Answering:
    """Answers some paths, and every other one with an empty list."""
    return lambda request: replies.get(asked_path(request), page_of([]))


def in_turn(*replies: Reply) -> Answering:
    """Answers one after the other, whatever is asked."""
    left = iter(replies)

    def answer(request: requests.PreparedRequest) -> Reply:
        return next(left)

    return answer


@dataclass
class Office:
    """A puller with its home, its clock and what Meta was asked."""

    home: Path
    answering: Answering = field(default_factory=lambda: nothing_or({}))
    now: datetime = NOON
    clients: Sequence[Client] = ()

    def __post_init__(self) -> None:
        self.meta = Calls(lambda request: self.answering(request))
        self.told: list[Outcome] = []
        self.quota = QuotaLedger(None, lambda: datetime.now(UTC), patience=0.0)

    def puller(self, **more: Any) -> Puller:
        """A puller at this home."""
        return Puller(
            load_settings().model_copy(update={"home": self.home, "graph_url": HOST}),
            self.clients,
            session=session_of(ListAdapter(self.meta)),
            now=lambda: self.now,
            listener=self.told.append,
            quota=self.quota,
            **more,
        )

    def pull(self, report: str, *spans: Span, clients: Sequence[str] = ()) -> list[Outcome]:
        """Pulls a report for some clients, all of them when none is named."""
        wanted = dict.fromkeys(clients or [client.id for client in self.clients], spans)
        return self.puller().pull(REPORTS[report], wanted)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """What is in the warehouse."""
        with duckdb.connect(str(self.home / "warehouse.duckdb"), read_only=True) as con:
            con.execute("set TimeZone = 'UTC'")
            return con.execute(sql).fetchall()

    def ranges(self) -> list[Span]:
        """The ranges that Meta was asked for, in order."""
        texts = [params.get("time_range") for params in self.meta.asked]
        return [
            Span(*(date.fromisoformat(json.loads(text)[end]) for end in ("since", "until")))
            for text in texts
            if text
        ]

    def kept(self) -> list[Span]:
        """The days that the newest pulls speak for, in order of the pulls."""
        rows = self.query(
            "select since, until from raw.pulls "
            "where since is not null and status <> 'not_asked' order by load_seq"
        )
        return [Span(*row) for row in rows]


def client(client_id: str = "acme", **more: Any) -> Client:
    """A client with one account."""
    values = {"id": client_id, "name": client_id, "ad_accounts": ["act_1"], **more}
    return Client.model_validate(values)


def in_zone(name: str) -> Answering:
    """Every account says that it is in this time zone."""

    def answer(request: requests.PreparedRequest) -> Reply:
        asset, _, edge = asked_path(request).partition("/")
        return page_of([]) if edge else Reply({"id": asset, "timezone_name": name})

    return answer


@contextmanager
def opened_office(**more: Any) -> Iterator[Office]:
    """An office of its own, cleared away at the end."""
    with tempfile.TemporaryDirectory() as folder:
        yield Office(Path(folder), **{"clients": [client()], **more})


def of_pages(replies: Mapping[str, Reply], page: str = "7") -> Answering:
    """A Page whose metrics answer as given, by name, to a token that has every scope."""

    def answer(request: requests.PreparedRequest) -> Reply:
        path = asked_path(request)
        if path == page:
            return Reply({"id": page, "access_token": "EAApage"})
        if path == "debug_token":
            return Reply({"data": {"is_valid": True, "scopes": ["read_insights"]}})
        return replies.get(params_of(request)["metric"], page_of([]))

    return answer
