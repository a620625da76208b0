"""One name is one figure: what stands in the report stands in the dashboard, in a browser."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from meta_pipeline.config import Client
from meta_pipeline.reporting.dashboard import write_dashboard
from meta_pipeline.reporting.report import Wanted, make_report
from tests.browser.dagster_ui import CHROMIUM, browser_page
from tests.unit.unit_reporting import OCTOBER, ReportMarts

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}"),
]


@pytest.mark.parametrize("last", [date(2026, 10, 31), date(2026, 10, 12)])
def test_the_same_name_is_the_same_figure(last: date, tmp_path: Path) -> None:
    """Value and change of each tile of both pages are equal, of a whole month and of one under
    way, whose last two days are not settled."""
    marts = ReportMarts()
    marts.client()
    marts.days(date(2026, 9, 1), date(2026, 9, 10), spend=Decimal("87.65"), link_clicks=70)
    marts.days(date(2026, 9, 11), date(2026, 9, 30))
    marts.days(OCTOBER, date(2026, 10, 10), spend=Decimal("123.45"), clicks=333, results=7)
    maturity = "final" if last.day == 31 else "settling"
    marts.days(date(2026, 10, 11), last, impressions=9_999, results=1, maturity=maturity)
    marts.page(date(2026, 9, 1), last)
    marts.months()
    wanted = Wanted(OCTOBER, ("html",), tmp_path, tmp_path, is_provisional_allowed=True)
    client = Client.model_validate({"id": "acme", "name": "Acme", "ad_accounts": ["act_1"]})
    (report,) = make_report(marts.connection, client, wanted).files
    dashboard, *_ = write_dashboard(marts.save(tmp_path / "marts.duckdb"), tmp_path / "d.html")
    with browser_page(tmp_path / "profile") as page:

        def tiles(select: str, name: str, value: str, change: str) -> dict[str, list[float | None]]:
            found = page.eval_on_selector_all(
                select,
                """(tiles, [name, value, change]) => tiles.map((tile) => [
                    tile.querySelector(name).textContent,
                    [value, change].map((where) => {
                        const at = where.startsWith('@') ? tile.getAttribute(where.slice(1))
                            : tile.querySelector(where)?.getAttribute('value');
                        return at ? Number(at) : null;
                    }),
                ])""",
                [name, value, change],
            )
            return dict(found)

        page.goto(report.as_uri())
        printed = tiles(".tile", ".name", ".value data", ".change data")
        page.goto(f"{dashboard.path.as_uri()}#period=month")
        drawn = tiles("#tiles .tile", ".label", "@data-value", "@data-delta")
        page.goto("about:blank")
        page.goto(f"{dashboard.path.as_uri()}#period=month&tab=organic")
        organic = tiles("[data-organic]", ".label", "@data-value", "@no-delta")
    assert len(drawn) == 8
    assert drawn.keys() < printed.keys()
    for name, (value, change) in drawn.items():
        assert [value, change] == pytest.approx(printed[name], rel=1e-9), name
    shared = organic.keys() & printed.keys()
    assert shared == {"Views", "Interactions", "New follows"}
    assert {name: organic[name][0] for name in shared} == {
        name: printed[name][0] for name in shared
    }
