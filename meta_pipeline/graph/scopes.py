"""Which permissions a token needs for a client's assets, and which it had better not have."""

from collections.abc import Iterator

from meta_pipeline.config import Client
from meta_pipeline.graph.advice import FINDINGS
from meta_pipeline.graph.tokens import Remark, TokenInfo

# What each kind of asset needs; one of several names is enough where there are several
# (Insights, Page Insights and Instagram insights references, 2026).
NEEDED: dict[str, tuple[tuple[str, ...], ...]] = {
    "ads": (("ads_read", "ads_management"),),
    "page": (("read_insights",), ("pages_read_engagement",)),
    "instagram": (
        ("instagram_basic",),
        ("instagram_manage_insights",),
        ("pages_read_engagement",),
    ),
}
_ADVICE = {"ads": "scope ads", "page": "scope pages", "instagram": "scope instagram"}

# `read_insights` is the person's or system user's own; the others are granted by asset.
_BY_ASSET = {
    "ads": ("ads_read", "ads_management"),
    "page": ("pages_read_engagement",),
    "instagram": ("instagram_basic", "instagram_manage_insights"),
}

_WRITING = (
    "ads_management",
    "catalog_management",
    "instagram_content_publish",
    "instagram_manage_comments",
    "instagram_manage_messages",
    "leads_retrieval",
    "pages_manage_",
    "pages_messaging",
    "publish_",
    "whatsapp_business_",
)


def scope_remarks(info: TokenInfo, client: Client) -> list[Remark]:
    """What there is to say about the token's permissions, for the assets that the client has."""
    surfaces = [surface for surface in NEEDED if client.assets(surface)]
    missing = [remark for surface in surfaces for remark in _missing(info, surface)]
    if missing:
        return missing
    fine = Remark("ok", f"the token has what it needs: {', '.join(_needed(info, surfaces))}")
    limits = [one for surface in surfaces for one in _limited(info, client, surface)]
    return [fine, *limits, *_advised(info, client), *_excess(info)]


def _missing(info: TokenInfo, surface: str) -> Iterator[Remark]:
    lacking = [names for names in NEEDED[surface] if not set(names) & set(info.scopes)]
    if lacking:
        wanted = ", ".join(" or ".join(names) for names in lacking)
        yield Remark("error", f"the token lacks {wanted}", FINDINGS[_ADVICE[surface]])


def _needed(info: TokenInfo, surfaces: list[str]) -> list[str]:
    names = [name for s in surfaces for names in NEEDED[s] for name in names]
    return [name for name in dict.fromkeys(names) if name in info.scopes]


def _limited(info: TokenInfo, client: Client, surface: str) -> Iterator[Remark]:
    """Assets that the token's scopes are not granted for.

    A warning only: what Meta lists is not settled in its documents, and the next steps ask the
    asset itself.
    """
    scopes = [scope for scope in _BY_ASSET[surface] if scope in info.scopes]
    for asset in client.assets(surface):
        without = [scope for scope in scopes if not info.covers(scope, asset)]
        # Of ads_read and ads_management either will do.
        if without and (surface != "ads" or len(without) == len(scopes)):
            message = f"{', '.join(without)} is granted for other assets, not for {asset}"
            yield Remark("warn", message, FINDINGS["scope without the account"])


def _advised(info: TokenInfo, client: Client) -> Iterator[Remark]:
    if (client.pages or client.instagram_accounts) and "pages_show_list" not in info.scopes:
        yield Remark("ok", "pages_show_list is missing", FINDINGS["scope to list Pages"])


def _excess(info: TokenInfo) -> Iterator[Remark]:
    writing = [scope for scope in info.scopes if scope.startswith(_WRITING)]
    if writing:
        message = f"the token can do more than read: {', '.join(writing)}"
        yield Remark("warn", message, FINDINGS["more rights than needed"])
    if "business_management" in info.scopes:
        yield Remark("ok", "business_management is there and not needed")
