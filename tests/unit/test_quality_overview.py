"""Who may be reported, and the pictures of spend and settling, on marts made up for them."""

from datetime import timedelta
from decimal import Decimal

import pytest

from meta_pipeline.quality import data_uri
from meta_pipeline.quality.delivery import coverage
from meta_pipeline.quality.overview import fit_to_report, settling_picture, spend_picture
from meta_pipeline.quality.result import Result
from tests.unit.unit_marts import NOW, Marts, ago


@pytest.fixture
def marts() -> Marts:
    """Marts of two clients whose last four days are as they should be."""
    made = Marts()
    for client in ("acme", "bolt"):
        for days in (1, 2, 3, 4):
            made.add("mart_freshness", client_id=client, day=ago(days))
    return made


def found_by(check: str, *rows: tuple[str, str, str]) -> Result:
    """A result with client, severity and command."""
    return Result(check, "error", "", columns=("client_id", "severity", "run"), rows=rows)


def test_clients_without_findings_are_fit(marts: Marts) -> None:
    """The check passes, and its table has them all the same."""
    found = fit_to_report(marts.connection, NOW, [])
    assert (found.severity, found.message) == ("ok", "2 clients fit to report")
    assert [row[:3] for row in found.rows] == [("acme", "yes", ""), ("bolt", "yes", "")]


def test_an_error_makes_a_client_unfit_and_comes_first(marts: Marts) -> None:
    """The worst client is on top, with the command of its worst finding; a warning is care."""
    warned = found_by("spend_anomaly", ("acme", "warn", "look"), ("bolt", "warn", "look"))
    wrong = found_by("reconciliation", ("bolt", "warn", "a"), ("bolt", "error", "b"))
    found = fit_to_report(marts.connection, NOW, [warned, wrong])
    assert [(row[0], row[1], row[-1]) for row in found.rows] == [
        ("bolt", "no", "b"),
        ("acme", "with care", "look"),
    ]
    assert found.rows[0][2] == "reconciliation (error), spend_anomaly (warn)"
    assert found.severity == "warn"
    assert found.message == "0 of 2 clients fit to report; not fit: bolt; with care: acme"


def test_what_meta_announces_makes_no_number_doubtful(marts: Marts) -> None:
    """A version that ends in a month is a reason to act, not one to keep a report back."""
    found = fit_to_report(marts.connection, NOW, [found_by("version_pin", ("acme", "warn", ""))])
    assert [row[1] for row in found.rows] == ["yes", "yes"]


@pytest.mark.parametrize(("hours", "fit"), [(27, "yes"), (28, "no")])
def test_a_stale_client_is_not_fit(hours: int, fit: str) -> None:
    """A day and its slack after its newest pull a client is stale."""
    marts = Marts()
    marts.add("mart_freshness", day=ago(1), pulled_at=NOW - timedelta(hours=hours))
    rows = fit_to_report(marts.connection, NOW, []).rows
    assert {row[0]: row[1] for row in rows} == {"acme": fit, "bolt": "no"}  # bolt: never pulled


def test_days_left_out_are_gaps_with_a_command(marts: Marts) -> None:
    """A hole between two pulled days keeps the client from being fit, and coverage names it."""
    marts.add("mart_freshness", day=ago(8))
    run = f"meta-pipeline sync -c acme --from {ago(7)} --to {ago(5)}"
    gaps = coverage(marts.connection, NOW)
    assert (gaps.severity, gaps.counts["never_pulled"]) == ("error", 3)
    assert gaps.rows[0][0] == "acme"
    assert gaps.rows[0][-1] == run
    found = fit_to_report(marts.connection, NOW, [gaps])
    assert found.rows[0][:3] == ("acme", "no", "3 days left out, coverage (error)")
    assert found.rows[0][-1] == run


def test_spend_keeps_currencies_and_unknown_days_apart(marts: Marts) -> None:
    """Accounts of one currency are added; a day that is not known breaks the line."""
    for account, day, spend in (("act_1", 3, 10), ("act_2", 3, 5), ("act_1", 1, 7)):
        marts.add("mart_spend_trends", ad_account_id=account, day=ago(day), spend=Decimal(spend))
    marts.add("mart_spend_trends", day=ago(100), spend=Decimal(1))
    plot = spend_picture(marts.connection)
    assert plot is not None
    assert [(one["label"], one["group"], one["day"], one["value"]) for one in plot.records] == [
        ("acme", "USD", str(ago(3)), 15.0),
        ("acme", "USD", str(ago(2)), None),
        ("acme", "USD", str(ago(1)), 7.0),
    ]
    assert data_uri(plot).startswith("data:image/png;base64,")


def test_nothing_known_is_no_picture(marts: Marts) -> None:
    """Before anything is measured there is nothing to draw."""
    assert spend_picture(marts.connection) is None
    assert settling_picture(marts.connection) is None


def test_clients_without_a_curve_share_that_of_all(marts: Marts) -> None:
    """Its two clients' rows are one line; a client's own curve has a panel of its own."""
    for client, basis in (("acme", "agency"), ("bolt", "agency")):
        marts.add(
            "mart_settling_curves",
            client_id=client,
            metric="results",
            age_days=1,
            share=0.9,
            basis=basis,
        )
    marts.add("mart_settling_curves", client_id="bolt", metric="spend", age_days=2, share=1.0)
    plot = settling_picture(marts.connection)
    assert plot is not None
    assert [(one["label"], one["group"], one["age"], one["value"]) for one in plot.records] == [
        ("all clients together", "results", 1, 90.0),
        ("bolt", "spend", 2, 100.0),
    ]
    assert data_uri(plot).startswith("data:image/png;base64,")
