"""Secrets by name: a token, the app's secret, a webhook's address, a mail server's password.

Looked for in this order: the environment; a file of that name in the folder
META_PIPELINE_SECRETS_DIR, or in the one that systemd names CREDENTIALS_DIRECTORY; the secret
META_PIPELINE_AWS_SECRET of AWS Secrets Manager, a JSON object of names and values.
"""

import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from pydantic import Field, SecretStr, create_model
from pydantic_settings import (
    AWSSecretsManagerSettingsSource,
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
)

from meta_pipeline.errors import ConfigError

FOLDERS = ("META_PIPELINE_SECRETS_DIR", "CREDENTIALS_DIRECTORY")
AWS_SECRET = "META_PIPELINE_AWS_SECRET"  # noqa: S105 (a name)
_OTHERS = 0o077


def read_secret(variable: str) -> SecretStr | None:
    """The secret of this name without blanks around it; None where it stands nowhere.

    Raises `ConfigError` for a file that others may read, and for a secret manager that does not
    answer.
    """
    asked = create_model(
        "Secret", __base__=BaseSettings, value=(str, Field(validation_alias=variable))
    )
    for source in _sources(asked, variable):
        if text := str(source().get(variable) or "").strip():
            return SecretStr(text)
    return None


def _sources(asked: type[BaseSettings], variable: str) -> Iterator[PydanticBaseSettingsSource]:
    yield EnvSettingsSource(asked, case_sensitive=True)
    for name in FOLDERS:
        if folder := os.environ.get(name):
            _refuse_open_file(name, Path(folder), variable)
            yield SecretsSettingsSource(asked, folder, case_sensitive=True)
    if secret := os.environ.get(AWS_SECRET):
        yield _aws(asked, secret)


def _refuse_open_file(name: str, folder: Path, variable: str) -> None:
    """Raises `ConfigError` when other users of the machine may read or change the secret."""
    if not folder.is_dir():
        raise ConfigError(
            f"{name} is {folder}, which is no folder",
            hint=f"make it, with a file for each secret, or unset {name}",
        )
    path = folder / variable
    if path.exists() and (mode := path.stat().st_mode) & _OTHERS:
        raise ConfigError(
            f"{path} is open to other users of this machine (mode {mode & 0o777:o})",
            hint=f"chmod 600 {path}; in Kubernetes `defaultMode: 0400` of the secret's volume",
        )


def _aws(asked: type[BaseSettings], secret: str) -> PydanticBaseSettingsSource:
    try:
        errors = import_module("botocore.exceptions")
    except ImportError:
        raise ConfigError(
            f"{AWS_SECRET} is set, and boto3 is not installed",
            hint="pip install 'meta-pipeline[aws]'",
        ) from None
    try:
        return AWSSecretsManagerSettingsSource(asked, secret)
    except (errors.BotoCoreError, errors.ClientError) as error:
        raise ConfigError(
            f"AWS Secrets Manager does not hand over {secret!r}: {type(error).__name__}",
            hint="is the name right, and may this machine's role read it (GetSecretValue)?",
        ) from None
