"""One insights row as Meta writes it.

All figures are strings. What is undefined is left out, not zero: no `actions` key without
actions, no `cpc` without clicks. Percentages are percent (1.58 means 1.58 %).
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from meta_pipeline.simulator.actions import RETIRED_WINDOWS, expand, in_window
from meta_pipeline.simulator.groups import Group
from meta_pipeline.simulator.query import Query
from meta_pipeline.simulator.source import Account, AdObject, Amount, Source
from meta_pipeline.simulator.traits import HOURLY

_LEVEL_PLACE = {"account": 0, "campaign": 1, "adset": 2, "ad": 3}
_RESULT_ACTION = {
    "OUTCOME_SALES": "omni_purchase",
    "OUTCOME_LEADS": "onsite_conversion.lead_grouped",
    "OUTCOME_TRAFFIC": "link_click",
}


def money(amount: Amount, digits: int) -> str:
    """An amount in major units without padding ("16.4"); a Decimal exactly as it was written."""
    if isinstance(amount, Decimal):
        return format(amount, "f")
    return _plain(format(Decimal(amount).scaleb(-digits), "f"))


def major(amount: Amount, digits: int) -> Decimal:
    """An amount in major units."""
    return amount if isinstance(amount, Decimal) else Decimal(amount).scaleb(-digits)


def row(query: Query, source: Source, account: Account, group: Group) -> dict[str, Any]:
    """The row of a group, with the fields asked for, the dates and the breakdown's columns."""
    writer = _Writer(query, source, account, group)
    found: dict[str, Any] = {}
    for field, write in _methods(query.fields, query.hidden):
        value = write(writer)
        if value is not None:
            found[field] = value
    found["date_start"] = group.since.isoformat()
    found["date_stop"] = group.until.isoformat()
    for name, value in zip(source.cells(query.dimension) or (), group.cell, strict=False):
        found[name] = value
    return found


def summary(query: Query, source: Source, account: Account, total: Group) -> dict[str, Any]:
    """The `summary` object: the figures asked for over all rows, people counted once."""
    writer = _Writer(query, source, account, total)
    found: dict[str, Any] = {}
    for field, write in _methods(query.summary, query.hidden | _ATTRIBUTES):
        value = write(writer)
        if value is not None:
            found[field] = value
    found["date_start"] = query.since.isoformat()
    found["date_stop"] = query.until.isoformat()
    return found


def number(source: Source, account: Account, group: Group, field: str) -> Decimal | None:
    """A plain figure of a group, for filtering and sorting; None for any other field."""
    if field in ("impressions", "clicks"):
        return Decimal(getattr(group, field))
    if field == "spend":
        return major(group.spend, account.minor_digits)
    if field == "reach":
        return Decimal(source.reach(account, group.impressions, group.cell))
    return None


_ATTRIBUTES = frozenset(
    {
        *("account_id", "account_name", "account_currency", "campaign_id", "campaign_name"),
        *("adset_id", "adset_name", "ad_id", "ad_name", "objective", "optimization_goal"),
        *("attribution_setting", "buying_type", "created_time", "updated_time", "date_start"),
        *("date_stop", "results", "cost_per_result"),
    }
)


class _Writer:
    """Knows how to write each field of one group."""

    def __init__(self, query: Query, source: Source, account: Account, group: Group) -> None:
        self.query = query
        self.source = source
        self.account = account
        self.group = group
        self.place = _LEVEL_PLACE[query.level]
        self.digits = account.minor_digits
        # Every action type with its number, used by several fields.
        self.counts = expand(group.counts)
        self.values = expand(group.values)
        self.cost = major(group.spend, self.digits)

    # Identity. A row has the ids and names down to its level and none below.

    def _account_id(self) -> str:
        return self.account.account_id

    def _account_name(self) -> str:
        return self.account.name

    def _account_currency(self) -> str:
        return self.account.currency

    def _campaign_id(self) -> str | None:
        return self.group.ad.campaign.id if self.place >= 1 else None

    def _campaign_name(self) -> str | None:
        return self.group.ad.campaign.name_on(self.query.today) if self.place >= 1 else None

    def _adset_id(self) -> str | None:
        return self.group.ad.adset.id if self.place >= 2 else None

    def _adset_name(self) -> str | None:
        return self.group.ad.adset.name_on(self.query.today) if self.place >= 2 else None

    def _ad_id(self) -> str | None:
        return self.group.ad.id if self.place >= 3 else None

    def _ad_name(self) -> str | None:
        return self.group.ad.name_on(self.query.today) if self.place >= 3 else None

    def _objective(self) -> str | None:
        return self.group.ad.campaign.objective if self.place >= 1 else None

    def _buying_type(self) -> str | None:
        return "AUCTION" if self.place >= 1 else None

    def _optimization_goal(self) -> str | None:
        goals = {adset.optimization_goal for adset in self.group.adsets.values()}
        return goals.pop() if len(goals) == 1 else None

    def _attribution_setting(self) -> str:
        # Measured by a third party over 5,751 rows: `multiple` where a row mixes settings.
        settings = {adset.attribution_setting for adset in self.group.adsets.values()}
        return settings.pop() if len(settings) == 1 else "multiple"

    def _created_time(self) -> str:
        node = self._node()
        return (node.start if node else self.account.created).isoformat()

    def _updated_time(self) -> str:
        node = self._node()
        return (node.changed_on(self.query.today) if node else self.account.created).isoformat()

    def _node(self) -> AdObject | None:
        ad = self.group.ad
        return (None, ad.campaign, ad.adset, ad)[self.place]

    # Delivery.

    def _impressions(self) -> str:
        return str(self.group.impressions)

    def _clicks(self) -> str:
        return str(self.group.clicks)

    def _spend(self) -> str:
        return money(self.group.spend, self.digits)

    def _inline_link_clicks(self) -> str | None:
        return str(self.group.link_clicks) if self.group.link_clicks else None

    def _outbound_clicks(self) -> list[dict[str, str]] | None:
        links = self.group.link_clicks
        return [{"action_type": "outbound_click", "value": str(links)}] if links else None

    def _reach(self) -> str:
        return str(self._people())

    def _frequency(self) -> str | None:
        if self.query.dimension in HOURLY:
            return "0"
        return _ratio(self.group.impressions, self._people())

    def _unique_clicks(self) -> str | None:
        # Other than link clicks, these are "0" where there are none (recorded in 2021).
        clicks = self.group.clicks
        known = self.group.impressions and self.query.dimension not in HOURLY
        return str(clicks - clicks // 25) if known else None

    def _people(self) -> int:
        if self.query.dimension in HOURLY:
            # Nobody counts people by the hour: reach and frequency come back 0 (Meta's
            # breakdowns page).
            return 0
        return self.source.reach(self.account, self.group.impressions, self.group.cell)

    # Ratios. Percentages are per hundred, costs in major units.

    def _ctr(self) -> str | None:
        return _ratio(100 * self.group.clicks, self.group.impressions)

    def _inline_link_click_ctr(self) -> str | None:
        return _ratio(100 * self.group.link_clicks, self.group.impressions)

    def _cpc(self) -> str | None:
        return _ratio(self.cost, self.group.clicks)

    def _cpm(self) -> str | None:
        return _ratio(1000 * self.cost, self.group.impressions)

    def _cpp(self) -> str | None:
        return _ratio(1000 * self.cost, self._people())

    def _cost_per_inline_link_click(self) -> str | None:
        return _ratio(self.cost, self.group.link_clicks)

    # Actions.

    def _actions(self) -> list[dict[str, str]] | None:
        return self._action_list(self.counts, is_money=False)

    def _action_values(self) -> list[dict[str, str]] | None:
        return self._action_list(self.values, is_money=True)

    def _cost_per_action_type(self) -> list[dict[str, str]] | None:
        cost = float(self.cost)
        if not cost:
            return None
        found = [(name, _ratio(cost, count)) for name, count in self.counts.items()]
        return [{"action_type": name, "value": value} for name, value in found if value] or None

    def _conversions(self) -> list[dict[str, str]] | None:
        # A list of its own at Meta, by objective; which types it holds is not documented well.
        # Here: the on-Meta lead or the pixel purchase, once.
        return self._action_list(_only(self.counts), is_money=False)

    def _conversion_values(self) -> list[dict[str, str]] | None:
        return self._action_list(_only(self.values), is_money=True)

    def _purchase_roas(self) -> list[dict[str, str]] | None:
        value = self.group.values.get("purchase")
        roas = _ratio(major(value, self.digits), self.cost) if value else None
        return [{"action_type": "omni_purchase", "value": roas}] if roas else None

    def _results(self) -> list[dict[str, Any]] | None:
        indicator, count = self._result()
        return _result_list(indicator, str(count) if count else None)

    def _cost_per_result(self) -> list[dict[str, Any]] | None:
        indicator, count = self._result()
        cost = _ratio(self.cost, count) if self.cost else None
        return _result_list(indicator.replace("actions:", "cost_per_action_type:"), cost)

    def _result(self) -> tuple[str, int]:
        objectives = {adset.campaign.objective for adset in self.group.adsets.values()}
        if len(objectives) != 1:
            return "", 0
        objective = objectives.pop()
        if not objective:
            own = self.account.result
            return f"actions:{own}", int(self.counts.get(own, 0))
        action = _RESULT_ACTION.get(objective)
        if action is None:
            return "reach", self._people()
        return f"actions:{action}", int(self.counts.get(action, 0))

    def _action_list(
        self, types: Mapping[str, Amount], *, is_money: bool
    ) -> list[dict[str, str]] | None:
        write = (lambda n: money(n, self.digits)) if is_money else str
        listed = {name: {"action_type": name, "value": write(n)} for name, n in types.items()}
        amounts = self.group.values if is_money else self.group.counts
        # Window keys appear only when asked for, and where there is something in the window.
        for window in self.query.windows:
            if window not in RETIRED_WINDOWS:
                for name, amount in in_window(amounts, window).items():
                    if name in listed:
                        listed[name][window] = write(amount)
        return list(listed.values()) or None


_CONVERSIONS = frozenset({"offsite_conversion.fb_pixel_purchase", "onsite_conversion.lead_grouped"})


@lru_cache(64)
def _methods(
    fields: tuple[str, ...], hidden: frozenset[str]
) -> tuple[tuple[str, Callable[[_Writer], Any]], ...]:
    """The fields that have a figure, each with what writes it (None: Meta leaves it out)."""
    found = ((field, getattr(_Writer, f"_{field}", None)) for field in fields)
    return tuple((field, write) for field, write in found if write and field not in hidden)


def _only(types: Mapping[str, Amount]) -> dict[str, Amount]:
    return {name: number for name, number in types.items() if name in _CONVERSIONS}


def _result_list(indicator: str, value: str | None) -> list[dict[str, Any]] | None:
    # A zero is the indicator without `values` (measured by a third party, 2026).
    if not indicator:
        return None
    if value is None:
        return [{"indicator": indicator}]
    return [
        {"indicator": indicator, "values": [{"attribution_windows": ["default"], "value": value}]}
    ]


def _ratio(above: float | Decimal, below: int | Decimal) -> str | None:
    """A quotient with up to six decimals, None if undefined."""
    return _plain(f"{float(above) / float(below):.6f}") if below else None


def _plain(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
