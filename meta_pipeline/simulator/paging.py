"""Cursors: opaque, base64-like, and gone on the last page; and how lists misbehave."""

from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from random import Random
from typing import Any, TypeVar
from urllib.parse import urlencode

from meta_pipeline.simulator.cases import case_error
from meta_pipeline.simulator.errors import invalid
from meta_pipeline.simulator.settings import Settings

DEFAULT_LIMIT = 25
MAX_LIMIT = 5000
_FILLER = "ZD"
_LONG = "QVFI"

Item = TypeVar("Item")


@dataclass(frozen=True)
class Mark:
    """What a cursor remembers: a place, how many pages led there, when it was made (epoch
    seconds), and whether an empty page has been shown after it."""

    place: int
    pages: int = 0
    made: int = 0
    gap: bool = False

    @property
    def text(self) -> str:
        """What is encoded: the bare place where nothing else is remembered, as at Meta."""
        more = (self.pages, self.made, int(self.gap))
        return ":".join(map(str, (self.place, *more))) if any(more) else str(self.place)


def cursor(place: int) -> str:
    """The cursor of a place; Meta's `MAZDZD` is the place 0 with a filler."""
    return _written(Mark(place))


def place(text: str) -> int:
    """The place a cursor names.

    Raises:
        GraphError: code 2642, for anything that is no cursor.
    """
    return _read(text).place


def page_limit(params: Mapping[str, str]) -> int:
    """The page size asked for: 25 by default, at most 5000 (undocumented; in use out there)."""
    text = params.get("limit", "")
    if not text:
        return DEFAULT_LIMIT
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise invalid("Param limit must be an integer greater than 0")
    return min(int(text), MAX_LIMIT)


def cut(
    items: Sequence[Item],
    params: Mapping[str, str],
    url: str,
    token: str,
    settings: Settings | None = None,
    now: datetime | None = None,
) -> tuple[Sequence[Item], dict[str, Any]]:
    """One page of `items`, and its `paging` object.

    The end of the data is the absence of `next`, not an empty page. `next` carries the access
    token, whichever way it came, so a client must not keep it (captured from live answers).
    `settings` say how the list misbehaves, `now` is what the age of a cursor is told by.

    Raises:
        GraphError: for a bad limit, or a cursor that is bad, expired or too deep.
    """
    settings = settings or Settings()
    second = int(now.timestamp()) if now else 0
    limit = page_limit(params)
    mark = _mark(params.get("after", ""), settings, second)
    items = _ordered(items, params, url, settings)
    if mark and settings.empty_pages and not mark.gap and mark.place + 1 < len(items):
        here = _written(replace(mark, gap=True), settings)
        return items[:0], _paging(here, here, settings, _link(url, params, token, after=here))
    if params.get("before") and not mark:
        end = _read(params["before"]).place
        start = max(0, end - limit)
        limit = end - start
    else:
        start = _start(mark, limit, settings)
        limit = _length(start, limit, settings)
    page = items[start : start + limit] if start >= 0 else items[:0]
    if settings.max_page_rows is not None and len(page) > settings.max_page_rows:
        raise case_error("reduce_data")
    if not page:
        return page, {}
    last = start + len(page) - 1
    there = _after(last, mark, settings, second)
    more = last + 1 + settings.shifted_rows < len(items)
    following = _link(url, params, token, after=there) if more else ""
    before = _written(Mark(start), settings)
    paging = _paging(before, there, settings, following)
    if start and "cursors" in paging:
        paging["previous"] = _link(url, params, token, before=before)
    return page, paging


def _mark(text: str, settings: Settings, second: int) -> Mark | None:
    if not text:
        return None
    mark = _read(text)
    if settings.cursor_seconds is not None and second - mark.made > settings.cursor_seconds:
        raise case_error("invalid_cursor")
    if settings.cursor_pages is not None and mark.pages >= settings.cursor_pages:
        raise case_error("cursor_too_deep")
    return mark


def _after(last: int, mark: Mark | None, settings: Settings, second: int) -> str:
    pages = (mark.pages if mark else 0) + 1 if settings.cursor_pages is not None else 0
    made = second if settings.cursor_seconds is not None else 0
    return _written(Mark(last, pages, made), settings)


def _start(mark: Mark | None, limit: int, settings: Settings) -> int:
    if mark is None:
        return 0
    # A page that only repeated would never come to an end.
    return mark.place + 1 + settings.shifted_rows - min(settings.duplicate_rows, limit - 1)


def _length(start: int, limit: int, settings: Settings) -> int:
    if settings.longest_page is not None:
        limit = min(limit, settings.longest_page)
    if settings.page_size_seed is None:
        return limit
    shortest = min(limit, settings.duplicate_rows + 1)
    return Random(f"{settings.page_size_seed} {start}").randint(shortest, limit)  # noqa: S311


def _ordered(
    items: Sequence[Item], params: Mapping[str, str], url: str, settings: Settings
) -> Sequence[Item]:
    if settings.row_order_seed is None or params.get("sort") or not url.endswith("/insights"):
        return items
    # The same order on every page of one walk: each row comes exactly once.
    shuffled = list(items)
    Random(f"{settings.row_order_seed} {len(shuffled)}").shuffle(shuffled)  # noqa: S311
    return shuffled


def _paging(before: str, after: str, settings: Settings, following: str) -> dict[str, Any]:
    paging: dict[str, Any] = {}
    if settings.cursor_form != "missing":
        paging["cursors"] = {"before": before, "after": after}
    if following:
        paging["next"] = following
    return paging


def _written(mark: Mark, settings: Settings | None = None) -> str:
    raw = mark.text.encode()
    if settings is not None and settings.cursor_form == "long":
        return _LONG + b64encode(sha256(raw).digest() + b"|" + raw).decode()
    return urlsafe_b64encode(raw).decode().rstrip("=") + _FILLER


def _read(text: str) -> Mark:
    try:
        if text.startswith(_LONG):
            raw = b64decode(text.removeprefix(_LONG), validate=True)[33:]
        else:
            short = text.removesuffix(_FILLER)
            raw = urlsafe_b64decode(short + "=" * (-len(short) % 4))
        place, pages, made, gap = (*map(int, raw.decode().split(":")), 0, 0, 0)[:4]
        return Mark(place, pages, made, bool(gap))
    except (ValueError, UnicodeDecodeError):
        raise case_error("invalid_cursor") from None


def _link(url: str, params: Mapping[str, str], token: str, **more: str) -> str:
    kept = {k: v for k, v in params.items() if k not in ("after", "before", "access_token")}
    return f"{url}?{urlencode({'access_token': token, **kept, **more})}"
