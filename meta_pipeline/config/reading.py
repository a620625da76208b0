"""Reads clients.yml."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from yaml.parser import ParserError
from yaml.scanner import ScannerError

# In C where PyYAML was built with it: a thousand clients take 0.1 s of every process, not 0.6.
try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader

from meta_pipeline.config.explain import explain
from meta_pipeline.config.models import Alerts, Client, ClientsFile
from meta_pipeline.config.settings import Settings
from meta_pipeline.config.tokens import holds_token
from meta_pipeline.errors import ConfigError


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
        if holds_token(line):
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
            f"{name} is not usable: {explain(error)}", hint="see clients.example.yml"
        ) from None


class _DoubledKeyError(yaml.MarkedYAMLError):
    """A mapping has one key twice, of which YAML would keep the last."""


class _EachKeyOnce(SafeLoader):  # pyright: ignore[reportGeneralTypeIssues]
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key in keys:
            if keys.count(key) > 1:
                raise _DoubledKeyError(
                    problem=f"the key {key!r} stands there twice", problem_mark=node.start_mark
                )
        return super().construct_mapping(node, deep)


def select_clients(clients: tuple[Client, ...], wanted: list[str]) -> tuple[Client, ...]:
    """The clients named in `wanted` (all when empty), in the file's order."""
    known = {client.id for client in clients}
    for name in wanted:
        if name not in known:
            listed = ", ".join(client.id for client in clients)
            raise ConfigError(f"unknown client {name!r}", hint=f"clients.yml has {listed}")
    return tuple(client for client in clients if not wanted or client.id in wanted)
