"""Cursors, limits and the end of a list."""

import json
from typing import Any

import pytest
from simulator_asking import Ask, every_row

from meta_pipeline.simulator import RunningSimulator

ASKED = {
    "fields": "ad_id,impressions",
    "level": "ad",
    "time_increment": 1,
    "time_range": json.dumps({"since": "2026-11-01", "until": "2026-11-14"}),
}


@pytest.fixture
def path(meta: RunningSimulator) -> str:
    """An insights edge."""
    return f"/v26.0/{meta.source.clients()[0].ad_accounts[0]}/insights"


@pytest.mark.parametrize("limit", [1, 7, 500])
def test_each_row_comes_once(ask: Ask, path: str, limit: int) -> None:
    """Whatever the page size, following the cursor gives every row exactly once."""
    rows = every_row(ask, path, limit=limit, **ASKED)
    keys = [(row["ad_id"], row["date_start"]) for row in rows]
    assert len(set(keys)) == len(keys)
    assert rows == every_row(ask, path, limit=5000, **ASKED)


def test_the_default_page_has_25_rows(ask: Ask, path: str) -> None:
    """Without a limit a page holds 25 rows."""
    assert len(ask(path, **ASKED).json()["data"]) == 25


def test_the_last_page_has_no_next(ask: Ask, path: str) -> None:
    """The end is the absence of `next`; the cursors are still there."""
    paging = ask(path, limit=5000, **ASKED).json()["paging"]
    assert set(paging) == {"cursors"}


def test_next_carries_the_token(ask: Ask, path: str) -> None:
    """`paging.next` has the access token in it, although it came in a header."""
    assert "access_token=test-token" in ask(path, **ASKED).json()["paging"]["next"]


def test_a_cursor_that_is_none(ask: Ask, path: str) -> None:
    """A broken cursor is code 2642."""
    assert ask(path, after="???", **ASKED).json()["error"]["code"] == 2642


def test_previous_goes_back(ask: Ask, path: str) -> None:
    """`before` gives the page in front of a cursor."""
    first = ask(path, limit=5, **ASKED).json()
    after = first["paging"]["cursors"]["after"]
    second = ask(path, limit=5, after=after, **ASKED).json()
    before = second["paging"]["cursors"]["before"]
    assert ask(path, limit=5, before=before, **ASKED).json()["data"] == first["data"]


def keys(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """What identifies each row."""
    return [(row["ad_id"], row["date_start"]) for row in rows]


def test_rows_in_random_order(meta: RunningSimulator, ask: Ask, path: str) -> None:
    """A seed draws an order; on the pages of one walk each row still comes once."""
    ordered = keys(every_row(ask, path, limit=5000, **ASKED))
    meta.settings.row_order_seed = 3
    shuffled = keys(every_row(ask, path, limit=7, **ASKED))
    assert shuffled != ordered
    assert sorted(shuffled) == sorted(ordered)
    assert shuffled == keys(every_row(ask, path, limit=500, **ASKED))


def test_pages_of_random_length(meta: RunningSimulator, ask: Ask, path: str) -> None:
    """Pages are shorter than asked, each another length, and nothing is lost."""
    ordered = every_row(ask, path, limit=5000, **ASKED)
    meta.settings.page_size_seed = 1
    first = ask(path, limit=20, **ASKED).json()
    lengths = {len(first["data"])}
    after = first["paging"]["cursors"]["after"]
    lengths.add(len(ask(path, limit=20, after=after, **ASKED).json()["data"]))
    assert len(lengths) == 2
    assert every_row(ask, path, limit=20, **ASKED) == ordered


def test_rows_repeated_across_pages(meta: RunningSimulator, ask: Ask, path: str) -> None:
    """Each page begins with rows of the page before, and the walk still ends."""
    ordered = keys(every_row(ask, path, limit=5000, **ASKED))
    meta.settings.duplicate_rows = 2
    found = keys(every_row(ask, path, limit=10, **ASKED))
    assert found[8:10] == found[10:12]
    assert set(found) == set(ordered)
    assert len(found) > len(ordered)
    meta.settings.duplicate_rows = 99
    assert set(keys(every_row(ask, path, limit=5, **ASKED))) == set(ordered)


def test_rows_lost_between_pages(meta: RunningSimulator, ask: Ask, path: str) -> None:
    """Shifted pages skip rows; only another look at the whole can tell."""
    ordered = keys(every_row(ask, path, limit=5000, **ASKED))
    meta.settings.shifted_rows = 1
    assert keys(every_row(ask, path, limit=10, **ASKED)) == [
        key for place, key in enumerate(ordered) if place % 11 != 10
    ]


def test_empty_pages_in_between(meta: RunningSimulator, ask: Ask, path: str) -> None:
    """An empty page with a next page is not the end."""
    ordered = every_row(ask, path, limit=5000, **ASKED)
    meta.settings.empty_pages = True
    first = ask(path, limit=10, **ASKED).json()
    after = first["paging"]["cursors"]["after"]
    second = ask(path, limit=10, after=after, **ASKED).json()
    assert second["data"] == []
    assert "next" in second["paging"]
    assert every_row(ask, path, limit=10, **ASKED) == ordered


def test_old_cursors_expire(meta: RunningSimulator, ask: Ask, path: str) -> None:
    """A cursor older than `cursor_seconds` is code 2642; the walk must begin again."""
    meta.settings.cursor_seconds = 60
    after = ask(path, **ASKED).json()["paging"]["cursors"]["after"]
    meta.clock.advance(60)
    assert ask(path, after=after, **ASKED).status_code == 200
    meta.clock.advance(1)
    assert ask(path, after=after, **ASKED).json()["error"]["code"] == 2642


def test_too_many_pages(meta: RunningSimulator, ask: Ask, path: str) -> None:
    """After `cursor_pages` pages the next cursor is refused; larger pages get to the end."""
    meta.settings.cursor_pages = 2
    params = {"limit": 5, **ASKED}
    for _ in range(2):
        params["after"] = ask(path, **params).json()["paging"]["cursors"]["after"]
    assert "exceeds the max limit" in ask(path, **params).json()["error"]["message"]
    assert every_row(ask, path, limit=500, **ASKED)


def test_forms_of_cursors(meta: RunningSimulator, ask: Ask, path: str) -> None:
    """Long cursors need escaping, missing ones leave only the URL of the next page."""
    ordered = every_row(ask, path, limit=5000, **ASKED)
    meta.settings.cursor_form = "long"
    assert ask(path, **ASKED).json()["paging"]["cursors"]["after"].startswith("QVFI")
    assert every_row(ask, path, limit=50, **ASKED) == ordered
    meta.settings.cursor_form = "missing"
    assert set(ask(path, **ASKED).json()["paging"]) == {"next"}


@pytest.mark.parametrize(
    ("error", "status", "code", "subcode"),
    [
        ("too_many_rows", 400, 100, 1487534),
        ("sync_timeout", 400, 100, 1504018),
        ("reduce_data", 500, 1, None),
    ],
)
def test_too_much_at_once(
    meta: RunningSimulator,
    ask: Ask,
    path: str,
    error: str,
    status: int,
    code: int,
    subcode: int | None,
) -> None:
    """Which error an answer of too many rows gets is a switch."""
    meta.settings.change(max_rows=5, max_rows_error=error)
    response = ask(path, **ASKED)
    found = response.json()["error"]
    assert (response.status_code, found["code"]) == (status, code)
    assert found.get("error_subcode") == subcode


def test_a_gateway_that_gives_up(meta: RunningSimulator, ask: Ask, path: str) -> None:
    """The fourth error is HTML with status 504; a page that is too long is code 1."""
    meta.settings.change(max_rows=5, max_rows_error="gateway_timeout")
    assert ask(path, **ASKED).text.startswith("<html>")
    assert ask(path, **ASKED).status_code == 504
    meta.settings.change(max_rows=None, max_page_rows=20)
    assert ask(path, **ASKED).json()["error"]["code"] == 1
    assert len(ask(path, limit=20, **ASKED).json()["data"]) == 20


def test_a_page_may_be_shorter_than_asked(meta: RunningSimulator, ask: Ask, path: str) -> None:
    """No page has more rows than `longest_page`, and each row still comes once."""
    ordered = every_row(ask, path, limit=5000, **ASKED)
    meta.settings.longest_page = 3
    assert len(ask(path, limit=500, **ASKED).json()["data"]) == 3
    assert every_row(ask, path, limit=500, **ASKED) == ordered
