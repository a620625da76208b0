"""What the user sets: clients.yml and the environment."""

import os
import re
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict
from yaml.parser import ParserError
from yaml.scanner import ScannerError

from meta_pipeline.errors import ConfigError
from meta_pipeline.reports import (
    ATTRIBUTION_WINDOWS,
    DEFAULT_REPORTS,
    REPORTS,
    REQUIRED_REPORTS,
    Report,
)

GRAPH_HOST = "https://graph.facebook.com"
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

# Meta's tokens start with EAA; app tokens are "id|secret". Nothing else in the file is as long.
_TOKEN_LIKE = re.compile(r"EAA[A-Za-z0-9]{10,}|\d{6,}\|[\w-]{16,}|(?<![\w.])[A-Za-z0-9_-]{80,}")


def _number_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


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


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"write it like {GRAPH_HOST}")
    if parts.scheme == "http" and parts.hostname.endswith("facebook.com"):
        raise ValueError("Meta is asked over https; over http the token could be read on its way")
    return url


def _several(value: object) -> object:
    """A list, where the file may name one thing alone."""
    return value if isinstance(value, list | tuple) or value is None else [value]


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


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Defaults(_Strict):
    """What a client has where it says nothing else."""

    api_version: Version = API_VERSION
    result: ActionType = DEFAULT_RESULT
    token_env: VariableName = DEFAULT_TOKEN_VARIABLE
    reports: tuple[ReportName, ...] = DEFAULT_REPORTS
    attribution_windows: tuple[Window, ...] = DEFAULT_WINDOWS
    sync_after: HoursAndMinutes = DEFAULT_SYNC_AFTER
    locale: Locale = DEFAULT_LOCALE


class Targets(_Strict):
    """What the client wants to reach in a calendar month.

    `spend` and `cost_per_result` are in the account's currency, `results` is a count of the
    client's own result.
    """

    spend: Decimal | None = Field(default=None, gt=0)
    results: Decimal | None = Field(default=None, gt=0)
    cost_per_result: Decimal | None = Field(default=None, gt=0)


class Brand(_Strict):
    """How the client's reports look. `logo` is a PNG or SVG file; a relative path counts from
    the folder of clients.yml.
    """

    color: Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")] | None = None
    logo: Annotated[str, StringConstraints(pattern=r"(?i)^.+\.(png|svg)$")] | None = None


class Client(_Strict):
    """One customer of the agency.

    `id` is the partition key: renaming it makes another client. `result` is the one action
    type that counts, since Meta repeats one purchase under up to nine names. `token_env`
    names the environment variable that holds the token; the token itself is never in a file.
    `currency` and `timezone` are what the ad accounts are expected to have: `meta-pipeline
    check` compares them. `timezone` also says when the client's day ends until Meta has said it.
    Dagster's daily sync pulls the client `sync_after` (hours and minutes) after that.
    `locale` is how the client's reports write numbers, amounts and dates; their words are English.
    """

    id: ClientId
    name: str = Field(min_length=1, max_length=200)
    ad_accounts: tuple[AdAccountId, ...] = Field(min_length=1)
    pages: tuple[PageId, ...] = ()
    instagram_accounts: tuple[PageId, ...] = ()
    currency: Currency | None = None
    timezone: TimeZone | None = None
    start_date: date | None = None
    api_version: Version = API_VERSION
    result: ActionType = DEFAULT_RESULT
    token_env: VariableName = DEFAULT_TOKEN_VARIABLE
    reports: tuple[ReportName, ...] = DEFAULT_REPORTS
    attribution_windows: tuple[Window, ...] = DEFAULT_WINDOWS
    sync_after: HoursAndMinutes = DEFAULT_SYNC_AFTER
    locale: Locale = DEFAULT_LOCALE
    targets: Targets = Targets()
    brand: Brand = Brand()

    def assets(self, surface: str) -> tuple[str, ...]:
        """The ids of the client's ad accounts (`ads`), Pages or Instagram accounts."""
        return {
            "ads": self.ad_accounts,
            "page": self.pages,
            "instagram": self.instagram_accounts,
        }[surface]

    @property
    def settling_margin(self) -> timedelta:
        """`sync_after` as the time that passes between a day's end and its first pull."""
        hours, minutes = self.sync_after.split(":")
        return timedelta(hours=int(hours), minutes=int(minutes))

    @property
    def all_assets(self) -> tuple[str, ...]:
        """The ids of everything that is asked about."""
        return (*self.ad_accounts, *self.pages, *self.instagram_accounts)

    def gets(self, report: Report) -> bool:
        """Whether the client gets a report: it is in the list, or cannot be done without."""
        return report.name in self.reports or report.name in REQUIRED_REPORTS


class Email(_Strict):
    """Alerts by e-mail: an SMTP server and who writes to whom.

    Port 465 speaks TLS from the start, every other port after STARTTLS unless `starttls` is
    false. `password_env` names the environment variable that holds the password of `user`.
    """

    host: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9:][A-Za-z0-9.:-]{0,252}$")]
    port: int = Field(default=587, ge=1, le=65535)
    sender: MailAddress = Field(alias="from")
    to: Annotated[tuple[MailAddress, ...], BeforeValidator(_several)] = Field(min_length=1)
    user: str | None = Field(default=None, min_length=1, max_length=320)
    password_env: VariableName | None = None
    starttls: bool = True

    @property
    def is_encrypted(self) -> bool:
        """Whether what is sent is encrypted, the password included."""
        return self.starttls or self.port == IMPLICIT_TLS_PORT

    @model_validator(mode="after")
    def _no_password_in_the_open(self) -> "Email":
        if (self.user is None) != (self.password_env is None):
            raise ValueError("user and password_env go together")
        if self.user and not self.is_encrypted and self.host not in LOOPBACK:
            raise ValueError("with starttls: false the password could be read on its way")
        return self


class Alerts(_Strict):
    """Who is told when runs and checks fail, how, and how often.

    `webhook_env` names environment variables that hold the addresses of webhooks: who knows one
    may write to the channel, so it is a secret. Paths of `file` are relative to the pipeline's
    home. What lasts is told again after `repeat_after_hours`.
    """

    webhook_env: Annotated[tuple[VariableName, ...], BeforeValidator(_several)] = ()
    email: Annotated[tuple[Email, ...], BeforeValidator(_several)] = ()
    file: Annotated[tuple[Path, ...], BeforeValidator(_several)] = ()
    repeat_after_hours: float = Field(default=24, gt=0, le=8760)
    send_resolved: bool = True
    least_severity: Literal["warn", "error"] = "warn"
    ignore_checks: Annotated[tuple[str, ...], BeforeValidator(_several)] = ()

    @model_validator(mode="after")
    def _each_channel_once(self) -> "Alerts":
        for key in ("webhook_env", "email", "file"):
            named = getattr(self, key)
            if len({str(one) for one in named}) < len(named):
                raise ValueError(f"{key} names one channel twice")
        return self


class ClientsFile(_Strict):
    """clients.yml. A client's own settings win over `defaults`."""

    version: int = Field(ge=1, le=1)
    defaults: Defaults = Defaults()
    clients: tuple[Client, ...] = Field(min_length=1)
    alerts: Alerts | None = None

    @model_validator(mode="before")
    @classmethod
    def _fill_in_defaults(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("clients"), list):
            return data
        defaults = data.get("defaults") or {}
        if not isinstance(defaults, dict):
            return data
        known = {key: value for key, value in defaults.items() if key in Defaults.model_fields}
        filled = [known | c if isinstance(c, dict) else c for c in data["clients"]]
        return data | {"defaults": defaults, "clients": filled}

    @model_validator(mode="after")
    def _each_client_once(self) -> "ClientsFile":
        ids = [client.id for client in self.clients]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"client ids must differ; given twice: {', '.join(twice)}")
        # Dagster's names know no hyphen.
        if len({name.replace("-", "_") for name in ids}) < len(ids):
            raise ValueError("client ids must differ in more than - and _")
        for client in self.clients:
            for assets in (client.ad_accounts, client.pages, client.instagram_accounts):
                if len(set(assets)) < len(assets):
                    raise ValueError(f"client {client.id} names one account or Page twice")
        self._refuse_shared_assets()
        return self

    def _refuse_shared_assets(self) -> None:
        """What one asset brought would be counted for two clients, and be asked for twice."""
        owners: dict[str, str] = {}
        for client in self.clients:
            for asset in client.all_assets:
                owner = owners.setdefault(asset, client.id)
                if owner != client.id:
                    raise ValueError(f"clients {owner} and {client.id} both name {asset}")


class Settings(BaseSettings):
    """The environment. Secrets are masked wherever settings are printed."""

    model_config = SettingsConfigDict(
        extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    home: Path = Field(default=Path("data"), validation_alias="META_PIPELINE_HOME")
    clients_file: Path = Field(
        default=Path("clients.yml"), validation_alias="META_PIPELINE_CLIENTS"
    )
    graph_url: Annotated[str, BeforeValidator(_stripped), AfterValidator(_web_address)] = Field(
        default=GRAPH_HOST, validation_alias="META_GRAPH_URL"
    )
    app_id: str | None = Field(default=None, validation_alias="META_APP_ID")
    app_secret: Annotated[SecretStr, BeforeValidator(_stripped)] | None = Field(
        default=None, validation_alias="META_APP_SECRET"
    )
    ad_account_id: AdAccountId | None = Field(default=None, validation_alias="META_AD_ACCOUNT_ID")

    @property
    def warehouse(self) -> Path:
        """The file one process at a time writes; nobody else opens it."""
        return self.home / "warehouse.duckdb"

    @property
    def marts(self) -> Path:
        """The file analysts read, replaced as a whole."""
        return self.home / "marts.duckdb"

    @property
    def quota(self) -> Path:
        """What all processes of this machine know of Meta's quotas."""
        return self.home / "quota.sqlite"

    @property
    def alerts_ledger(self) -> Path:
        """What was told to whom of failing runs and checks."""
        return self.home / "alerts.sqlite"

    @property
    def spool(self) -> Path:
        """The folder of Meta's answers as they came."""
        return self.home / "spool"


def load_settings() -> Settings:
    """The settings of this process, paths made absolute. Raises `ConfigError`."""
    try:
        settings = Settings()
    except ValidationError as error:
        raise ConfigError(
            f"the environment is not usable: {_explain(error)}",
            hint="README.md lists the variables",
        ) from None
    home = settings.home.expanduser().resolve()
    if any(sign in str(home) for sign in "*?["):
        raise ConfigError(
            f"META_PIPELINE_HOME is {home}; DuckDB takes *, ? and [ for patterns",
            hint="choose a folder without them",
        )
    return settings.model_copy(
        update={
            "home": home,
            "clients_file": settings.clients_file.expanduser().resolve(),
        }
    )


def load_clients(settings: Settings) -> tuple[Client, ...]:
    """The clients, from clients.yml or, without one, from META_AD_ACCOUNT_ID alone.

    Raises `ConfigError` that names the file, the place in it and what to write instead.
    """
    if settings.clients_file.exists():
        return _read(settings.clients_file).clients
    if settings.ad_account_id:
        account = settings.ad_account_id
        return (Client(id=account, name=account, ad_accounts=(account,)),)
    raise ConfigError(
        f"no clients: {settings.clients_file} does not exist",
        hint="run `meta-pipeline init`, or set META_AD_ACCOUNT_ID",
    )


def load_alerts(settings: Settings) -> Alerts | None:
    """Who is told of failures; None when clients.yml does not say. Raises `ConfigError`."""
    return _read(settings.clients_file).alerts if settings.clients_file.exists() else None


def _read(path: Path) -> ClientsFile:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read: {error}", hint="it must be a readable UTF-8 text file"
        ) from None
    return parse_clients(text, name=str(path))


def parse_clients(text: str, *, name: str = "clients.yml") -> ClientsFile:
    """The clients.yml that `text` is; `name` is what errors call it. Raises `ConfigError`."""
    for number, line in enumerate(text.splitlines(), start=1):
        if _TOKEN_LIKE.search(line):
            raise ConfigError(
                f"{name} line {number} holds something that looks like an access token",
                hint="put the token into an environment variable and name that variable "
                "with token_env; revoke the token if the file was shared",
            )
    try:
        data = yaml.load(text, Loader=_EachKeyOnce)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        # Other kinds of error repeat the text, which may hold a secret.
        is_quotable = isinstance(error, ScannerError | ParserError | _DoubledKeyError)
        problem = getattr(error, "problem", None) if is_quotable else None
        raise ConfigError(
            f"{name}{where} is not YAML: {problem or 'a value cannot be read'}",
            hint="compare with clients.example.yml",
        ) from None
    if not isinstance(data, dict):
        raise ConfigError(
            f"{name} must hold `version:` and `clients:`", hint="see clients.example.yml"
        )
    try:
        return ClientsFile.model_validate(data)
    except ValidationError as error:
        raise ConfigError(
            f"{name} is not usable: {_explain(error)}", hint="see clients.example.yml"
        ) from None


class _DoubledKeyError(yaml.MarkedYAMLError):
    """A mapping has one key twice, of which YAML would keep the last."""


class _EachKeyOnce(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key in keys:
            if keys.count(key) > 1:
                raise _DoubledKeyError(
                    problem=f"the key {key!r} stands there twice", problem_mark=node.start_mark
                )
        return super().construct_mapping(node, deep)


FORMS = {
    "id": "letters, digits, - and _, 63 at most",
    "ad_accounts": "digits, with or without act_",
    "META_AD_ACCOUNT_ID": "digits, with or without act_",
    "pages": "digits: the Page's id, not its name",
    "instagram_accounts": "digits: the account's id, not the @name",
    "api_version": f"write it like {API_VERSION}",
    "currency": "three capital letters, such as EUR",
    "result": "an action type, such as omni_purchase",
    "sync_after": f'hours and minutes in quotes, like "{DEFAULT_SYNC_AFTER}"',
    "token_env": "the name of an environment variable, in capitals",
    "webhook_env": "the name of an environment variable, in capitals; its value is the address",
    "password_env": "the name of an environment variable, in capitals",
    "host": "the SMTP server's name, such as smtp.example.com",
    "from": "an e-mail address",
    "to": "e-mail addresses",
    "color": "write it like #0f766e",
    "logo": "the path of a .png or .svg file",
}
"""What a text must look like, by the key or variable that it stands under."""


def _explain(error: ValidationError) -> str:
    """Each problem with its place; never the value, which may be a secret."""
    found = error.errors(include_input=False, include_url=False)
    # A list without its wrong items may be too short, which is no problem of its own.
    within = {e["loc"][:depth] for e in found for depth in range(1, len(e["loc"]))}
    problems = (
        f"{'.'.join(str(part) for part in e['loc']) or 'the file'}: {_problem(e)}"
        for e in found
        if not (e["type"] == "too_short" and e["loc"] in within)
    )
    return "; ".join(problems)


def _problem(one: ErrorDetails) -> str:
    """One problem in plain words."""
    match one["type"]:
        case "extra_forbidden":
            return "unknown key"
        case "tuple_type":
            return "must be a list, in square brackets"
        case "string_pattern_mismatch":
            key = next((part for part in reversed(one["loc"]) if isinstance(part, str)), "")
            return FORMS.get(key, one["msg"])
        case _:
            return one["msg"].removeprefix("Value error, ")


def without_tokens(text: str) -> str:
    """The text, with everything in it that looks like an access token hidden."""
    return _TOKEN_LIKE.sub("[hidden]", text)


def token_of(client: Client) -> SecretStr:
    """The client's access token from its environment variable. Raises `ConfigError`."""
    return token_in(client.token_env, whose=f"client {client.id!r}")


def token_in(variable: str, *, whose: str = "Meta") -> SecretStr:
    """The access token in an environment variable; `whose` is what errors say of it.

    Raises `ConfigError`, without the token.
    """
    token = os.environ.get(variable, "").strip()
    if not token:
        raise ConfigError(
            f"no access token for {whose}: {variable} is not set",
            hint=f"export {variable}=... (a system user's token with ads_read)",
        )
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError(
            f"{variable} holds spaces or other characters that no token has",
            hint="copy the token again, without quotes or line breaks",
        )
    return SecretStr(token)


def select_clients(clients: tuple[Client, ...], wanted: list[str]) -> tuple[Client, ...]:
    """The clients named in `wanted` (all when empty), in the file's order."""
    known = {client.id for client in clients}
    for name in wanted:
        if name not in known:
            listed = ", ".join(client.id for client in clients)
            raise ConfigError(f"unknown client {name!r}", hint=f"clients.yml has {listed}")
    return tuple(client for client in clients if not wanted or client.id in wanted)
