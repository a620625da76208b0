"""`report`: the monthly report of each client, as HTML and PDF."""

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import orjson

from meta_pipeline.cli.app import EXIT_FAILED, EXIT_PARTLY
from meta_pipeline.config import load_clients, load_settings, select_clients
from meta_pipeline.errors import ConfigError
from meta_pipeline.reporting.many import Refused, make_reports
from meta_pipeline.reporting.report import Made, Wanted, formats


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
    for one in make_reports(settings.marts, clients, wanted):
        found.append(_document(one))
        if isinstance(one, Refused):
            print(f"error: {one.message}", file=sys.stderr)
            if one.hint:
                print(f"hint: {one.hint}", file=sys.stderr)
        elif not as_json:
            print("\n".join(map(str, one.files)))
    if as_json:
        document = {"schema": 1, "month": f"{month:%Y-%m}", "reports": found}
        sys.stdout.buffer.write(orjson.dumps(document) + b"\n")
    failed = sum("message" in one for one in found)
    if not failed:
        return 0
    return EXIT_FAILED if failed == len(found) else EXIT_PARTLY


def _document(one: Made | Refused) -> dict[str, Any]:
    if isinstance(one, Made):
        state = "final" if one.is_final else "provisional"
        return {"client": one.client_id, "state": state, "files": [str(path) for path in one.files]}
    return {
        "client": one.client_id,
        "state": "unsettled" if one.settles_at else "failed",
        "files": [],
        "message": one.message,
        "hint": one.hint,
        "settles_at": one.settles_at,
    }
