"""Cursors: opaque, base64-like, and gone on the last page."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from meta_pipeline.simulator.errors import GraphError, invalid

DEFAULT_LIMIT = 25
MAX_LIMIT = 5000
_FILLER = "ZD"

Item = TypeVar("Item")


def cursor(place: int) -> str:
    """The cursor of a place; Meta's `MAZDZD` is the place 0 with a filler."""
    return urlsafe_b64encode(str(place).encode()).decode().rstrip("=") + _FILLER


def place(text: str) -> int:
    """The place a cursor names.

    Raises:
        GraphError: code 2642, for anything that is no cursor.
    """
    try:
        raw = text.removesuffix(_FILLER)
        return int(urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))
    except (ValueError, UnicodeDecodeError):
        raise GraphError("(#2642) Invalid cursors values", 2642) from None


def page_limit(params: Mapping[str, str]) -> int:
    """The page size asked for: 25 by default, at most 5000 (undocumented; in use out there)."""
    text = params.get("limit", "")
    if not text:
        return DEFAULT_LIMIT
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise invalid("Param limit must be an integer greater than 0")
    return min(int(text), MAX_LIMIT)


def cut(
    items: Sequence[Item], params: Mapping[str, str], url: str, token: str
) -> tuple[Sequence[Item], dict[str, Any]]:
    """One page of `items`, and its `paging` object.

    The end of the data is the absence of `next`, not an empty page. `next` carries the access
    token, whichever way it came, so a client must not keep it (captured from live answers).
    """
    limit = page_limit(params)
    start = place(params["after"]) + 1 if params.get("after") else 0
    if params.get("before") and not params.get("after"):
        end = place(params["before"])
        start = max(0, end - limit)
        limit = end - start
    page = items[start : start + limit] if start >= 0 else items[:0]
    if not page:
        return page, {}
    last = start + len(page) - 1
    paging: dict[str, Any] = {"cursors": {"before": cursor(start), "after": cursor(last)}}
    if last + 1 < len(items):
        paging["next"] = _link(url, params, token, after=cursor(last))
    if start:
        paging["previous"] = _link(url, params, token, before=cursor(start))
    return page, paging


def _link(url: str, params: Mapping[str, str], token: str, **more: str) -> str:
    kept = {k: v for k, v in params.items() if k not in ("after", "before", "access_token")}
    return f"{url}?{urlencode({'access_token': token, **kept, **more})}"
