"""Postgres, started by this folder's own script."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import served


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty Postgres, which ends with this process, however that ends."""
    script = Path(__file__).with_name("postgres.sh")
    with served(script, tmp_path_factory.mktemp("postgres") / "log") as url:
        yield url
