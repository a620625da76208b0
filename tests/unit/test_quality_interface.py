"""Checks of versions and metrics, and what all checks have in common."""

import base64
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from meta_pipeline.config import Client
from meta_pipeline.graph import catalog
from meta_pipeline.quality import CHECKS, data_uri
from meta_pipeline.quality.interface import asked_of_meta, metric_deprecation, version_pin
from meta_pipeline.quality.result import BARS, Plot
from tests.unit.unit_marts import NOW, Marts

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def marts() -> Marts:
    """Marts of two clients without days."""
    return Marts()


def add_version(marts: Marts, asked: str, served: str, client_id: str = "acme", **more: str):
    """The newest pull of a report."""
    about = {"report": "ad_daily"} | more
    marts.add(
        "mart_api_versions",
        client_id=client_id,
        asked_version=asked,
        served_version=served,
        **about,
    )


def test_the_version_asked_for_that_answers_passes(marts: Marts) -> None:
    """It lives on; former clients and accounts do not matter."""
    add_version(marts, "v26.0", "v26.0")
    add_version(marts, "v19.0", "v26.0", client_id="gone")
    add_version(marts, "v19.0", "v26.0", asset_id="act_left")
    assert version_pin(marts.connection, NOW).passed


def test_another_version_that_answers_is_an_error(marts: Marts) -> None:
    """Figures may mean something else there."""
    add_version(marts, "v26.0", "v27.0")
    add_version(marts, "v26.0", "v27.0", report="adset_daily")
    found = version_pin(marts.connection, NOW)
    assert found.severity == "error"
    ((client_id, asked, served, severity, reports, _, finding),) = found.rows
    assert (client_id, asked, served, severity, reports) == ("acme", "v26.0", "v27.0", "error", 2)
    assert "answered by v27.0" in str(finding)
    assert found.counts["clients_served_another"] == 1
    assert found.message.endswith("meta-pipeline check -c acme")


@pytest.mark.parametrize(
    ("today", "severity"),
    # v24.0 of the Marketing API ends on 2026-10-06.
    [(date(2026, 8, 6), "ok"), (date(2026, 8, 7), "warn"), (date(2026, 10, 6), "error")],
)
def test_a_version_is_worth_a_word_60_days_before_its_end(
    marts: Marts, today: date, severity: str
) -> None:
    """From its end on it is an error, though Meta may answer."""
    add_version(marts, "v24.0", "v24.0")
    now = datetime(today.year, today.month, today.day, tzinfo=UTC)
    assert version_pin(marts.connection, now).severity == severity


def test_what_meta_announces_is_told(marts: Marts) -> None:
    """Its header stands in the finding."""
    add_version(marts, "v26.0", "v26.0", version_warning="will be upgraded")
    found = version_pin(marts.connection, NOW)
    assert found.severity == "warn"
    assert "Meta says: will be upgraded" in str(found.rows[0][-1])


def a_death() -> catalog.Entry:
    """A metric of the catalogue that died, and has an entry of its own."""
    return next(
        one
        for one in catalog.entries()
        if one.surface == "page" and one.died and "*" not in one.name and one.replaced_by
    )


@pytest.mark.parametrize(
    ("days", "severity"), [(61, "ok"), (60, "warn"), (1, "warn"), (0, "error"), (-9, "error")]
)
def test_a_metric_is_worth_a_word_60_days_before_its_death(days: int, severity: str) -> None:
    """Counted from the first day on which Meta no longer answers."""
    entry = a_death()
    assert entry.died is not None
    now = datetime.fromordinal(entry.died.toordinal() - days).replace(tzinfo=UTC)
    found = metric_deprecation({("page", entry.name): ["acme", "bolt"]}, now)
    assert found.severity == severity
    instead = ", ".join(entry.replaced_by)
    told = ("page", entry.name, severity, str(entry.died), days, instead)
    assert found.rows == (() if severity == "ok" else (("acme", *told), ("bolt", *told)))
    assert found.counts["names"] == (severity != "ok")


def test_what_is_asked_for_is_what_the_clients_reports_name() -> None:
    """Reports that a client does not get, or has no Page for, are not its concern."""
    lean = Client(id="lean", name="Lean", ad_accounts=("act_1",), reports=("account_daily",))
    full = Client(id="full", name="Full", ad_accounts=("act_2",), pages=("5",))
    asked = asked_of_meta([lean, full])
    assert list(asked["ads", "spend"]) == ["lean", "full"]
    assert list(asked["breakdown", "age"]) == ["full"]
    assert list(asked["page", "page_media_view"]) == ["full"]
    assert list(asked["window", "7d_click"]) == ["lean", "full"]
    assert not any(surface == "instagram" for surface, _ in asked)
    assert metric_deprecation(asked, NOW).passed


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_check_passes_where_nothing_is_wrong_and_says_what_to_do(check, marts: Marts) -> None:
    """Its description names a severity and a command, and docs/checks.md has it."""
    for client_id in ("acme", "bolt"):
        marts.add("mart_freshness", client_id=client_id, day=date(2026, 11, 18))
    client = Client(id="acme", name="Acme", ad_accounts=("act_1",))
    found = check.run(marts.connection, [client], NOW)
    assert (found.check, found.severity, found.rows) == (check.name, "ok", ())
    assert all(isinstance(number, int) for number in found.counts.values())
    assert re.search(r"WARN|ERROR", check.description)
    assert "`meta-pipeline " in check.description
    assert f"## `{check.name}`" in (ROOT / "docs" / "checks.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["bars", "lines"])
def test_a_plot_is_a_small_picture(kind) -> None:
    """As large as plots get, it stays below 100 kB, and needs no network."""
    records = [
        {
            "label": f"a client with a long name, number {n % BARS}" if kind == "bars" else n % 5,
            "day": f"2026-10-{1 + n // 5:02}",
            "value": n,
            "group": f"kind {n % 3}",
        }
        for n in range(150)
    ]
    uri = data_uri(Plot(kind, "Everything", "days", records))
    head, _, body = uri.partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(body).startswith(b"\x89PNG")
    assert len(uri) < 100_000
