"""The matrix of faults, run once for all tests."""

from collections.abc import Iterator

import pytest
from matrix import Grid, Twins, opened_twins, run
from scenarios import ALONE, TOGETHER

from meta_pipeline.simulator import generated_agency
from tests.homes import parsed_home


@pytest.fixture(scope="session")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    """Two homes of one agency, one without any fault; each scenario has a client of its own."""
    scenarios = (*TOGETHER, *ALONE)
    source = generated_agency(clients=len(scenarios), campaigns=2, adsets=2, ads=1)
    twin = tmp_path_factory.mktemp("twin")
    with parsed_home() as home, opened_twins(home, twin, source, scenarios) as both:
        yield both


@pytest.fixture(scope="session")
def grid(twins: Twins) -> Grid:
    """What became of each report under each fault."""
    return run(twins, TOGETHER, ALONE)
