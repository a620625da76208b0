"""Makes the pictures of a report and of the dashboard: `make pictures`."""

import sys
import tempfile
from contextlib import redirect_stdout
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from PIL import Image

from meta_pipeline.cli.report import run_report
from meta_pipeline.config import load_clients
from meta_pipeline.dates import Span
from meta_pipeline.pulling import Puller
from meta_pipeline.reporting.dashboard import write_dashboard
from meta_pipeline.reports import REPORTS
from meta_pipeline.simulator import generated_agency
from tests.browser.dagster_ui import browser_page
from tests.integration.conftest import Pipeline, running_pipeline

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"
CLIENT = "cafe-luna"
NOW = datetime(2026, 12, 2, 12, tzinfo=UTC)
"""Two days of November are not settled, October is final."""

MONTH = date(2026, 11, 1)
_LOOKED_AT = 72  # days on which each client's newest eight days were pulled


def main() -> None:
    """Writes each picture as a PNG of less than 150 kB."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_pipeline(generated_agency(clients=3), now=NOW) as pipeline,
    ):
        fill(pipeline)
        write_pages(pipeline)
        take(pipeline.home, Path(folder))


def fill(pipeline: Pipeline) -> None:
    """Three months as a daily pull would have seen them, so that it is known how days settle."""
    for back in range(_LOOKED_AT, 0, -1):
        at = NOW - timedelta(days=back)
        pipeline.move_to(at)
        clients = load_clients(pipeline.settings)
        span = Span(at.date() - timedelta(days=8), at.date() - timedelta(days=1))
        for report in ("accounts", "account_daily"):
            Puller(pipeline.settings, clients).pull(
                REPORTS[report], {client.id: [span] for client in clients}
            )
    pipeline.move_to(NOW)
    summary = pipeline.sync("2026-09-01", "2026-12-01")
    assert not summary.failures()


def write_pages(pipeline: Pipeline) -> None:
    """November's report of one client, which is provisional, and the dashboard of all."""
    with redirect_stdout(sys.stderr):
        code = run_report(
            MONTH, [CLIENT], form="html", is_provisional_allowed=True, out=None, as_json=False
        )
    assert code == 0
    write_dashboard(pipeline.settings.marts, pipeline.settings.home / "dashboard.html")


def take(home: Path, work: Path) -> None:
    """Takes the pictures of the pages below `home`."""
    with browser_page(work / "profile", width=1000, height=1272) as page:
        page.goto((home / "reports" / CLIENT / f"{MONTH:%Y-%m}.html").as_uri())
        _save(page.screenshot(), FOLDER / "report.png")
        page.set_viewport_size({"width": 1200, "height": 1265})
        # The readers' clock would call the page old.
        page.clock.set_fixed_time(NOW)
        page.goto(f"{(home / 'dashboard.html').as_uri()}#client={CLIENT}&period=30")
        page.wait_for_selector("#charts[data-drawn]")
        _save(page.screenshot(), FOLDER / "dashboard.png")


def _save(picture: bytes, place: Path) -> None:
    """With 128 colours, which flat pages do not need more of."""
    place.write_bytes(picture)
    with Image.open(place) as image:
        small = image.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    small.save(place, optimize=True)
    print(f"{place.name}: {place.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
