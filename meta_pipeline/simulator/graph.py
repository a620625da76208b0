"""From a path to an answer: which node, which edge, which version."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from meta_pipeline.simulator import versions
from meta_pipeline.simulator.errors import (
    deprecated_version,
    invalid,
    not_found,
    unknown_field,
    unknown_path,
)
from meta_pipeline.simulator.insights import Insights
from meta_pipeline.simulator.insights import Node as AdsNode
from meta_pipeline.simulator.objects import list_nodes, node_body, read_fields
from meta_pipeline.simulator.pages import page_insights
from meta_pipeline.simulator.paging import cut
from meta_pipeline.simulator.source import Account, AdSet, Campaign, Page, Source
from meta_pipeline.simulator.tokens import Token, Tokens, page_token_required
from meta_pipeline.simulator.vocabulary import PAGE_FIELDS, USER_FIELDS

_EDGES = {Account: ("campaigns", "adsets", "ads"), Campaign: ("adsets", "ads"), AdSet: ("ads",)}
_VERSION = re.compile(r"v\d+\.\d+")
# Gone in every version since 2026-10-27 (v26 changelog); the exact texts are not known.
_REMOVED_PARAMS = ("ids", "date_format")


@dataclass
class Call:
    """One call on its way; `version`, `asset` and `usage` are filled in as it is understood."""

    method: str
    segments: tuple[str, ...]
    params: Mapping[str, str]
    token_text: str
    now: datetime
    base_url: str
    asked_version: str
    version: str = ""
    asset: str = ""
    usage: str = ""
    ads: int = 0
    kind: str = "other"
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The address of this call without its parameters."""
        return "/".join((self.base_url, self.version, *self.segments))


class Graph:
    """The routes below a version.

    Args:
        source: the truth.
        tokens: the rules for tokens.
        insights: answers insights calls.
        page_lag: how long after its end a Page's day becomes visible.
        auto_upgrade: serve an expired Marketing version by the oldest living one, with Meta's
            warning header, in place of the 2635 error.
        system_user_reads_pages: accept a system user's token on Page Insights (a third party
            found so in July 2026; Meta's guide asks for a Page token).
        async_polls: how often an asynchronous report says it is running before it is done.
    """

    def __init__(
        self,
        source: Source,
        tokens: Tokens,
        insights: Insights,
        *,
        page_lag: timedelta,
        auto_upgrade: bool,
        system_user_reads_pages: bool,
        async_polls: int,
    ) -> None:
        self._source = source
        self._tokens = tokens
        self._insights = insights
        self._page_lag = page_lag
        self._auto_upgrade = auto_upgrade
        self._system_user_reads_pages = system_user_reads_pages
        self._async_polls = async_polls
        self._runs: dict[str, _Run] = {}
        self._ad_counts: dict[str, int] = {}

    def answer(self, call: Call) -> Any:
        """The body of a successful answer.

        Raises:
            GraphError: the error Meta would answer with.
        """
        self._choose_version(call, marketing=False)
        for name in _REMOVED_PARAMS:
            if name in call.params:
                raise invalid(f"The {name} parameter is no longer supported")
        proof = call.params.get("appsecret_proof", "")
        path = "/".join(call.segments)
        token = self._tokens.admit(call.token_text, proof, call.now, path)
        if not call.segments:
            raise unknown_path("/")
        head, edge = call.segments[0], "/".join(call.segments[1:])
        if head == "debug_token":
            call.kind = "token"
            asked = call.params.get("input_token", "")
            return {"data": self._tokens.describe(asked, call.now)}
        if head == "me":
            return self._me(call, token, edge)
        if head in self._runs:
            return self._run(call, self._runs[head], edge)
        page = self._source.page(head)
        if page:
            return self._page(call, token, page, edge)
        return self._ads(call, token, head, edge)

    def _choose_version(self, call: Call, *, marketing: bool) -> None:
        asked = call.asked_version
        if asked.startswith("act_"):
            # Without a version the Marketing API does not answer (Meta's versioning page).
            raise deprecated_version(versions.NEWEST)
        if not _VERSION.fullmatch(asked) or not versions.exists(asked):
            raise unknown_path(f"/{asked}")
        call.version = versions.served(asked, call.now.date(), marketing=marketing)
        if marketing and call.version != asked:
            if not self._auto_upgrade:
                raise deprecated_version(versions.NEWEST)
            call.headers["x-ad-api-version-warning"] = (
                f"The call has been auto-upgraded to {call.version} as {asked} has been deprecated"
            )

    def _me(self, call: Call, token: Token, edge: str) -> Any:
        if edge == "":
            for name in read_fields(call.params):
                if name not in USER_FIELDS:
                    raise unknown_field(name, "User")
            return {"name": "Simulator", "id": token.page_id or "122100000000001"}
        clients = self._source.clients()
        if edge == "adaccounts":
            call.kind = "accounts"
            self._choose_version(call, marketing=True)
            ids = [i for c in clients for i in c.ad_accounts if self._tokens.sees(token, i)]
            page, paging = cut(ids, call.params, call.url, call.token_text)
            accounts = (self._source.account(account_id) for account_id in page)
            data = [node_body(a, call.params, call.now) for a in accounts if a]
            return _listed(data, paging)
        if edge == "accounts":
            call.kind = "accounts"
            ids = [i for c in clients for i in c.pages if self._tokens.sees(token, i)]
            some, paging = cut(ids, call.params, call.url, call.token_text)
            pages = (self._source.page(page_id) for page_id in some)
            data = [self._page_body(call, token, p, listed=True) for p in pages if p]
            return _listed(data, paging)
        raise unknown_path(f"/{edge}")

    def _page(self, call: Call, token: Token, page: Page, edge: str) -> Any:
        call.asset, call.usage = page.id, "pages"
        call.kind = "page_insights" if edge == "insights" else "pages"
        if not self._tokens.sees(token, page.id):
            raise not_found(page.id)
        if edge == "":
            return self._page_body(call, token, page, listed=False)
        if edge != "insights":
            raise unknown_path(f"/{edge}")
        if token.kind == "USER" or (
            token.kind == "SYSTEM_USER" and not self._system_user_reads_pages
        ):
            raise page_token_required()
        if not token.reads_insights:
            # Without read_insights: an empty list and no error (third party, 2026-09).
            return {"data": []}
        return page_insights(
            self._source,
            page,
            call.params,
            call.now,
            self._page_lag,
            call.url,
            call.token_text,
        )

    def _page_body(self, call: Call, token: Token, page: Page, *, listed: bool) -> dict[str, Any]:
        values: dict[str, Any] = {
            "access_token": self._tokens.page_token(token, page.id),
            "category": "Local business",
            "category_list": [{"id": "2500", "name": "Local business"}],
            "name": page.name,
            "id": page.id,
            "tasks": ["ADVERTISE", "ANALYZE"],
        }
        fields = read_fields(call.params)
        for name in fields:
            if name not in PAGE_FIELDS and name not in values:
                raise unknown_field(name, "Page")
        if not fields:
            return values if listed else {"name": page.name, "id": page.id}
        now = self._source.page_day(page, (call.now - timedelta(days=1)).date())
        values |= {"followers_count": now.follows_level, "fan_count": now.follows_level}
        return {name: values[name] for name in dict.fromkeys([*fields, "id"]) if name in values}

    def _ads(self, call: Call, token: Token, head: str, edge: str) -> Any:
        node: AdsNode | None = self._source.account(head) or self._source.node(head)
        if head.startswith("act_") or node:
            self._choose_version(call, marketing=True)
        call.kind = "insights" if edge == "insights" else "objects"
        account = node if isinstance(node, Account) or node is None else node.account
        if node is None or account is None or not self._tokens.sees(token, account.id):
            raise not_found(head)
        call.asset = account.account_id
        call.usage = "ads_insights" if edge == "insights" else "ads_management"
        call.ads = self._ads_of(account)
        if edge == "":
            return node_body(node, call.params, call.now)
        if edge == "insights":
            if call.method == "POST":
                return self._start_run(call, node)
            return self._insights.answer(node, call.params, call.now, call.url, call.token_text)
        if isinstance(node, Account | Campaign | AdSet) and edge in _EDGES[type(node)]:
            nodes = list_nodes(self._source, node, edge, call.params, call.now)
            page, paging = cut(nodes, call.params, call.url, call.token_text)
            return _listed([node_body(item, call.params, call.now) for item in page], paging)
        raise unknown_path(f"/{edge}")

    def _ads_of(self, account: Account) -> int:
        if account.id not in self._ad_counts:
            adsets = (s for c in self._source.campaigns(account) for s in self._source.adsets(c))
            self._ad_counts[account.id] = sum(len(self._source.ads(adset)) for adset in adsets)
        return self._ad_counts[account.id]

    def _start_run(self, call: Call, node: AdsNode) -> dict[str, str]:
        call.kind = "async"
        run_id = f"60{len(self._runs) + 1:014d}"
        # A bad question fails here already, as at Meta.
        first = {**call.params, "limit": "1"}
        self._insights.answer(node, first, call.now, call.url, "", capped=False)
        self._runs[run_id] = _Run(run_id, node, dict(call.params), call.now, self._async_polls)
        return {"report_run_id": run_id}

    def _run(self, call: Call, run: "_Run", edge: str) -> Any:
        call.kind = "async"
        self._choose_version(call, marketing=True)
        account = run.node if isinstance(run.node, Account) else run.node.account
        call.asset, call.usage = account.account_id, "ads_insights"
        if edge == "insights":
            paged = {k: v for k, v in call.params.items() if k in ("limit", "after", "before")}
            params = {**run.params, **paged}
            return self._insights.answer(
                run.node, params, run.asked, call.url, call.token_text, capped=False
            )
        if edge:
            raise unknown_path(f"/{edge}")
        done = run.polls_left <= 0
        run.polls_left -= 1
        return {
            "id": run.id,
            "account_id": account.account_id,
            "time_ref": int(run.asked.timestamp()),
            "async_status": "Job Completed" if done else "Job Running",
            "async_percent_completion": 100 if done else 50,
        }


@dataclass
class _Run:
    """An asynchronous report: its question, and when it was asked."""

    id: str
    node: AdsNode
    params: dict[str, str]
    asked: datetime
    polls_left: int


def _listed(data: list[dict[str, Any]], paging: dict[str, Any]) -> dict[str, Any]:
    return {"data": data, "paging": paging} if paging else {"data": data}
