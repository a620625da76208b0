"""Reads of accounts, campaigns, ad sets and ads, as nodes and as lists.

Budgets are strings in minor units, other than the money of insights. Times carry the account's
offset without a colon. Without `fields` only the ids come back (Meta's reference).
"""

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

import orjson

from meta_pipeline.simulator.errors import invalid, unknown_field
from meta_pipeline.simulator.insights import HIDDEN_STATUSES, effective_status
from meta_pipeline.simulator.query import list_param
from meta_pipeline.simulator.source import Account, Ad, AdSet, Campaign, Source
from meta_pipeline.simulator.vocabulary import (
    ACCOUNT_FIELDS,
    AD_FIELDS,
    AD_SET_FIELDS,
    CAMPAIGN_FIELDS,
)

Node = Account | Campaign | AdSet | Ad
_NAMES = {Account: "AdAccount", Campaign: "Campaign", AdSet: "AdSet", Ad: "Ad"}
_KNOWN = {
    Account: frozenset(ACCOUNT_FIELDS),
    Campaign: frozenset(CAMPAIGN_FIELDS),
    AdSet: frozenset(AD_SET_FIELDS),
    Ad: frozenset(AD_FIELDS),
}


def split_fields(text: str) -> list[str]:
    """The field names of `a,b{c,d},e` or of a JSON array, without what stands in braces."""
    if text.lstrip().startswith("["):
        found = orjson.loads(text)
        text = ",".join(str(item) for item in found)
    fields, depth, name = [], 0, ""
    for letter in text + ",":
        depth += (letter == "{") - (letter == "}")
        if letter == "," and depth == 0:
            if name.strip():
                fields.append(name.strip())
            name = ""
        elif depth == 0 and letter not in "{}":
            name += letter
    return fields


def read_fields(params: Mapping[str, str]) -> list[str]:
    """The `fields` of a call.

    Raises:
        GraphError: for a JSON array that is none.
    """
    try:
        return split_fields(params.get("fields", ""))
    except orjson.JSONDecodeError:
        raise invalid("Param fields must be valid JSON.") from None


def node_body(node: Node, params: Mapping[str, str], as_of: datetime) -> dict[str, Any]:
    """The fields asked for of one object, those without a value left out.

    Raises:
        GraphError: for a field the node does not have.
    """
    fields = read_fields(params)
    for field in fields:
        if field not in _KNOWN[type(node)]:
            raise unknown_field(field, _NAMES[type(node)])
    values = _values(node, as_of)
    if not fields:
        fields = ["account_id"] if isinstance(node, Account) else []
    wanted = dict.fromkeys([*fields, "id"])
    return {field: values[field] for field in wanted if values.get(field) is not None}


def edge_nodes(
    source: Source, parent: Account | Campaign | AdSet, edge: str, as_of: datetime
) -> list[Campaign | AdSet | Ad]:
    """The campaigns, ad sets or ads below an object that exist by now, archived ones too."""
    today = as_of.astimezone(_account(parent).zone).date()
    campaigns = source.campaigns(parent) if isinstance(parent, Account) else []
    if isinstance(parent, Campaign):
        campaigns = [parent]
    if edge == "campaigns":
        return [c for c in campaigns if c.start <= today]
    adsets = [s for c in campaigns for s in source.adsets(c)]
    if isinstance(parent, AdSet):
        adsets = [parent]
    if edge == "adsets":
        return [s for s in adsets if s.start <= today]
    return [ad for s in adsets for ad in source.ads(s) if ad.start <= today]


def list_nodes(
    source: Source,
    parent: Account | Campaign | AdSet,
    edge: str,
    params: Mapping[str, str],
    as_of: datetime,
) -> list[Campaign | AdSet | Ad]:
    """A list edge: without `effective_status` it hides deleted and archived objects."""
    today = as_of.astimezone(_account(parent).zone).date()
    wanted = _statuses(params)
    return [
        node
        for node in edge_nodes(source, parent, edge, as_of)
        if _wanted(effective_status(node, today), wanted)
    ]


def _wanted(status: str, wanted: tuple[str, ...]) -> bool:
    return status in wanted if wanted else status not in HIDDEN_STATUSES


def _statuses(params: Mapping[str, str]) -> tuple[str, ...]:
    wanted = list_param(params, "effective_status")
    if wanted or not params.get("filtering"):
        return wanted
    try:
        conditions = orjson.loads(params["filtering"])
    except orjson.JSONDecodeError:
        raise invalid("Param filtering must be valid JSON.") from None
    for condition in conditions if isinstance(conditions, list) else []:
        if isinstance(condition, dict) and str(condition.get("field")).endswith("effective_status"):
            value = condition.get("value")
            return tuple(value) if isinstance(value, list) else (str(value),)
    return ()


def _account(node: Node) -> Account:
    return node if isinstance(node, Account) else node.account


def moment(day: date, account: Account, hour: int = 9) -> str:
    """A time as Meta writes it: `2026-03-21T22:33:56-0700`."""
    local = datetime.combine(day, time(hour, 30), account.zone)
    return local.strftime("%Y-%m-%dT%H:%M:%S%z")


def _values(node: Node, as_of: datetime) -> dict[str, Any]:
    if isinstance(node, Account):
        return _account_values(node, as_of)
    account = node.account
    today = as_of.astimezone(account.zone).date()
    status = node.status_on(today)
    values: dict[str, Any] = {
        "id": node.id,
        "account_id": account.account_id,
        "name": node.name_on(today),
        "status": status,
        "configured_status": status,
        "effective_status": effective_status(node, today),
        "created_time": moment(node.start, account),
        "updated_time": moment(node.changed_on(today), account, 10),
    }
    if isinstance(node, Campaign):
        return values | _campaign_values(node)
    if isinstance(node, AdSet):
        return values | _adset_values(node)
    return values | {
        "campaign_id": node.campaign.id,
        "adset_id": node.adset.id,
        "creative": {"id": node.creative_id},
    }


def _account_values(account: Account, as_of: datetime) -> dict[str, Any]:
    offset = as_of.astimezone(account.zone).utcoffset()
    hours = offset.total_seconds() / 3600 if offset else 0
    return {
        "id": account.id,
        "account_id": account.account_id,
        "name": account.name,
        "currency": account.currency,
        "timezone_name": account.timezone,
        "timezone_offset_hours_utc": int(hours) if hours == int(hours) else hours,
        "account_status": 1,
        "disable_reason": 0,
        "balance": "0",
        "amount_spent": "0",
        "spend_cap": "0",
        "created_time": moment(account.created, account),
    }


def _campaign_values(node: Campaign) -> dict[str, Any]:
    values: dict[str, Any] = {
        "objective": node.objective or None,
        "buying_type": "AUCTION" if node.objective else None,
        "start_time": moment(node.start, node.account),
        "special_ad_categories": [],
    }
    budget = _budget(node)
    if budget:
        values |= {"bid_strategy": "LOWEST_COST_WITHOUT_CAP", **budget}
    if node.end:
        values["stop_time"] = moment(node.end, node.account, 23)
    return values


def _adset_values(node: AdSet) -> dict[str, Any]:
    values: dict[str, Any] = {
        "campaign_id": node.campaign.id,
        "optimization_goal": node.optimization_goal or None,
        "billing_event": "IMPRESSIONS" if node.optimization_goal else None,
        "attribution_spec": _attribution(node.attribution_setting),
        "start_time": moment(node.start, node.account),
    }
    values |= _budget(node)
    if node.end:
        values["end_time"] = moment(node.end, node.account, 23)
    return values


def _budget(node: Campaign | AdSet) -> dict[str, str]:
    """Budgets are strings in minor units of the account's currency, other than insights' money.

    An object that has a budget names the other kind too, as "0" (recorded in 2024).
    """
    if node.lifetime_budget is not None:
        # How much of it is left is not simulated.
        return {"daily_budget": "0", "lifetime_budget": str(node.lifetime_budget)}
    if node.daily_budget is not None:
        text = str(node.daily_budget)
        return {"daily_budget": text, "lifetime_budget": "0", "budget_remaining": text}
    return {}


_EVENTS = {"click": "CLICK_THROUGH", "view": "VIEW_THROUGH", "ev": "ENGAGED_VIDEO_VIEW"}


def _attribution(setting: str) -> list[dict[str, Any]] | None:
    """`1d_view_7d_click` as Meta's list of events and days."""
    if not setting:
        return None
    parts = setting.split("_")
    return [
        {"event_type": _EVENTS[event], "window_days": int(days[:-1])}
        for days, event in zip(parts[::2], parts[1::2], strict=True)
    ]
