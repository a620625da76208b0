"""Checks of the figures, on marts made up for them."""

from datetime import timedelta
from typing import Any

import pytest

from meta_pipeline.quality.figures import (
    reconciliation,
    restatement_anomaly,
    spend_anomaly,
    zero_spend,
)
from tests.unit.unit_marts import NOW, Marts, ago


@pytest.fixture
def marts() -> Marts:
    """Marts of two clients without days."""
    return Marts()


def add_gap(marts: Marts, **values: Any) -> None:
    """A day on which ads have 2 % less spend than the account, and nothing says why."""
    defaults = {"grain": "ad", "metric": "spend", "is_within": False, "gap_share": -0.02}
    defaults |= {"likely_reason": "unexplained", "maturity": "attributing"}
    marts.add("mart_reconciliation", **{"day": ago(9)} | defaults | values)


def test_figures_that_agree_pass(marts: Marts) -> None:
    """As do gaps of days still moving, old days, and former clients."""
    add_gap(marts, is_within=True, gap_share=0.0001)
    add_gap(marts, maturity="open")
    add_gap(marts, maturity="provisional")
    add_gap(marts, day=ago(92))
    add_gap(marts, client_id="gone")
    add_gap(marts, ad_account_id="act_left")
    found = reconciliation(marts.connection, NOW)
    assert (found.severity, found.rows) == ("ok", ())


@pytest.mark.parametrize(
    ("reason", "is_within"),
    [("breakdown_loss", False), ("fields_left_out", False), ("fields_left_out", None)],
)
def test_a_loss_that_nobody_can_mend_is_counted_only(
    marts: Marts, reason: str, is_within: bool | None
) -> None:
    """Meta leaves such conversions out every day, be there a gap or nothing to compare."""
    gap = {"likely_reason": reason, "is_within": is_within}
    add_gap(marts, grain="country", metric="results", **gap)
    found = reconciliation(marts.connection, NOW)
    assert (found.severity, found.counts[reason]) == ("ok", 1)
    assert found.counts["figures_out_of_tolerance"] == 0


@pytest.mark.parametrize(
    ("values", "severity"),
    [
        ({}, "error"),
        ({"likely_reason": "archived_objects"}, "error"),
        ({"metric": "impressions"}, "error"),
        ({"metric": "results"}, "warn"),
        ({"gap_share": 0.009}, "warn"),
        ({"gap_share": None}, "error"),  # the account has none at all
        ({"maturity": "settling"}, "warn"),
        ({"likely_reason": "different_pull_times"}, "warn"),
    ],
)
def test_how_bad_a_gap_is(marts: Marts, values: dict[str, Any], severity: str) -> None:
    """An error is settled delivery, over 1 %, that nothing excuses."""
    add_gap(marts, **values)
    assert reconciliation(marts.connection, NOW).severity == severity


def test_days_of_one_kind_are_one_row(marts: Marts) -> None:
    """With the worst of their gaps and the command that pulls them again."""
    add_gap(marts, gap_share=-0.03)
    add_gap(marts, day=ago(12), gap_share=-0.05)
    add_gap(marts, client_id="bolt", metric="results", gap_share=-0.5)
    found = reconciliation(marts.connection, NOW)
    run = f"meta-pipeline sync -c acme --from {ago(12)} --to {ago(9)}"
    assert found.rows[0] == (
        *("acme", "act_1", "ad", "spend", "error", "unexplained", 2),
        *(str(ago(12)), str(ago(9)), -0.05, run),
    )
    assert found.message == (
        "3 figures of 2 clients are out of tolerance, 3 of them unexplained; worst: spend of acme "
        f"by ad. Run: {run}"
    )


def add_restated(
    marts: Marts,
    metric: str,
    before: float,
    value: float,
    *,
    results: int = 400,
    results_now: int = 640,
    **recent: Any,
) -> None:
    """A figure as it stood at day 1 and day 3; half of the results are there at 1, 80 % at 3."""
    about = {"day": ago(4), "metric": metric}
    first = {"checkpoint_days": 1, "age_hours": 30.0, "value": before}
    second = {"checkpoint_days": 3, "age_hours": 80.0, "value": value}
    marts.add("fct_restatements", **about, **first)
    marts.add("fct_restatements", **about, **second, previous_checkpoint_days=1, **recent)
    if metric != "results":
        known = about | {"metric": "results"}
        marts.add("fct_restatements", **known, **first | {"value": results})
        marts.add("fct_restatements", **known, **second | {"value": results_now})
    shares = {1: (0.5, 0.45, 0.55), 3: (0.8, 0.75, 0.85)}
    if metric in ("spend", "impressions"):
        shares = {1: (0.99, 0.98, 1.0), 3: (1.0, 1.0, 1.0)}
    for age, (share, low, high) in shares.items():
        curve = {"age_days": age, "share": share, "share_low": low, "share_high": high}
        marts.add("mart_settling_curves", metric=metric, **curve)


@pytest.mark.parametrize(
    ("metric", "before", "value", "severity"),
    [
        ("results", 400, 640, "ok"),  # as the curve says
        ("results", 400, 700, "ok"),
        ("results", 400, 900, "warn"),
        ("results", 400, 400, "warn"),  # expected to grow, and did not
        ("results", 2, 9, "ok"),  # two results may well become nine
        ("results", 0, 0, "ok"),
        ("results", 0, 3, "ok"),  # the spread is that of one: 1.6
        ("results", 0, 500, "warn"),
        ("result_value", 40000, 90000, "warn"),
        ("spend", 100, 101, "ok"),
        ("spend", 100, 120, "error"),
        ("spend", 100, 0, "error"),
        ("spend", 2, 5, "ok"),  # tiny
        ("impressions", 40, 55, "ok"),  # few
        ("impressions", 10000, 14000, "warn"),
    ],
)
def test_a_restatement_is_measured_by_the_settling_curve(
    marts: Marts, metric: str, before: float, value: float, severity: str
) -> None:
    """Beyond 3.5 spreads it is an anomaly, and an error where it is spend."""
    add_restated(marts, metric, before, value)
    assert restatement_anomaly(marts.connection, NOW).severity == severity


@pytest.mark.parametrize(
    ("orders", "severity"),
    [(1, "ok"), (5, "ok"), (6, "warn"), (100, "warn")],
)
def test_a_value_out_of_nothing_is_measured_by_what_one_order_is_worth(
    marts: Marts, orders: int, severity: str
) -> None:
    """One late order would have become 1.6 by now: its spread is what those are worth."""
    add_restated(marts, "result_value", 0, 80 * orders, results=0, results_now=orders)
    assert restatement_anomaly(marts.connection, NOW).severity == severity


def test_few_results_make_their_value_uncertain(marts: Marts) -> None:
    """One order more may double the value of a day with one order."""
    add_restated(marts, "result_value", 100, 400, results=1)
    assert restatement_anomaly(marts.connection, NOW).passed


def test_a_restatement_is_told_with_what_was_expected(marts: Marts) -> None:
    """400 at half of the final value make 640 at four fifths."""
    add_restated(marts, "results", 400, 900)
    found = restatement_anomaly(marts.connection, NOW)
    run = f"meta-pipeline sync -c acme --from {ago(4)} --to {ago(4)}"
    ((*about, spreads, basis, command),) = found.rows
    assert about == [
        *("acme", "act_1", str(ago(4)), "results", "warn", 3, 400.0, 900.0, 640.0),
    ]
    assert (basis, command) == ("client", run)
    # From 581.8 to 711.1 are 129.3, a spread of 50.4: (900 - 640) / 50.4.
    assert spreads == 5.2
    assert found.message == (
        f"1 figures changed out of line; worst: results of acme on {ago(4)} went from 400 to 900 "
        f"(expected 640). Compare with Ads Manager; pull again with: {run}"
    )


def test_old_news_and_unknown_curves_are_not_told(marts: Marts) -> None:
    """A change is news for 7 days; clicks have no curve."""
    add_restated(marts, "spend", 100, 200, pulled_at=NOW - timedelta(days=8))
    marts.connection.execute("delete from mart_settling_curves where metric = 'clicks'")
    add_restated(marts, "clicks", 100, 900)
    marts.connection.execute("delete from mart_settling_curves where metric = 'clicks'")
    assert restatement_anomaly(marts.connection, NOW).passed


def test_a_final_figure_is_measured_against_the_whole(marts: Marts) -> None:
    """The curve ends at 27 days; at 28 everything is there."""
    marts.add(
        "mart_settling_curves",
        metric="results",
        age_days=14,
        share=0.9,
        share_low=0.88,
        share_high=0.92,
    )
    old = {"day": ago(30), "metric": "results"}
    marts.add("fct_restatements", **old, checkpoint_days=14, age_hours=340.0, value=900)
    final = {"checkpoint_days": 28, "age_hours": 680.0, "previous_checkpoint_days": 14}
    marts.add("fct_restatements", **old, **final, value=1400)
    ((*_, expected, _, _, _),) = restatement_anomaly(marts.connection, NOW).rows
    assert expected == 1000


def add_spend(marts: Marts, days: int, anomaly: str | None, **values: Any) -> None:
    """A day whose spend was compared, and the spend of the four weeks before it."""
    defaults = {"spend": 0, "usual_spend": 120, "z_score": -8.0, "is_newest": days == 3}
    row: dict[str, Any] = {"day": ago(days), "anomaly": anomaly} | defaults | values
    marts.add("mart_spend_anomalies", **row)
    about = {key: row[key] for key in ("client_id", "day", "spend") if key in row}
    marts.add("mart_spend_trends", **about)
    for weeks in (1, 2, 3, 4, 9):
        marts.add("mart_spend_trends", **about | {"day": ago(days + 7 * weeks), "spend": 120})


def test_usual_spend_passes_both(marts: Marts) -> None:
    """As do older anomalies, former clients, and accounts whose newest day is old."""
    add_spend(marts, 3, None)
    add_spend(marts, 10, "zero_spend")
    add_spend(marts, 3, "zero_spend", client_id="gone")
    add_spend(marts, 9, "high", client_id="bolt", is_newest=True)
    assert zero_spend(marts.connection, NOW).passed
    assert spend_anomaly(marts.connection, NOW).passed


def test_an_account_that_stopped_spending_is_told(marts: Marts) -> None:
    """With what it usually spends, and five of its days up to this one to draw."""
    add_spend(marts, 3, "zero_spend")
    found = zero_spend(marts.connection, NOW)
    assert found.severity == "warn"
    assert found.rows == (
        *[("acme", "act_1", str(ago(3)), "warn", "USD", 120.0, "meta-pipeline check -c acme")],
    )
    assert f"act_1 of acme on {ago(3)}, usually 120 USD" in found.message
    assert found.plot is not None
    assert [record["value"] for record in found.plot.records] == [120, 120, 120, 120, 0]
    assert spend_anomaly(marts.connection, NOW).passed


def test_a_second_day_without_spend_is_an_error(marts: Marts) -> None:
    """Whatever it was yesterday, by now somebody should look."""
    add_spend(marts, 4, "zero_spend")
    add_spend(marts, 3, "zero_spend")
    assert zero_spend(marts.connection, NOW).severity == "error"


def test_unusual_spend_is_told_the_most_unusual_first(marts: Marts) -> None:
    """With the figure, what is usual, and the command that asks again."""
    add_spend(marts, 3, "low", spend=20, z_score=-5.02)
    add_spend(marts, 3, "high", client_id="bolt", spend=900, z_score=9.0)
    found = spend_anomaly(marts.connection, NOW)
    run = f"meta-pipeline sync -c acme --from {ago(3)} --to {ago(3)}"
    assert found.severity == "warn"
    assert found.rows[1] == (
        "acme",
        *("act_1", str(ago(3)), "low", "USD", 20.0, 120.0, -5.0, run),
    )
    assert (found.counts["accounts_high"], found.counts["accounts_low"]) == (1, 1)
    assert f"act_1 of bolt on {ago(3)}, 900 USD instead of 120" in found.message
    assert zero_spend(marts.connection, NOW).passed
