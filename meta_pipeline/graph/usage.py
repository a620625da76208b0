"""Quotas: which ones a request counts against, and what Meta's headers say about them.

Percent is of the quota, 0 to 100 and beyond. Meta counts `estimated_time_to_regain_access` in
minutes and `reset_time_duration` in seconds (rate limiting guides, Graph and Marketing API).
"""

import logging
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from meta_pipeline.graph.errors import Scope, ThrottledError

log = logging.getLogger(__name__)

APP = "app"
APP_INSIGHTS = "app_insights"
ACCOUNT = "account"
ACCOUNT_INSIGHTS = "account_insights"
REACH = "reach"
"""Reach with breakdowns older than 13 months: shown, and gating nothing."""
ADS_INSIGHTS, ADS_MANAGEMENT, PAGES, INSTAGRAM = (
    "ads_insights",
    "ads_management",
    "pages",
    "instagram",
)

_TYPE_BY_CODE = {
    80000: ADS_INSIGHTS,
    80001: PAGES,
    80002: INSTAGRAM,
    80003: "custom_audience",
    80004: ADS_MANAGEMENT,
    80005: "leadgen",
    80006: "messenger",
    80008: "whatsapp",
}
_APP_KINDS = (APP, APP_INSIGHTS)
_SCOPE_BY_KIND = {
    APP: Scope.APP,
    APP_INSIGHTS: Scope.APP_INSIGHTS,
    ACCOUNT: Scope.ACCOUNT,
    PAGES: Scope.PAGE,
    REACH: Scope.REACH,
}
_KIND_BY_SCOPE = {scope: kind for kind, scope in _SCOPE_BY_KIND.items()}

LONGEST_SAID = timedelta(days=1)
"""No quota of Meta's counts over more than a day; a header that says more is not believed."""


@dataclass(frozen=True, slots=True, order=True)
class Bucket:
    """One quota: the app's (no `asset_id`), or one asset's. Ids are bare digits, without act_."""

    kind: str
    asset_id: str = ""

    @property
    def scope(self) -> Scope:
        """Whose quota it is."""
        return _SCOPE_BY_KIND.get(self.kind, Scope.ACCOUNT_TYPE)

    def __str__(self) -> str:
        return f"{self.kind} of {self.asset_id}" if self.asset_id else self.kind


@dataclass(frozen=True, slots=True)
class Usage:
    """What a header says: percent used, when access is back if it is gone, and the app's tier.

    `is_refused` says that Meta already refuses; `resets_in` when the count starts anew.
    """

    bucket: Bucket
    percent: float
    resets_in: timedelta | None = None
    is_refused: bool = False
    tier: str = ""


def asset_of(path: str, asset_id: str = "") -> str:
    """The ad account (act_...), Page or Instagram account that a request of `path` counts for.

    An ad account in the path counts before `asset_id`, that before any other id in the path.
    """
    first = path.split("/", 1)[0]
    if re.fullmatch(r"act_\d+", first):
        return first
    if asset_id:
        return asset_id
    # A post's id is <page>_<post>.
    found = re.fullmatch(r"(\d+)(_\d+)?", first)
    return found[1] if found else ""


def gates(path: str, asset_id: str = "") -> tuple[Bucket, ...]:
    """The quotas that a request of `path` needs, the widest first."""
    asset = asset_of(path, asset_id)
    number = asset.removeprefix("act_")
    if not asset.startswith("act_"):
        # An id alone does not say whether it is a Page or an Instagram account. It is one of
        # them only, so the other's quota is never heard of.
        return (Bucket(APP), *(Bucket(kind, number) for kind in (PAGES, INSTAGRAM) if number))
    if _is_insights(path):
        kinds = (APP_INSIGHTS, ACCOUNT, ACCOUNT_INSIGHTS, ADS_INSIGHTS)
    else:
        kinds = (ACCOUNT, ADS_MANAGEMENT)
    return (Bucket(APP), *(Bucket(kind, "" if kind in _APP_KINDS else number) for kind in kinds))


def _is_insights(path: str) -> bool:
    """Whether it is `.../insights`, or a bare number: a report run that is looked at."""
    parts = path.strip("/").split("/")
    return parts[-1] == "insights" or (len(parts) == 1 and parts[0].isdigit())


def refused_buckets(
    error: ThrottledError, asset: str, needed: Sequence[Bucket]
) -> tuple[Bucket, ...]:
    """The quotas that `error` says are used up, for a request that `needed` these.

    There is always one of `needed` among them: what Meta calls by a name not expected here is
    held to be the narrowest, or the same request would be sent again at once. Only the quota of
    reach with breakdowns stands aside: without those, the next question is answered.
    """
    kind = _KIND_BY_SCOPE.get(error.scope) or _TYPE_BY_CODE.get(error.failure.code or 0)
    number = "" if kind in _APP_KINDS else asset.removeprefix("act_")
    named = (Bucket(kind, number),) if kind and (number or kind in _APP_KINDS) else ()
    if error.scope is Scope.REACH:
        return named
    return named if set(named) & set(needed) else (*named, *needed[-1:])


def usages(headers: Mapping[str, str], asset: str) -> list[Usage]:
    """What the headers of one answer say, each quota once with the highest figure.

    `asset` is what the request counted for. What cannot be read is logged and left out.
    """
    number = asset.removeprefix("act_")
    found: dict[Bucket, Usage] = {}
    for usage in _all_usages(headers, number):
        known = found.get(usage.bucket)
        if known is None or usage.percent > known.percent:
            found[usage.bucket] = usage
    return list(found.values())


def _all_usages(headers: Mapping[str, str], number: str) -> Iterator[Usage]:
    if value := headers.get("x-app-usage"):
        said = _object("x-app-usage", value)
        yield from _usage(Bucket(APP), said, "call_count", "total_time", "total_cputime")
    for bucket, business in _business(headers, number):
        yield from _usage(bucket, business, "call_count", "total_time", "total_cputime")
    if number and (value := headers.get("x-ad-account-usage")):
        said = _object("x-ad-account-usage", value)
        yield from _usage(Bucket(ACCOUNT, number), said, "acc_id_util_pct")
    if value := headers.get("x-fb-ads-insights-throttle"):
        said = _object("x-fb-ads-insights-throttle", value)
        yield from _usage(Bucket(APP_INSIGHTS), said, "app_id_util_pct")
        if number:
            yield from _usage(Bucket(ACCOUNT_INSIGHTS, number), said, "acc_id_util_pct")
    if number and (value := headers.get("x-fb-ads-insights-reach-throttle")):
        said = _object("x-fb-ads-insights-reach-throttle", value)
        yield from _usage(Bucket(REACH, number), said, "app_id_util_pct", "acc_id_util_pct")


def _business(
    headers: Mapping[str, str], number: str
) -> Iterator[tuple[Bucket, Mapping[str, Any]]]:
    value = headers.get("x-business-use-case-usage")
    for asset_id, entries in _object("x-business-use-case-usage", value).items() if value else ():
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("type"), str):
                yield Bucket(entry["type"], asset_id), entry
                # Whether Instagram's is named by the account or by its Page is documented
                # nowhere; it counts for the one that was asked about.
                if entry["type"] == INSTAGRAM and number not in ("", asset_id):
                    yield Bucket(INSTAGRAM, number), entry


def _usage(bucket: Bucket, said: Mapping[str, Any], *names: str) -> Iterator[Usage]:
    percents = [percent for name in names if (percent := _number(said.get(name))) is not None]
    if not percents:
        return
    minutes = _number(said.get("estimated_time_to_regain_access")) or 0.0
    seconds = _number(said.get("reset_time_duration")) or 0.0
    longest = LONGEST_SAID.total_seconds()
    wait = min(max(minutes * 60, seconds), longest)
    yield Usage(
        bucket,
        max(percents),
        resets_in=timedelta(seconds=wait) if wait else None,
        is_refused=minutes > 0,
        tier=str(said.get("ads_api_access_tier") or ""),
    )


def _object(name: str, value: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(value, type=dict[str, Any])
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        log.warning("the header %s is not what it should be and was left out: %s", name, error)
        return {}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return max(0.0, number) if math.isfinite(number) else None
