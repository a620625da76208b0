"""What the unit tests start from: a clean environment, an empty desk, the reference files."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from unit_desk import Desk, opened_desk
from unit_office import Office, opened_office
from unit_reference import reference
from unit_transport import TOKEN


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test; there is a token of the default name."""
    for name in list(os.environ):
        if name.startswith("META_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("META_ACCESS_TOKEN", TOKEN)


@pytest.fixture
def desk() -> Iterator[Desk]:
    """An empty spool and an empty warehouse in memory."""
    with opened_desk() as empty:
        yield empty


@pytest.fixture
def sdk_enums() -> dict[str, Any]:
    """Fields and enums of Meta's own SDK; skips where they are not at hand."""
    enums = reference("sdk_enums.json")
    if enums is None:
        pytest.skip("the SDK's enums are not at hand")
    return enums


@pytest.fixture
def office() -> Iterator[Office]:
    """An office with one client, on 22 November 2026 at noon UTC."""
    with opened_office() as opened:
        yield opened
