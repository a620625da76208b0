"""Access tokens: who asks, what they may see, and the proof of the app secret."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from meta_pipeline.simulator.errors import GraphError
from meta_pipeline.simulator.source import PACIFIC, Source

_PAGE_PREFIX = "EAAPage"
SCOPES = ("ads_read", "business_management", "pages_show_list", "pages_read_engagement")


@dataclass(frozen=True)
class Token:
    """A token that was let in. `kind` is SYSTEM_USER, USER or PAGE."""

    text: str
    kind: str
    page_id: str = ""
    reads_insights: bool = True


class Tokens:
    """The rules for tokens.

    Any text is a system user's token that sees everything, except for these beginnings:
    `expired` and `invalid` are refused, `user-` is a person's token, `no-insights` is a system
    user's without the `read_insights` permission.

    Args:
        source: the truth, for the assets behind a client's id.
        allowed: for each token the account, Page or client ids it sees; None lets every token
            see everything. A token that is not listed is refused.
        app_secret: when given, each call needs its `appsecret_proof`.
    """

    def __init__(
        self,
        source: Source,
        allowed: Mapping[str, set[str]] | None = None,
        app_secret: str | None = None,
    ) -> None:
        self._source = source
        self._allowed = allowed
        self._secret = app_secret

    def admit(self, text: str, proof: str, now: datetime, path: str) -> Token:
        """The token of a call.

        Raises:
            GraphError: 104 or 2500 without a token, 190 for a bad one, 100 for a bad proof.
        """
        if not text:
            raise _missing(path)
        if self._secret is not None:
            self._check_proof(text, proof)
        return self.read(text, now)

    def read(self, text: str, now: datetime) -> Token:
        """What a token text stands for.

        Raises:
            GraphError: 190 for an expired, invalid, unknown or malformed token.
        """
        if text.startswith("expired"):
            raise _expired(now)
        if text.startswith("invalid"):
            raise GraphError(
                "Error validating access token: This may be because the user logged out or may "
                "be due to a system error.",
                190,
                subcode=467,
            )
        if text.startswith(_PAGE_PREFIX):
            return self._page_token(text)
        if self._allowed is not None and text not in self._allowed:
            raise _malformed()
        kind = "USER" if text.startswith("user-") else "SYSTEM_USER"
        return Token(text, kind, reads_insights=not text.startswith("no-insights"))

    def page_token(self, parent: Token, page_id: str) -> str:
        """The Page token that belongs to a Page and a parent token; always the same."""
        if parent.kind == "PAGE":
            return parent.text
        digest = sha256(f"{page_id} {parent.text}".encode()).hexdigest()[:24]
        flag = "Y" if parent.reads_insights else "N"
        raw = f"{page_id}.{flag}.{digest}".encode()
        return _PAGE_PREFIX + urlsafe_b64encode(raw).decode().rstrip("=")

    def sees(self, token: Token, asset_id: str) -> bool:
        """Whether a token sees an ad account or a Page."""
        if token.kind == "PAGE":
            return asset_id == token.page_id
        if self._allowed is None:
            return True
        allowed = self._allowed.get(token.text, set())
        return asset_id in allowed or any(
            client.id in allowed and asset_id in (*client.ad_accounts, *client.pages)
            for client in self._source.clients()
        )

    def describe(self, text: str, now: datetime) -> dict[str, Any]:
        """The `data` of `/debug_token`; a bad token is a 200 with `is_valid` false."""
        try:
            token = self.read(text, now)
        except GraphError as error:
            about = {"code": error.code, "message": error.message}
            if error.subcode:
                about["subcode"] = error.subcode
            return {"is_valid": False, "error": about, "scopes": []}
        scopes = [*SCOPES, *(["read_insights"] if token.reads_insights else [])]
        found: dict[str, Any] = {
            "app_id": "1000000000001",
            "type": token.kind,
            "application": "Simulator",
            # 0 means never, as for system users and the Page tokens made from theirs.
            "data_access_expires_at": 0,
            "expires_at": int((now + timedelta(days=60)).timestamp())
            if token.kind == "USER"
            else 0,
            "is_valid": True,
            "issued_at": int((now - timedelta(days=1)).timestamp()),
            "scopes": scopes,
            "granular_scopes": [{"scope": scope} for scope in scopes],
            "user_id": "122100000000001",
        }
        if token.page_id:
            found["profile_id"] = token.page_id
        return found

    def _page_token(self, text: str) -> Token:
        raw = text.removeprefix(_PAGE_PREFIX)
        try:
            page_id, flag, _ = urlsafe_b64decode(raw + "=" * (-len(raw) % 4)).decode().split(".")
        except ValueError:
            raise _malformed() from None
        token = Token(text, "PAGE", page_id, flag == "Y")
        if self._allowed is not None and not any(
            self.page_token(self.read_parent(parent), page_id) == text for parent in self._allowed
        ):
            raise _malformed()
        return token

    def read_parent(self, text: str) -> Token:
        """A token text taken as the parent of a Page token, whatever its state."""
        return Token(text, "SYSTEM_USER", reads_insights=not text.startswith("no-insights"))

    def _check_proof(self, text: str, proof: str) -> None:
        assert self._secret is not None
        if not proof:
            raise GraphError(
                "API calls from the server require an appsecret_proof argument",
                100,
                kind="GraphMethodException",
            )
        # One proof per token: a Page token needs its own (Meta's SDK, login security guide).
        expected = hmac.new(self._secret.encode(), text.encode(), sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), proof.encode()):
            raise GraphError(
                "Invalid appsecret_proof provided in the API argument",
                100,
                kind="GraphMethodException",
            )


def page_token_required() -> GraphError:
    """The answer to a person's token on Page Insights."""
    return GraphError("(#190) This method must be called with a Page Access Token", 190)


def _missing(path: str) -> GraphError:
    if path.split("/")[0] == "me":
        return GraphError(
            "An active access token must be used to query information about the current user.",
            2500,
        )
    return GraphError("An access token is required to request this resource.", 104)


def _malformed() -> GraphError:
    return GraphError("Invalid OAuth access token - Cannot parse access token", 190)


def _expired(now: datetime) -> GraphError:
    here = now.astimezone(PACIFIC)
    then = (here - timedelta(days=2)).replace(minute=0, second=0)
    form = "%A, %d-%b-%y %H:%M:%S %Z"
    return GraphError(
        f"Error validating access token: Session has expired on {then.strftime(form)}. "
        f"The current time is {here.strftime(form)}.",
        190,
        subcode=463,
    )
