"""Puts the clients' configuration beside their data."""

from collections.abc import Iterable
from typing import Any

import duckdb

from meta_pipeline.config import Client
from meta_pipeline.landing.schema import next_load
from meta_pipeline.landing.spool import Spool
from meta_pipeline.reports import REQUIRED_REPORTS
from meta_pipeline.warehouse import transaction

# Members of a client in clients.yml, by surface.
_ASSETS = {"ads": "ad_accounts", "page": "pages", "instagram": "instagram_accounts"}


def register_clients(
    connection: duckdb.DuckDBPyConnection, spool: Spool, clients: Iterable[Client]
) -> None:
    """Writes clients.yml into the spool and `raw.clients`.

    A client that is no longer in it stays, inactive. A client whose `result` changed has all
    its days marked as due, so that the marts count the new one in the past as well.
    """
    rows = [
        client.model_dump(mode="json", exclude={"token_env", "api_version"}) for client in clients
    ]
    present = {row["id"] for row in rows}
    rows += [one | {"is_active": False} for one in spool.clients() if one["id"] not in present]
    spool.keep_clients(rows)
    store_clients(connection, rows)


def store_clients(connection: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]]) -> None:
    """Writes clients, as `Spool.clients` gives them back, into `raw.clients`."""
    with transaction(connection):
        before = dict(connection.execute("select client_id, result from raw.clients").fetchall())
        connection.execute("delete from raw.clients")
        connection.execute("delete from raw.client_assets")
        for row in rows:
            _store_client(connection, row)
            if before.get(row["id"], row["result"]) != row["result"]:
                connection.execute(
                    """
                    update raw.coverage set load_seq = ? where client_id = ?
                    """,
                    [next_load(connection), row["id"]],
                )


def _store_client(connection: duckdb.DuckDBPyConnection, row: dict[str, Any]) -> None:
    connection.execute(
        """
        insert into raw.clients
        select
            $id, $name, $result, $start_date::date, $targets::json, $brand::json, $is_active,
            $reports::json
        """,
        {key: row[key] for key in ("id", "name", "result", "start_date", "targets", "brand")}
        | {"is_active": row.get("is_active", True), "reports": _asked_for(row)},
    )
    for surface, member in _ASSETS.items():
        for asset in row.get(member, ()):
            connection.execute(
                "insert into raw.client_assets values (?, ?, ?)", [row["id"], asset, surface]
            )


def _asked_for(row: dict[str, Any]) -> list[str] | None:
    """The reports that the client gets (`Client.gets`), by name."""
    listed = row.get("reports")
    return None if listed is None else list(dict.fromkeys((*REQUIRED_REPORTS, *listed)))
