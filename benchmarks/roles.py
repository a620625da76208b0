"""The parts of a benchmark as processes of their own: a simulator of Meta, and what is measured.

A part is the benchmark's own file, started with `--role NAME`. It reads its task, one line of JSON,
from standard input; the last line that it prints is JSON, too.
"""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_HIDDEN = ("META_", "DUCKDB_", "DAGSTER_")
_STOP_SECONDS = 20.0


class BenchmarkError(Exception):
    """What was measured failed, or did not do what it was asked for."""


@contextmanager
def simulator(
    script: str, task: Mapping[str, Any], told: dict[str, Any] | None = None
) -> Iterator[str]:
    """The role `simulator` of a script; the URL that it prints first.

    It ends with this process, if not before. `told` is filled with what it says of itself then.
    """
    with subprocess.Popen(
        _command(script, "simulator"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
            yield process.stdout.readline().strip()
            process.stdin.close()
            said = process.stdout.readline()
            if told is not None:
                told |= json.loads(said)
        finally:
            process.stdin.close()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def ask(url: str, route: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """One of the simulator's own routes: read, or with a body told something."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    data = None if body is None else json.dumps(body).encode()
    with opener.open(urllib.request.Request(f"{url}/_simulator/{route}", data), timeout=60) as got:
        return json.load(got)


def child(
    script: str, role: str, task: Mapping[str, Any], env: Mapping[str, str], seconds: float
) -> dict[str, Any]:
    """Runs a role of a script in a fresh process; what it printed last.

    `env` comes in place of what this process has of the pipeline, Dagster, DuckDB and proxies. What
    is still running after so many seconds is killed. Raises `BenchmarkError` when the role fails.
    """
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_HIDDEN) and not name.lower().endswith("_proxy")
    }
    run = subprocess.run(
        _command(script, role),
        input=json.dumps(task) + "\n",
        capture_output=True,
        text=True,
        env={**own, **env},
        timeout=seconds,
        check=False,
    )
    if run.returncode:
        raise BenchmarkError(f"{role} ended with {run.returncode}:\n{run.stderr[-3000:]}")
    return json.loads(run.stdout.splitlines()[-1])


def _command(script: str, role: str) -> list[str]:
    return [sys.executable, script, "--role", role]
