"""`check`: does each client's connection to Meta work, and what to do where it does not?"""

import sys
from collections.abc import Mapping, Sequence

import orjson
from rich.markup import escape
from rich.table import Table

from meta_pipeline import clock
from meta_pipeline.cli.app import EXIT_AUTH, EXIT_FAILED, EXIT_PARTLY, EXIT_USAGE
from meta_pipeline.cli.progress import print_table, steps
from meta_pipeline.config import Client, load_clients, load_settings, select_clients
from meta_pipeline.graph.probe import Finding, opened_prober

_COLOURS = {"ok": "green", "warn": "yellow", "error": "red"}
_REFUSALS = frozenset({"auth", "permission"})

Findings = Mapping[str, Sequence[Finding]]


def run_check(client_ids: list[str], *, as_json: bool) -> int:
    """Runs `meta-pipeline check`; returns its exit code."""
    settings = load_settings()
    wanted = select_clients(load_clients(settings), client_ids)
    with (
        opened_prober(settings, clock.now) as prober,
        steps() as shown,
        shown.step("clients", {client.id: 1 for client in wanted}),
    ):
        found = prober.probe_all(wanted, lambda client: shown.done(client.id))
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(document(wanted, found)) + b"\n")
    else:
        for client in wanted:
            _print_client(client, found[client.id])
    return exit_code(found)


def worst(findings: Sequence[Finding]) -> str:
    """The worst level of a client's findings."""
    levels = {finding.level for finding in findings}
    return next(level for level in ("error", "warn", "ok") if level in levels or level == "ok")


def exit_code(found: Findings) -> int:
    """0 when no client has an error, 3 when some have; else by what kind the errors are."""
    errors = {c: [f for f in findings if f.level == "error"] for c, findings in found.items()}
    failed = [client for client, some in errors.items() if some]
    if not failed:
        return 0
    if len(failed) < len(found):
        return EXIT_PARTLY
    kinds = {finding.kind for some in errors.values() for finding in some}
    if kinds == {"config"}:
        return EXIT_USAGE
    return EXIT_AUTH if kinds <= _REFUSALS else EXIT_FAILED


def document(clients: Sequence[Client], found: Findings) -> dict[str, object]:
    """The JSON document of `--json`."""
    return {
        "schema": 1,
        "checked_at": clock.now().isoformat(),
        "clients": [
            {
                "client": client.id,
                "name": client.name,
                "level": worst(found[client.id]),
                "findings": [
                    {
                        "step": finding.step,
                        "level": finding.level,
                        "message": finding.message,
                        "fix": finding.fix,
                        "kind": finding.kind or None,
                    }
                    for finding in found[client.id]
                ],
            }
            for client in clients
        ],
    }


def _print_client(client: Client, findings: Sequence[Finding]) -> None:
    """One client's table: what was found at each step, and below it what to do."""
    level = worst(findings)
    title = f"{escape(client.id)}: [{_COLOURS[level]}]{level}[/]"
    table = Table("step", "", "what was found", title=title, title_justify="left")
    for finding in findings:
        told = escape(finding.message)
        if finding.fix:
            told += f"\n[dim]{escape(finding.fix)}[/]"
        colour = _COLOURS[finding.level]
        table.add_row(finding.step, f"[{colour}]{finding.level}[/]", told)
    print_table(table)
