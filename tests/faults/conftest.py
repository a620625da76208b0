"""The matrix of faults, run once for all tests."""

from collections.abc import Iterator

import pytest
from matrix import NOW, Grid, Home, Twins, clients_of, getters, run
from scenarios import ALONE, TOGETHER

from meta_pipeline.reports import REPORTS
from meta_pipeline.simulator import RunningSimulator, generated_agency


@pytest.fixture(scope="session")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    """Two homes of one agency, one without any fault; each scenario has a client of its own."""
    scenarios = (*TOGETHER, *ALONE)
    source = generated_agency(clients=len(scenarios), campaigns=2, adsets=2, ads=1)
    clients = clients_of(source, scenarios)
    root = tmp_path_factory.mktemp("faults")
    with (
        pytest.MonkeyPatch.context() as patch,
        RunningSimulator(source, now=NOW) as meta,
        RunningSimulator(source, now=NOW) as steady,
    ):
        twin = Home(root / "twin", steady, clients, patch)
        for report in REPORTS.values():
            twin.pull(report, *getters(clients, report))
        yield Twins(Home(root / "home", meta, clients, patch), twin)


@pytest.fixture(scope="session")
def grid(twins: Twins) -> Grid:
    """What became of each report under each fault."""
    return run(twins, TOGETHER, ALONE)
