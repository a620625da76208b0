"""Cursors, limits and the end of a list."""

import json

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
