"""Which days a command is asked for."""

from collections.abc import Sequence
from datetime import date, timedelta

from meta_pipeline.config import Client
from meta_pipeline.dates import (
    FINAL_DAYS,
    TRAILING_DAYS,
    Span,
    preset,
    retention_floor,
    trailing,
)
from meta_pipeline.errors import ConfigError


def asked_span(since: date | None, until: date | None, name: str | None, today: date) -> Span:
    """The days asked for: a range, a preset, or else the days that Meta may still restate, of
    which the re-pull policy then says what is due. `today` is UTC's.

    Raises `ConfigError` for a range that ends before it starts, or both range and preset.
    """
    if name is not None:
        if since or until:
            raise ConfigError("--preset and --from/--to exclude each other", hint="give one")
        return preset(name, today)
    if since or until:
        last = until or max(since or today, trailing(today).until)
        return Span(since or last - timedelta(days=TRAILING_DAYS - 1), last)
    return trailing(today, FINAL_DAYS)


def beyond_retention(span: Span, today: date) -> Span | None:
    """The days of the span that Meta keeps no longer, or None."""
    return span.clamped(until=retention_floor(today) - timedelta(days=1))


def choose_span(
    since: date | None,
    until: date | None,
    name: str | None,
    today: date,
    clients: Sequence[Client],
) -> Span:
    """The days to pull: those asked for that Meta keeps and that some client wants.

    Raises `ConfigError` for a range that ends before it starts, lies wholly beyond Meta's
    retention, reaches into the future, or lies before every client's start.
    """
    span = asked_span(since, until, name, today)
    floor = retention_floor(today)
    if span.until < floor:
        raise ConfigError(
            f"{span} lies beyond the 37 months that Meta keeps",
            hint=f"the first day to ask for is --from {floor}",
        )
    if span.until > today:
        raise ConfigError(
            f"{span.until} has not begun (it is {today} in UTC)", hint=f"use --to {today}"
        )
    starts = [max(client.start_date or floor, floor) for client in clients]
    if min(starts) > span.until:
        raise ConfigError(
            f"the range {span} ends before the first client's start ({min(starts)})",
            hint="check start_date in clients.yml",
        )
    return Span(max(span.since, min(starts)), span.until)
