"""One answer of the Graph API: its rows untouched, its paging URLs gone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from meta_pipeline.dates import Span

# Kept with every pull: how close to its quotas Meta says the app is, and what to quote to
# Meta's support. All are response headers.
KEPT_HEADERS = (
    "facebook-api-version",
    "x-ad-api-version-warning",
    "x-app-usage",
    "x-ad-account-usage",
    "x-business-use-case-usage",
    "x-fb-ads-insights-throttle",
    "x-fb-ads-insights-reach-throttle",
    "x-fb-request-id",
    "x-fb-trace-id",
)


class _Cursors(msgspec.Struct):
    before: str | None = None
    after: str | None = None


class _Paging(msgspec.Struct):
    cursors: _Cursors | None = None
    next: str | None = None


class _Envelope(msgspec.Struct):
    """Raw members keep Meta's own bytes: nothing is parsed and written again."""

    data: msgspec.Raw = msgspec.Raw(b"")
    paging: _Paging | None = None
    summary: msgspec.Raw = msgspec.Raw(b"")


_envelope = msgspec.json.Decoder(_Envelope)
_rows = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Answer:
    """One response. `body` is what Meta sent, without the paging URLs, which carry the token.

    `is_list` says whether `data` is a list, `has_next` whether a page follows, `after` is the
    cursor to ask for it. `rows` counts the members of `data` (1 for a single object). `params`
    hold neither proof nor any token. `keep` are the days of this page that count when they are
    fewer than it holds, `group` the number of the part of a split question it belongs to, and
    `note` what the rows are seen to lack.
    """

    path: str
    params: Mapping[str, str]
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    rows: int
    after: str | None
    has_next: bool
    is_list: bool
    method: str = "GET"
    keep: Span | None = None
    group: int = 0
    note: str = ""

    @property
    def served_version(self) -> str | None:
        """The API version that answered, which need not be the one asked for."""
        return self.headers.get("facebook-api-version")

    @property
    def version_warning(self) -> str | None:
        """Meta's note that the version asked for is, or soon will be, over."""
        return self.headers.get("x-ad-api-version-warning")

    def decoded_rows(self) -> list[dict[str, Any]]:
        """The members of a list's `data`, parsed: for what is looked at, not for what is kept."""
        return msgspec.json.decode(self.body, type=dict[str, Any])["data"]


class Kept(NamedTuple):
    """What is kept of a body; see `Answer` for the members."""

    body: bytes
    rows: int
    after: str | None
    has_next: bool
    is_list: bool


def without_paging_urls(body: bytes) -> Kept:
    """`body` without its `paging` URLs, its number of rows, and the next page's cursor.

    The members of `data` and `summary` stay byte for byte as they came. The end of the data
    is a missing `paging.next`, not an empty page. Raises `msgspec.DecodeError`.
    """
    envelope = _envelope.decode(body)
    data, paging = bytes(envelope.data), envelope.paging
    if not data:
        if paging is not None:
            raise msgspec.ValidationError("a list without data")
        return Kept(body, rows=1, after=None, has_next=False, is_list=False)
    parts = [b'"data":' + data]
    after = None
    if paging is not None and paging.cursors is not None:
        parts.append(b'"paging":' + msgspec.json.encode({"cursors": paging.cursors}))
        after = paging.cursors.after
    if summary := bytes(envelope.summary):
        parts.append(b'"summary":' + summary)
    is_list = data.startswith(b"[")
    rows = len(_rows.decode(data)) if is_list else 1
    has_next = paging is not None and bool(paging.next)
    return Kept(b"{" + b",".join(parts) + b"}", rows, after, has_next, is_list)
