"""`simulate`: Meta's Graph API on loopback."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from meta_pipeline.errors import ConfigError
from meta_pipeline.simulator import Source, default_today, generated_agency, replayed, serve


def run_simulate(
    *,
    port: int,
    seed: int,
    clients: int,
    shape: Mapping[str, int | None],
    today: str | None,
    replay: Path | None,
    mapping: Path | None,
) -> None:
    """Runs `meta-pipeline simulate` until it is stopped."""
    source = make_source(replay, mapping, clients=clients, seed=seed, shape=shape)
    now = _moment(today) if today else (default_today(source) if replay else None)
    stands = f"the clock stands at {now.isoformat()}" if now else "the clock runs"
    print(f"Graph API at http://127.0.0.1:{port}, {stands}", file=sys.stderr)
    serve(port=port, source=source, now=now)


def make_source(
    replay: Path | None,
    mapping: Path | None,
    *,
    clients: int,
    seed: int,
    shape: Mapping[str, int | None] = {},
) -> Source:
    """The truth to serve: an export's rows, or a generated agency. Raises `ConfigError`."""
    if replay is None:
        given = {name: count for name, count in shape.items() if count is not None}
        return generated_agency(seed, clients, gaps=True, **given)
    try:
        return replayed(replay, mapping)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{replay} cannot be replayed: {error}", hint="describe its columns with --mapping"
        ) from None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"--today {text!r} is not an ISO day or time", hint="write it like 2026-11-22"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
