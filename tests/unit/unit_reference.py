"""Catalogues of Meta's API that lie beside the checkout, where there are any."""

import json
from pathlib import Path
from typing import Any

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference"


def reference(name: str) -> dict[str, Any] | None:
    """The catalogue, or None where it is not at hand."""
    path = REFERENCE / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
