"""The one clock: real time, or the instant that META_PIPELINE_NOW names."""

import os
from datetime import UTC, datetime

from meta_pipeline.errors import ConfigError

VARIABLE = "META_PIPELINE_NOW"


def now() -> datetime:
    """The time to work with, in UTC.

    `META_PIPELINE_NOW` (ISO 8601; without an offset it is UTC) replaces the clock for
    tests, demos and replays. Raises `ConfigError` when it cannot be read.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"{VARIABLE}={text!r} is not an ISO 8601 time",
            hint=f"write it like {VARIABLE}=2026-11-22T12:00:00Z",
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
