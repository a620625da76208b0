"""Makes the files of one client's month, or says why there are none."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from duckdb import DuckDBPyConnection

from meta_pipeline.config import Client
from meta_pipeline.errors import ReportError
from meta_pipeline.files import written_beside
from meta_pipeline.reporting.figures import MonthlyReport, read_report
from meta_pipeline.reporting.notes import read_notes
from meta_pipeline.reporting.page import render
from meta_pipeline.reporting.pdf import as_pdf

Format = Literal["html", "pdf"]
FORMATS: tuple[Format, ...] = ("html", "pdf")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted: `month` is its first day, `out` the folder of all reports, and `folder`
    that of clients.yml, from which notes and logos are taken.
    """

    month: date
    formats: tuple[Format, ...]
    out: Path
    folder: Path
    is_provisional_allowed: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """A client's report: its files, and whether its figures are final."""

    client_id: str
    is_final: bool
    files: tuple[Path, ...]


class UnsettledError(ReportError):
    """The month is not settled, and provisional figures were not allowed."""

    def __init__(self, report: MonthlyReport) -> None:
        first, last = report.month, report.last_of_month
        settles = f"{report.settles_at:%Y-%m-%d %H:%M} UTC"
        super().__init__(
            f"{report.client_id}: {first:%Y-%m} is not final: {_lack(report)}; "
            f"it settles on {settles}",
            hint=f"from {settles} on: meta-pipeline sync --from {first} --to {last} "
            f"-c {report.client_id}; or --allow-provisional",
        )
        self.report = report


def make_report(marts: DuckDBPyConnection, client: Client, wanted: Wanted) -> Made:
    """Writes the report of a client; files that are there are replaced, each as a whole.

    Raises `UnsettledError`, `ReportError` when nothing is known of the month or PDF cannot be
    made (the HTML is written before), and `ConfigError` when the logo cannot be used.
    """
    report = read_report(marts, client.id, wanted.month)
    month = f"{wanted.month:%Y-%m}"
    if report is None:
        raise ReportError(
            f"{client.id}: nothing is known of {month}",
            hint=f"meta-pipeline sync --from {wanted.month} -c {client.id}",
        )
    if not report.is_final and not wanted.is_provisional_allowed:
        raise UnsettledError(report)
    page = render(
        report, client, wanted.folder, read_notes(wanted.folder / "notes", client.id, month)
    )
    place = wanted.out / client.id
    files = []
    for one in sorted(wanted.formats):
        content = page.encode() if one == "html" else as_pdf(page)
        files.append(_write(place / f"{month}.{one}", content))
    return Made(client.id, report.is_final, tuple(files))


def formats(text: str) -> tuple[Format, ...]:
    """The formats of a list such as `html,pdf`. Raises `ValueError` for another."""
    names: Iterable[str] = (part.strip() for part in text.split(","))
    found = []
    for name in names:
        known = next((one for one in FORMATS if one == name), None)
        if known is None:
            raise ValueError(f"no format is called {name!r}")
        found.append(known)
    return tuple(dict.fromkeys(found))


def _lack(report: MonthlyReport) -> str:
    if report.days_missing:
        return f"{report.days_missing} of its days are not known"
    if report.days_unsettled:
        return f"{report.days_unsettled} of its days can still change"
    return "some of its figures can still change, or the month is not over"


def _write(path: Path, content: bytes) -> Path:
    with written_beside(path) as fresh:
        fresh.write_bytes(content)
    return path
