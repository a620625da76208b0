"""What a value of clients.yml or of the environment must look like, and its default."""

from datetime import date
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, StringConstraints

from meta_pipeline.reports import ATTRIBUTION_WINDOWS, REPORTS

GRAPH_HOST = "https://graph.facebook.com"
META_DOMAIN = ".facebook.com"
API_VERSION = "v26.0"
"""The one place where the Graph API version is pinned."""

DEFAULT_RESULT = "omni_purchase"
DEFAULT_WINDOWS = ("1d_click", "7d_click", "1d_view")
DEFAULT_LOCALE = "en_US"
"""How numbers, amounts and dates are written in a client's reports."""
DEAD_WINDOWS = {"7d_view": date(2026, 1, 12), "28d_view": date(2026, 1, 12)}
"""Windows that Meta still accepts and answers with nothing, and since when (Meta's blog)."""
DEFAULT_SYNC_AFTER = "03:00"
"""Hours and minutes after a day's end until it is pulled by itself: Meta still books delivery of
the last hours then."""
DEFAULT_TOKEN_VARIABLE = "META_ACCESS_TOKEN"  # noqa: S105 (a name, not a token)

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Hosts to which a secret may go without TLS: it does not leave the machine."""


def _number_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _with_prefix(account_id: str) -> str:
    return account_id if account_id.startswith("act_") else f"act_{account_id}"


def _known_report(name: str) -> str:
    if name not in REPORTS:
        raise ValueError(f"no report is called {name!r}; docs/reports.md lists them")
    return name


def _living_window(window: str) -> str:
    if window in DEAD_WINDOWS:
        raise ValueError(f"{window} died on {DEAD_WINDOWS[window]}: Meta answers it with nothing")
    if window not in ATTRIBUTION_WINDOWS:
        raise ValueError(f"no attribution window {window!r}; {', '.join(ATTRIBUTION_WINDOWS)}")
    return window


def _known_locale(name: str) -> str:
    # Babel is imported here: most commands never need it.
    from babel import Locale as Known
    from babel import UnknownLocaleError

    try:
        return str(Known.parse(name.replace("-", "_")))
    except (ValueError, UnknownLocaleError):
        raise ValueError("no such locale; write it like en_GB or de_DE") from None


def _known_time_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ValueError("no such time zone; write it like Europe/Berlin") from None


def _quoted_time(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(f'write it in quotes, like "{DEFAULT_SYNC_AFTER}"')
    return value


ClientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
AdAccountId = Annotated[
    str,
    BeforeValidator(_number_as_text),
    StringConstraints(pattern=r"^(act_)?[0-9]{1,20}$"),
    AfterValidator(_with_prefix),
]
PageId = Annotated[
    str, BeforeValidator(_number_as_text), StringConstraints(pattern=r"^[0-9]{1,20}$")
]
ActionType = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][\w.:-]{0,120}$")]
ReportName = Annotated[str, AfterValidator(_known_report)]
Window = Annotated[str, AfterValidator(_living_window)]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,80}$")]
Version = Annotated[str, StringConstraints(pattern=r"^v\d{1,3}\.\d$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Locale = Annotated[str, AfterValidator(_known_locale)]
TimeZone = Annotated[str, AfterValidator(_known_time_zone)]
HoursAndMinutes = Annotated[
    str,
    # Without quotes YAML reads 12:30 as the number 750.
    BeforeValidator(_quoted_time),
    StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$"),
]
MailAddress = Annotated[str, StringConstraints(pattern=r"^[^@\s<>,;:]+@[^@\s<>,;:]+$")]

IMPLICIT_TLS_PORT = 465
"""The port of SMTP on which TLS comes first (RFC 8314)."""
