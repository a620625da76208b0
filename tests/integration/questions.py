"""The SQL that docs/analysts.md gives for each of its questions."""

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "analysts.md"

_BLOCK = re.compile(r"^(<!-- may be empty: .+ -->\n)?```sql\n(.+?)\n```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Question:
    """A heading with a number, the SQL below it, and whether no row is an answer."""

    title: str
    sql: str
    may_be_empty: bool


def questions() -> list[Question]:
    """All of them; every block of SQL on the page belongs to one."""
    page = PAGE.read_text(encoding="utf-8")
    found = []
    for section in re.split(r"^## (?=\d+\. )", page, flags=re.MULTILINE)[1:]:
        title = section.partition("\n")[0]
        for mark, sql in _BLOCK.findall(section):
            found.append(Question(title, sql, bool(mark)))
    assert len(found) == page.count("```sql")
    return found
