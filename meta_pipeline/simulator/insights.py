"""The insights edge of ad accounts, campaigns, ad sets and ads."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from meta_pipeline.simulator import rows
from meta_pipeline.simulator.cases import case_error
from meta_pipeline.simulator.errors import GraphError, invalid
from meta_pipeline.simulator.groups import Group, grouped, total
from meta_pipeline.simulator.maturity import refreshed
from meta_pipeline.simulator.paging import cut
from meta_pipeline.simulator.query import UNIQUE_FIELDS, Condition, Query, read_query
from meta_pipeline.simulator.settings import Settings
from meta_pipeline.simulator.source import Account, Ad, AdFilter, AdSet, Campaign, Source

Node = Account | Campaign | AdSet | Ad
HIDDEN_STATUSES = frozenset({"DELETED", "ARCHIVED"})
"""What lists, and rows below an account, leave out unless asked for."""

_REMEMBERED = 32


class Insights:
    """Answers insights calls on one truth.

    Args:
        source: the truth.
        settings: the switches. With `truncate_conversions` a conversion counts only if its
            click lies inside the range asked for, as a third party measured in 2026-09 (14.5 %
            of slow conversions were lost by asking for single days).
    """

    def __init__(self, source: Source, settings: Settings) -> None:
        self._source = source
        self._settings = settings
        # Pages of one answer follow each other; the sums behind them are made once.
        self._answers: OrderedDict[object, list[Group]] = OrderedDict()

    def answer(
        self,
        node: Node,
        params: Mapping[str, str],
        as_of: datetime,
        url: str,
        token: str,
        *,
        capped: bool = True,
        cut_at: datetime | None = None,
        opted_in: bool = False,
    ) -> dict[str, Any]:
        """The body of the answer at a moment: one page of rows, its paging, a summary if asked.

        `capped` is False for asynchronous reports, which have other limits; theirs are the
        figures of `as_of`, read at `cut_at`; `opted_in` gives one the breakdowns that need it.

        Raises:
            GraphError: whatever Meta would answer to a bad question.
        """
        account = node if isinstance(node, Account) else node.account
        query = self.query(node, params, as_of, opted_in=opted_in)
        if not capped:
            # What is silently left out beyond 13 months, an asynchronous report still has.
            query = replace(query, hidden=self._source.unknown_fields)
        groups = self._groups(query, node, account, as_of)
        if capped and self._settings.max_rows is not None and len(groups) > self._settings.max_rows:
            raise _too_many(self._settings)
        page, paging = cut(groups, params, url, token, self._settings, cut_at or as_of)
        body: dict[str, Any] = {
            "data": [rows.row(query, self._source, account, group) for group in page]
        }
        if paging:
            body["paging"] = paging
        if query.summary:
            whole = total(groups)
            if whole:
                body["summary"] = rows.summary(query, self._source, account, whole)
        return body

    def query(
        self, node: Node, params: Mapping[str, str], as_of: datetime, *, opted_in: bool = False
    ) -> Query:
        """The question that the parameters put at a moment.

        Raises:
            GraphError: whatever Meta would answer to a bad one.
        """
        account = node if isinstance(node, Account) else node.account
        today = as_of.astimezone(account.zone).date()
        opted_in = opted_in or self._settings.opted_in_breakdowns
        return read_query(params, level_of(node), self._source, today, opted_in=opted_in)

    def size(self, node: Node, params: Mapping[str, str], as_of: datetime) -> tuple[int, bool]:
        """How many rows a question has, and whether it asks for people by a breakdown so far
        back that a synchronous answer leaves them out.

        Raises:
            GraphError: whatever Meta would answer to a bad one.
        """
        account = node if isinstance(node, Account) else node.account
        query = self.query(node, params, as_of)
        left_out = query.hidden - self._source.unknown_fields
        asked = bool(left_out & UNIQUE_FIELDS & set(query.fields))
        return len(self._groups(query, node, account, as_of)), asked

    def _groups(self, query: Query, node: Node, account: Account, as_of: datetime) -> list[Group]:
        if query.empty:
            return []
        moment = refreshed(as_of)
        node_id = node.id
        about = (
            *(query.level, query.periods, query.dimension, repr(query.conditions), query.sort),
            self._settings.truncate_conversions,
        )
        key = (type(node).__name__, node_id, about, query.today, moment)
        if key not in self._answers:
            self._answers[key] = self._make_groups(query, node, account, moment)
            if len(self._answers) > _REMEMBERED:
                self._answers.popitem(last=False)
        self._answers.move_to_end(key)
        return self._answers[key]

    def _make_groups(
        self, query: Query, node: Node, account: Account, moment: datetime
    ) -> list[Group]:
        keeps = [_below(node)]
        checks: list[Callable[[Group], bool]] = []
        for condition in query.conditions:
            keep = _on_object(condition, query)
            if keep:
                keeps.append(keep)
            else:
                checks.append(self._on_figure(condition, account))
        named = any(c.field.endswith("effective_status") for c in query.conditions)
        # An object asked by its own id answers in any state (Meta's insights guide).
        if not named and level_of(node) != query.level:
            keeps.append(_not_archived(query))
        facts = self._source.facts(
            account,
            max(query.since, query.floor),
            query.until,
            moment,
            query.dimension,
            keep=lambda ad: all(keep(ad) for keep in keeps),
            clicks_since=query.since if self._settings.truncate_conversions else None,
        )
        groups = grouped(facts, query.periods, query.level)
        ordered = [groups[key] for key in sorted(groups)]
        kept = [group for group in ordered if all(check(group) for check in checks)]
        return self._sorted(kept, query.sort, account)

    def _on_figure(self, condition: Condition, account: Account) -> Callable[[Group], bool]:
        field = condition.field.rpartition(".")[2]
        if field not in ("impressions", "clicks", "spend", "reach"):
            raise invalid(f"Filtering field '{condition.field}' with operation is not supported")

        def check(group: Group) -> bool:
            found = rows.number(self._source, account, group, field)
            return _holds(condition, found)

        return check

    def _sorted(self, groups: list[Group], sort: str, account: Account) -> list[Group]:
        field, _, direction = sort.rpartition("_")
        if direction not in ("ascending", "descending"):
            field, direction = sort, "ascending"
        if field not in ("impressions", "clicks", "spend", "reach"):
            return groups

        def figure(group: Group) -> Any:
            return rows.number(self._source, account, group, field)

        return sorted(groups, key=figure, reverse=direction == "descending")


def _too_many(settings: Settings) -> GraphError:
    if settings.max_rows_error == "gateway_timeout":
        page = "<html><head><title>504 Gateway Timeout</title></head><body></body></html>"
        return GraphError("Gateway Timeout", None, status=504, raw=page)
    return case_error(settings.max_rows_error)


def level_of(node: Node) -> str:
    """The level of a node, which is the default level of its insights."""
    kinds = {Account: "account", Campaign: "campaign", AdSet: "adset", Ad: "ad"}
    return kinds[type(node)]


def _below(node: Node) -> AdFilter:
    if isinstance(node, Campaign):
        return lambda ad: ad.campaign is node or ad.campaign.id == node.id
    if isinstance(node, AdSet):
        return lambda ad: ad.adset is node or ad.adset.id == node.id
    if isinstance(node, Ad):
        return lambda ad: ad.id == node.id
    return lambda _: True


def _on_object(condition: Condition, query: Query) -> AdFilter | None:
    """A filter on the ad's own tree, None if the condition is about figures."""
    level, _, field = condition.field.rpartition(".")
    if level not in ("campaign", "adset", "ad") or field not in ("id", "name", "effective_status"):
        return None

    def keep(ad: Ad) -> bool:
        node = {"campaign": ad.campaign, "adset": ad.adset, "ad": ad}[level]
        if field == "id":
            return _holds(condition, node.id)
        if field == "name":
            return _holds(condition, node.name_on(query.today))
        return _holds(condition, effective_status(node, query.today))

    return keep


def _not_archived(query: Query) -> AdFilter:
    """Rows below the account leave out archived and deleted objects, whose spend stays in their
    parents' totals, unless a filter names their status (Meta's insights best practices)."""

    def keep(ad: Ad) -> bool:
        node = {"campaign": ad.campaign, "adset": ad.adset, "ad": ad}.get(query.level)
        return node is None or effective_status(node, query.today) not in HIDDEN_STATUSES

    return keep


def effective_status(node: Campaign | AdSet | Ad, today: Any) -> str:
    """The status that counts: the object's own, or the one of a parent that is not active."""
    own = node.status_on(today)
    if own == "DELETED":
        return own
    parents: list[tuple[str, Campaign | AdSet]] = []
    if isinstance(node, Ad):
        parents = [("CAMPAIGN", node.campaign), ("ADSET", node.adset)]
    elif isinstance(node, AdSet):
        parents = [("CAMPAIGN", node.campaign)]
    for name, parent in parents:
        status = parent.status_on(today)
        if status in HIDDEN_STATUSES:
            return status
        if status == "PAUSED" and own != "ARCHIVED":
            return f"{name}_PAUSED"
    return own


def _holds(condition: Condition, found: Any) -> bool:
    wanted = condition.value
    several = wanted if isinstance(wanted, list) else [wanted]
    texts = [str(item) for item in several]
    match condition.operator:
        case "IN" | "EQUAL" | "NOT_IN" | "NOT_EQUAL":
            inside = str(found) in texts
            return inside if condition.operator in ("IN", "EQUAL") else not inside
        case "CONTAIN":
            return texts[0] in str(found)
        case "NOT_CONTAIN":
            return texts[0] not in str(found)
    try:
        bound = float(texts[0])
    except ValueError:
        raise invalid(f"Filtering value of '{condition.field}' must be a number") from None
    match condition.operator:
        case "GREATER_THAN":
            return float(found) > bound
        case "GREATER_THAN_OR_EQUAL":
            return float(found) >= bound
        case "LESS_THAN":
            return float(found) < bound
        case _:
            return float(found) <= bound
