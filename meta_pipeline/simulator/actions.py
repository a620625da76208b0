"""From base counts to the `actions` list of an insights row.

One purchase appears under up to nine names, and some names contain others, so summing the list
is always wrong (Meta's action type reference; a captured row of 2026 shows 103 purchases under
nine action types).
"""

from collections.abc import Mapping
from decimal import Decimal

_PURCHASE = (
    "purchase",
    "omni_purchase",
    "offsite_conversion.fb_pixel_purchase",
    "onsite_web_purchase",
    "onsite_web_app_purchase",
    "web_in_store_purchase",
    "web_app_in_store_purchase",
)
_LEAD = ("lead", "onsite_conversion.lead_grouped", "leadgen_grouped")
_LANDING = ("landing_page_view", "omni_landing_page_view")

# Each action carries its own name, its synonyms, and the wider types that contain it:
# page_engagement > post_engagement > link_click, video_view, post_reaction, comment.
_ENGAGEMENT = ("post_engagement", "page_engagement")
FAMILIES: dict[str, tuple[str, ...]] = {
    "purchase": _PURCHASE,
    "lead": _LEAD,
    "landing_page_view": _LANDING,
    "link_click": ("link_click", *_ENGAGEMENT),
    "video_view": ("video_view", *_ENGAGEMENT),
    "post_reaction": ("post_reaction", *_ENGAGEMENT),
    "comment": ("comment", *_ENGAGEMENT),
    "like": ("like", "page_engagement"),
}
OFF_META = frozenset({"purchase", "lead"})
"""Conversions: dated by the day they happen; delivery actions by the day of the impression."""

# Still accepted, but without data since 2026-01-12 (Meta's developer blog, 2025-10-16): the key
# is silently missing.
RETIRED_WINDOWS = frozenset({"7d_view", "28d_view"})
_CLICK_WINDOWS = frozenset({"7d_click", "28d_click"})


def expand(counts: Mapping[str, int | Decimal]) -> dict[str, int | Decimal]:
    """Every action type with its number, synonyms and containing types included."""
    types: dict[str, int | Decimal] = {}
    for base, number in counts.items():
        if number and "@" not in base:
            for name in FAMILIES.get(base, (base,)):
                types[name] = types.get(name, 0) + number
    return types


def in_window(counts: Mapping[str, int | Decimal], window: str) -> dict[str, int | Decimal]:
    """The action types with their numbers under one attribution window.

    `value` (the default) is click within 7 days or view within 1. A retired or unknown window
    gives nothing.
    """
    return expand({base: _windowed(counts, base, window) for base in counts if "@" not in base})


def _windowed(counts: Mapping[str, int | Decimal], base: str, window: str) -> int | Decimal:
    total = counts[base]
    if window == "default":
        return total
    if base not in FAMILIES:
        return 0
    if base not in OFF_META:
        # What happens on Meta happens at the click: every click window has it, no view window.
        return total if window.endswith("_click") else 0
    viewed = counts.get(f"{base}@1d_view", 0)
    if window == "1d_view":
        return viewed
    if window == "1d_click":
        return counts.get(f"{base}@1d_click", 0)
    return total - viewed if window in _CLICK_WINDOWS else 0
