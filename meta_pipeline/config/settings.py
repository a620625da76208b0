"""The environment: where things lie, and whom to ask."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from meta_pipeline.config.explain import explain
from meta_pipeline.config.fields import GRAPH_HOST, LOOPBACK, META_DOMAIN, AdAccountId
from meta_pipeline.config.secrets import read_secret
from meta_pipeline.errors import ConfigError


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def _meta_or_loopback(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"write it like {GRAPH_HOST}")
    if parts.hostname in LOOPBACK:
        return url
    if not parts.hostname.endswith(META_DOMAIN):
        raise ValueError("a token is sent to Meta's hosts or to this machine, and nowhere else")
    if parts.scheme == "http":
        raise ValueError("Meta is asked over https; over http the token could be read on its way")
    if parts.port not in (None, 443) or parts.username is not None:
        raise ValueError(f"write it like {GRAPH_HOST}")
    return url


class Settings(BaseSettings):
    """The environment. Secrets are masked wherever settings are printed."""

    model_config = SettingsConfigDict(
        extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    home: Path = Field(default=Path("data"), validation_alias="META_PIPELINE_HOME")
    clients_file: Path = Field(
        default=Path("clients.yml"), validation_alias="META_PIPELINE_CLIENTS"
    )
    graph_url: Annotated[str, BeforeValidator(_stripped), AfterValidator(_meta_or_loopback)] = (
        Field(default=GRAPH_HOST, validation_alias="META_GRAPH_URL")
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
            f"the environment is not usable: {explain(error)}",
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
            "app_secret": settings.app_secret or read_secret("META_APP_SECRET"),
        }
    )
