"""The dashboard in a browser, from disk: what is picked changes the numbers, and they are right.

Those that are not marked are the essentials, for every run: pickers, numbers, names, policy.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from meta_pipeline.reporting.dashboard import write_dashboard
from tests.unit.unit_dashboard import AWKWARD, RTL, write_marts

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

_CHROMIUM = Path("/usr/bin/chromium")
_FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
_LAST = date(2026, 11, 20)

pytestmark = pytest.mark.skipif(not _CHROMIUM.exists(), reason=f"there is no {_CHROMIUM}")


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The marts of `unit_dashboard`, once for all tests."""
    return write_marts(tmp_path_factory.mktemp("marts") / "marts.duckdb")


@pytest.fixture(scope="module")
def view(marts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator["View"]:
    """One browser for all tests, offline, with a profile of its own."""
    folder = tmp_path_factory.mktemp("browser")
    (page,) = write_dashboard(marts, folder / "dashboard.html")
    with playwright.sync_playwright() as started:
        context = started.chromium.launch_persistent_context(
            str(folder / "profile"),
            executable_path=str(_CHROMIUM),
            headless=True,
            args=list(_FLAGS),
            viewport={"width": 1300, "height": 900},
            offline=True,
        )
        try:
            yield View(context.pages[0], page.path.as_uri())
        finally:
            context.close()


class View:
    """The page in the browser, with what it complained of and asked for."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url = page, url
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.set_default_timeout(10_000)
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, state: str = "") -> None:
        """Loads the page anew with this picked, in US dollars."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.url}#currency=USD&{state}")

    def tile(self, name: str) -> float | None:
        """The number behind a tile; None where there is none."""
        text = self.page.get_attribute(f"#tile-{name}", "data-value")
        return float(text) if text else None

    def shown(self, name: str) -> str:
        """The number of a tile as it is written."""
        return self.page.inner_text(f"#tile-{name} .value")

    def table(self, column: str) -> list[str]:
        """A column of the campaigns, from the top."""
        return self.page.locator(f"#campaigns tbody [data-column={column}]").all_inner_texts()


_LINK_CLICKS = "coalesce(link_clicks, if(clicks = 0, 0, null))"


def _figures(
    marts: Path, where: str, *, table: str = "mart_client_daily", clicks: str = _LINK_CLICKS
) -> dict[str, Any]:
    """What the tiles must say, from the marts; without a denominator nothing."""
    with duckdb.connect(str(marts), read_only=True) as connection:
        cursor = connection.execute(f"""
            select
                sum(spend)::double as spend, sum(impressions)::double as impressions,
                sum({_LINK_CLICKS})::double as link_clicks,
                sum({clicks}) / nullif(sum(impressions), 0) as ctr,
                sum(spend)::double / nullif(sum({clicks}), 0) as cpc,
                1000 * sum(spend)::double / nullif(sum(impressions), 0) as cpm,
                sum(results)::double as results,
                sum(spend)::double / nullif(sum(results), 0) as cost_per_result
            from {table} where client_id = 'oneil' and {where}
        """)
        (row,) = cursor.fetchall()
        return dict(zip([one[0] for one in cursor.description or ()], row, strict=True))


def _between(first: date, last: date, currency: str = "USD") -> str:
    return f"account_currency = '{currency}' and day between '{first}' and '{last}'"


def _last(days: int) -> tuple[date, date]:
    return _LAST - timedelta(days=days - 1), _LAST


def _assert_tiles(view: View, expected: dict[str, Any]) -> None:
    assert {name: view.tile(name) for name in expected} == pytest.approx(expected, rel=1e-12)


def test_each_period_and_currency_has_the_numbers_of_the_marts(view: View, marts: Path) -> None:
    """What is picked by hand changes all tiles to the sums of the marts over those days."""
    view.open()
    assert view.page.input_value("#client") == "oneil"
    periods = {
        "7": _last(7),
        "last-month": (date(2026, 10, 1), date(2026, 10, 31)),
        "all": (date(2026, 9, 12), _LAST),
    }
    seen = set()
    for name, (first, last) in periods.items():
        view.page.select_option("#period", name)
        _assert_tiles(view, _figures(marts, _between(first, last)))
        seen.add(view.shown("spend"))
    assert len(seen) == len(periods)
    view.page.select_option("#currency", "JPY")
    _assert_tiles(view, _figures(marts, _between(*periods["all"], "JPY")))
    assert view.shown("spend").startswith("¥")


@pytest.mark.browser
def test_any_days_can_be_picked(view: View, marts: Path) -> None:
    """From and to are days of the account, both included."""
    view.open("period=custom")
    view.page.fill("#from", "2026-10-02")
    view.page.fill("#to", "2026-10-11")
    _assert_tiles(view, _figures(marts, _between(date(2026, 10, 2), date(2026, 10, 11))))


@pytest.mark.browser
def test_one_platform_is_the_report_by_platform(view: View, marts: Path) -> None:
    """Its sums are those of the mart by platform, and the page says what it lacks."""
    view.open("period=28")
    whole = view.tile("spend")
    view.page.select_option("#platform", "instagram")
    where = _between(*_last(28)) + " and publisher_platform = 'instagram'"
    _assert_tiles(view, _figures(marts, where, table="fct_platform_daily"))
    assert view.tile("spend") != whole
    assert "conversions" in view.page.inner_text("#main")


@pytest.mark.browser
def test_all_clicks_can_be_what_ctr_and_cpc_are_of(view: View, marts: Path) -> None:
    """The switch changes the two ratios and their names."""
    view.open("period=7")
    assert "CTR (link clicks)" in view.page.inner_text("#tile-ctr")
    view.page.select_option("#clicks", "clicks")
    _assert_tiles(view, _figures(marts, _between(*_last(7)), clicks="clicks"))
    assert "CTR (all clicks)" in view.page.inner_text("#tile-ctr")


@pytest.mark.browser
def test_a_change_is_against_the_period_before(view: View, marts: Path) -> None:
    """Spend has no colour, a CPC that rose is bad; results are compared over settled days alone."""
    view.open("period=7")
    first = _LAST - timedelta(days=6)
    now = _figures(marts, _between(first, _LAST))
    before = _figures(marts, _between(first - timedelta(days=7), first - timedelta(days=1)))
    for name in ("spend", "cpc", "cpm", "ctr"):
        change = now[name] / before[name] - 1
        told = float(view.page.get_attribute(f"#tile-{name}", "data-delta"))
        assert told == pytest.approx(change, rel=1e-6, abs=1e-12)
    assert "grey" in view.page.get_attribute("#tile-spend .delta", "class")
    settled = _figures(marts, _between(first, date(2026, 11, 18)))["results"]
    earlier = _figures(marts, _between(first - timedelta(days=7), date(2026, 11, 11)))["results"]
    told = float(view.page.get_attribute("#tile-results", "data-delta"))
    assert told == pytest.approx(settled / earlier - 1)
    assert "18 Nov 2026" in view.page.inner_text("#tile-results")


@pytest.mark.browser
def test_a_gap_makes_a_period_incomplete(view: View) -> None:
    """The sum of the known days says how many there are, and nothing is compared with it."""
    view.open("period=28")
    assert "27 of 28 days" in view.page.inner_text("#tile-spend")
    assert view.page.get_attribute("#tile-spend", "data-delta") == ""
    assert "<b>refused</b>" in view.page.inner_text("#main")
    view.open("period=7")
    assert "incomplete" not in view.page.inner_text("#tile-spend")


@pytest.mark.browser
def test_an_estimate_is_called_one(view: View, marts: Path) -> None:
    """Where days are not settled, the tile of results has what the mart expects."""
    view.open("period=7")
    with duckdb.connect(str(marts), read_only=True) as connection:
        where = _between(*_last(7))
        query = f"select sum(results_expected)::double from mart_client_daily where {where}"
        (expected,) = connection.execute(query).fetchone() or (None,)
    assert f"Estimate of the final number: {expected:g}" in view.page.inner_text("#tile-results")


@pytest.mark.browser
def test_campaigns_sort_by_every_column(view: View) -> None:
    """A click sorts, another turns it round, and what is not known stays last."""
    view.open("period=7")
    names = {"name", "status", "spend", "impressions", "link_clicks", "ctr", "cpc", "cpm"}
    for column in sorted(names | {"results", "cost_per_result"}):
        view.page.click(f"[data-sort={column}]")
        one = view.table("name")
        way = view.page.get_attribute(f"th:has([data-sort={column}])", "aria-sort")
        view.page.click(f"[data-sort={column}]")
        other = view.table("name")
        turned = view.page.get_attribute(f"th:has([data-sort={column}])", "aria-sort")
        assert {way, turned} == {"ascending", "descending"}
        assert sorted(one) == sorted(other) == sorted([RTL, "Brand"])
        if column in ("cpc", "cost_per_result"):
            assert (one[-1], view.table(column)[-1]) == ("Brand", "–")
            assert one == other
        elif column != "status":
            assert one == other[::-1]


@pytest.mark.browser
def test_charts_are_drawn_and_a_brush_zooms(view: View) -> None:
    """Six trends and the strip above; a drag over it changes the days of all six."""
    view.open("period=all")
    view.page.wait_for_selector("#charts[data-drawn]")
    titles = view.page.locator("#charts .role-title-text").all_inner_texts()
    assert len(titles) == 7
    before = view.page.text_content("#charts")
    box = view.page.locator("#charts svg").bounding_box()
    for at, act in ((0.7, "down"), (0.95, "up")):
        view.page.mouse.move(box["x"] + box["width"] * at, box["y"] + 40)
        getattr(view.page.mouse, act)()
    view.page.wait_for_function(
        "before => document.getElementById('charts').textContent !== before", arg=before
    )


@pytest.mark.browser
def test_each_chart_says_in_a_sentence_what_it_shows(view: View, marts: Path) -> None:
    """Its alternative text has the period's least, most and newest figure of the marts."""
    view.open("period=7")
    view.page.wait_for_selector("#charts[data-drawn]")
    labels = view.page.locator("#charts [aria-roledescription='group mark']")
    sentences = [one.get_attribute("aria-label") for one in labels.all()]
    with duckdb.connect(str(marts), read_only=True) as connection:
        rows = connection.execute(
            f"select spend, day from mart_client_daily where {_between(*_last(7))} order by day"
        ).fetchall()
    least, most = min(rows), max(rows)
    expected = "Spend by day, 14 Nov 2026 to 20 Nov 2026: " + "; ".join(
        (
            f"{_spoken(least)} is the lowest, {_spoken(most)} the highest",
            f"{_spoken(rows[-1])} the newest",
            "2 days not settled.",
        )
    )
    assert expected in sentences
    starts = ["A strip", "Spend", "Results", "CTR (link", "Cost per", "CPC (link", "CPM"]
    assert len(sentences) == len(starts)
    for sentence, start in zip(sentences, starts, strict=True):
        assert (sentence or "").startswith(start)
    assert "7 days with an estimate of the final number" in (sentences[2] or "")


def _spoken(row: tuple[Any, date]) -> str:
    amount, day = row
    return f"${amount:,.2f} on {day.day} {day:%b %Y}"


def test_names_stay_text(view: View) -> None:
    """A name with tags is shown with them, and runs nothing."""
    view.open("period=7")
    assert view.page.inner_text("#title") == AWKWARD
    assert RTL in view.table("name")
    assert view.page.evaluate("window.hacked") is None
    assert view.page.locator("#main img, #main b").count() == 0


@pytest.mark.browser
def test_the_organic_tab_never_adds_over_a_break_nor_people(view: View) -> None:
    """Views over a rename have no sum, Viewers are those of a day, and the break is told."""
    view.open("period=7&tab=organic")
    views = "[data-organic=views]"
    assert view.page.get_attribute(views, "data-value") == str(sum(range(1063, 1070)))
    assert view.page.get_attribute("[data-organic=viewers]", "data-value") == "1069"
    view.page.select_option("#period", "all")
    assert view.page.get_attribute(views, "data-value") == ""
    assert "page_media_view" in view.page.inner_text("#main")


@pytest.mark.browser
def test_freshness_and_a_client_without_data(view: View) -> None:
    """Every client has its state; one that was never pulled has a page that says so."""
    view.open("tab=freshness")
    states = view.page.inner_text("#clients")
    assert "gaps" in states
    assert "never pulled" in states
    assert "platform_daily" in view.page.inner_text("#reports")
    view.page.select_option("#client", "bare")
    view.page.click("#tab-ads")
    assert "Nothing to show" in view.page.inner_text("#main")


@pytest.mark.browser
def test_a_narrow_window_does_not_scroll_sideways(view: View) -> None:
    """On a phone's width only the tables scroll."""
    view.page.set_viewport_size({"width": 390, "height": 800})
    try:
        for state in ("period=28", "tab=organic", "tab=freshness"):
            view.open(state)
            assert view.page.evaluate("document.documentElement.scrollWidth") <= 390
    finally:
        view.page.set_viewport_size({"width": 1300, "height": 900})


def test_the_page_asks_for_nothing_and_complains_of_nothing(view: View) -> None:
    """After all of the above: only the file was read, and no script was refused."""
    view.open()
    view.page.wait_for_selector("#charts[data-drawn]")
    assert {url.partition("#")[0] for url in view.requests} <= {view.url, "about:blank"}
    assert view.complaints == []
