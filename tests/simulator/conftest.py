"""One running simulator for each kind of test."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from simulator_asking import DATA, NOW, Ask, asker

from meta_pipeline.simulator import RunningSimulator, Settings, generated_agency, replayed


@pytest.fixture(scope="session")
def shared() -> Iterator[RunningSimulator]:
    """The generated agency, started once."""
    with RunningSimulator(generated_agency(), now=NOW) as meta:
        yield meta


@pytest.fixture
def meta(shared: RunningSimulator) -> Iterator[RunningSimulator]:
    """The generated agency at noon UTC of 22 November 2026, with an empty log."""
    shared.clock.move_to(NOW)
    shared.reset()
    yield shared
    shared.reset()
    shared.settings.change(**Settings().values())


@pytest.fixture
def ask(meta: RunningSimulator) -> Ask:
    """Asks the generated agency as a system user."""
    return asker(meta)


@pytest.fixture(scope="session")
def replay() -> Iterator[RunningSimulator]:
    """The invented twelve-row file, replayed when all of it is final."""
    with RunningSimulator(
        replayed(DATA / "campaign.csv"), datetime(2017, 9, 28, 12, tzinfo=UTC)
    ) as running:
        yield running
