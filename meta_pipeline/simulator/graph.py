"""From a path to an answer: which node, which edge, which version."""

import re
from datetime import date
from typing import Any

from meta_pipeline.simulator import versions
from meta_pipeline.simulator.assets import Assets
from meta_pipeline.simulator.call import Call
from meta_pipeline.simulator.creatives import creative_body, find_creative, list_creatives
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
from meta_pipeline.simulator.runs import Run, Runs
from meta_pipeline.simulator.settings import Settings
from meta_pipeline.simulator.source import Account, Ad, AdSet, Campaign, Source
from meta_pipeline.simulator.token_errors import no_ads_permission, no_user
from meta_pipeline.simulator.tokens import Token, Tokens
from meta_pipeline.simulator.vocabulary import USER_FIELDS

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
        self._assets = Assets(source, tokens, settings)
        self._ad_counts: dict[tuple[str, date], int] = {}

    def answer(self, call: Call) -> Any:
        """The body of a successful answer.

        Raises:
            GraphError: the error Meta would answer with.
        """
        if call.asked_version == "oauth":
            # The one path that is asked without a version too (Meta's login guides).
            call.asked_version, call.segments = versions.NEWEST, ("oauth", *call.segments)
        self._choose_version(call, marketing=False)
        for name in _REMOVED_PARAMS:
            if name in call.params:
                raise invalid(f"The {name} parameter is no longer supported")
        _override_method(call)
        if call.segments == ("oauth", "access_token"):
            call.kind = "token"
            return self._tokens.grant(call.params, call.now)
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
        asset = self._assets.find(head)
        if asset:
            return self._assets.answer(call, token, asset, edge)
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
        if token.kind == "APP":
            raise no_user()
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
            if not token.reads_ads:
                raise no_ads_permission()
            ids = [i for c in clients for i in c.ad_accounts if self._tokens.sees(token, i)]
            page, paging = call.cut(ids)
            accounts = (self._source.account(account_id) for account_id in page)
            data = [node_body(a, call.params, call.now) for a in accounts if a]
            return _listed(data, paging)
        if edge == "accounts":
            call.kind = "accounts"
            call.counts_for("", "")
            ids = [i for c in clients for i in c.pages if self._tokens.sees(token, i)]
            if "pages_show_list" not in token.scopes:
                # An empty list and no error (recorded on v25, September 2026).
                ids = []
            some, paging = call.cut(ids)
            pages = (self._source.page(page_id) for page_id in some)
            data = [self._assets.page_body(call, token, p, listed=True) for p in pages if p]
            return _listed(data, paging)
        raise unknown_path(f"/{edge}")

    def _ads(self, call: Call, token: Token, head: str, edge: str) -> Any:
        node: AdsNode | None = self._source.account(head) or self._source.node(head)
        shown_by = None if node else find_creative(self._source, head)
        if head.startswith("act_") or node or shown_by:
            self._choose_version(call, marketing=True)
        if shown_by:
            return self._creative(call, token, shown_by, edge)
        call.kind = "insights" if edge == "insights" else "objects"
        account = node if isinstance(node, Account) or node is None else node.account
        if node is None or account is None or not self._tokens.sees(token, account.id):
            raise not_found(head)
        if not token.reads_ads:
            raise no_ads_permission()
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
        return self._list(call, node, edge)

    def _list(self, call: Call, node: AdsNode, edge: str) -> Any:
        if isinstance(node, Account | Campaign | AdSet) and edge in _EDGES[type(node)]:
            nodes = list_nodes(self._source, node, edge, call.params, call.now)
            page, paging = call.cut(nodes)
            data = [node_body(item, call.params, call.now) for item in page]
            return _counted(call, len(nodes)) | _listed(data, paging)
        if edge == "adcreatives" and not isinstance(node, Campaign):
            found = list_creatives(self._source, node, call.now)
            shown, paging = call.cut(found)
            data = [creative_body(self._source, ad, call.params) for ad in shown]
            return _counted(call, len(found)) | _listed(data, paging)
        raise unknown_path(f"/{edge}")

    def _creative(self, call: Call, token: Token, ad: Ad, edge: str) -> Any:
        call.kind = "objects"
        if not self._tokens.sees(token, ad.account.id):
            raise not_found(ad.creative_id)
        if not token.reads_ads:
            raise no_ads_permission()
        call.counts_for(
            ad.account.account_id, "ads_management", ads=self._active_ads(ad.account, call)
        )
        if edge:
            raise unknown_path(f"/{edge}")
        return creative_body(self._source, ad, call.params)

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


def _override_method(call: Call) -> None:
    """A POST with `method=get` in its form reads: so a secret need not stand in a URL."""
    wanted = call.params.get("method", "").upper()
    if call.method == "POST" and wanted in ("GET", "DELETE"):
        call.method = wanted
        call.params = {name: value for name, value in call.params.items() if name != "method"}


def _counted(call: Call, number: int) -> dict[str, Any]:
    """How many objects a list has, for `summary=true`, which Meta's SDK always sends."""
    wanted = call.params.get("summary", "").lower()
    return {"summary": {"total_count": number}} if wanted in ("true", "1", "total_count") else {}


def _listed(data: list[dict[str, Any]], paging: dict[str, Any]) -> dict[str, Any]:
    return {"data": data, "paging": paging} if paging else {"data": data}
