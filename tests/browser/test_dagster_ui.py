"""What a data engineer sees in a real browser; asked for with `make browser-test`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from meta_pipeline.simulator import generated_agency
from tests.browser.dagster_ui import (
    CHROMIUM,
    DAYS,
    REFUSED,
    Ui,
    backfill_in_part,
    browser_page,
    give_few_reports,
    webserver,
)
from tests.integration.conftest import running_pipeline

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
]


@dataclass(frozen=True)
class Browser:
    """The UI, and a page to look at it."""

    ui: Ui
    page: Any

    def open(self, path: str, text: str) -> str:
        """What stands on a page once `text` does."""
        self.page.goto(self.ui.url + path)
        self.page.get_by_text(text).first.wait_for()
        return self.page.inner_text("body")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser on the UI of three clients, backfilled in part."""
    home = tmp_path_factory.mktemp("ui")
    with running_pipeline(generated_agency(clients=3)) as pipeline:
        give_few_reports(pipeline, "account_daily", "campaign_daily")
        backfill_in_part(pipeline)
        with webserver(home / "webserver.log") as ui, browser_page(home / "profile") as page:
            yield Browser(ui, page)


def test_the_graph_shows_the_groups(browser: Browser):
    """The lineage has one box a group, in the order in which the data go."""
    browser.open("/asset-groups", "delivery")
    groups = ("raw", "staging", "intermediate", "marts", "delivery")
    boxes = [browser.page.get_by_text(group, exact=True).last.bounding_box() for group in groups]
    places = [box["x"] for box in boxes]
    assert places == sorted(places)
    assert len(set(places)) == len(groups)


def test_the_grid_shows_what_a_partial_backfill_left(browser: Browser):
    """The days that were refused are failed, those left out are missing, all others are green; a
    cell says how settled it is."""
    shown = browser.open(
        f"/assets/raw/account_daily?view=partitions&partition=acme-dental%7C{REFUSED}",
        "age_hours",
    )
    # 14 days of the first client, 7 of the second, 8 of the third, of which 2 are refused.
    assert "Failed (2)" in shown
    assert "Materialized (29)" in shown
    assert "attributing" in shown
    for client in ("acme-dental", "cafe-luna", "nordic-outdoor"):
        assert client in shown
    missing = browser.open(
        f"/assets/raw/account_daily?view=partitions&partition=cafe-luna%7C{_left_out()}",
        f"cafe-luna|{_left_out()}",
    )
    assert "No metadata entries" in missing


def _left_out() -> str:
    return str(list(DAYS)[5])


def test_a_failing_check_says_what_and_what_to_do(browser: Browser):
    """`settled_pull` names the days that wait for a later pull and the command for them."""
    shown = browser.open(
        "/assets/delivery/published_marts?view=checks&checkDetail=settled_pull",
        "rest on a pull that was too early",
    )
    assert "Run: meta-pipeline sync -c" in shown


def test_one_check_says_who_is_not_fit_to_report(browser: Browser):
    """`fit_to_report` names the clients in its sentence, and the reason in its table."""
    shown = browser.open(
        "/assets/delivery/published_marts?view=checks&checkDetail=fit_to_report",
        "1 of 3 clients fit to report; not fit: cafe-luna, nordic-outdoor",
    )
    assert "3 days left out" in shown
