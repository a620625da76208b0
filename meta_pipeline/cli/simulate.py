"""`simulate`: Meta's Graph API on loopback."""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from meta_pipeline.errors import ConfigError
from meta_pipeline.simulator import (
    SimulatorClock,
    Source,
    assemble,
    default_today,
    generated_agency,
    read_setting,
    replayed,
    serve_app,
)


def run_simulate(
    *,
    port: int,
    seed: int,
    clients: int,
    shape: Mapping[str, int | None],
    today: str | None,
    replay: Path | None,
    mapping: Path | None,
    clock_rate: float | None,
    switches: Mapping[str, Any],
    settings: Sequence[str],
    faults: Sequence[str],
    runs: Sequence[str],
) -> None:
    """Runs `meta-pipeline simulate` until it is stopped.

    `switches` has None for those that were not given, `settings` are written as name=value,
    `faults` and `runs` in JSON. Raises `ConfigError`.
    """
    options = _options(switches, settings)
    wrong, reports = _parsed("--fail", faults), _parsed("--run", runs)
    source = make_source(replay, mapping, clients=clients, seed=seed, shape=shape)
    now = _moment(today) if today else (default_today(source) if replay else None)
    try:
        app, control = assemble(source, SimulatorClock(now, clock_rate), **options)
        for fault in wrong:
            control.fail(**fault)
        for script in reports:
            control.script_run(**script)
    except (ValueError, TypeError) as error:
        raise ConfigError(str(error), hint=_HINT) from None
    told = f"Graph API at http://127.0.0.1:{port}, {_clock(now, clock_rate)}"
    try:
        serve_app(app, "127.0.0.1", port, ready=lambda: print(told, file=sys.stderr))
    except OSError as error:
        raise ConfigError(
            f"port {port} cannot be used: {error.strerror}",
            hint="choose another with --port; a simulator may still be running on this one",
        ) from None


_HINT = "docs/simulator.md lists every switch, fault and case"


def _options(switches: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    given = {name: value for name, value in switches.items() if value is not None}
    try:
        return given | dict(map(read_setting, settings))
    except ValueError as error:
        raise ConfigError(f"--set: {error}", hint=_HINT) from None


def _parsed(option: str, texts: Sequence[str]) -> list[dict[str, Any]]:
    found = []
    for text in texts:
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            value = None
        if not isinstance(value, dict):
            hint = f"""write it like {option} '{{"case": "buc_insights"}}'"""
            raise ConfigError(f"{option} needs a JSON object, got {text!r}", hint=hint)
        found.append(value)
    return found


def _clock(now: datetime | None, rate: float | None) -> str:
    if rate:
        since = f" from {now.isoformat()}" if now else ""
        return f"the clock runs {rate:g} times as fast{since}"
    return f"the clock stands at {now.isoformat()}" if now else "the clock runs"


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
        given: dict[str, Any] = {name: n for name, n in shape.items() if n is not None}
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
