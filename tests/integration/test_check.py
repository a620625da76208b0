"""`check` and `token`: what a person sees when Meta does not let them in, and when it does."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meta_pipeline.simulator.tokens import APP_ID, APP_SECRET
from tests.integration.conftest import TOKEN
from tests.integration.connection import Connection, connected

REFUSED = {
    "error": {
        "message": "(#200) Ad account owner has NOT grant ads_management or ads_read permission",
        "type": "OAuthException",
        "code": 200,
    }
}

ORGANIC = "read_insights+pages_read_engagement+instagram_basic+instagram_manage_insights"


@pytest.fixture
def connection(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Connection]:
    """Two clients and Meta."""
    with connected(tmp_path / "home", capfd) as one:
        yield one


def findings(out: str, client: str = "acme-dental") -> list[dict[str, Any]]:
    """What a `--json` document says of one client, beyond what is fine."""
    document = json.loads(out)
    assert document["schema"] == 1
    (mine,) = [one for one in document["clients"] if one["client"] == client]
    return [one for one in mine["findings"] if one["level"] != "ok"]


def test_all_is_well(connection: Connection):
    """Exit code 0, and a table a client whose steps are all fine."""
    code, out, err = connection.run("check")
    assert code == 0
    assert re.findall(r"^(\S+): (ok|warn|error)", out, re.MULTILINE) == [
        ("acme-dental", "ok"),
        ("cafe-luna", "ok"),
    ]
    for step in ("config", "token", "scopes", "ad account", "ads insights", "Page", "version"):
        assert f"│ {step}" in out
    assert "error" not in err


def test_one_client_alone(connection: Connection):
    """With -c the other client is neither asked about nor shown."""
    code, out, _ = connection.run("check", "-c", "cafe-luna", "--json")
    assert code == 0
    assert [one["client"] for one in json.loads(out)["clients"]] == ["cafe-luna"]
    assert connection.run("check", "-c", "nope")[0] == 2


@pytest.mark.parametrize(
    ("token", "code", "step", "part"),
    [
        ("expired-token", 4, "token", "past its expiry"),
        ("invalid-token", 4, "token", "no longer valid"),
        ("noads-token", 4, "scopes", "tick ads_read"),
        ("no-insights-token", 4, "scopes", "tick read_insights"),
        (f"scopes-{ORGANIC}-x", 4, "scopes", "ads_read"),
        ("soon-token", 4, "token", "Never"),
    ],
)
def test_a_bad_token_ends_with_exit_code_4_and_its_menu(
    connection: Connection, token: str, code: int, step: str, part: str
):
    """Each kind of bad token is told apart, the fix names the menu, and nothing else is asked."""
    connection.patch.setenv("META_ACCESS_TOKEN", token)
    got, out, err = connection.run("check", "--json")
    (one,) = findings(out)
    assert (got, one["step"], one["level"]) == (code, step, "error")
    assert part in one["fix"]
    assert "Business settings >" in one["fix"]
    assert token not in out + err
    assert {request.path for request in connection.meta.requests} == {"/v26.0/debug_token"}


@pytest.mark.parametrize(
    ("token", "part"),
    [
        ("user-token", "person's token"),
        (f"scopes-ads_management+{ORGANIC}-x", "more than read"),
    ],
)
def test_what_is_only_risky_is_a_warning(connection: Connection, token: str, part: str):
    """Warnings do not change the exit code."""
    connection.patch.setenv("META_ACCESS_TOKEN", token)
    code, out, _ = connection.run("check", "--json", "-c", "acme-dental")
    assert code == 0
    assert part in " ".join(one["message"] for one in findings(out))


def test_a_token_of_sixty_days_is_named(connection: Connection):
    """It is fine today, and says that it will end."""
    connection.patch.setenv("META_ACCESS_TOKEN", "sys60-token")
    code, out, _ = connection.run("check", "--json")
    assert code == 0
    said = [f["message"] for f in json.loads(out)["clients"][0]["findings"]]
    assert any("system user's token of 60 days ends on 2027-01-" in one for one in said)


def test_one_refused_account_leaves_the_others_fine(connection: Connection):
    """Exit code 3: the refused client names its menu, the other one is fine."""
    connection.meta.fail_next(connection.accounts[1], 403, REFUSED, times=9)
    code, out, _ = connection.run("check", "--json")
    assert code == 3
    assert findings(out) == []
    (one,) = findings(out, "cafe-luna")
    assert (one["step"], one["kind"]) == ("ad account", "permission")
    assert "Ad accounts > (account) > View performance" in one["fix"]
    asked = [r.path for r in connection.meta.requests if connection.accounts[1] in r.path]
    assert len(asked) == 1


def test_an_unknown_account_and_an_unset_token(connection: Connection):
    """Both fail for reasons of their own: neither is all a matter of rights, so 1."""
    text = (connection.home / "clients.yml").read_text()
    text = text.replace(connection.accounts[0], "act_999")
    text = text.replace("- id: cafe-luna", "- id: cafe-luna\n  token_env: META_TOKEN_LUNA")
    (connection.home / "clients.yml").write_text(text)
    code, out, _ = connection.run("check", "--json")
    assert code == 1
    assert "act=" in findings(out)[0]["fix"]
    assert "META_TOKEN_LUNA" in findings(out, "cafe-luna")[0]["message"]


def test_a_retired_metric_and_an_old_version(connection: Connection):
    """A version whose end is near or over is said, with the line to change."""
    text = (connection.home / "clients.yml").read_text()
    text = text.replace("name: Acme Dental", "name: Acme Dental\n  api_version: v24.0")
    (connection.home / "clients.yml").write_text(text)
    code, out, _ = connection.run("check", "--json", "-c", "acme-dental")
    assert code == 1
    (one,) = findings(out)
    assert "2635" in one["message"]
    assert "api_version" in one["fix"]


def test_no_answer_at_all(connection: Connection):
    """A wrong address is a matter of the network, not of Meta's menus."""
    connection.patch.setenv("META_GRAPH_URL", "http://127.0.0.1:9")
    code, out, _ = connection.run("check", "--json", "-c", "acme-dental")
    assert code == 1
    assert "META_GRAPH_URL" in findings(out)[0]["fix"]


@pytest.mark.parametrize("token", [TOKEN, "expired-" + TOKEN, "invalid-" + TOKEN])
def test_no_secret_is_ever_shown(connection: Connection, token: str):
    """Neither the token nor the app's secret is in any output, or in a URL at Meta."""
    connection.patch.setenv("META_ACCESS_TOKEN", token)
    connection.patch.setenv("META_APP_ID", APP_ID)
    connection.patch.setenv("META_APP_SECRET", APP_SECRET)
    shown = ""
    for command in (["check"], ["check", "--json"], ["token", "inspect"]):
        _, out, err = connection.run(*command)
        shown += out + err
    assert token not in shown
    assert APP_SECRET not in shown
    assert "debug_token" in {request.path.rsplit("/")[-1] for request in connection.meta.requests}


def test_a_token_is_inspected(connection: Connection):
    """Whose it is, until when, what it may do; one row for each variable."""
    connection.patch.setenv("META_ACCESS_TOKEN", "sys60-token")
    code, out, _ = connection.run("token", "inspect", "--json")
    assert code == 0
    (one,) = json.loads(out)["tokens"]
    assert (one["token_env"], one["type"]) == ("META_ACCESS_TOKEN", "SYSTEM_USER")
    assert one["expires_at"].startswith("2027-01-")
    assert "ads_read" in one["scopes"]
    assert "never" not in connection.run("token", "inspect")[1]


def test_a_token_that_is_over_is_inspected_too(connection: Connection):
    """It says that it is over, with exit code 4."""
    connection.patch.setenv("META_ACCESS_TOKEN", "expired-token")
    code, out, _ = connection.run("token", "inspect", "--json")
    assert code == 4
    (one,) = json.loads(out)["tokens"]
    assert not one["is_valid"]
    assert "past its expiry" in one["findings"][0]["fix"]
    assert "never" not in connection.run("token", "inspect")[1]


def test_an_app_that_is_refused_says_nothing_of_the_token(connection: Connection):
    """The token then asks for itself; the app's id and secret are what is to be mended."""
    connection.patch.setenv("META_APP_ID", "999")
    connection.patch.setenv("META_APP_SECRET", "another")
    code, out, _ = connection.run("token", "inspect", "--json")
    assert code == 0
    (one,) = json.loads(out)["tokens"]
    assert one["is_valid"]
    assert [said["level"] for said in one["findings"]] == ["warn", "ok"]
    assert "META_APP_SECRET" in one["findings"][0]["fix"]


def test_a_short_lived_token_becomes_a_long_lived_one(connection: Connection):
    """stdout holds the new token and nothing else; its end is on stderr."""
    connection.patch.setenv("META_ACCESS_TOKEN", "short-token")
    code, out, err = connection.run("token", "exchange")
    assert (code, out) == (2, "")
    assert "META_APP_ID and META_APP_SECRET" in err
    connection.patch.setenv("META_APP_ID", APP_ID)
    connection.patch.setenv("META_APP_SECRET", APP_SECRET)
    code, out, err = connection.run("token", "exchange")
    assert code == 0
    assert len(out.splitlines()) == 1
    assert out.strip() not in err
    assert "ends on 2027-01-" in err
    connection.patch.setenv("META_ACCESS_TOKEN", out.strip())
    assert connection.run("token", "inspect")[0] == 0


def test_a_terminal_is_shown_no_token(connection: Connection):
    """Onto a terminal the token is printed only when asked for, and Meta is not asked before."""
    connection.patch.setenv("META_APP_ID", APP_ID)
    connection.patch.setenv("META_APP_SECRET", APP_SECRET)
    connection.patch.setattr("sys.stdout.isatty", lambda: True)
    code, out, err = connection.run("token", "exchange")
    assert (code, out) == (2, "")
    assert "--show" in err
    assert connection.meta.requests == []
    assert connection.run("token", "exchange", "--show")[0] == 0


def test_an_expired_token_cannot_be_exchanged(connection: Connection):
    """Exit code 4, without the token."""
    connection.patch.setenv("META_APP_ID", APP_ID)
    connection.patch.setenv("META_APP_SECRET", APP_SECRET)
    connection.patch.setenv("META_ACCESS_TOKEN", "expired-token")
    code, out, err = connection.run("token", "exchange")
    assert (code, out) == (4, "")
    assert "expired-token" not in err
