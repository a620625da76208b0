"""Access tokens: who asks, what they may see and do, and the proof of the app secret."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from meta_pipeline.simulator.errors import GraphError, invalid
from meta_pipeline.simulator.source import Source
from meta_pipeline.simulator.token_errors import expired_token, malformed_token, missing_token

APP_ID = "1000000000001"
APP_SECRET = "simulator-app-secret"  # noqa: S105
"""The secret of the simulated app unless another is set; calls need no proof of it then."""

SCOPES = (
    *("ads_read", "business_management", "pages_show_list", "pages_read_engagement"),
    *("read_insights", "instagram_basic", "instagram_manage_insights"),
)
"""What a token may do unless its beginning says otherwise."""

_ADS_SCOPES = frozenset({"ads_read", "ads_management"})
_PAGE_PREFIX = "EAAPage"
_LONG_LIFE = timedelta(days=60)
_DATA_ACCESS = timedelta(days=90)


@dataclass(frozen=True)
class Token:
    """A token that was let in.

    `kind` is SYSTEM_USER, USER, PAGE or APP. `life` is how long it lived and lives from a
    moment of asking: None for ever. `root` is the token that this one was exchanged for.
    """

    text: str
    kind: str
    page_id: str = ""
    scopes: frozenset[str] = frozenset(SCOPES)
    age: timedelta = timedelta(days=1)
    life: timedelta | None = None
    data_access: timedelta | None = None
    root: str = ""

    @property
    def reads_insights(self) -> bool:
        """Whether it may read Page Insights."""
        return "read_insights" in self.scopes

    @property
    def reads_ads(self) -> bool:
        """Whether it may read ad accounts."""
        return bool(_ADS_SCOPES & self.scopes)


class Tokens:
    """The rules for tokens.

    Any text is a system user's token that never expires and may see and do everything, except
    for these beginnings:

    - `expired` and `invalid` are refused;
    - `user-` is a person's token of 60 days, `short-` one of an hour;
    - `data-soon-` is a person's token whose access to data ends in three days;
    - `sys60-` is a system user's token of 60 days, `soon-` one that expires in three;
    - `no-insights` lacks `read_insights`, `noads-` lacks `ads_read`;
    - `scopes-ads_read+read_insights-` has the scopes it names and no others;
    - `ID|SECRET` is the token of the app itself.

    Args:
        source: the truth, for the assets behind a client's id.
        allowed: for each token the account, Page, Instagram or client ids it sees; None lets
            every token see everything. A token that is not listed is refused.
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
        self._issued: dict[str, Token] = {}

    def admit(self, text: str, proof: str, now: datetime, path: str) -> Token:
        """The token of a call.

        Raises:
            GraphError: 104 or 2500 without a token, 190 for a bad one, 100 for a bad proof.
        """
        if not text:
            raise missing_token(path)
        if self._secret is not None and "|" not in text:
            self._check_proof(text, proof)
        return self.read(text, now)

    def read(self, text: str, now: datetime) -> Token:
        """What a token text stands for.

        Raises:
            GraphError: 190 for an expired, invalid, unknown or malformed token.
        """
        if text.startswith("expired"):
            raise expired_token(now)
        if text.startswith("invalid"):
            raise GraphError(
                "Error validating access token: This may be because the user logged out or may "
                "be due to a system error.",
                190,
                subcode=467,
            )
        if "|" in text:
            return self._app_token(text)
        if text.startswith(_PAGE_PREFIX):
            return self._page_token(text)
        if text in self._issued:
            return self._issued[text]
        if self._allowed is not None and text not in self._allowed:
            raise malformed_token()
        return _read_prefix(text)

    def page_token(self, parent: Token, page_id: str) -> str:
        """The Page token that belongs to a Page and a parent token; always the same."""
        if parent.kind == "PAGE":
            return parent.text
        digest = sha256(f"{page_id} {parent.text}".encode()).hexdigest()[:24]
        granted = sum(1 << place for place, name in enumerate(SCOPES) if name in parent.scopes)
        raw = f"{page_id}.{granted:x}.{digest}".encode()
        return _PAGE_PREFIX + urlsafe_b64encode(raw).decode().rstrip("=")

    def sees(self, token: Token, asset_id: str) -> bool:
        """Whether a token sees an ad account, a Page or an Instagram account."""
        if token.kind == "APP":
            return False
        if token.kind == "PAGE":
            return asset_id == token.page_id or self._is_linked(token.page_id, asset_id)
        if self._allowed is None:
            return True
        allowed = self._allowed.get(token.root or token.text, set())
        return asset_id in allowed or any(
            client.id in allowed
            and asset_id in (*client.ad_accounts, *client.pages, *client.instagram_accounts)
            for client in self._source.clients()
        )

    def describe(self, text: str, now: datetime) -> dict[str, Any]:
        """The `data` of `/debug_token`; a bad token is a 200 with `is_valid` false.

        Raises:
            GraphError: code 100 without a token to describe.
        """
        if not text:
            raise invalid("The parameter input_token is required")
        try:
            token = self.read(text, now)
        except GraphError as error:
            about = {"code": error.code, "message": error.message}
            if error.subcode:
                about["subcode"] = error.subcode
            return {"app_id": APP_ID, "is_valid": False, "error": about, "scopes": []}
        if token.kind == "APP":
            return {
                "app_id": APP_ID,
                "type": "APP",
                "application": "Simulator",
                "is_valid": True,
                "scopes": [],
            }
        scopes = sorted(token.scopes)
        found: dict[str, Any] = {
            "app_id": APP_ID,
            "type": token.kind,
            "application": "Simulator",
            # 0 means never, as for most system users and the Page tokens made from theirs.
            "data_access_expires_at": _stamp(now, token.data_access),
            "expires_at": _stamp(now, token.life),
            "is_valid": True,
            "issued_at": int((now - token.age).timestamp()),
            "scopes": scopes,
            "granular_scopes": [self._granular(token, scope) for scope in scopes],
            "user_id": "122100000000001",
        }
        if token.page_id:
            found["profile_id"] = token.page_id
        return found

    def grant(self, params: Mapping[str, str], now: datetime) -> dict[str, Any]:
        """The body of `/oauth/access_token`: a token for a token, or the app's own.

        Raises:
            GraphError: for a wrong app or secret, an expired token, a missing parameter.
        """
        self._check_app(params)
        kind = params.get("grant_type", "")
        if kind == "client_credentials":
            text = f"{APP_ID}|{params['client_secret']}"
            return {"access_token": text, "token_type": "bearer"}
        if kind != "fb_exchange_token":
            raise invalid(f"Invalid grant_type: {kind}")
        text = params.get("fb_exchange_token", "")
        if not text:
            raise invalid("The parameter fb_exchange_token is required")
        # An expired token cannot be exchanged (Meta's guide to long-lived tokens).
        old = self.read(text, now)
        if old.kind not in ("USER", "SYSTEM_USER"):
            raise invalid("fb_exchange_token must be the token of a user")
        wanted = params.get("set_token_expires_in_60_days", "").lower() in ("true", "1")
        lives = old.kind == "USER" or old.life is not None or wanted
        digest = sha256(f"{text} {now.isoformat()}".encode()).hexdigest()[:40]
        new = replace(
            old,
            text=f"EAAX{digest}",
            age=timedelta(0),
            life=_LONG_LIFE if lives else None,
            data_access=_DATA_ACCESS if old.kind == "USER" else None,
            root=old.root or old.text,
        )
        self._issued[new.text] = new
        found: dict[str, Any] = {"access_token": new.text, "token_type": "bearer"}
        if new.life:
            found["expires_in"] = int(new.life.total_seconds())
        return found

    def _granular(self, token: Token, scope: str) -> dict[str, Any]:
        """Without `target_ids` a scope covers every asset."""
        if self._allowed is None and token.kind != "PAGE":
            return {"scope": scope}
        clients = self._source.clients()
        if scope in _ADS_SCOPES:
            ids = [i for c in clients for i in c.ad_accounts if self.sees(token, i)]
            ids = [account_id.removeprefix("act_") for account_id in ids]
        elif scope.startswith("pages_") or scope == "read_insights":
            ids = [i for c in clients for i in c.pages if self.sees(token, i)]
        elif scope.startswith("instagram_"):
            ids = [i for c in clients for i in c.instagram_accounts if self.sees(token, i)]
        else:
            return {"scope": scope}
        return {"scope": scope, "target_ids": ids}

    def _is_linked(self, page_id: str, asset_id: str) -> bool:
        account = self._source.instagram(asset_id)
        return account is not None and account.page_id == page_id

    def _app_token(self, text: str) -> Token:
        app_id, _, secret = text.partition("|")
        if app_id != APP_ID or secret != (self._secret or APP_SECRET):
            raise GraphError("Invalid OAuth access token signature.", 190)
        return Token(text, "APP", scopes=frozenset())

    def _page_token(self, text: str) -> Token:
        raw = text.removeprefix(_PAGE_PREFIX)
        try:
            page_id, granted, _ = urlsafe_b64decode(raw + "=" * (-len(raw) % 4)).decode().split(".")
            flags = int(granted, 16)
        except ValueError:
            raise malformed_token() from None
        scopes = frozenset(name for place, name in enumerate(SCOPES) if flags >> place & 1)
        token = Token(text, "PAGE", page_id, scopes)
        if self._allowed is not None:
            parents = (*map(_read_prefix, self._allowed), *self._issued.values())
            if not any(self.page_token(parent, page_id) == text for parent in parents):
                raise malformed_token()
        return token

    def _check_app(self, params: Mapping[str, str]) -> None:
        if not params.get("client_id"):
            raise GraphError("Missing client_id parameter.", 101)
        if params["client_id"] != APP_ID:
            raise GraphError(
                "Error validating application. Cannot get application info due to a system error.",
                101,
            )
        if params.get("client_secret") != (self._secret or APP_SECRET):
            raise GraphError("Error validating client secret.", 1)

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


def _read_prefix(text: str) -> Token:
    """What the beginning of a token says; see `Tokens`."""
    system = Token(text, "SYSTEM_USER")
    person = Token(text, "USER", life=_LONG_LIFE, data_access=_DATA_ACCESS)
    three = timedelta(days=3)
    if text.startswith("scopes-"):
        named = text.removeprefix("scopes-").partition("-")[0]
        return replace(system, scopes=frozenset(filter(None, named.split("+"))))
    if text.startswith("noads-"):
        return replace(system, scopes=system.scopes - _ADS_SCOPES)
    if text.startswith("no-insights"):
        return replace(system, scopes=system.scopes - {"read_insights"})
    if text.startswith("sys60-"):
        return replace(system, life=_LONG_LIFE)
    if text.startswith("soon-"):
        return replace(system, life=three, age=_LONG_LIFE - three)
    if text.startswith("short-"):
        return replace(person, life=timedelta(hours=1), age=timedelta(0))
    if text.startswith("data-soon-"):
        return replace(person, data_access=three)
    return person if text.startswith("user-") else system


def _stamp(now: datetime, left: timedelta | None) -> int:
    return int((now + left).timestamp()) if left else 0
