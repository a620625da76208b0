"""A small agency, and what is right about it: a home whose pulls nobody disturbed."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from house import NOW, REPORTS, House

from meta_pipeline.config import Settings
from meta_pipeline.defs.transformations import dbt_project
from meta_pipeline.simulator import RunningSimulator, generated_agency

Rows = set[tuple[Any, ...]]


@pytest.fixture(scope="session")
def meta() -> Iterator[RunningSimulator]:
    """A simulated Meta with one client whose figures stand still."""
    source = generated_agency(clients=1, campaigns=2, adsets=1, ads=2)
    with RunningSimulator(source, now=NOW) as one:
        yield one


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dbt's target folder with a current manifest: parsing takes seconds, and once is enough."""
    home = tmp_path_factory.mktemp("parsed")
    with redirect_stdout(StringIO()):
        dbt_project(Settings().model_copy(update={"home": home}))
    return home / "dbt" / "target"


@pytest.fixture(scope="session")
def new_house(parsed: Path, meta: RunningSimulator) -> Callable[[Path], House]:
    """Makes an empty home for commands in a folder."""

    def make(folder: Path) -> House:
        shutil.copytree(parsed, folder / "home" / "dbt" / "target")
        return House(folder / "home", meta)

    return make


@pytest.fixture
def house(tmp_path: Path, new_house: Callable[[Path], House]) -> House:
    """An empty home, in which commands need not parse dbt's project."""
    return new_house(tmp_path)


@pytest.fixture
def bare_house(tmp_path: Path, meta: RunningSimulator) -> House:
    """A home with nothing but clients.yml."""
    return House(tmp_path / "home", meta)


@pytest.fixture(scope="session")
def truth(tmp_path_factory: pytest.TempPathFactory, meta: RunningSimulator) -> Rows:
    """The rows of the reports that are pulled here, as an undisturbed pull lands them."""
    twin = House(tmp_path_factory.mktemp("twin"), meta)
    twin.pull(*REPORTS)
    rows = twin.rows()
    assert {row[1] for row in rows} == set(REPORTS)
    return rows
