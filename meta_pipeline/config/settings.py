"""The environment: where things lie, and whom to ask."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from meta_pipeline.config.explain import explain
from meta_pipeline.config.fields import GRAPH_HOST, LOOPBACK, META_DOMAIN, AdAccountId
from meta_pipeline.config.secrets import read_secret
from meta_pipeline.errors import ConfigError

_URL = re.compile(r"^[a-z][a-z0-9+]+://")

# What is read as one host by every parser: some end it at a backslash, and others do not.
_PLAIN_URL = re.compile(r"https?://[a-z0-9.\-\[\]:]+(/[a-z0-9._/\-]*)?", re.IGNORECASE)


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def _meta_or_loopback(url: str) -> str:
    parts = urlsplit(url)
    if not _PLAIN_URL.fullmatch(url) or not parts.hostname:
        raise ValueError(f"write it like {GRAPH_HOST}")
    if parts.hostname in LOOPBACK:
        return url
    if not parts.hostname.endswith(META_DOMAIN):
        raise ValueError("a token is sent to Meta's hosts or to this machine, and nowhere else")
    if parts.scheme == "http":
        raise ValueError("Meta is asked over https; over http the token could be read on its way")
    if parts.port not in (None, 443):
        raise ValueError(f"write it like {GRAPH_HOST}")
    return url


def _shared_place(place: str) -> str:
    """A URL as it is, a folder made absolute: workers start in different folders."""
    if _URL.match(place):
        return place.rstrip("/")
    return str(Path(place).expanduser().resolve())


def _catalog(words: str) -> str:
    if "password" in words.casefold():
        raise ValueError("the password goes into PGPASSWORD or a file that PGPASSFILE names")
    if words.startswith("postgres:"):
        return words
    if "://" in words:
        raise ValueError("write it like postgres:dbname=lake host=db, or name a file")
    return str(Path(words).expanduser().resolve())


@dataclass(frozen=True, slots=True)
class Lake:
    """A DuckLake in place of the warehouse's file, for several machines.

    `catalog` is what DuckDB attaches behind `ducklake:`, either `postgres:` and libpq's words, or
    a file of this machine. `data` is where the Parquet files lie: a folder, or s3://bucket/prefix.
    `extensions` is the folder from which DuckDB's extensions are loaded.
    """

    catalog: str
    data: str
    extensions: Path

    @property
    def postgres(self) -> str | None:
        """How libpq reaches the catalog; None when it is a file."""
        kind, _, words = self.catalog.partition(":")
        return words if kind == "postgres" else None


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

    spool_url: Annotated[str, AfterValidator(_shared_place)] | None = Field(
        default=None, validation_alias="META_PIPELINE_SPOOL"
    )
    quota_file: Path | None = Field(default=None, validation_alias="META_PIPELINE_QUOTA")
    lake_catalog: Annotated[str, AfterValidator(_catalog)] | None = Field(
        default=None, validation_alias="META_PIPELINE_LAKE"
    )
    lake_data: Annotated[str, AfterValidator(_shared_place)] | None = Field(
        default=None, validation_alias="META_PIPELINE_LAKE_DATA"
    )
    clients_per_run: int | None = Field(
        default=None, ge=1, validation_alias="META_PIPELINE_CLIENTS_PER_RUN"
    )

    @model_validator(mode="after")
    def _lake_as_a_whole(self) -> "Settings":
        if (self.lake_catalog is None) != (self.lake_data is None):
            raise ValueError("META_PIPELINE_LAKE and META_PIPELINE_LAKE_DATA go together")
        return self

    @property
    def place(self) -> Path | Lake:
        """Where rows are kept: the warehouse's file, or the DuckLake that stands in for it."""
        if self.lake_catalog is None or self.lake_data is None:
            return self.warehouse
        return Lake(self.lake_catalog, self.lake_data, self.home / "extensions")

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
        """What all processes of this machine know of Meta's quotas.

        It cannot lie on a network's file system, where SQLite's log does not work.
        """
        return self.quota_file or self.home / "quota.sqlite"

    @property
    def alerts_ledger(self) -> Path:
        """What was told to whom of failing runs and checks."""
        return self.home / "alerts.sqlite"

    @property
    def spool(self) -> Path | str:
        """Where Meta's answers lie as they came: a folder, or a URL that fsspec knows."""
        if self.spool_url and _URL.match(self.spool_url):
            return self.spool_url
        return Path(self.spool_url) if self.spool_url else self.home / "spool"

    def refuse_shared(self, command: str) -> None:
        """Raises `ConfigError` where rows or answers lie elsewhere than below `home`."""
        if self.spool_url or self.lake_catalog:
            raise ConfigError(
                f"`meta-pipeline {command}` knows the files below META_PIPELINE_HOME alone, and "
                "the spool or the warehouse lies elsewhere",
                hint="docs/scale.md says what takes its place",
            )


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
