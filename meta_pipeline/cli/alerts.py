"""`alerts test`: does a message arrive on every channel?"""

import sys

import msgspec
import orjson
from rich.markup import escape
from rich.table import Table

from meta_pipeline import clock
from meta_pipeline.alerts import Channel, DeliveryError, channels_of, trial
from meta_pipeline.cli.app import EXIT_FAILED, EXIT_USAGE
from meta_pipeline.cli.progress import print_table
from meta_pipeline.config import load_alerts, load_settings
from meta_pipeline.errors import ConfigError


class _Answer(msgspec.Struct, frozen=True):
    """What came back on a channel; `code` is the exit code that it asks for."""

    channel: str
    code: int
    said: str
    hint: str | None = None


def run_test(*, as_json: bool) -> int:
    """Runs `meta-pipeline alerts test`; returns its exit code."""
    settings = load_settings()
    alerts = load_alerts(settings)
    channels = channels_of(alerts, settings) if alerts else []
    if not channels:
        raise ConfigError(
            f"nobody is told of failures: {settings.clients_file} names no channel",
            hint="add a section `alerts:`; docs/alerts.md has one to copy",
        )
    found = [_try(channel) for channel in channels]
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(_document(found)) + b"\n")
    else:
        table = Table("channel", "", "what came back")
        for one in found:
            told = escape(one.said) + (f"\n[dim]{escape(one.hint)}[/]" if one.hint else "")
            mark = "[red]failed[/]" if one.code else "[green]ok[/]"
            table.add_row(escape(one.channel), mark, told)
        print_table(table)
    codes = {one.code for one in found}
    return EXIT_FAILED if EXIT_FAILED in codes else max(codes)


def _try(channel: Channel) -> _Answer:
    try:
        return _Answer(channel.name, 0, channel.send(trial(clock.now())))
    except DeliveryError as error:
        return _Answer(channel.name, EXIT_FAILED, error.message, error.hint)
    except ConfigError as error:
        return _Answer(channel.name, EXIT_USAGE, error.message, error.hint)


def _document(found: list[_Answer]) -> dict[str, object]:
    return {
        "schema": 1,
        "channels": [
            {
                "channel": one.channel,
                "delivered": not one.code,
                "answer": one.said,
                "hint": one.hint,
            }
            for one in found
        ],
    }
