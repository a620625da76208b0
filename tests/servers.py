"""Servers that tests start by scripts of their own, with a clear reason where one cannot be had."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_CANNOT = 77


@contextmanager
def served(script: Path, log: Path) -> Iterator[str]:
    """The URL of a server that `script` starts, which ends with this process, however that ends."""
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            [script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as server,
    ):
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        if not url:
            code, said = server.wait(), log.read_text(errors="replace").strip()
            if code == _CANNOT:
                pytest.skip(said.splitlines()[-1])
            pytest.fail(f"{script.name} ended with {code}: {said}")
        yield url
        server.communicate("")
    assert server.returncode == 0
