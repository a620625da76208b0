"""A small agency, and what is right about it: a home whose pulls nobody disturbed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from house import NOW, REPORTS, House

from meta_pipeline.simulator import RunningSimulator, generated_agency
from tests.homes import parsed_home

Rows = set[tuple[Any, ...]]


@pytest.fixture(scope="session")
def meta() -> Iterator[RunningSimulator]:
    """A simulated Meta with one client whose figures stand still."""
    source = generated_agency(clients=1, campaigns=2, adsets=1, ads=2)
    with RunningSimulator(source, now=NOW) as one:
        yield one


@pytest.fixture
def house(meta: RunningSimulator) -> Iterator[House]:
    """An empty home, in which commands need not parse dbt's project."""
    with parsed_home() as home:
        yield House(home, meta)


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
