"""What a person sees while something works: bars on a terminal, lines elsewhere."""

import sys
from collections.abc import Iterator
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

# A file or a pipe has no width of its own; a table needs about this much.
_PIPE_WIDTH = 140


def print_table(table: Table) -> None:
    """Prints a table on stdout, as wide as the terminal."""
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    Console(highlight=False, width=width).print(table)


class Steps:
    """The steps of a command, each with a bar, or with a line when it ends."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._task: TaskID | None = None
        self._done = 0

    @contextmanager
    def step(self, label: str, total: int | None = None) -> Iterator[None]:
        """Shows `label` while its block runs; `total` counts calls of `advance`."""
        self._done = 0
        if self._progress is None:
            yield
            console.print(f"{label}: {self._done or 'done'}")
            return
        self._task = self._progress.add_task(label, total=total, what="")
        yield
        self._progress.update(self._task, total=total or 1, completed=total or 1, what="")

    def advance(self, what: str = "") -> None:
        """One more of the step's total is done; the bar says `what` it was."""
        self._done += 1
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, advance=1, what=what)


@contextmanager
def steps() -> Iterator[Steps]:
    """Shows steps on stderr until the block ends."""
    if not console.is_terminal:
        yield Steps(None)
        return
    columns = (TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn())
    last = TextColumn("{task.fields[what]}", markup=False)
    with Progress(*columns, TimeElapsedColumn(), last, console=console) as progress:
        yield Steps(progress)
