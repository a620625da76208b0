"""What came of a sync or a backfill, for a person and for a program."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

import orjson

from meta_pipeline.cli.app import EXIT_AUTH, EXIT_FAILED, EXIT_PARTLY, EXIT_USAGE
from meta_pipeline.cli.progress import console
from meta_pipeline.config import Client, Settings
from meta_pipeline.dates import Span
from meta_pipeline.graph import ThrottledError
from meta_pipeline.landing import PullFailure
from meta_pipeline.pulling import Only, Outcome
from meta_pipeline.reports import REPORTS

# Kinds of failure that asking again does not mend.
_REFUSALS = frozenset({"auth", "permission", "config"})

# Kinds of failure that hit every report of an account or Page, and say nothing of the report.
_ALIKE = _REFUSALS | {"broken answer", "throttled", "transient", "version"}


@dataclass
class Summary:
    """What a sync did, by client.

    `span` are the days asked for, and the months about them. Without any asked for, `due` are the
    spans, newest first, in which the re-pull policy finds something due. `reports` are the names
    of those asked for; a backfill asks `only` for what is missing. What was asked `again` counts
    for what it took and what landed of it, not for what failed.
    """

    span: Span
    outcomes: list[Outcome] = field(default_factory=list)
    again: list[Outcome] = field(default_factory=list)
    due: Sequence[Span] | None = None
    reports: frozenset[str] = frozenset(REPORTS)
    only: Only | None = None

    @property
    def days(self) -> Sequence[Span]:
        """What the daily reports are asked for, newest first."""
        return [self.span] if self.due is None else self.due

    @property
    def landed(self) -> bool:
        """Whether anything at all landed, now or a short while ago."""
        return any(
            outcome.is_known or any(one.status == "complete" for one in outcome.landed)
            for outcome in self._asked()
        )

    @property
    def superseded(self) -> int:
        """How many answers were older than what the warehouse knew already."""
        return sum(one.status == "superseded" for o in self.outcomes for one in o.landed)

    def throttled(self) -> set[str]:
        """The clients of which something has to wait for a quota."""
        return {one.errand.client.id for one in self.outcomes if _is_throttled(one)}

    def forget_failures(self, clients: Iterable[Client]) -> None:
        """Takes what of these clients' did not land as asked again."""
        ids = {client.id for client in clients}
        kept: list[Outcome] = []
        for outcome in self.outcomes:
            is_again = outcome.errand.client.id in ids and not outcome.is_complete
            (self.again if is_again else kept).append(outcome)
        self.outcomes = kept

    def refusals(self) -> dict[str, PullFailure]:
        """The clients of which all that was asked was refused for want of a right, and the first
        thing that was said of each."""
        failures: dict[str, list[tuple[PullFailure, ...]]] = {}
        for outcome in self.outcomes:
            failures.setdefault(outcome.errand.client.id, []).append(outcome.failures)
        return {
            client: all_of[0][0]
            for client, all_of in failures.items()
            if all(some and {one.kind for one in some} <= _REFUSALS for some in all_of)
        }

    def warnings(self) -> list[dict[str, str]]:
        """What Meta warns each client of, once."""
        found = dict.fromkeys(
            (outcome.errand.client.id, warning)
            for outcome in self.outcomes
            for warning in outcome.warnings
        )
        return [{"client": client, "message": message} for client, message in found]

    def exit_code(self, clients: Sequence[Client]) -> int:
        """0 when all landed; 3 when some did; else by what went wrong."""
        failed = {o.errand.client.id for o in self.outcomes if not o.is_complete}
        kinds = {failure.kind for o in self.outcomes for failure in o.failures}
        if not failed:
            return 0 if self.landed or not self.superseded else EXIT_FAILED
        if len(failed) < len(clients) or self.landed:
            return EXIT_PARTLY
        if kinds == {"config"}:
            return EXIT_USAGE
        return EXIT_AUTH if kinds <= _REFUSALS else EXIT_FAILED

    def failures(self) -> list[dict[str, str | None]]:
        """Each distinct failure of each client, once."""
        found = dict.fromkeys(
            (outcome.errand.client.id, failure)
            for outcome in self.outcomes
            for failure in outcome.failures
        )
        told = ("kind", "message", "hint")
        return [
            {"client": client, **{name: getattr(failure, name) for name in told}}
            for client, failure in found
        ]

    def told(self) -> list[str]:
        """The failures as a person reads them.

        What one account or Page is refused fails for every report alike, so it is told once.
        """
        alike: dict[tuple[str, str, PullFailure], list[str]] = {}
        for outcome in self.outcomes:
            for failure in outcome.failures:
                is_one = failure.kind in _ALIKE
                key = PullFailure(kind=failure.kind, message="", hint=failure.hint)
                asset = outcome.errand.asset_id if is_one else ""
                group = (outcome.errand.client.id, asset, key if is_one else failure)
                alike.setdefault(group, []).append(failure.message)
        lines = []
        for (client, asset, failure), messages in alike.items():
            lines.append(f"error: {client}: {messages[0]}")
            if more := len(set(messages)) - 1:
                lines.append(f"error: {client}: {asset}: {more} more like it; --json has them all")
            if failure.hint:
                lines.append(f"hint: {failure.hint}")
        return lines

    def document(self, settings: Settings) -> dict[str, object]:
        """The JSON document of `--json`."""
        return {
            "schema": 1,
            "since": min((span.since for span in self.days), default=self.span.since),
            "until": self.span.until,
            "requests": sum(outcome.requests for outcome in self._asked()),
            "rows": sum(outcome.rows for outcome in self._asked()),
            "versions_opened": self._versions("opened"),
            "versions_closed": self._versions("closed"),
            "failures": self.failures(),
            "warnings": self.warnings(),
            "marts": str(settings.marts),
        }

    def _versions(self, name: str) -> int:
        return sum(getattr(one, name) for outcome in self._asked() for one in outcome.landed)

    def _asked(self) -> Iterator[Outcome]:
        return chain(self.again, self.outcomes)


def report_of(
    summary: Summary, settings: Settings, wanted: Sequence[Client], *, as_json: bool
) -> int:
    """Prints what came of a sync or a backfill; returns the exit code."""
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(summary.document(settings)) + b"\n")
    else:
        _print_summary(summary, settings)
    return summary.exit_code(wanted)


def _is_throttled(outcome: Outcome) -> bool:
    return any(failure.kind == ThrottledError.kind for failure in outcome.failures)


def _print_summary(summary: Summary, settings: Settings) -> None:
    for warning in summary.warnings():
        console.print(f"warning: {warning['client']}: {warning['message']}", markup=False)
    for line in summary.told():
        console.print(line, markup=False)
    if summary.superseded:
        console.print(
            f"error: {summary.superseded} answers are older than what is known already, and were "
            "not used\nhint: check the clock, and META_PIPELINE_NOW"
        )
    document = summary.document(settings)
    days = ", ".join(map(str, summary.days))
    console.print(
        f"{days}: {document['requests']} requests, {document['rows']} rows, "
        f"{document['versions_opened']} new versions, {document['versions_closed']} closed"
    )
    if settings.marts.exists():
        print(settings.marts)
