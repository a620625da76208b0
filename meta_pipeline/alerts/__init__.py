"""Tells people what fails: one message a cause, once, on every channel that clients.yml names."""

from meta_pipeline.alerts.causes import (
    Cause,
    CheckOutcome,
    FailedPull,
    Severity,
    cause_of_step,
    causes_of_check,
    causes_of_pulls,
)
from meta_pipeline.alerts.channels import Channel, DeliveryError, channels_of
from meta_pipeline.alerts.delivery import Delivery, deliver, rules_of, wanted
from meta_pipeline.alerts.ledger import Ledger, LedgerError
from meta_pipeline.alerts.messages import Message, trial

__all__ = [
    "Cause",
    "Channel",
    "CheckOutcome",
    "Delivery",
    "DeliveryError",
    "FailedPull",
    "Ledger",
    "LedgerError",
    "Message",
    "Severity",
    "cause_of_step",
    "causes_of_check",
    "causes_of_pulls",
    "channels_of",
    "deliver",
    "rules_of",
    "trial",
    "wanted",
]
