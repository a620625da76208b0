"""The report table, held against itself, its page in the docs, and Meta's SDK."""

from pathlib import Path
from typing import Any

import pytest

from meta_pipeline.reports import (
    METRIC_FIELDS,
    NON_ADDITIVE,
    PAD_DAYS,
    PAGE_METRICS,
    REPORTS,
    Report,
    markdown,
    reports_of,
)

DOCS = Path(__file__).resolve().parents[2] / "docs" / "reports.md"
ADS = [report for report in REPORTS.values() if report.surface == "ads"]
INSIGHTS = [report for report in ADS if report.edge == "insights"]
OBJECTS = {
    "accounts": "adaccount",
    "campaigns": "campaign",
    "adsets": "adset",
    "ads": "ad",
    "creatives": "adcreative",
}

each_ads_report = pytest.mark.parametrize("report", ADS, ids=lambda r: r.name)
each_insights_report = pytest.mark.parametrize("report", INSIGHTS, ids=lambda r: r.name)


def test_the_page_in_the_docs_is_current() -> None:
    """Fails when a report changed; put `reports.markdown()` behind the page's first paragraph."""
    title, paragraph, table = DOCS.read_text(encoding="utf-8").split("\n\n", 2)
    assert title == "# Reports"
    assert paragraph.endswith(".")
    assert table == markdown()


def test_the_table_has_one_row_a_report() -> None:
    """Head, rule, and a line for each, with as many cells as the head."""
    lines = markdown().splitlines()
    assert len(lines) == 2 + len(REPORTS)
    assert {line.count("|") for line in lines} == {12}


@each_ads_report
def test_every_field_is_one_that_the_sdk_knows(report: Report, sdk_enums: dict[str, Any]) -> None:
    """A field that Meta does not have makes it refuse the whole request."""
    known = sdk_enums["objects"][OBJECTS.get(report.name, "adsinsights")]["fields"]
    assert set(report.fields) - set(known) == set()


@each_insights_report
def test_level_and_breakdowns_are_ones_that_the_sdk_knows(
    report: Report, sdk_enums: dict[str, Any]
) -> None:
    """The same for the parameters that are enums."""
    enums = sdk_enums["objects"]["adsinsights"]["enums"]
    assert report.level in enums["Level"]
    assert set(report.breakdowns) - set(enums["Breakdowns"]) == set()


@each_insights_report
def test_every_parameter_is_one_that_the_sdk_knows(
    report: Report, sdk_enums: dict[str, Any]
) -> None:
    """`default_summary` and the like."""
    assert set(report.params) - set(sdk_enums["insights_get_params"]) == set()


@each_ads_report
def test_keys_are_asked_for(report: Report) -> None:
    """A row's key is among its fields or breakdowns, else no row would have it."""
    assert set(report.key) - {*report.fields, *report.breakdowns} == set()


@each_insights_report
def test_rows_with_days_ask_for_them(report: Report) -> None:
    """Landing reads a row's day from these."""
    assert {"date_start", "date_stop"} <= set(report.fields)


@each_ads_report
def test_no_field_is_asked_for_twice(report: Report) -> None:
    """Lists put together from parts do not overlap."""
    assert len(set(report.fields)) == len(report.fields)


@each_insights_report
def test_each_metric_is_additive_or_not(report: Report) -> None:
    """The two lists share nothing and hold every metric."""
    additive, other = set(report.additive_fields), set(report.non_additive_fields)
    assert additive & other == set()
    assert additive | other == set(report.fields) & METRIC_FIELDS


@pytest.mark.parametrize("name", ["reach", "frequency", "ctr", "cpc", "cost_per_action_type"])
def test_what_is_not_additive_is_called_so(name: str) -> None:
    """Deduplicated counts and ratios."""
    assert name in NON_ADDITIVE


def test_reports_with_conversions_are_padded() -> None:
    """Nothing else is: without conversions there are no clicks to wait for."""
    padded = {report.name for report in REPORTS.values() if report.padding(())}
    assert padded == {report.name for report in ADS if "actions" in report.fields}
    assert {REPORTS[name].padding(()) for name in padded} == {PAD_DAYS}
    assert {REPORTS[name].grain for name in padded} == {"day"}


@pytest.mark.parametrize(
    ("windows", "days"), [(("1d_click",), 7), (("7d_click", "28d_click"), 28), (("1d_view",), 7)]
)
def test_the_longest_window_pads(windows: tuple[str, ...], days: int) -> None:
    """A conversion may be as late as its window is long; seven days are the least."""
    assert REPORTS["ad_daily"].padding(windows) == days
    assert REPORTS["account_monthly"].padding(windows) == 0


def test_organic_metrics_are_parts_of_their_own() -> None:
    """One question a metric; everything else is one part without a name."""
    assert REPORTS["page_daily"].parts == PAGE_METRICS
    with_parts = {report.name for report in REPORTS.values() if report.parts != ("",)}
    assert with_parts == {"page_daily", "page_28d", "post_insights", "instagram_daily"}


def test_reports_by_grain() -> None:
    """Each report is in one grain's list, in the table's order."""
    assert [r.name for r in reports_of(grain="month")] == ["account_monthly"]
    for grain in ("snapshot", "day"):
        names = [r.name for r in reports_of(grain=grain)]
        assert names == [name for name, report in REPORTS.items() if report.grain == grain]
    listed = [r for grain in ("snapshot", "day", "month") for r in reports_of(grain=grain)]
    assert {r.name for r in listed} == set(REPORTS)


def test_names_are_their_keys() -> None:
    """The mapping and the reports agree."""
    assert list(REPORTS) == [report.name for report in REPORTS.values()]
