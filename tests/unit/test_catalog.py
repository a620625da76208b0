"""The catalogue of metrics, held against the reports, its page in the docs, and Meta's SDK."""

import csv
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest

from meta_pipeline.errors import ConfigError
from meta_pipeline.graph.catalog import (
    Surface,
    dying_within,
    entries,
    entry,
    markdown,
    names_of,
    refuse_dead,
)
from meta_pipeline.reports import (
    ATTRIBUTION_WINDOWS,
    METRIC_FIELDS,
    NON_ADDITIVE,
    REPORTS,
    Report,
)

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs" / "metrics.md"
BRIDGE = ROOT / "dbt_project" / "seeds" / "metric_bridge.csv"
SEED = ROOT / "dbt_project" / "seeds" / "meta_metrics.csv"
TODAY = date(2026, 11, 22)

each_report = pytest.mark.parametrize("report", REPORTS.values(), ids=lambda r: r.name)


def test_the_page_in_the_docs_is_current() -> None:
    """Fails when the catalogue changed; put `catalog.markdown()` behind the first paragraphs."""
    text = DOCS.read_text(encoding="utf-8")
    assert text.startswith("# Metrics\n")
    assert text[text.index("\n## ") + 1 :] == markdown()


def test_the_seed_of_dbt_is_the_catalogue() -> None:
    """Fails when the catalogue changed; copy graph/catalog.csv to seeds/meta_metrics.csv."""
    catalogue = ROOT / "meta_pipeline" / "graph" / "catalog.csv"
    assert SEED.read_bytes() == catalogue.read_bytes()


def test_no_name_is_listed_twice() -> None:
    """One entry a surface and name."""
    names = [(one.surface, one.name) for one in entries()]
    assert len(set(names)) == len(names)


@each_report
def test_all_that_a_report_asks_for_is_known_and_alive(report: Report) -> None:
    """Meta is never asked for what the catalogue does not explain or calls dead."""
    for surface, names in names_of(report).items():
        assert [name for name in names if entry(surface, name) is None] == []
        refuse_dead(surface, names, TODAY)


def test_attribution_windows_that_may_be_asked_for_are_alive() -> None:
    """The windows of clients.yml."""
    assert all(entry("window", name) for name in ATTRIBUTION_WINDOWS)
    refuse_dead("window", ATTRIBUTION_WINDOWS, TODAY)


@pytest.mark.parametrize("name", sorted(METRIC_FIELDS))
def test_catalogue_and_reports_agree_on_what_may_be_summed(name: str) -> None:
    """One truth about reach, frequency and ratios."""
    known = entry("ads", name)
    assert known is not None
    assert known.additive == ("none" if name in NON_ADDITIVE else "everywhere")


@pytest.mark.parametrize(("surface", "kind"), [("ads", "fields"), ("breakdown", "Breakdowns")])
def test_ads_names_are_ones_that_the_sdk_knows(
    surface: str, kind: str, sdk_enums: dict[str, Any]
) -> None:
    """A name that Meta does not have would be a promise that cannot be kept."""
    known = sdk_enums["objects"]["adsinsights"]
    known = known["fields"] if kind == "fields" else known["enums"][kind]
    names = {one.name for one in entries() if one.surface == surface}
    assert names - set(known) == set()


def test_successors_are_alive_and_explained() -> None:
    """Whoever is sent on from a dead metric arrives at a living one."""
    for dead in (one for one in entries() if one.died):
        for name in dead.replaced_by:
            assert entry(dead.surface, name), name
            refuse_dead(dead.surface, [name], TODAY)


@pytest.mark.parametrize(
    ("surface", "name", "died", "successor"),
    [
        ("page", "page_impressions", "2025-11-15", "page_media_view"),
        ("page", "page_impressions_unique", "2026-06-15", "page_total_media_view_unique"),
        ("page", "page_consumptions_by_type", "2024-03-14", "page_post_engagements"),
        ("post", "post_impressions_paid_unique", "2026-06-15", "post_total_media_view_unique"),
        ("instagram", "impressions", "2025-04-21", "views"),
        ("window", "28d_view", "2026-01-12", "1d_view"),
    ],
)
def test_the_dead_are_refused_with_date_and_successor(
    surface: Any, name: str, died: str, successor: str
) -> None:
    """Before Meta is asked, and beside names that live."""
    with pytest.raises(ConfigError) as refusal:
        refuse_dead(surface, ["page_follows", name], TODAY)
    assert f"{name} (since {died})" in refusal.value.message
    assert "page_follows" not in refusal.value.message
    assert successor in str(refusal.value.hint)


def test_a_metric_is_dead_from_its_day_on() -> None:
    """The day before, it is only dying."""
    refuse_dead("page", ["page_impressions_unique"], date(2026, 6, 14))
    with pytest.raises(ConfigError):
        refuse_dead("page", ["page_impressions_unique"], date(2026, 6, 15))


def test_the_bridge_of_organic_metrics_knows_the_same_deaths() -> None:
    """The marts leave a metric on the day on which the client no longer asks for it."""
    with BRIDGE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["surface"] for row in rows} == {"page", "post", "instagram"}
    for row in rows:
        surface = cast("Surface", row["surface"])
        known = entry(surface, row["metric"].split(".")[0])
        assert known is not None, row["metric"]
        assert str(known.died or "") == row["valid_to"], row["metric"]


def test_names_that_nobody_knows_are_not_refused() -> None:
    """Meta may know what this list does not."""
    refuse_dead("page", ["page_brand_new"], TODAY)


def test_what_dies_soon_is_told_soonest_first() -> None:
    """Between tomorrow and the last day, both included."""
    dying = dying_within(60, date(2026, 6, 1))
    assert {one.name for one in dying} >= {"page_impressions_unique", "page_video_views_unique"}
    assert [one.died for one in dying] == sorted(one.died for one in dying if one.died)
    assert "page_video_views_unique" not in {one.name for one in dying_within(57, date(2026, 6, 1))}
    assert dying_within(60, TODAY) == []


def test_reach_is_kept_shorter_when_broken_down() -> None:
    """37 months, and 13 with breakdowns (since 2026-01-12)."""
    reach = entry("ads", "reach")
    assert reach is not None
    assert (reach.retention_months, reach.retention_with_breakdowns) == (37, 13)
