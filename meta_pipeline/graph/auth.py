"""How a request proves who asks: a bearer token and, with an app secret, its proof."""

import hashlib
import hmac
import json
from urllib.parse import quote, quote_plus

from pydantic import SecretStr
from requests import PreparedRequest
from requests.auth import AuthBase

SECRET_PARAMS = frozenset(
    {"access_token", "appsecret_proof", "client_secret", "fb_exchange_token", "input_token"}
)
"""Parameters whose values are secrets: never in a URL of ours, kept answers, or messages."""


class Credential:
    """An access token and the proof that belongs to it.

    The proof is the hex HMAC-SHA256 of the token, keyed with the app secret (Meta's guide to
    securing Graph API calls). One proof a token: a Page's token needs its own.
    """

    def __init__(self, token: SecretStr, app_secret: SecretStr | None = None) -> None:
        self._token = token
        self._app_secret = app_secret

    def __repr__(self) -> str:
        return "Credential(**********)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Credential) and self._secrets() == other._secrets()

    def __hash__(self) -> int:
        return hash(self._secrets())

    def _secrets(self) -> tuple[SecretStr, SecretStr | None]:
        return self._token, self._app_secret

    def for_token(self, token: SecretStr) -> "Credential":
        """The same app's credential for another token."""
        return Credential(token, self._app_secret)

    def bearer(self) -> AuthBase:
        """What sets the Authorization header, and nothing else."""
        return _Bearer(self._token)

    def proof(self) -> dict[str, str]:
        """The `appsecret_proof` parameter, or nothing without an app secret."""
        if self._app_secret is None:
            return {}
        key, message = self._app_secret.get_secret_value(), self._token.get_secret_value()
        digest = hmac.new(key.encode(), message.encode(), hashlib.sha256).hexdigest()
        return {"appsecret_proof": digest}

    def redact(self, text: str, *more: str) -> str:
        """`text` without token, proof, app secret and `more` secrets, wherever they are echoed.

        Meta and libraries repeat them as they are, within a URL, or within JSON.
        """
        secrets = {self._token.get_secret_value(), *self.proof().values(), *more}
        if self._app_secret is not None:
            secrets.add(self._app_secret.get_secret_value())
        spelled = {
            spelling
            for secret in secrets - {""}
            for spelling in (
                secret,
                quote(secret, ""),
                quote_plus(secret),
                json.dumps(secret)[1:-1],
            )
        }
        for spelling in sorted(spelled, key=len, reverse=True):
            text = text.replace(spelling, "[redacted]")
        return text


class _Bearer(AuthBase):
    # An auth object, not a plain header: requests would overwrite a header from ~/.netrc.
    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        return request
