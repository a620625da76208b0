"""A command of the pipeline that is killed at a named point: `python victim.py POINT NTH WHAT...`.

At the NTH passing of POINT (one of `POINTS`, or `-`) the process gets SIGKILL, as from the kernel
when memory is short. WHAT is `pull REPORT...`, `publish` or `reload`, which go without Dagster; or
the words of a `meta-pipeline` command, with `--no-build` in front where nobody looks at marts.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

Hook = Callable[[], None]


def main(point: str, nth: int, what: list[str]) -> None:
    """Arms the point, then does what is asked."""
    if point != "-":
        POINTS[point](_deadly(nth))
    if what[0] == "pull":
        _pull(what[1:])
        return
    if what[0] in _WITHOUT_DAGSTER:
        _WITHOUT_DAGSTER[what[0]]()
        return
    if what[0] == "--no-build":
        from meta_pipeline.defs.launch import Launcher

        what = what[1:]
        setattr(Launcher, "build", _nothing)  # noqa: B010 (pyright wants it)
    sys.argv = ["meta-pipeline", *what]
    from meta_pipeline.cli import main as command

    command()


def _nothing(*_: Any) -> None:
    pass


def _deadly(nth: int) -> Hook:
    left = nth

    def die() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return die


def _pull(reports: list[str]) -> None:
    from meta_pipeline.config import load_clients, load_settings
    from meta_pipeline.dates import Span
    from meta_pipeline.pulling import Puller
    from meta_pipeline.reports import REPORTS

    clients = load_clients(load_settings())
    puller = Puller(load_settings(), clients)
    since, until = os.environ["CRASH_DAYS"].split(":")
    span = Span(date.fromisoformat(since), date.fromisoformat(until))
    for name in reports:
        puller.pull(REPORTS[name], {client.id: [span] for client in clients})


def _publish() -> None:
    from meta_pipeline.config import load_settings
    from meta_pipeline.warehouse import publish, writing

    settings = load_settings()
    with writing(settings.warehouse) as connection:
        publish(connection, settings.marts)


def _reload() -> None:
    from meta_pipeline.config import load_settings
    from meta_pipeline.landing import Spool, reload

    reload(load_settings().warehouse, Spool(load_settings().spool))


_WITHOUT_DAGSTER = {"publish": _publish, "reload": _reload}


def _around(owner: Any, name: str, before: Hook | None = None, after: Hook | None = None) -> None:
    """Calls a hook before or after a function that is known under `name`."""
    real = getattr(owner, name)

    def wrapped(*args: Any, **options: Any) -> Any:
        if before:
            before()
        result = real(*args, **options)
        if after:
            after()
        return result

    setattr(owner, name, wrapped)


def _move(is_meant: Callable[[Path], bool], *, before: bool) -> Callable[[Hook], None]:
    """Before or after a file is moved into its place."""

    def arm(die: Hook) -> None:
        real = Path.replace

        def replace(path: Path, target: Any) -> Path:
            if before and is_meant(Path(target)):
                die()
            moved = real(path, target)
            if not before and is_meant(Path(target)):
                die()
            return moved

        setattr(Path, "replace", replace)  # noqa: B010 (pyright wants it)

    return arm


def _is_page(path: Path) -> bool:
    return path.name.endswith(".json.zst")


def _is_manifest(path: Path) -> bool:
    return path.suffix == ".json" and path.parent.name.startswith("report=")


def _is_marts(path: Path) -> bool:
    return path.name == "marts.duckdb"


def _is_warehouse(path: Path) -> bool:
    return path.name == "warehouse.duckdb"


def _rows_written(die: Hook) -> None:
    _around(import_module("meta_pipeline.landing.load"), "_renew_versions", after=die)


def _commit(*, before: bool) -> Callable[[Hook], None]:
    """Before or after a load's transaction is committed."""

    def arm(die: Hook) -> None:
        load = import_module("meta_pipeline.landing.load")
        real = load.transaction

        @contextmanager
        def transaction(connection: Any) -> Iterator[None]:
            with real(connection):
                yield
                if before:
                    die()
            if not before:
                die()

        vars(load)["transaction"] = transaction

    return arm


def _before_publishing(die: Hook) -> None:
    _around(import_module("meta_pipeline.defs.transformations"), "publish", before=die)


def _half_published(die: Hook) -> None:
    _around(import_module("meta_pipeline.warehouse.publish"), "_comments", before=die)


def _copied(die: Hook) -> None:
    _around(import_module("meta_pipeline.warehouse.publish"), "_sync", before=die)


def _set_aside(die: Hook) -> None:
    _around(import_module("meta_pipeline.landing.rebuild"), "_set_aside", after=die)


POINTS: dict[str, Callable[[Hook], None]] = {
    "before a page is moved": _move(_is_page, before=True),
    "after a page is moved": _move(_is_page, before=False),
    "before a manifest is moved": _move(_is_manifest, before=True),
    "after a manifest is moved": _move(_is_manifest, before=False),
    "rows written, not committed": _rows_written,
    "before a load is committed": _commit(before=True),
    "after a load is committed": _commit(before=False),
    "between dbt and publish": _before_publishing,
    "marts half copied": _half_published,
    "marts copied, not moved": _copied,
    "after the marts are moved": _move(_is_marts, before=False),
    "old warehouse set aside": _set_aside,
    "after the warehouse is moved": _move(_is_warehouse, before=False),
}


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
