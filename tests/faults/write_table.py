"""Writes the table of docs/reliability.md anew: python tests/faults/write_table.py"""

import os
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
MARK = "| fault |"


class Writer:
    """A plugin that writes what the matrix found instead of comparing it."""

    @pytest.fixture(scope="session", autouse=True)
    def _write(self, grid: object) -> None:
        from matrix import markdown
        from scenarios import ALONE, TOGETHER

        text = DOCS.read_text(encoding="utf-8")
        scenarios = {one.name: one for one in (*TOGETHER, *ALONE)}
        DOCS.write_text(text[: text.index(MARK)] + markdown(grid, scenarios), encoding="utf-8")  # type: ignore[arg-type]


if __name__ == "__main__":
    os.environ["FAULT_MATRIX"] = "all"
    tests = str(Path(__file__).with_name("test_fault_matrix.py"))
    sys.exit(pytest.main(["-q", tests], plugins=[Writer()]))
