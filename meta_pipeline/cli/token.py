"""`token`: whose each client's token is and until when; a long-lived one for a short-lived one."""

import sys
from collections.abc import Sequence
from datetime import datetime

import orjson
from pydantic import SecretStr
from rich.markup import escape
from rich.table import Table

from meta_pipeline import clock
from meta_pipeline.cli.app import EXIT_AUTH
from meta_pipeline.cli.progress import console, print_table
from meta_pipeline.config import (
    API_VERSION,
    DEFAULT_TOKEN_VARIABLE,
    Client,
    Settings,
    load_clients,
    load_settings,
    select_clients,
    token_in,
    token_of,
)
from meta_pipeline.errors import ConfigError
from meta_pipeline.graph import AuthError, Credential, GraphClient, new_session
from meta_pipeline.graph.advice import FINDINGS
from meta_pipeline.graph.tokens import (
    REFUSALS,
    Remark,
    TokenInfo,
    app_token,
    exchange,
    inspect,
    remarks,
)


def connect(settings: Settings, token: SecretStr, version: str = API_VERSION) -> GraphClient:
    """A client for one token, outside any client of clients.yml."""
    return GraphClient(
        base_url=settings.graph_url,
        version=version,
        credential=Credential(token, settings.app_secret),
        session=new_session(settings.graph_url),
    )


def run_inspect(client_ids: list[str], *, as_json: bool) -> int:
    """Runs `meta-pipeline token inspect`; returns its exit code."""
    settings = load_settings()
    now = clock.now()
    variables = _variables(settings, client_ids)
    app = app_token(settings.app_id, settings.app_secret)
    found: dict[str, tuple[TokenInfo, list[Remark]]] = {}
    for name, client in variables.items():
        token = token_of(client) if client else token_in(name)
        info, said = _inspected(connect(settings, token), token, app)
        found[name] = (info, said + remarks(info, now))
    if as_json:
        tokens = [_document(name, info, said) for name, (info, said) in found.items()]
        document = {"schema": 1, "checked_at": now.isoformat(), "tokens": tokens}
        sys.stdout.buffer.write(orjson.dumps(document) + b"\n")
    else:
        for name, (info, said) in found.items():
            _print_token(name, info, said)
    is_bad = any(one.level == "error" for _, said in found.values() for one in said)
    return EXIT_AUTH if is_bad else 0


def _inspected(
    graph: GraphClient, token: SecretStr, app: SecretStr | None
) -> tuple[TokenInfo, list[Remark]]:
    """What Meta says of a token; one that is over cannot even ask, which says as much.

    Where the app itself is refused that says nothing of the token, which then asks for itself.
    """
    said = []
    if app is not None:
        try:
            return inspect(graph, token, app), []
        except REFUSALS as error:
            said = [Remark("warn", error.message, FINDINGS["app is refused"])]
    try:
        return inspect(graph, token), said
    except AuthError as error:
        return TokenInfo(kind="", app_id="", is_valid=False, error=error.failure), said


def _variables(settings: Settings, client_ids: list[str]) -> dict[str, Client | None]:
    """Each variable that holds a token, with one client that uses it, if there are clients."""
    is_configured = settings.clients_file.exists() or settings.ad_account_id or client_ids
    if not is_configured:
        return {DEFAULT_TOKEN_VARIABLE: None}
    clients = select_clients(load_clients(settings), client_ids)
    return {client.token_env: client for client in reversed(clients)}


def _document(name: str, info: TokenInfo, said: Sequence[Remark]) -> dict[str, object]:
    return {
        "token_env": name,
        "type": info.kind,
        "app_id": info.app_id or None,
        "is_valid": info.is_valid,
        "expires_at": _moment(info.expires_at),
        "data_access_expires_at": _moment(info.data_access_expires_at),
        "scopes": list(info.scopes),
        "granular_scopes": {scope: list(ids) for scope, ids in (info.targets or {}).items()},
        "profile_id": info.profile_id,
        "findings": [
            {
                "level": one.level,
                "message": one.message,
                "fix": str(one.advice) if one.advice else None,
            }
            for one in said
        ],
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _print_token(name: str, info: TokenInfo, said: Sequence[Remark]) -> None:
    table = Table("", "what Meta says", title=name, title_justify="left")
    table.add_row("type", info.owner)
    table.add_row("app", escape(f"{info.application} {info.app_id}".strip()))
    table.add_row("valid", "yes" if info.is_valid else "no")
    # Of a token that is not valid Meta need not say when it ended.
    ends = ("never", "no end") if info.is_valid else ("", "")
    table.add_row("expires", _moment(info.expires_at) or ends[0])
    table.add_row("data access until", _moment(info.data_access_expires_at) or ends[1])
    for scope in info.scopes:
        targets = (info.targets or {}).get(scope)
        table.add_row("may", f"{escape(scope)}{' for ' + ', '.join(targets) if targets else ''}")
    for one in said:
        fix = f"\n[dim]{escape(str(one.advice))}[/]" if one.advice else ""
        table.add_row(one.level, escape(one.message) + fix)
    print_table(table)


def run_exchange(*, show: bool) -> int:
    """Runs `meta-pipeline token exchange`; returns its exit code."""
    settings = load_settings()
    if settings.app_id is None or settings.app_secret is None:
        raise ConfigError(
            "a token is exchanged by the app it was made for, and the app is not known",
            hint="set META_APP_ID and META_APP_SECRET (App Dashboard > App settings > Basic)",
        )
    if sys.stdout.isatty() and not show:
        raise ConfigError(
            "the token would be printed onto this terminal, where it can be read and scrolls back",
            hint="redirect it into the place that keeps it (`> file`), or add --show",
        )
    token = token_in(DEFAULT_TOKEN_VARIABLE)
    got = exchange(
        connect(settings, token),
        token,
        app_id=settings.app_id,
        app_secret=settings.app_secret,
        now=clock.now(),
    )
    print(got.token.get_secret_value())
    ends = f"{got.expires_at:%Y-%m-%d %H:%M} UTC" if got.expires_at else "no day that Meta names"
    console.print(f"the long-lived token ends on {ends}")
    return 0
