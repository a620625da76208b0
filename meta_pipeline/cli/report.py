"""`report`: the monthly report of each client, as HTML and PDF."""

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import orjson

from meta_pipeline.cli.app import EXIT_FAILED, EXIT_PARTLY
from meta_pipeline.config import load_clients, load_settings, select_clients
from meta_pipeline.errors import ConfigError, MetaPipelineError
from meta_pipeline.reporting.report import UnsettledError, Wanted, formats, make_report
from meta_pipeline.warehouse import reading_marts


def run_report(
    month: date,
    client_ids: Sequence[str],
    *,
    form: str,
    is_provisional_allowed: bool,
    out: Path | None,
    as_json: bool,
) -> int:
    """Runs `meta-pipeline report`; returns its exit code."""
    settings = load_settings()
    clients = select_clients(load_clients(settings), list(client_ids))
    try:
        wanted_formats = formats(form)
    except ValueError as error:
        raise ConfigError(str(error), hint="write --format html, pdf, or html,pdf") from None
    wanted = Wanted(
        month=month,
        formats=wanted_formats,
        out=out or settings.home / "reports",
        folder=settings.clients_file.parent,
        is_provisional_allowed=is_provisional_allowed,
    )
    found: list[dict[str, Any]] = []
    with reading_marts(settings.marts) as marts:
        for client in clients:
            try:
                made = make_report(marts, client, wanted)
            except MetaPipelineError as error:
                found.append(_refused(client.id, error))
                print(f"error: {error.message}", file=sys.stderr)
                if error.hint:
                    print(f"hint: {error.hint}", file=sys.stderr)
            else:
                state = "final" if made.is_final else "provisional"
                files = [str(path) for path in made.files]
                found.append({"client": client.id, "state": state, "files": files})
                if not as_json:
                    print("\n".join(files))
    if as_json:
        document = {"schema": 1, "month": f"{month:%Y-%m}", "reports": found}
        sys.stdout.buffer.write(orjson.dumps(document) + b"\n")
    failed = sum("message" in one for one in found)
    if not failed:
        return 0
    return EXIT_FAILED if failed == len(found) else EXIT_PARTLY


def _refused(client_id: str, error: MetaPipelineError) -> dict[str, Any]:
    is_unsettled = isinstance(error, UnsettledError)
    return {
        "client": client_id,
        "state": "unsettled" if is_unsettled else "failed",
        "files": [],
        "message": error.message,
        "hint": error.hint,
        "settles_at": error.report.settles_at if isinstance(error, UnsettledError) else None,
    }
