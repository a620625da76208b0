"""What the unit tests start from: a clean environment, an empty desk, the reference files."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from unit_desk import Desk, opened_desk
from unit_transport import TOKEN

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference"


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
def error_cases() -> list[dict[str, Any]]:
    """The catalogue of Meta's errors; skips where it is not at hand."""
    return _reference("meta-error-cases.json")["cases"]


@pytest.fixture
def sdk_enums() -> dict[str, Any]:
    """Fields and enums of Meta's own SDK; skips where they are not at hand."""
    return _reference("sdk_enums.json")


def _reference(name: str) -> dict[str, Any]:
    path = REFERENCE / name
    if not path.exists():
        pytest.skip(f"{name} is not at hand")
    return json.loads(path.read_text(encoding="utf-8"))
