"""`init`: a first clients.yml from what the token sees."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meta_pipeline.cli.init import Page, clients_text, match, slug
from meta_pipeline.config import parse_clients
from tests.integration.conftest import TOKEN
from tests.integration.connection import Connection, connected


@pytest.fixture
def connection(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Connection]:
    """Four clients, one of them with two ad accounts, and Meta; no clients.yml yet."""
    with connected(tmp_path / "home", capfd, clients=4) as one:
        (one.home / "clients.yml").unlink()
        yield one


def test_from_nothing_to_a_green_check(connection: Connection):
    """One client an ad account, with its Page, currency and time zone; `check` finds it fine."""
    code, out, err = connection.run("init")
    path = connection.home / "clients.yml"
    assert (code, out.strip()) == (0, str(path))
    assert "meta-pipeline check" in err
    clients = parse_clients(path.read_text()).clients
    assert sorted(account for c in clients for account in c.ad_accounts) == sorted(
        connection.accounts
    )
    source = connection.meta.source
    pages = {page for c in source.clients() for page in c.pages}
    assert {page for c in clients for page in c.pages} == pages
    assert all(client.currency and client.timezone for client in clients)
    assert connection.run("check")[0] == 0


def test_no_token_is_in_the_file(connection: Connection):
    """Neither the token nor a Page's stands in it, or in the output."""
    _, out, err = connection.run("init")
    text = (connection.home / "clients.yml").read_text()
    assert TOKEN not in text + out + err
    assert "EAA" not in text


def test_a_file_that_is_there_is_kept(connection: Connection):
    """Without --force nothing is asked and nothing is written; with it the file is replaced."""
    path = connection.home / "clients.yml"
    path.write_text("mine")
    code, out, err = connection.run("init")
    assert (code, out) == (2, "")
    assert "--force" in err
    assert path.read_text() == "mine"
    assert connection.meta.requests == []
    assert connection.run("init", "--force")[0] == 0
    assert parse_clients(path.read_text())


def test_another_place(connection: Connection):
    """--out writes there, and a folder that is not there is an error with a hint."""
    path = connection.home / "other.yml"
    assert connection.run("init", "--out", str(path))[1].strip() == str(path)
    code, _, err = connection.run("init", "--out", str(connection.home / "no" / "x.yml"))
    assert code == 2
    assert "hint: " in err


def test_a_token_that_lists_no_page_is_told_of_the_scope(connection: Connection):
    """Meta says no word of it: the list is empty. The file is written all the same."""
    connection.patch.setenv("META_ACCESS_TOKEN", "scopes-ads_read-x")
    code, _, err = connection.run("init")
    assert code == 0
    assert "no Page is in it" in err
    assert "pages_show_list" in err


def test_a_token_that_sees_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    """No ad account is a matter of rights: exit code 4, the menu, and no file."""
    with connected(tmp_path / "home", capfd, tokens={TOKEN: set()}) as one:
        code, _, err = one.run("init", "--force", "--out", str(tmp_path / "new.yml"))
        assert code == 4
        assert "Assign assets > Ad accounts" in err
        assert not (tmp_path / "new.yml").exists()


def test_no_token(connection: Connection):
    """The variable is named."""
    connection.patch.delenv("META_ACCESS_TOKEN")
    code, _, err = connection.run("init")
    assert code == 2
    assert "META_ACCESS_TOKEN" in err


def account(number: int, name: str, **more: Any) -> dict[str, Any]:
    """An ad account as Meta lists it."""
    return {"id": f"act_{number}", "name": name} | more


def test_ids_are_unique_and_never_empty():
    """Equal names get a number, names without Latin letters the account's id."""
    accounts = [account(1, "Acme"), account(2, "ACME!"), account(3, "日本"), account(4, "")]
    clients = parse_clients(clients_text(accounts, [], day="2026-11-22")).clients
    assert [client.id for client in clients] == ["acme", "acme-2", "account-3", "account-4"]


def test_a_page_goes_where_its_name_leaves_no_doubt():
    """Equal names first, then the only one that shares all its words; the rest is a comment."""
    accounts = [account(1, "Acme Dental US"), account(2, "Luna GmbH"), account(3, "Luna Events")]
    pages = [
        Page("11", "Acme Dental", "171"),
        Page("12", "Luna", None),
        Page("13", "Zoo\nclients: []", None),
    ]
    found = match(accounts, pages)
    assert {key: page.id for key, page in found.items()} == {"act_1": "11", "act_2": "12"}
    text = clients_text(accounts, pages, day="2026-11-22")
    first, second, third = parse_clients(text).clients
    assert (first.pages, first.instagram_accounts) == (("11",), ("171",))
    assert (second.pages, third.pages) == (("12",), ())
    assert '#   pages: ["13"]' in text


def test_two_alike_are_left_to_a_person():
    """Two Pages of one name, or two accounts: nobody guesses."""
    accounts = [account(1, "Acme"), account(2, "Acme")]
    assert match(accounts, [Page("11", "Acme", None)]) == {}
    assert match(accounts[:1], [Page("11", "Acme", None), Page("12", "Acme", None)]) == {}


def test_odd_names_still_make_a_file():
    """Colons, quotes, emoji, line breaks and YAML's own signs are only names."""
    names = ['a: "b"', "- x", "# c", "🦷 Zahn & Co", "two\nlines", "*alias", "yes", "x" * 300]
    accounts = [account(number, name) for number, name in enumerate(names, 1)]
    text = clients_text([*accounts, account(99, "zz", account_status=101)], [], day="2026-11-22")
    clients = parse_clients(text).clients
    assert len(clients) == len(names) + 1
    assert clients[4].name == "two lines"
    assert "act_99  CLOSED  zz" in text


def test_a_slug_is_small_latin():
    """Accents fall, other signs become single hyphens."""
    assert slug("  Café -- Luna №1 (EU)") == "cafe-luna-no1-eu"
