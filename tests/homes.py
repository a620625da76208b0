"""Homes of pipelines under test, at paths that are used again.

dbt parses the whole project where it has last seen the warehouse at another path, which takes half
of a build. So the tests of a process take turns on few paths, and dbt's state goes along.
"""

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path

from meta_pipeline.config import Settings
from meta_pipeline.defs.transformations import dbt_project

_taken: set[int] = set()


@contextmanager
def parsed_home() -> Iterator[Path]:
    """A home with nothing in it but dbt's parsed project, which is gone afterwards."""
    number = next(n for n in range(len(_taken) + 1) if n not in _taken)
    home, parsed = _root() / str(number), _root() / f"{number}.parsed"
    _taken.add(number)
    try:
        if not parsed.exists():
            _parse(home)
            shutil.copytree(home / "dbt" / "target", parsed)
            shutil.rmtree(home)
        shutil.copytree(parsed, home / "dbt" / "target")
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)
        _taken.remove(number)


@cache
def _root() -> Path:
    root = Path(tempfile.mkdtemp(prefix="meta-pipeline-homes-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return root


def _parse(home: Path) -> None:
    with redirect_stdout(StringIO()):
        dbt_project(Settings().model_copy(update={"home": home}))
