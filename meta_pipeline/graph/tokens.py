"""What Meta says about an access token, when it ends, and how a short-lived one is exchanged.

The token that is asked about is a secret like any other: it goes in a form body, never in a
URL, so both questions are POSTs; `method=get` is the Graph API's own override for reading.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

from pydantic import SecretStr

from meta_pipeline.graph.advice import FINDINGS, Advice, advice_for
from meta_pipeline.graph.client import GraphClient
from meta_pipeline.graph.errors import (
    AuthError,
    BadRequestError,
    BrokenAnswerError,
    Failure,
    PermissionDeniedError,
    failure_of,
)

Level = Literal["ok", "warn", "error"]

WARN_DAYS = 14
ERROR_DAYS = 3

# Meta's login guide: a short-lived token lives one to two hours, a long-lived one 60 days.
_SHORT_LIVED = timedelta(hours=2)

REFUSALS = (AuthError, BadRequestError, PermissionDeniedError)
"""What an app that may not ask about a token is told, whatever the token is worth: a wrong secret
is 190, the app of another token (#100). Meta being down says nothing of the app."""

_PATH = "debug_token"
_OAUTH = "oauth/access_token"

_KINDS = {"SYSTEM_USER": "system user", "USER": "person", "PAGE": "Page", "APP": "app"}


class Remark(NamedTuple):
    """Something worth saying, how bad it is, and what to do about it."""

    level: Level
    message: str
    advice: Advice | None = None


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """What `/debug_token` says of a token; times are UTC.

    `kind` is SYSTEM_USER, USER, PAGE or APP. `expires_at` and `data_access_expires_at` are None
    for never. `targets` holds, for each scope that is limited, the ids it is limited to; a
    scope that is not in it holds for all assets. `profile_id` is a Page token's Page. `error`
    says why a token is not valid.
    """

    kind: str
    app_id: str
    is_valid: bool
    expires_at: datetime | None = None
    data_access_expires_at: datetime | None = None
    issued_at: datetime | None = None
    scopes: tuple[str, ...] = ()
    targets: Mapping[str, tuple[str, ...]] | None = None
    profile_id: str | None = None
    application: str = ""
    error: Failure | None = None

    @property
    def owner(self) -> str:
        """Whose token it is, in words."""
        return _KINDS.get(self.kind, self.kind.lower().replace("_", " ") or "unknown")

    @property
    def lasts_60_days(self) -> bool:
        """Whether it is a system user's token that was made to end."""
        return self.kind == "SYSTEM_USER" and self.expires_at is not None

    def missing(self, *scopes: str) -> tuple[str, ...]:
        """Those of `scopes` that the token does not have."""
        return tuple(scope for scope in scopes if scope not in self.scopes)

    def covers(self, scope: str, asset_id: str) -> bool:
        """Whether the scope is not limited to other assets than this one."""
        targets = (self.targets or {}).get(scope)
        return targets is None or asset_id.removeprefix("act_") in targets


def app_token(app_id: str | None, app_secret: SecretStr | None) -> SecretStr | None:
    """The app's own token, or None where the app is not known."""
    if not app_id or app_secret is None:
        return None
    return SecretStr(f"{app_id}|{app_secret.get_secret_value()}")


def inspect(client: GraphClient, token: SecretStr, app: SecretStr | None = None) -> TokenInfo:
    """What Meta says of `token`, asked by the app where its token is given, else by itself.

    Raises `GraphError`: without the app a token that is over cannot even ask about itself.
    """
    asking = client.with_token(app or token)
    answer = asking.post_json(_PATH, {"method": "get", "input_token": token.get_secret_value()})
    data = answer.get("data")
    if not isinstance(data, dict):
        raise BrokenAnswerError(Failure(_PATH, 200, None, None, "the answer holds no token"))
    return _read(data, client, token)


def _read(data: Mapping[str, Any], client: GraphClient, token: SecretStr) -> TokenInfo:
    scopes = tuple(str(scope) for scope in _list(data.get("scopes")))
    return TokenInfo(
        kind=str(data.get("type") or ""),
        app_id=str(data.get("app_id") or ""),
        application=str(data.get("application") or ""),
        is_valid=data.get("is_valid") is True,
        expires_at=_moment(data.get("expires_at")),
        data_access_expires_at=_moment(data.get("data_access_expires_at")),
        issued_at=_moment(data.get("issued_at")),
        scopes=scopes,
        targets=dict(_targets(_list(data.get("granular_scopes")))),
        profile_id=str(data["profile_id"]) if data.get("profile_id") else None,
        error=_error(data.get("error"), client, token),
    )


def _targets(granular: Iterable[Any]) -> Iterable[tuple[str, tuple[str, ...]]]:
    """No `target_ids` means all assets (Meta's login documents; seen so, not settled)."""
    for one in granular:
        if isinstance(one, dict) and isinstance(one.get("target_ids"), list):
            yield str(one.get("scope")), tuple(str(target) for target in one["target_ids"])


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _moment(value: Any) -> datetime | None:
    """A moment in UTC; 0 is Meta's word for never."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return None
    return datetime.fromtimestamp(value, UTC)


def _error(error: Any, client: GraphClient, token: SecretStr) -> Failure | None:
    """Why a token is not valid. Meta's words may hold the token; these never do."""
    if not isinstance(error, dict):
        return None
    said = {**error, "error_subcode": error.get("subcode")}
    said["message"] = client.credential.redact(
        str(error.get("message") or "not valid"), token.get_secret_value()
    )
    return failure_of(_PATH, 200, {"error": said})


def remarks(info: TokenInfo, now: datetime) -> list[Remark]:
    """What there is to say about a token itself: validity, kind, and the days it has left."""
    if not info.is_valid:
        advice = advice_for(info.error) if info.error else FINDINGS["token is not valid"]
        return [Remark("error", str(info.error or "the token is not valid"), advice)]
    if info.kind == "APP":
        return [Remark("error", "this is an app's token", FINDINGS["token of an app"])]
    found = [*_expiry(info, now), *_data_access(info, now)]
    if info.kind == "USER":
        found.append(Remark("warn", "this is a person's token", FINDINGS["person's token"]))
    return found


def _expiry(info: TokenInfo, now: datetime) -> list[Remark]:
    if info.expires_at is None:
        return [Remark("ok", f"a {info.owner}'s token that does not expire")]
    name = "system user's token of 60 days" if info.lasts_60_days else "token ends"
    what = f"the {name}" if info.lasts_60_days else f"the {info.owner}'s token"
    if info.kind == "USER" and timedelta(0) < info.expires_at - now <= _SHORT_LIVED:
        name = "person's token of an hour or two"
    return [_watched(f"{what}", info.expires_at, now, FINDINGS[name])]


def _data_access(info: TokenInfo, now: datetime) -> list[Remark]:
    if info.data_access_expires_at is None:
        return []
    advice = FINDINGS["data access ends"]
    return [_watched("the token's access to data", info.data_access_expires_at, now, advice)]


def _watched(what: str, end: datetime, now: datetime, advice: Advice) -> Remark:
    """WARN from 14 days before the end, ERROR from 3 days before it."""
    left = end - now
    day = end.strftime("%Y-%m-%d %H:%M UTC")
    if left <= timedelta(0):
        return Remark("error", f"{what} ended on {day}", advice)
    number, unit = (left.days, "day") if left.days else (left.seconds // 60, "minute")
    message = f"{what} ends on {day}, in {number} {unit}{'' if number == 1 else 's'}"
    if left <= timedelta(days=ERROR_DAYS):
        return Remark("error", message, advice)
    if left <= timedelta(days=WARN_DAYS):
        return Remark("warn", message, advice)
    return Remark("ok", message)


class Exchanged(NamedTuple):
    """A long-lived token, and when it ends (UTC; None when Meta names no end)."""

    token: SecretStr
    expires_at: datetime | None


def exchange(
    client: GraphClient, token: SecretStr, *, app_id: str, app_secret: SecretStr, now: datetime
) -> Exchanged:
    """A long-lived token for a person's short-lived one, from about 60 days of life.

    An expired token cannot be exchanged. Raises `GraphError`.
    """
    app = app_token(app_id, app_secret)
    assert app is not None
    form = {
        "method": "get",
        "grant_type": "fb_exchange_token",
        "client_id": app_id,
        "client_secret": app_secret.get_secret_value(),
        "fb_exchange_token": token.get_secret_value(),
    }
    answer = client.with_token(app).post_json(_OAUTH, form)
    text, seconds = answer.get("access_token"), answer.get("expires_in")
    if not isinstance(text, str) or not text:
        raise AuthError(Failure(_OAUTH, 200, None, None, "the answer holds no token"))
    ends = now + timedelta(seconds=seconds) if isinstance(seconds, int) and seconds > 0 else None
    return Exchanged(SecretStr(text), ends)
