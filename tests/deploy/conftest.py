"""Postgres, started by this folder's own script, with a clear reason where it cannot be had."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

_CANNOT = 77


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty Postgres, which ends with this process, however that ends."""
    log = tmp_path_factory.mktemp("postgres") / "log"
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            [Path(__file__).with_name("postgres.sh")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as server,
    ):
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        if not url:
            code, said = server.wait(), log.read_text(errors="replace").strip()
            if code == _CANNOT:
                pytest.skip(said.splitlines()[-1])
            pytest.fail(f"postgres.sh ended with {code}: {said}")
        yield url
        server.communicate("")
    assert server.returncode == 0
