"""clients.yml as typed data: the clients, and who is told of failures."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from meta_pipeline.config.fields import (
    API_VERSION,
    DEFAULT_LOCALE,
    DEFAULT_RESULT,
    DEFAULT_SYNC_AFTER,
    DEFAULT_TOKEN_VARIABLE,
    DEFAULT_WINDOWS,
    IMPLICIT_TLS_PORT,
    LOOPBACK,
    ActionType,
    AdAccountId,
    ClientId,
    Currency,
    HoursAndMinutes,
    Locale,
    MailAddress,
    PageId,
    ReportName,
    TimeZone,
    VariableName,
    Version,
    Window,
)
from meta_pipeline.reports import DEFAULT_REPORTS, REQUIRED_REPORTS, Report


def _several(value: object) -> object:
    """A list, where the file may name one thing alone."""
    return value if isinstance(value, list | tuple) or value is None else [value]


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


class Client(Defaults):
    """One customer of the agency, with choices of its own in place of the defaults.

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
