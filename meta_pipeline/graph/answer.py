"""One answer of the Graph API: its rows untouched, its paging URLs gone."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

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

    `after` is the cursor of the next page, None on the last one. `rows` counts the members
    of `data` (1 for a single object).
    """

    path: str
    params: Mapping[str, str]
    status: int
    headers: Mapping[str, str]
    body: bytes
    rows: int
    after: str | None

    @property
    def served_version(self) -> str | None:
        """The API version that answered, which need not be the one asked for."""
        return self.headers.get("facebook-api-version")

    @property
    def version_warning(self) -> str | None:
        """Meta's note that the version asked for is, or soon will be, over."""
        return self.headers.get("x-ad-api-version-warning")


def without_paging_urls(body: bytes) -> tuple[bytes, int, str | None]:
    """`body` without its `paging` URLs, its number of rows, and the next page's cursor.

    The members of `data` and `summary` stay byte for byte as they came. The end of the data
    is a missing `paging.next`, not an empty page. Raises `msgspec.DecodeError`.
    """
    envelope = _envelope.decode(body)
    data = bytes(envelope.data)
    if not data:
        return body, 1, None
    parts = [b'"data":' + data]
    after = None
    if envelope.paging is not None and envelope.paging.cursors is not None:
        parts.append(b'"paging":' + msgspec.json.encode({"cursors": envelope.paging.cursors}))
        after = envelope.paging.cursors.after if envelope.paging.next else None
    if summary := bytes(envelope.summary):
        parts.append(b'"summary":' + summary)
    rows = len(_rows.decode(data)) if data.startswith(b"[") else 1
    return b"{" + b",".join(parts) + b"}", rows, after
