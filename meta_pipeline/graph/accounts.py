"""What an ad account's own record says: its status, currency and time zone."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from meta_pipeline.config import Client
from meta_pipeline.graph.advice import FINDINGS
from meta_pipeline.graph.tokens import Remark

FIELDS = ("id", "name", "account_status", "disable_reason", "currency", "timezone_name")

ACTIVE = 1
_CLOSED = (100, 101)

# Meta's Ad Account reference.
STATUSES = {
    1: "ACTIVE",
    2: "DISABLED",
    3: "UNSETTLED",
    7: "PENDING_RISK_REVIEW",
    8: "PENDING_SETTLEMENT",
    9: "IN_GRACE_PERIOD",
    100: "PENDING_CLOSURE",
    101: "CLOSED",
    201: "ANY_ACTIVE",
    202: "ANY_CLOSED",
}
DISABLE_REASONS = {
    1: "ADS_INTEGRITY_POLICY",
    2: "ADS_IP_REVIEW",
    3: "RISK_PAYMENT",
    4: "GRAY_ACCOUNT_SHUT_DOWN",
    5: "ADS_AFC_REVIEW",
    6: "BUSINESS_INTEGRITY_RAR",
    7: "PERMANENT_CLOSE",
    8: "UNUSED_RESELLER_ACCOUNT",
    9: "UNUSED_ACCOUNT",
    10: "UMBRELLA_AD_ACCOUNT",
    11: "BUSINESS_MANAGER_INTEGRITY_POLICY",
    12: "MISREPRESENTED_AD_ACCOUNT",
    13: "AOAB_DESHARE_LEGAL_ENTITY",
    14: "CTX_THREAD_REVIEW",
    15: "COMPROMISED_AD_ACCOUNT",
}


def account_remarks(account: Mapping[str, Any], client: Client, now: datetime) -> list[Remark]:
    """What there is to say about an ad account (asked with `FIELDS`) beside clients.yml."""
    currency, zone = account.get("currency"), account.get("timezone_name")
    name = f"{account.get('id')} “{account.get('name')}”"
    return [
        Remark("ok", f"{name}: {_status(account)}, {currency}, {zone}"),
        *_delivery(account, name),
        *_currency(currency, client, name),
        *_time_zone(zone, client, name, now),
    ]


def _status(account: Mapping[str, Any]) -> str:
    status = account.get("account_status")
    return STATUSES.get(status, f"status {status}") if isinstance(status, int) else "no status"


def _delivery(account: Mapping[str, Any], name: str) -> Iterator[Remark]:
    status, reason = account.get("account_status"), account.get("disable_reason")
    if status == ACTIVE:
        return
    why = f" ({DISABLE_REASONS.get(reason, reason)})" if isinstance(reason, int) and reason else ""
    advice = "account is closed" if status in _CLOSED else "account does not deliver"
    yield Remark("warn", f"{name} is {_status(account)}{why}", FINDINGS[advice])


def _currency(currency: Any, client: Client, name: str) -> Iterator[Remark]:
    if client.currency is not None and currency != client.currency:
        message = f"{name} has {currency}, clients.yml says {client.currency}"
        yield Remark("error", message, FINDINGS["currency differs"])


def _time_zone(zone: Any, client: Client, name: str, now: datetime) -> Iterator[Remark]:
    if client.timezone is not None and not _same_days(str(zone), client.timezone, now):
        message = f"{name} has {zone}, clients.yml says {client.timezone}"
        yield Remark("error", message, FINDINGS["time zone differs"])


def _same_days(one: str, other: str, now: datetime) -> bool:
    """Whether two time zones are one, maybe under two names (Asia/Calcutta, Asia/Kolkata)."""
    if one == other:
        return True
    try:
        zones = (ZoneInfo(one), ZoneInfo(other))
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return False
    moments = [now - timedelta(days=7 * week) for week in range(53)]
    offsets = [[moment.astimezone(zone).utcoffset() for moment in moments] for zone in zones]
    return offsets[0] == offsets[1]
