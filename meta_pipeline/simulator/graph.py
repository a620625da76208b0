"""From a path to an answer: which node, which edge, which version."""

import re
from datetime import date, timedelta
from typing import Any

from meta_pipeline.simulator import versions
from meta_pipeline.simulator.call import Call
from meta_pipeline.simulator.errors import (
    deprecated_version,
    invalid,
    not_found,
    unknown_field,
    unknown_path,
)
from meta_pipeline.simulator.insights import Insights, effective_status
from meta_pipeline.simulator.insights import Node as AdsNode
from meta_pipeline.simulator.objects import list_nodes, node_body, read_fields
from meta_pipeline.simulator.pages import page_insights
from meta_pipeline.simulator.runs import Run, Runs
from meta_pipeline.simulator.settings import Settings
from meta_pipeline.simulator.source import Account, AdSet, Campaign, Page, Source
from meta_pipeline.simulator.tokens import Token, Tokens, page_token_required
from meta_pipeline.simulator.vocabulary import PAGE_FIELDS, USER_FIELDS

_EDGES = {Account: ("campaigns", "adsets", "ads"), Campaign: ("adsets", "ads"), AdSet: ("ads",)}
_VERSION = re.compile(r"v\d+\.\d+")
# Gone in every version since 2026-10-27 (v26 changelog); the exact texts are not known.
_REMOVED_PARAMS = ("ids", "date_format")


class Graph:
    """The routes below a version.

    Args:
        source: the truth.
        tokens: the rules for tokens.
        insights: answers insights calls.
        runs: the asynchronous reports.
        settings: the switches.
    """

    def __init__(
        self, source: Source, tokens: Tokens, insights: Insights, runs: Runs, settings: Settings
    ) -> None:
        self._source = source
        self._tokens = tokens
        self._insights = insights
        self._runs = runs
        self._settings = settings
        self._ad_counts: dict[tuple[str, date], int] = {}

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
        call.user_token = token.kind == "USER"
        if not call.segments:
            raise unknown_path("/")
        head, edge = call.segments[0], "/".join(call.segments[1:])
        if head == "debug_token":
            call.kind = "token"
            asked = call.params.get("input_token", "")
            return {"data": self._tokens.describe(asked, call.now)}
        if head == "me":
            return self._me(call, token, edge)
        run = self._runs.find(head)
        if run:
            return self._run(call, token, run, edge)
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
            if not self._settings.auto_upgrade:
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
            call.counts_for("", "")
            ids = [i for c in clients for i in c.ad_accounts if self._tokens.sees(token, i)]
            page, paging = call.cut(ids)
            accounts = (self._source.account(account_id) for account_id in page)
            data = [node_body(a, call.params, call.now) for a in accounts if a]
            return _listed(data, paging)
        if edge == "accounts":
            call.kind = "accounts"
            call.counts_for("", "")
            ids = [i for c in clients for i in c.pages if self._tokens.sees(token, i)]
            some, paging = call.cut(ids)
            pages = (self._source.page(page_id) for page_id in some)
            data = [self._page_body(call, token, p, listed=True) for p in pages if p]
            return _listed(data, paging)
        raise unknown_path(f"/{edge}")

    def _page(self, call: Call, token: Token, page: Page, edge: str) -> Any:
        call.kind = "page_insights" if edge == "insights" else "pages"
        if not self._tokens.sees(token, page.id):
            raise not_found(page.id)
        yesterday = (call.now - timedelta(days=1)).date()
        # Engaged users are not simulated; their engagements of the day before stand for them.
        engaged = self._source.page_day(page, yesterday).engagements
        call.counts_for(page.id, "pages", audience=engaged)
        if edge == "":
            return self._page_body(call, token, page, listed=False)
        if edge != "insights":
            raise unknown_path(f"/{edge}")
        if token.kind == "USER" or (
            token.kind == "SYSTEM_USER" and not self._settings.system_user_reads_pages
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
            timedelta(hours=self._settings.page_lag_hours),
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
        if edge == "insights" and call.method == "POST":
            call.kind = "async"
        usage = "ads_insights" if edge == "insights" else "ads_management"
        call.counts_for(account.account_id, usage, ads=self._active_ads(account, call))
        if edge == "":
            return node_body(node, call.params, call.now)
        if edge == "insights":
            if call.method == "POST":
                return self._runs.start(call, node)
            return self._insights.answer(node, call.params, call.now, call.url, call.token_text)
        if isinstance(node, Account | Campaign | AdSet) and edge in _EDGES[type(node)]:
            nodes = list_nodes(self._source, node, edge, call.params, call.now)
            page, paging = call.cut(nodes)
            return _listed([node_body(item, call.params, call.now) for item in page], paging)
        raise unknown_path(f"/{edge}")

    def _active_ads(self, account: Account, call: Call) -> int:
        """Ads in delivery today: each adds 400 insights calls an hour to the account's limit."""
        today = call.now.astimezone(account.zone).date()
        key = (account.id, today)
        if key not in self._ad_counts:
            adsets = (s for c in self._source.campaigns(account) for s in self._source.adsets(c))
            ads = (ad for adset in adsets for ad in self._source.ads(adset))
            self._ad_counts[key] = sum(effective_status(ad, today) == "ACTIVE" for ad in ads)
        return self._ad_counts[key]

    def _run(self, call: Call, token: Token, run: Run, edge: str) -> Any:
        call.kind = "async"
        if not self._tokens.sees(token, run.account.id):
            raise not_found(run.id)
        self._choose_version(call, marketing=True)
        ads = self._active_ads(run.account, call)
        call.counts_for(run.account.account_id, "ads_insights", ads=ads)
        if edge == "insights":
            return self._runs.read(call, run)
        if edge:
            raise unknown_path(f"/{edge}")
        return self._runs.poll(call, run)


def _listed(data: list[dict[str, Any]], paging: dict[str, Any]) -> dict[str, Any]:
    return {"data": data, "paging": paging} if paging else {"data": data}
