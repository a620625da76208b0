"""One answer: its rows untouched, its paging URLs gone."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit_transport import TOKEN, Reply, client_of

from meta_pipeline.graph.answer import without_paging_urls

NEXT = f"https://graph.facebook.com/v26.0/act_1/insights?access_token={TOKEN}&after=MjQZD"

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def body_of(**members: Any) -> bytes:
    """An answer as Meta might write it."""
    return json.dumps(members).encode()


def test_rows_are_kept_byte_for_byte() -> None:
    """Blanks, digits and escapes inside a row stay as they came."""
    row = rb'{ "spend" : "16.40",  "n": 1.50, "big": 1e400, "name": "a\/b \u00e9 \ud83d\ude00" }'
    body = rb'{ "data" : [' + row + rb"] }"
    assert without_paging_urls(body) == (b'{"data":[' + row + b"]}", 1, None, False, True)


@given(st.lists(values, max_size=5), st.booleans())
@settings(max_examples=60, deadline=None)
def test_any_rows_are_kept_byte_for_byte(rows: list[Any], ascii_only: bool) -> None:
    """For any JSON in `data`, escaped or not, the bytes and the count are right."""
    data = json.dumps(rows, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    kept, count, after, *_ = without_paging_urls(b'{"data":' + data + b"}")
    assert (kept, count, after) == (b'{"data":' + data + b"}", len(rows), None)


def test_paging_urls_are_gone_and_cursors_stay() -> None:
    """The URLs carry the token."""
    paging = {"cursors": {"before": "MAZDZD", "after": "MjQZD"}, "next": NEXT, "previous": NEXT}
    kept, _, after, *_ = without_paging_urls(body_of(data=[{"a": "1"}], paging=paging))
    assert TOKEN.encode() not in kept
    assert json.loads(kept)["paging"] == {"cursors": paging["cursors"]}
    assert after == "MjQZD"


def test_without_next_there_is_no_next_page() -> None:
    """The last page has cursors, too: the missing URL is the end."""
    paging = {"cursors": {"before": "MAZDZD", "after": "MjQZD"}}
    assert without_paging_urls(body_of(data=[1, 2], paging=paging))[1:] == (
        2,
        paging["cursors"]["after"],
        False,
        True,
    )


def test_time_paging_without_cursors_is_no_next_page() -> None:
    """Page Insights name a next stretch of time, which never ends; its URLs are dropped."""
    kept, _, after, *_ = without_paging_urls(
        body_of(data=[{"name": "page_follows"}], paging={"previous": NEXT, "next": NEXT})
    )
    assert TOKEN.encode() not in kept
    assert after is None


def test_the_summary_stays_byte_for_byte() -> None:
    """It proves what the rows add up to."""
    body = b'{"data":[],"summary":{ "impressions" : "10" }}'
    assert without_paging_urls(body) == (body, 0, None, False, True)


@pytest.mark.parametrize("body", [b'{"id":"act_1","name":"data"}', b'{ "id" : "1" }'])
def test_a_single_object_is_one_row_and_stays(body: bytes) -> None:
    """The account itself has no `data`."""
    assert without_paging_urls(body) == (body, 1, None, False, False)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"x"', b'{"data":[', b"<html>"])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    """Half an answer is no answer."""
    with pytest.raises(msgspec.DecodeError):
        without_paging_urls(body)


def test_only_headers_worth_keeping_are_kept() -> None:
    """Quotas, versions and traces, by lower-case names; cookies stay behind."""
    headers = {
        "Facebook-API-Version": "v26.0",
        "X-App-Usage": '{"call_count":28}',
        "x-ad-api-version-warning": "soon over",
        "Set-Cookie": "secret",
    }
    client, _ = client_of(Reply({"data": []}, headers=headers))
    answer = client.get("act_1/ads", {"limit": "5"})
    assert set(answer.headers) == {name.lower() for name in list(headers)[:3]}
    assert (answer.served_version, answer.version_warning) == ("v26.0", "soon over")
    assert (answer.path, answer.params, answer.status) == ("act_1/ads", {"limit": "5"}, 200)


def test_missing_headers_are_none() -> None:
    """Not every answer names its version."""
    client, _ = client_of(Reply({"data": []}))
    answer = client.get("act_1/ads", {})
    assert (answer.served_version, answer.version_warning) == (None, None)
