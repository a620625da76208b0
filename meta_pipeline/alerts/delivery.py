"""Delivers what is due to every channel, and takes down what arrived."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from meta_pipeline.alerts.causes import Cause, Place
from meta_pipeline.alerts.channels import Channel, DeliveryError
from meta_pipeline.alerts.incidents import Rules
from meta_pipeline.alerts.ledger import Ledger
from meta_pipeline.alerts.messages import messages
from meta_pipeline.config import Alerts
from meta_pipeline.errors import ConfigError


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one round: messages delivered on all channels, and what went wrong."""

    delivered: int = 0
    problems: tuple[str, ...] = ()


def rules_of(alerts: Alerts) -> Rules:
    """When channels are told, by clients.yml."""
    return Rules(
        repeat_after=timedelta(hours=alerts.repeat_after_hours),
        send_resolved=alerts.send_resolved,
    )


def wanted(causes: Sequence[Cause], alerts: Alerts) -> list[Cause]:
    """The causes that clients.yml wants to hear of."""
    return [
        one
        for one in causes
        if (one.severity == "error" or alerts.least_severity == "warn")
        and not any(_check_in(place) in alerts.ignore_checks for place in one.places)
    ]


def _check_in(place: Place) -> str:
    """The check's own name."""
    return place.name.rpartition(":")[2]


def deliver(ledger: Ledger, channels: Sequence[Channel], rules: Rules, now: datetime) -> Delivery:
    """Tells every channel what it has to be told at `now` (UTC).

    What a channel does not take is kept and tried in the next round; what the others took is
    not sent to them again. A process that dies between sending and taking it down sends that one
    message twice. While another process delivers, nothing is done. Raises `LedgerError`.
    """
    delivered, problems = 0, []
    with ledger.delivering() as is_mine:
        if not is_mine:
            return Delivery()
        for channel in channels:
            for message in messages(ledger.due(channel.name, now, rules), now):
                try:
                    channel.send(message)
                except (DeliveryError, ConfigError) as error:
                    problems.append(str(error))
                    if isinstance(error, DeliveryError) and error.is_refusal:
                        continue
                    break
                ledger.note_told(channel.name, message.incidents, message.event, now)
                delivered += 1
        ledger.forget(now)
    return Delivery(delivered=delivered, problems=tuple(dict.fromkeys(problems)))
