"""The question put to an insights edge, read from its parameters and checked as Meta does."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson

from meta_pipeline.simulator.errors import (
    GraphError,
    beyond_37_months,
    invalid,
    not_one_of,
    unknown_insight_field,
)
from meta_pipeline.simulator.periods import (
    FREQUENCY_RETENTION_MONTHS,
    RETENTION_MONTHS,
    UNIQUE_RETENTION_MONTHS,
    Range,
    months_before,
    preset,
    slices,
)
from meta_pipeline.simulator.source import Source
from meta_pipeline.simulator.vocabulary import (
    ATTRIBUTION_WINDOWS,
    BREAKDOWNS,
    INSIGHT_FIELDS,
    LEVELS,
)

OPERATORS = (
    *("EQUAL", "NOT_EQUAL", "GREATER_THAN", "GREATER_THAN_OR_EQUAL", "LESS_THAN"),
    *("LESS_THAN_OR_EQUAL", "IN", "NOT_IN", "CONTAIN", "NOT_CONTAIN"),
)

# Since August 2026 these answer with no rows unless the account has opted in (Meta's breakdowns
# page).
OPT_IN = frozenset(
    {"impression_device", "hourly_stats_aggregated_by_audience_time_zone", "frequency_value"}
)
UNIQUE_FIELDS = frozenset({"reach", "frequency", "cpp"})


@dataclass(frozen=True)
class Condition:
    """One element of `filtering`; `value` is a list for IN and NOT_IN."""

    field: str
    operator: str
    value: Any


@dataclass(frozen=True)
class Query:
    """A checked question.

    `today` is the account's day at the moment of asking, `floor` the first day that Meta still
    has for this breakdown: what lies before it is silently missing.
    """

    level: str
    periods: tuple[Range, ...]
    fields: tuple[str, ...]
    dimension: str
    windows: tuple[str, ...]
    conditions: tuple[Condition, ...]
    summary: tuple[str, ...]
    sort: str
    hidden: frozenset[str]
    empty: bool
    today: date
    floor: date

    @property
    def since(self) -> date:
        """The first day asked for."""
        return min(since for since, _ in self.periods)

    @property
    def until(self) -> date:
        """The last day asked for."""
        return max(until for _, until in self.periods)


def read_query(
    params: Mapping[str, str],
    node_level: str,
    source: Source,
    today: date,
    *,
    opted_in: bool = False,
) -> Query:
    """Read and check the parameters of an insights call.

    `opted_in` says whether the account has the breakdowns that need it.

    Raises:
        GraphError: as Meta answers to an unknown field or value, a bad range, bad JSON.
    """
    level = params.get("level") or node_level
    if level not in LEVELS:
        raise not_one_of("level", LEVELS)
    fields = _fields(params, level)
    dimension, empty = _dimension(params, source, opted_in=opted_in)
    periods = _periods(params, today)
    since = min(first for first, _ in periods)
    # Beyond 13 months unique figures with breakdowns are silently left out (since 2025-06-10).
    old = bool(dimension) and since < months_before(today, UNIQUE_RETENTION_MONTHS)
    windows = _list(params, "action_attribution_windows")
    for index, window in enumerate(windows):
        if window not in ATTRIBUTION_WINDOWS:
            raise not_one_of(f"action_attribution_windows[{index}]", ATTRIBUTION_WINDOWS)
    return Query(
        level=level,
        periods=periods,
        fields=fields,
        dimension=dimension,
        windows=windows,
        conditions=_conditions(params),
        summary=_summary(params, fields),
        sort=(_list(params, "sort") or ("",))[0],
        hidden=source.unknown_fields | (UNIQUE_FIELDS if old else frozenset()),
        empty=empty,
        today=today,
        floor=_floor(dimension, today),
    )


def list_param(params: Mapping[str, str], name: str) -> tuple[str, ...]:
    """A list given as `a,b` or as `["a","b"]`: Meta takes both, its SDK sends both.

    Raises:
        GraphError: for a JSON array that is none.
    """
    return _list(params, name)


def _list(params: Mapping[str, str], name: str) -> tuple[str, ...]:
    text = params.get(name, "").strip()
    if text.startswith("["):
        found = _json(text, name)
        if not isinstance(found, list):
            raise invalid(f"Param {name} must be an array.")
        return tuple(str(item) for item in found)
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _json(text: str, name: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise invalid(f"Param {name} must be valid JSON.") from None


def _fields(params: Mapping[str, str], level: str) -> tuple[str, ...]:
    fields = _list(params, "fields")
    for field in fields:
        if field not in INSIGHT_FIELDS:
            raise unknown_insight_field(field)
    if fields:
        return tuple(dict.fromkeys(fields))
    place = ("account", "campaign", "adset", "ad").index(level)
    ids = ("account_id", "campaign_id", "adset_id", "ad_id")[: place + 1]
    return (*ids, "impressions", "spend")


def _dimension(params: Mapping[str, str], source: Source, *, opted_in: bool) -> tuple[str, bool]:
    names = _list(params, "breakdowns")
    for index, name in enumerate(names):
        if name not in BREAKDOWNS:
            raise not_one_of(f"breakdowns[{index}]", BREAKDOWNS)
    if OPT_IN & set(names) and not opted_in:
        return "", True
    dimension = ",".join(sorted(set(names)))
    if source.cells(dimension) is None:
        listed = ", ".join(("action_type", *names))
        raise invalid(f"Current combination of data breakdown columns ({listed}) is invalid")
    return dimension, False


def _floor(dimension: str, today: date) -> date:
    """Hours are kept 13 months (since 2026-01-12), `frequency_value` 6 (Meta's breakdowns page)."""
    if dimension.startswith("hourly_"):
        return months_before(today, UNIQUE_RETENTION_MONTHS)
    if dimension == "frequency_value":
        return months_before(today, FREQUENCY_RETENTION_MONTHS)
    return date.min


def _periods(params: Mapping[str, str], today: date) -> tuple[Range, ...]:
    if params.get("time_ranges"):
        found = _json(params["time_ranges"], "time_ranges")
        if not isinstance(found, list) or not found:
            raise invalid("Param time_ranges must be a non-empty array.")
        # time_ranges may overlap and switches time_increment off.
        return tuple(_range(item, f"time_ranges[{n}]", today) for n, item in enumerate(found))
    if params.get("time_range"):
        since, until = _range(_json(params["time_range"], "time_range"), "time_range", today)
    else:
        since, until = preset(params.get("date_preset") or "last_30d", today)
    return tuple(slices(since, until, _increment(params)))


def _range(found: Any, name: str, today: date) -> Range:
    if not isinstance(found, dict) or not {"since", "until"} <= set(found):
        raise invalid(f"Param {name} must be an object with the keys since and until.")
    try:
        since, until = date.fromisoformat(found["since"]), date.fromisoformat(found["until"])
    except (TypeError, ValueError):
        raise invalid(f"Param {name}: dates must be in YYYY-MM-DD format.") from None
    if since > until:
        raise invalid(
            f"{name}[since] must be a date before {name}[until] (since is {since}, until is "
            f"{until})"
        )
    if since < months_before(today, RETENTION_MONTHS):
        raise beyond_37_months()
    return since, until


def _increment(params: Mapping[str, str]) -> str:
    text = params.get("time_increment") or "all_days"
    if text in ("all_days", "monthly"):
        return text
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 90:
        return text
    raise invalid("time_increment must be all_days, monthly or an integer between 1 and 90")


def _conditions(params: Mapping[str, str]) -> tuple[Condition, ...]:
    if not params.get("filtering"):
        return ()
    found = _json(params["filtering"], "filtering")
    if not isinstance(found, list):
        raise invalid("Param filtering must be an array.")
    conditions = []
    for index, item in enumerate(found):
        if not isinstance(item, dict) or "field" not in item:
            raise invalid(f"Param filtering[{index}] must have field, operator and value.")
        operator = item.get("operator", "EQUAL")
        if operator not in OPERATORS:
            raise not_one_of(f"filtering[{index}][operator]", OPERATORS)
        conditions.append(Condition(str(item["field"]), operator, item.get("value")))
    return tuple(conditions)


def _summary(params: Mapping[str, str], fields: tuple[str, ...]) -> tuple[str, ...]:
    # `summary` wins over `default_summary` (Insights reference).
    named = _list(params, "summary")
    for field in named:
        if field not in fields:
            raise GraphError(f"(#100) Cannot include {field} in summary param", 100)
    if named:
        return named
    return fields if params.get("default_summary", "").lower() in ("true", "1") else ()
