"""Many pulls landed at once.

In a DuckLake every statement reads files of an object store and every commit writes some, so a pull
by itself costs seconds there. So a batch is landed on a desk in memory: what the lake knows of its
clients is fetched, the pulls are landed on it one by one as in a file, and what came of it goes
back in one commit.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import duckdb

from meta_pipeline.landing.load import Landed, load
from meta_pipeline.landing.schema import create_schema, highest_load
from meta_pipeline.landing.spool import Manifest, Spool
from meta_pipeline.reports import REPORTS
from meta_pipeline.warehouse import is_lake, transaction

log = logging.getLogger(__name__)

_DESK = "desk"

# What loads look at: of the rows the newest version, of the rest all that is known of the clients.
_FETCHED = {"coverage": "true", "pulls": "true", "records": "valid_to is null"}


def load_all(
    connection: duckdb.DuckDBPyConnection, spool: Spool, manifests: Iterable[Manifest]
) -> list[Landed]:
    """Lands the pulls in the order given; how each landed (see `load`).

    In a file each is a transaction of its own. In a DuckLake all of them are one: when anything
    raises, none has landed, and the next pull of the same client and report lands them.
    """
    batch = list(manifests)
    if not batch or not is_lake(connection):
        return [load(connection, spool, manifest) for manifest in batch]
    clients = sorted({manifest.pull.client_id for manifest in batch})
    row = connection.execute("select current_database()").fetchone()
    assert row is not None
    with _desk(connection, lake=row[0], clients=clients) as first:
        landed = [load(connection, spool, manifest) for manifest in batch]
        connection.execute(f"use {row[0]}")
        with transaction(connection):
            _bring_back(connection, first)
    return landed


@contextmanager
def _desk(connection: duckdb.DuckDBPyConnection, *, lake: str, clients: list[str]) -> Iterator[int]:
    """Makes a database in memory, with what is known of the clients, the current one.

    Gives the number of the first load on it.
    """
    first = highest_load(connection) + 1
    connection.execute(f"attach ':memory:' as {_DESK}")
    try:
        connection.execute(f"use {_DESK}")
        connection.execute("create schema raw")
        connection.execute(f"create sequence raw.load_seq start {first}")
        create_schema(connection)
        for table, condition in _FETCHED.items():
            connection.execute(
                f"insert into raw.{table} by name "
                f"from {lake}.raw.{table} where client_id = any(?) and {condition}",
                [clients],
            )
        yield first
    finally:
        connection.execute(f"use {lake}")
        connection.execute(f"detach {_DESK}")


def _bring_back(connection: duckdb.DuckDBPyConnection, first: int) -> None:
    """Writes what loads from number `first` on have changed on the desk into the lake.

    Every entry of the coverage that a load touches has its number, and so has its pull.
    """
    connection.execute(
        f"""
        delete from raw.coverage as old using {_DESK}.raw.coverage as new
        where new.load_seq >= $first and new.client_id = old.client_id
            and new.report = old.report and new.asset_id = old.asset_id
            and new.part = old.part and new.day is not distinct from old.day
        """,
        {"first": first},
    )
    for table in ("coverage", "pulls"):
        connection.execute(
            f"insert into raw.{table} by name from {_DESK}.raw.{table} where load_seq >= $first",
            {"first": first},
        )
    is_new = f"pull_id in (select pull_id from {_DESK}.raw.pulls where load_seq >= $first)"
    connection.execute(
        f"""
        update raw.records as old set valid_to = closed.valid_to
        from (
            from {_DESK}.raw.records where valid_to is not null and not {is_new}
        ) as closed
        where old.valid_to is null and closed.client_id = old.client_id
            and closed.report = old.report and closed.asset_id = old.asset_id
            and closed.part = old.part and closed.day is not distinct from old.day
            and closed.entity_key = old.entity_key
        """,
        {"first": first},
    )
    connection.execute(
        f"insert into raw.records by name from {_DESK}.raw.records where {is_new}",
        {"first": first},
    )


def load_missing(
    connection: duckdb.DuckDBPyConnection,
    spool: Spool,
    *,
    client_ids: Iterable[str] | None = None,
    report: str = "*",
) -> list[Landed]:
    """Lands every finished pull of the spool that the warehouse does not know, oldest first.

    This is how a load that was cut short is caught up with. `client_ids` (then client by client)
    and `report` narrow down where to look. Pulls of a report that this version does not have are
    left where they are, with a warning.
    """
    places = ["*"] if client_ids is None else list(client_ids)
    # Asked for all at once: the ledger has no index, so that each question reads all of it.
    known: dict[str, list[str]] = {}
    for client, pull in connection.execute(
        """
        select if($all, '*', client_id), pull_id from raw.pulls
        where $report in (report, '*') and ($all or client_id in (select unnest($clients::text[])))
        """,
        {"all": client_ids is None, "clients": places, "report": report},
    ).fetchall():
        known.setdefault(client, []).append(pull)
    landed: list[Landed] = []
    strange: Counter[str] = Counter()
    for client in places:
        missing = list(spool.manifests(known.get(client, ()), client_id=client, report=report))
        strange.update(m.pull.report for m in missing if m.pull.report not in REPORTS)
        landed += load_all(connection, spool, (m for m in missing if m.pull.report in REPORTS))
    for name, pulls in strange.items():
        log.warning("%d pulls of %s are left out: this version has no such report", pulls, name)
    return landed
