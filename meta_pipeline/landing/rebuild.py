"""Rebuilds the warehouse from the spool alone, without asking Meta."""

from itertools import count
from pathlib import Path

from meta_pipeline.clock import now
from meta_pipeline.config import Lake
from meta_pipeline.errors import WarehouseError
from meta_pipeline.landing.batch import load_missing
from meta_pipeline.landing.clients import store_clients
from meta_pipeline.landing.load import DAMAGED, Landed
from meta_pipeline.landing.schema import create_schema
from meta_pipeline.landing.spool import PullFailure, Spool
from meta_pipeline.warehouse import locked, refuse_log, transaction, writing


def reload(warehouse: Path | Lake, spool: Spool) -> list[Landed]:
    """Replays every pull of the spool into a new warehouse, then puts it into place.

    Holds the writer's lock all the while. The old file, whole or broken, is kept beside the
    new one as `warehouse.<time>.duckdb`. A DuckLake is emptied first, and filled client by client:
    when that is cut short, the same again ends it, and the published marts are those of before.
    A manifest that was set aside is among the pulls returned, as one that failed. Raises
    `WarehouseError` when the spool is empty.
    """
    if next(iter(spool.manifests()), None) is None:
        raise WarehouseError(
            f"the spool {spool.root} holds no pulls to rebuild from",
            hint="run `meta-pipeline sync` to pull from Meta",
        )
    if isinstance(warehouse, Lake):
        return _refill(warehouse, spool) + _damaged(spool)
    fresh = warehouse.with_name(f".{warehouse.stem}.rebuild.duckdb")
    with locked(warehouse):
        for leftover in (fresh, fresh.with_name(fresh.name + ".wal")):
            leftover.unlink(missing_ok=True)
        with writing(fresh) as connection:
            create_schema(connection)
            store_clients(connection, spool.clients())
            landed = load_missing(connection, spool)
        refuse_log(fresh)
        _set_aside(warehouse)
        fresh.replace(warehouse)
        fresh.with_name(fresh.name + ".lock").unlink(missing_ok=True)
    return landed + _damaged(spool)


def _damaged(spool: Spool) -> list[Landed]:
    """The pulls of which nobody knows any more what they answered."""
    found = []
    for path in spool.damaged_manifests():
        report = path.parent.name.removeprefix("report=")
        client = path.parent.parent.name.removeprefix("client=")
        failure = PullFailure(
            kind=DAMAGED,
            message=f"{path}: the manifest of a pull of {report} of {client} cannot be read",
            hint="nothing of it was landed; Meta is asked again by "
            f"`meta-pipeline sync -c {client}`, for older days by `meta-pipeline backfill "
            f"--from DAY --to DAY --report {report} -c {client} --again`",
        )
        found.append(Landed(path.name.removesuffix(".json.damaged"), "failed", failure=failure))
    return found


def _refill(lake: Lake, spool: Spool) -> list[Landed]:
    clients = sorted({manifest.pull.client_id for manifest in spool.manifests()})
    with writing(lake) as connection:
        create_schema(connection)
        with transaction(connection):
            for table in ("pulls", "records", "coverage"):
                connection.execute(f"delete from raw.{table}")
        store_clients(connection, spool.clients())
        return load_missing(connection, spool, client_ids=clients)


def _set_aside(warehouse: Path) -> None:
    """Gives the old file a second name, so that it stays in its place until the new one takes it.

    A pull that found no file there would begin with an empty one. Where the disk knows no links,
    the old file is moved, and for a moment there is none.
    """
    stamp = now().strftime("%Y%m%dT%H%M%SZ")
    names = (f"{warehouse.stem}.{stamp}-{number}.duckdb" for number in count(1))
    aside = next(path for name in names if not (path := warehouse.with_name(name)).exists())
    if warehouse.exists():
        try:
            aside.hardlink_to(warehouse)
        except OSError:
            warehouse.replace(aside)
    # Last, and before the new file comes: it would be played into that one.
    log = warehouse.with_name(warehouse.name + ".wal")
    if log.exists():
        log.replace(aside.with_name(aside.name + ".wal"))
