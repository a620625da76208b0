"""Makes the pictures of docs/dagster.md: `make pictures`."""

import tempfile
import time
from pathlib import Path
from typing import Any

from meta_pipeline.simulator import generated_agency
from tests.browser.dagster_ui import (
    REFUSED,
    backfill_in_part,
    browser_page,
    give_few_reports,
    webserver,
)
from tests.integration.conftest import running_pipeline

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"

_MARTS = "/assets/delivery/published_marts"
PAGES = {
    "graph": ("/asset-groups", "delivery"),
    "grid": (
        f"/assets/raw/account_daily?view=partitions&partition=acme-dental%7C{REFUSED}",
        "age_hours",
    ),
    "fit_to_report": (f"{_MARTS}?view=checks&checkDetail=fit_to_report", "clients fit to report"),
    "settled_pull": (f"{_MARTS}?view=checks&checkDetail=settled_pull", "that was too early"),
    "automation": ("/automation", "daily_sync"),
}
"""Each picture's page, and a text that stands there when it is drawn."""

USUAL = {"width": 1280, "height": 720}
WIDE = {"width": 1760, "height": 860}
"""Pixels; a check's table needs the second."""


def main() -> None:
    """Writes each picture as a PNG of less than 200 kB."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with running_pipeline(generated_agency(clients=3)) as pipeline:
            give_few_reports(pipeline, "account_daily", "campaign_daily")
            backfill_in_part(pipeline)
            with (
                webserver(home / "webserver.log") as ui,
                browser_page(home / "profile") as page,
            ):
                for name, (path, text) in PAGES.items():
                    page.set_viewport_size(WIDE if "checkDetail" in path else USUAL)
                    page.goto(ui.url + path)
                    page.get_by_text(text).first.wait_for()
                    page.wait_for_load_state("networkidle")
                    _save(page, FOLDER / f"{name}.png")
                page.goto(ui.url + _MARTS)
                page.get_by_text("[Show Markdown]").first.click()
                spend = page.locator("img[alt^='Spend of']")
                spend.wait_for()
                _save(spend, FOLDER / "spend.png")


def _save(shown: Any, place: Path) -> None:
    """Saves a page, or one element of it."""
    time.sleep(1.5)  # what fades in
    shown.screenshot(path=str(place))
    size = place.stat().st_size
    print(f"{place.name}: {size // 1000} kB")


if __name__ == "__main__":
    main()
