"""How long Dagster takes to load the code location: what every run and every reload waits for.

    .venv/bin/python benchmarks/load.py

Each round is a fresh process with a parsed dbt project and three clients. Prints seconds, as
medians: the imports, the definitions, and the processor time of both, which a busy machine does not
change. Needs no network and stops by itself.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

CLIENTS = """\
version: 1
clients:
  - {id: acme, name: Acme, ad_accounts: [1], timezone: Europe/Berlin}
  - {id: bolt, name: Bolt, ad_accounts: [2], timezone: America/New_York}
  - {id: cafe, name: Cafe, ad_accounts: [3], timezone: Asia/Tokyo}
"""

ROUND = """\
import json, time
begun = time.perf_counter()
from meta_pipeline.defs import defs
imported = time.perf_counter()
defs().get_repository_def()
ended = time.perf_counter()
print(json.dumps([imported - begun, ended - imported, ended - begun, time.process_time()]))
"""


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "clients.yml").write_text(CLIENTS)
        env = os.environ | {
            "META_PIPELINE_HOME": str(home),
            "META_PIPELINE_CLIENTS": str(home / "clients.yml"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }
        one_round(env)  # parses the dbt project
        found = [one_round(env) for _ in range(rounds)]
    names = ("imports", "definitions", "both", "processor time")
    for name, times in zip(names, zip(*found, strict=True), strict=True):
        print(f"{name:<15}{statistics.median(times):6.2f} s")


def one_round(env: dict[str, str]) -> list[float]:
    """The times of one load."""
    done = subprocess.run(
        [sys.executable, "-c", ROUND], env=env, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
