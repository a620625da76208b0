"""Access tokens: what they look like, and whose is where."""

import re

from pydantic import SecretStr

from meta_pipeline.config.models import Client
from meta_pipeline.config.secrets import read_secret
from meta_pipeline.errors import ConfigError

# Meta's tokens start with EAA; app tokens are "id|secret". Nothing else in the file is as long.
_TOKEN_LIKE = re.compile(r"EAA[A-Za-z0-9]{10,}|\d{6,}\|[\w-]{16,}|(?<![\w.])[A-Za-z0-9_-]{80,}")


def holds_token(text: str) -> bool:
    """Whether something in the text looks like an access token."""
    return _TOKEN_LIKE.search(text) is not None


def without_tokens(text: str) -> str:
    """The text, with everything in it that looks like an access token hidden."""
    return _TOKEN_LIKE.sub("[hidden]", text)


def token_of(client: Client) -> SecretStr:
    """The client's access token, under the name that clients.yml gives. Raises `ConfigError`."""
    return token_in(client.token_env, whose=f"client {client.id!r}")


def token_in(variable: str, *, whose: str = "Meta") -> SecretStr:
    """The access token of this name, see `read_secret`; `whose` is what errors say of it.

    Raises `ConfigError`, without the token.
    """
    token = read_secret(variable)
    if token is None:
        raise ConfigError(
            f"no access token for {whose}: {variable} is not set",
            hint=f"export {variable}=... (a system user's token with ads_read), or write it into "
            f"a file of that name in the folder META_PIPELINE_SECRETS_DIR",
        )
    text = token.get_secret_value()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError(
            f"{variable} holds spaces or other characters that no token has",
            hint="copy the token again, without quotes or line breaks",
        )
    return token
