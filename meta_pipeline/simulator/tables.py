"""The tables of `docs/simulator.md`, made from the code.

    python -m meta_pipeline.simulator.tables docs/simulator.md

writes them anew between their marks.
"""

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import orjson

from meta_pipeline.simulator.cases import cases, how_to_play
from meta_pipeline.simulator.faults import WIRES
from meta_pipeline.simulator.runs import FAILURES
from meta_pipeline.simulator.settings import abouts


def settings_table() -> str:
    """Every switch, its default and its meaning."""
    rows = (
        (f"`{name}`", f"`{orjson.dumps(default).decode()}`", about)
        for name, (default, about) in abouts().items()
    )
    return _table(("switch", "default", "meaning"), rows)


def wires_table() -> str:
    """Every way in which an answer can go wrong on the wire."""
    return _table(("`wire`", "what arrives"), ((f"`{k}`", v) for k, v in WIRES.items()))


def failures_table() -> str:
    """Every code with which a report may fail."""
    rows = ((f"{code}/{sub}", text) for (code, sub), text in FAILURES.items())
    return _table(("code/subcode", "message"), rows)


def cases_table() -> str:
    """Every case: what it is, what it answers, what brings it about."""
    rows = (
        (
            f"`{item.id}`",
            "/".join(str(n) for n in (item.code, item.subcode) if n is not None) or "none",
            str(item.status),
            ", ".join(item.calls),
            item.meaning,
            how_to_play(item),
        )
        for item in cases().values()
    )
    return _table(("case", "code", "status", "happens to", "meaning", "how"), rows)


TABLES: dict[str, Callable[[], str]] = {
    "settings": settings_table,
    "wires": wires_table,
    "failures": failures_table,
    "cases": cases_table,
}


def renewed(text: str) -> str:
    """A page with each table between its marks written anew.

    Raises:
        ValueError: if a table has no marks.
    """
    for name, make in TABLES.items():
        begin, end = f"<!-- table: {name} -->\n", f"<!-- end: {name} -->"
        pattern = re.escape(begin) + ".*?" + re.escape(end)
        new = begin + make() + end
        text, found = re.subn(pattern, lambda _, new=new: new, text, flags=re.DOTALL)
        if found != 1:
            raise ValueError(f"the page must have the table {name} once, it has it {found} times")
    return text


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
