"""`init`: a first clients.yml from the ad accounts and Pages that the token sees."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unicodedata import normalize

import yaml

from meta_pipeline import clock
from meta_pipeline.cli.progress import console, steps
from meta_pipeline.cli.token import connect
from meta_pipeline.config import (
    DEFAULT_TOKEN_VARIABLE,
    load_settings,
    parse_clients,
    token_in,
)
from meta_pipeline.errors import ConfigError
from meta_pipeline.graph import Failure, GraphClient, PermissionDeniedError
from meta_pipeline.graph.accounts import ACTIVE, STATUSES
from meta_pipeline.graph.advice import AD_ACCOUNT, NEW_TOKEN, PAGE, advice_for

_LIMIT = "100"
_LONGEST_ID = 50
# Shorter than what a clients.yml takes for a token.
_LONGEST_NAME = 70

# Words that tell no client from another.
_COMMON = frozenset(
    (
        "account",
        "ad",
        "ads",
        "adaccount",
        "co",
        "company",
        "gmbh",
        "inc",
        "llc",
        "ltd",
        "page",
        "the",
    )
)

_NO_PAGES = f"if there are any: {NEW_TOKEN} > tick pages_show_list; {PAGE}"

_HEAD = """\
# Written by `meta-pipeline init` on {day}. An id is for ever: change it now or never.
# Tokens never stand in this file: `token_env` names the environment variable that holds one.
# All keys: clients.example.yml. Next: `meta-pipeline check`.
version: 1

defaults:
  token_env: {variable}

"""


@dataclass(frozen=True, slots=True)
class Page:
    """A Page that the token sees, with its Instagram account, if it has one."""

    id: str
    name: str
    instagram: str | None


def run_init(out: Path | None, *, force: bool) -> int:
    """Runs `meta-pipeline init`; returns its exit code."""
    settings = load_settings()
    path = (out or settings.clients_file).expanduser().resolve()
    _refuse_to_replace(path, force=force)
    graph = connect(settings, token_in(DEFAULT_TOKEN_VARIABLE))
    with steps() as shown:
        with shown.step("ad accounts"):
            accounts = _accounts(graph)
        with shown.step("Pages"):
            pages, problem = _pages(graph)
    text = clients_text(accounts, pages, day=f"{clock.now():%Y-%m-%d}")
    # What is written can be read, whatever the names hold.
    count = len(parse_clients(text, name=str(path)).clients)
    _write(path, text, force=force)
    if problem:
        console.print(f"warning: no Page is in it: {problem}", markup=False)
    console.print(f"{count} clients written; next: meta-pipeline check", markup=False)
    print(path)
    return 0


def _refuse_to_replace(path: Path, *, force: bool) -> None:
    if path.exists() and not force:
        raise ConfigError(
            f"{path} is there already", hint="choose another with --out, or replace it with --force"
        )


def _write(path: Path, text: str, *, force: bool) -> None:
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        _refuse_to_replace(path, force=False)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}", hint="choose another with --out"
        ) from None


def _accounts(graph: GraphClient) -> list[dict[str, Any]]:
    """The ad accounts, by name. Raises `PermissionDeniedError` when there is none."""
    fields = "id,name,account_status,currency,timezone_name"
    found = _rows(graph, "me/adaccounts", fields)
    if not found:
        message = "the token sees no ad account"
        error = PermissionDeniedError(Failure("me/adaccounts", 200, None, None, message))
        error.hint = f"assign one: {AD_ACCOUNT}"
        raise error
    return sorted(found, key=lambda one: (str(one.get("name") or ""), str(one["id"])))


def _pages(graph: GraphClient) -> tuple[list[Page], str | None]:
    """The Pages, by name; or none, and why they cannot be listed."""
    try:
        rows = _rows(graph, "me/accounts", "id,name,instagram_business_account")
    except PermissionDeniedError as error:
        return [], f"{error.message}; {advice_for(error.failure, 'page').fix}"
    pages = [
        Page(str(row["id"]), _plain(row.get("name") or row["id"]), _instagram(row)) for row in rows
    ]
    # Without pages_show_list Meta lists nothing and says no word of it.
    problem = None if pages else f"the token lists none; {_NO_PAGES}"
    return sorted(pages, key=lambda page: (page.name, page.id)), problem


def _rows(graph: GraphClient, path: str, fields: str) -> list[dict[str, Any]]:
    return [
        row
        for answer in graph.whole_list(path, {"fields": fields, "limit": _LIMIT})
        for row in answer.decoded_rows()
    ]


def _instagram(row: Mapping[str, Any]) -> str | None:
    account = row.get("instagram_business_account")
    return str(account["id"]) if isinstance(account, dict) and account.get("id") else None


def clients_text(accounts: Sequence[Mapping[str, Any]], pages: Sequence[Page], *, day: str) -> str:
    """A clients.yml with one client for each account; Pages without one stand in a comment."""
    matched = match(accounts, pages)
    ids: set[str] = set()
    clients = []
    for account in accounts:
        name = _plain(account.get("name") or "")
        client_id = _unique(slug(name) or f"account-{account['id'].removeprefix('act_')}", ids)
        ids.add(client_id)
        name = name or client_id
        client = {"id": client_id, "name": name, "ad_accounts": [account["id"]]}
        if page := matched.get(account["id"]):
            client["pages"] = [page.id]
            if page.instagram:
                client["instagram_accounts"] = [page.instagram]
        for key, field in (("currency", "currency"), ("timezone", "timezone_name")):
            if account.get(field):
                client[key] = account[field]
        clients.append(client)
    listed = yaml.safe_dump({"clients": clients}, sort_keys=False, allow_unicode=True, width=100)
    head = _HEAD.format(day=day, variable=DEFAULT_TOKEN_VARIABLE)
    return head + listed + "".join(_comments(accounts, pages, matched))


def _comments(
    accounts: Sequence[Mapping[str, Any]], pages: Sequence[Page], matched: Mapping[str, Page]
) -> Iterator[str]:
    asleep = [one for one in accounts if one.get("account_status") not in (None, ACTIVE)]
    if asleep:
        yield "\n# Not active; take a client out when its past is not wanted:\n"
    for account in asleep:
        status = account["account_status"]
        name = _plain(account.get("name") or "")
        yield f"#   {account['id']}  {STATUSES.get(status, status)}  {name}\n"
    left = [page for page in pages if page not in matched.values()]
    if left:
        yield "\n# Pages whose client is not clear from their name; put each below its client:\n"
    for page in left:
        yield f'#   pages: ["{page.id}"]  # {_plain(page.name)}\n'
        if page.instagram:
            yield f'#   instagram_accounts: ["{page.instagram}"]\n'


def match(accounts: Sequence[Mapping[str, Any]], pages: Sequence[Page]) -> dict[str, Page]:
    """The Page of each account's id, where names leave no doubt on either side.

    Equal names first; then those of which one holds all the words of the other.
    """
    found: dict[str, Page] = {}
    for is_alike in (_is_equal, _is_part):
        free = [one for one in accounts if one["id"] not in found]
        loose = [page for page in pages if page not in found.values()]
        likes = [(a["id"], p) for a in free for p in loose if is_alike(_words(a), _words(p))]
        for account_id, page in likes:
            of_account = [one for one, _ in likes].count(account_id)
            of_page = [other for _, other in likes].count(page)
            if of_account == of_page == 1:
                found[account_id] = page
    return found


def _words(one: Mapping[str, Any] | Page) -> frozenset[str]:
    name = one.name if isinstance(one, Page) else str(one.get("name") or "")
    return frozenset(slug(name).split("-")) - _COMMON - {""}


def _is_equal(one: frozenset[str], other: frozenset[str]) -> bool:
    return bool(one) and one == other


def _is_part(one: frozenset[str], other: frozenset[str]) -> bool:
    return bool(one and other) and (one <= other or other <= one)


def slug(name: str) -> str:
    """A name as an id: small Latin letters, digits and single hyphens; may be empty."""
    ascii_name = normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    spaced = "".join(sign if sign.isalnum() else " " for sign in ascii_name)
    return "-".join(spaced.split())[:_LONGEST_ID].strip("-")


def _unique(wanted: str, taken: set[str]) -> str:
    number, name = 1, wanted
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name


def _plain(name: object) -> str:
    """A name on one line, without signs that cannot be printed."""
    signs = (sign if sign.isprintable() else " " for sign in str(name))
    return " ".join("".join(signs).split())[:_LONGEST_NAME]
