"""What Meta says of a token, when it is worth a warning, and that no secret is in a URL."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from unit_transport import APP_SECRET, TOKEN, Reply, client_of, error_reply

from meta_pipeline.graph import AuthError, BrokenAnswerError
from meta_pipeline.graph.tokens import TokenInfo, app_token, exchange, inspect, remarks

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
OTHER = "EAAanotherTokenThatIsAskedAbout"
APP = app_token("1234567890", SecretStr(APP_SECRET))


def said(**more: Any) -> Reply:
    """What `/debug_token` answers about a system user's token."""
    data = {
        "app_id": "1234567890",
        "type": "SYSTEM_USER",
        "is_valid": True,
        "expires_at": 0,
        "data_access_expires_at": 0,
        "issued_at": 1760000000,
        "scopes": ["ads_read", "read_insights"],
        "granular_scopes": [
            {"scope": "ads_read"},
            {"scope": "read_insights", "target_ids": ["1234"]},
        ],
        "user_id": "1",
    }
    return Reply({"data": data | more})


def test_a_token_is_read():
    """Scopes, ends and the assets that a scope is limited to; 0 is never."""
    client, _ = client_of(said(expires_at=1795000000, profile_id="77"))
    info = inspect(client, SecretStr(OTHER))
    assert (info.kind, info.app_id, info.is_valid) == ("SYSTEM_USER", "1234567890", True)
    assert info.expires_at == datetime.fromtimestamp(1795000000, UTC)
    assert info.data_access_expires_at is None
    assert info.missing("ads_read", "ads_management") == ("ads_management",)
    assert info.covers("ads_read", "act_99")
    assert info.covers("read_insights", "1234")
    assert not info.covers("read_insights", "99")
    assert info.profile_id == "77"


@pytest.mark.parametrize("app", [None, APP])
def test_the_token_asked_about_is_in_no_url(app: SecretStr | None):
    """It goes in a form body; the header holds the app's token, or else its own."""
    client, adapter = client_of(said(), app_secret=APP_SECRET)
    inspect(client, SecretStr(OTHER), app)
    (request,) = adapter.requests
    assert (request.method, adapter.paths) == ("POST", ["/v26.0/debug_token"])
    for secret in (OTHER, TOKEN, APP_SECRET):
        assert secret not in str(request.url)
    body = str(request.body)
    assert "method=get" in body
    assert f"input_token={OTHER}" in body
    asking = app.get_secret_value() if app else OTHER
    assert request.headers["Authorization"] == f"Bearer {asking}"


def test_a_token_that_is_not_valid_says_why_without_itself():
    """Meta answers 200; its reason keeps its code, and loses the token that it repeats."""
    error = {"code": 190, "message": f"Malformed access token {OTHER}", "subcode": 463}
    client, _ = client_of(said(is_valid=False, error=error, scopes=[]))
    info = inspect(client, SecretStr(OTHER))
    (remark,) = remarks(info, NOW)
    assert remark.level == "error"
    assert "190/463" in remark.message
    assert OTHER not in repr(info) + remark.message
    assert remark.advice is not None
    assert "past its expiry" in remark.advice.meaning


def test_an_error_never_repeats_the_token_asked_about():
    """Whatever Meta echoes, the exception holds neither the token nor the app's secret."""
    reply = error_reply(190, message=f"bad {OTHER} and {APP_SECRET}")
    client, _ = client_of(reply, app_secret=APP_SECRET)
    with pytest.raises(AuthError) as raised:
        inspect(client, SecretStr(OTHER), APP)
    assert OTHER not in str(raised.value)
    assert APP_SECRET not in str(raised.value)


@pytest.mark.parametrize("odd", [{"data": []}, {"data": "x"}, {"ok": True}])
def test_an_answer_without_a_token_is_none(odd: dict[str, Any]):
    """Something else than what was asked for is no valid token."""
    client, _ = client_of(Reply(odd))
    with pytest.raises(BrokenAnswerError):
        inspect(client, SecretStr(OTHER))


def info_of(**more: Any) -> TokenInfo:
    """A valid system user's token."""
    return TokenInfo(kind="SYSTEM_USER", app_id="1", is_valid=True, **more)


@pytest.mark.parametrize(
    ("left", "level"),
    [
        (timedelta(days=14, seconds=1), "ok"),
        (timedelta(days=14), "warn"),
        (timedelta(days=3, seconds=1), "warn"),
        (timedelta(days=3), "error"),
        (timedelta(0), "error"),
        (timedelta(days=-1), "error"),
    ],
)
@pytest.mark.parametrize("which", ["expires_at", "data_access_expires_at"])
def test_the_last_days_are_watched(which: str, left: timedelta, level: str):
    """From 14 days a warning, from 3 days and afterwards an error, for either end."""
    found = remarks(info_of(**{which: NOW + left}), NOW)
    assert [one.level for one in found if "token" in one.message and " end" in one.message] == [
        level
    ]


def test_sixty_days_are_named():
    """A system user's token that ends was made so, and could be made to last."""
    (remark,) = remarks(info_of(expires_at=NOW + timedelta(days=10, hours=1)), NOW)
    assert "system user's token of 60 days" in remark.message
    assert "in 10 days" in remark.message
    assert remark.advice is not None
    assert "Never" in remark.advice.fix


def test_a_persons_token_of_hours_is_to_be_exchanged():
    """While it is alive that is one command; its end is told in minutes."""
    info = TokenInfo("USER", "1", is_valid=True, expires_at=NOW + timedelta(minutes=59))
    remark, _ = remarks(info, NOW)
    assert (remark.level, "in 59 minutes" in remark.message) == ("error", True)
    assert remark.advice is not None
    assert "meta-pipeline token exchange" in remark.advice.fix


@pytest.mark.parametrize(("kind", "level"), [("USER", "warn"), ("APP", "error"), ("PAGE", None)])
def test_the_kind_of_token_is_judged(kind: str, level: str | None):
    """A person's token is a risk, an app's sees nothing."""
    info = TokenInfo(kind=kind, app_id="1", is_valid=True)
    levels = [one.level for one in remarks(info, NOW) if one.level != "ok"]
    assert levels == ([level] if level else [])


def test_a_short_lived_token_is_exchanged():
    """Everything secret is in the form; the end follows from Meta's seconds."""
    client, adapter = client_of(
        Reply({"access_token": "EAAlong", "token_type": "bearer", "expires_in": 5184000})
    )
    got = exchange(client, SecretStr(OTHER), app_id="12", app_secret=SecretStr(APP_SECRET), now=NOW)
    assert got.token.get_secret_value() == "EAAlong"
    assert got.expires_at == NOW + timedelta(days=60)
    assert "EAAlong" not in repr(got)
    (request,) = adapter.requests
    assert str(request.url).endswith("/v26.0/oauth/access_token")
    assert f"fb_exchange_token={OTHER}" in str(request.body)


def test_a_refused_exchange_says_so_without_secrets():
    """An expired token cannot be exchanged, and is not repeated."""
    client, _ = client_of(error_reply(190, 463, f"Session of {OTHER} has expired"))
    with pytest.raises(AuthError, match="190/463") as raised:
        exchange(client, SecretStr(OTHER), app_id="12", app_secret=SecretStr("s" * 9), now=NOW)
    assert OTHER not in str(raised.value)


def test_an_exchange_without_a_token_is_a_failure():
    """A 200 that holds no token is not taken for one."""
    client, _ = client_of(Reply({"token_type": "bearer"}))
    with pytest.raises(AuthError):
        exchange(client, SecretStr(OTHER), app_id="12", app_secret=SecretStr("s" * 9), now=NOW)


def test_the_app_needs_both_its_id_and_its_secret():
    """Half an app is none."""
    assert app_token(None, SecretStr("x")) is None
    assert app_token("1", None) is None
