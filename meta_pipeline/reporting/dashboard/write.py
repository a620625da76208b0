"""Writes the dashboard: one page, or, where that is too large, an index and one a client."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from meta_pipeline.errors import ConfigError
from meta_pipeline.files import written_beside
from meta_pipeline.reporting.dashboard.page import index, page
from meta_pipeline.reporting.dashboard.reading import day_of, read_data
from meta_pipeline.warehouse import reading_marts

MAX_BYTES = 5_000_000
"""A page that would be larger becomes one page a client and an index."""

HISTORY = (400, 200, 100, 50)
"""Days up to a client's newest one that a page holds: the first number that fits."""


@dataclass(frozen=True, slots=True)
class Page:
    """A file that was written: whose figures it holds, its size, and its first day.

    `since` is the first day of each client's figures in it, NULL without any.
    """

    path: Path
    client_ids: tuple[str, ...]
    size: int
    since: Mapping[str, date | None]


def write_dashboard(
    marts: Path, out: Path, client_ids: Sequence[str] = (), *, max_bytes: int = MAX_BYTES
) -> list[Page]:
    """Writes the dashboard of these clients (of all active ones by default) to the file `out`.

    When it would be larger than `max_bytes`, `out` becomes an index and each client gets a page
    of its own in a folder beside it. A client's page that is still too large holds fewer days. The
    first page returned is the one to open. Each file is moved into place when it is whole.

    Raises `WarehouseError` without marts, `ConfigError` for a client that they do not have and
    for an `out` that cannot be written.
    """
    with reading_marts(marts) as connection:
        data = read_data(connection, client_ids)
    pages = _pages(data, out, max_bytes)
    try:
        # The index comes first in the list and last onto the disk: it never links to nothing.
        for path, text, _clients in reversed(pages):
            _write(path, text)
    except OSError as error:
        raise ConfigError(f"{out} cannot be written: {error.strerror}") from None
    return [
        Page(
            path=path,
            client_ids=tuple(one["id"] for one in clients),
            size=len(text.encode()),
            since={one["id"]: day_of(one["since"]) for one in clients},
        )
        for path, text, clients in pages
    ]


_Pages = list[tuple[Path, str, list[dict[str, Any]]]]


def _pages(data: dict[str, Any], out: Path, max_bytes: int) -> _Pages:
    clients = [_within(one, HISTORY[0]) for one in data["clients"]]
    whole = page(data | {"clients": clients})
    if len(whole.encode()) <= max_bytes:
        return [(out, whole, clients)]
    if len(clients) == 1:
        return [(out, *_fitting(data, clients[0], max_bytes))]
    folder = out.with_name(f"{out.stem}-clients")
    pages: _Pages = []
    for one in clients:
        path = folder / f"{one['id']}.html"
        pages.append((path, *_fitting(data | {"index": f"../{out.name}"}, one, max_bytes)))
    return [(out, index(data, folder.name), clients), *pages]


def _fitting(
    data: dict[str, Any], client: dict[str, Any], max_bytes: int
) -> tuple[str, list[dict[str, Any]]]:
    """The page of one client with as many days as fit, but never with none."""
    *longer, least = HISTORY
    for days in longer:
        short = _within(client, days)
        text = page(data | {"clients": [short]})
        if len(text.encode()) <= max_bytes:
            return text, [short]
    short = _within(client, least)
    return page(data | {"clients": [short]}), [short]


def _within(client: dict[str, Any], days: int) -> dict[str, Any]:
    """The client with the newest so many days of its figures."""
    if client["newest"] is None:
        return client | {"since": None}
    first = client["newest"] - days + 1
    cut = dict(client)
    for name in ("daily", "campaigns", "platforms", "coverage"):
        cut[name] = _cut(client[name], first)
    cut["organic"] = _cut(client["organic"], first)
    known = [day for name in ("daily", "organic") for day in cut[name]["day"]]
    cut["since"] = min(known, default=None)
    cut["is_cut"] = client["is_cut"] or client["oldest"] < first
    return cut


def _cut(table: Mapping[str, list[Any]], first: int) -> dict[str, list[Any]]:
    keep = [row for row, day in enumerate(table["day"]) if day >= first]
    return {name: [column[row] for row in keep] for name, column in table.items()}


def _write(path: Path, text: str) -> None:
    """Writes the file beside its place and moves it there: nobody reads half a page."""
    with written_beside(path) as fresh:
        fresh.write_text(text, encoding="utf-8", newline="\n")
