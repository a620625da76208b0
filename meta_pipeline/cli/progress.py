"""What a person sees while something works: bars on a terminal, lines elsewhere."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

console = Console(stderr=True, highlight=False, soft_wrap=True)

MOST_BARS = 20
"""More clients than this share one bar: a terminal shows no more lines."""

COLUMNS = (
    TextColumn("{task.description:<22}", markup=False),
    BarColumn(),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
    TextColumn("{task.fields[what]}", markup=False),
)

# A file or a pipe has no width of its own; a table needs about this much.
_PIPE_WIDTH = 140


def print_table(table: Table) -> None:
    """Prints a table on stdout, as wide as the terminal."""
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    Console(highlight=False, width=width).print(table)


class Steps:
    """The steps of a command. On a terminal each has bars: one for each client, which counts its
    reports, or one for all where clients are many. Elsewhere each report is a line when it ends,
    or each client where there are no reports, and so is a step without either."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}
        self._label = self._report = ""
        self._good: Counter[str] = Counter()
        self._bad: Counter[str] = Counter()

    @contextmanager
    def step(self, label: str, asked: Mapping[str, int] | None = None) -> Iterator[None]:
        """Shows `label` while its block runs; `asked` says how many reports each client gets,
        or other things to do."""
        self._label, self._report = label, ""
        self._bars = self._new_bars(asked)
        yield
        self._end_report()
        if asked is None and self._progress is None:
            console.print(f"{label}: done", markup=False)
        if self._progress is not None:
            for bar in set(self._bars.values()):
                total = self._progress.tasks[self._progress.task_ids.index(bar)].total or 1
                self._progress.update(bar, total=total, completed=total, what="")

    def note(self, client: str, report: str, *, is_good: bool) -> None:
        """A question of a report has been answered for a client, or has failed.

        Reports come one after the other: the first word of another one ends the one before.
        """
        if report != self._report:
            self._end_report()
            self._report = report
        (self._good if is_good else self._bad)[client] += 1
        if self._progress is not None and client in self._bars:
            self._progress.update(self._bars[client], what=report)

    def done(self, client: str) -> None:
        """All that the step does for a client is done; for steps without reports."""
        if self._progress is not None:
            self._progress.update(self._bars[client], advance=1)
        else:
            console.print(f"{self._label}: {client}", markup=False)

    def _new_bars(self, asked: Mapping[str, int] | None) -> dict[str, TaskID]:
        if self._progress is None:
            return {}
        if asked is None or len(asked) > MOST_BARS:
            total = None if asked is None else sum(asked.values())
            bar = self._progress.add_task(self._label, total=total, what="")
            return dict.fromkeys(asked or ("",), bar)
        return {
            client: self._progress.add_task(f"{self._label} {client}", total=reports, what="")
            for client, reports in asked.items()
        }

    def _end_report(self) -> None:
        """Counts the report that has ended, for each client that had a part in it."""
        clients = self._good.keys() | self._bad.keys()
        if self._progress is not None:
            for client in clients & self._bars.keys():
                self._progress.update(self._bars[client], advance=1)
        elif clients:
            failed = f", {self._bad.total()} failed" if self._bad else ""
            told = f"{self._good.total()} landed{failed}"
            console.print(f"{self._label}: {self._report}: {told}", markup=False)
        self._good.clear()
        self._bad.clear()


@contextmanager
def steps() -> Iterator[Steps]:
    """Shows steps on stderr until the block ends."""
    if not console.is_terminal:
        yield Steps(None)
        return
    with Progress(*COLUMNS, console=console) as progress:
        yield Steps(progress)
