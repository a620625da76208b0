"""Checks of the pulls, on marts made up for them."""

from datetime import timedelta

import pytest

from meta_pipeline.quality.delivery import coverage, fresh_delivery, settled_pull
from tests.unit.unit_marts import NOW, Marts, ago, ended


@pytest.fixture
def marts() -> Marts:
    """Marts of two clients without days."""
    return Marts()


def test_days_pulled_again_in_time_pass(marts: Marts) -> None:
    """Young days are not due; older ones were pulled when they were."""
    marts.add("mart_freshness", day=ago(1), maturity="provisional")
    marts.add("mart_freshness", day=ago(3), maturity="settling")
    marts.add("mart_freshness", day=ago(35), maturity="attributing")
    marts.add("mart_freshness", day=ago(60), maturity="final")
    marts.add("mart_freshness", day=ago(61), maturity=None, coverage="failed")
    found = settled_pull(marts.connection, NOW)
    assert (found.severity, found.rows, found.plot) == ("ok", (), None)
    assert found.counts["days_late"] == 0


def test_days_that_wait_for_a_settled_pull_are_named_with_the_command(marts: Marts) -> None:
    """One row an account, with its span of days: WARN while they wait for days only."""
    for days in (5, 6, 7):
        marts.add("mart_freshness", day=ago(days), maturity="provisional")
    marts.add("mart_freshness", client_id="gone", day=ago(5), maturity="open")
    marts.add("mart_freshness", day=ago(5), maturity="open", is_active=False)
    found = settled_pull(marts.connection, NOW)
    run = f"meta-pipeline sync -c acme --from {ago(7)} --to {ago(5)}"
    assert found.severity == "warn"
    assert found.rows == (
        ("acme", "act_1", "settled", "warn", 3, str(ago(7)), str(ago(5)), 2, run),
    )
    assert found.message.startswith("3 days of 1 client rest on a pull that was too early")
    assert found.message.endswith(run)
    assert found.counts["days_without_settled_pull"] == 3
    assert found.plot is not None
    assert [record["value"] for record in found.plot.records] == [3]


@pytest.mark.parametrize(
    ("days", "maturity", "severity"),
    [
        # Due since 6.5 days, and since 7.5.
        (11, "settling", "warn"),
        (12, "settling", "error"),
        # Due since 27.5 days, and since 28.5.
        (63, "attributing", "warn"),
        (64, "attributing", "error"),
    ],
)
def test_a_pull_long_overdue_is_an_error(
    marts: Marts, days: int, maturity: str, severity: str
) -> None:
    """7 days after the first 96 hours, 28 days after the first 35."""
    marts.add("mart_freshness", day=ago(days), maturity=maturity)
    assert settled_pull(marts.connection, NOW).severity == severity


def test_errors_come_first(marts: Marts) -> None:
    """The worst is what the message names."""
    marts.add("mart_freshness", day=ago(40), maturity="attributing")
    marts.add("mart_freshness", client_id="bolt", day=ago(20), maturity="settling")
    rows = settled_pull(marts.connection, NOW).rows
    assert [(row[0], row[3]) for row in rows] == [("bolt", "error"), ("acme", "warn")]


@pytest.mark.parametrize(
    ("hours", "severity"), [(24, "ok"), (27, "ok"), (28, "warn"), (48, "warn")]
)
def test_a_client_is_stale_after_a_day_and_the_slack_of_its_turn(
    marts: Marts, hours: int, severity: str
) -> None:
    """Two days after the last pull it is still a warning."""
    pulled_at = NOW - timedelta(hours=hours)
    marts.add("mart_freshness", day=ago(3), pulled_at=pulled_at)
    marts.add("mart_freshness", day=ago(3), client_id="bolt")
    found = fresh_delivery(marts.connection, NOW)
    assert found.severity == severity
    assert found.counts["clients_stale"] == (severity != "ok")


def test_a_client_not_pulled_for_two_days_is_an_error(marts: Marts) -> None:
    """The longest silence first; a client that was never pulled warns."""
    marts.add("mart_freshness", day=ago(9), pulled_at=NOW - timedelta(hours=49))
    found = fresh_delivery(marts.connection, NOW)
    assert found.severity == "error"
    assert [row[:4] for row in found.rows] == [
        ("acme", "error", "2026-11-20 11:00", 49),
        ("bolt", "warn", "never", None),
    ]
    assert found.message == (
        "2 of 2 clients without a pull in 27 hours, 1 never pulled. Run: meta-pipeline sync -c acme"
    )


def test_answered_days_are_no_gaps(marts: Marts) -> None:
    """Nor are confirmed empty ones, those beyond retention, and reports no longer asked for."""
    for word in ("pulled", "confirmed_empty", "beyond_retention"):
        marts.add("mart_coverage", day=ago(9), report="ad_daily", coverage=word)
    marts.add("mart_coverage", day=ago(9), report="ad_daily", coverage="failed", is_asked=False)
    marts.add("mart_coverage", day=ago(9), report="ad_daily", coverage="failed", client_id="gone")
    marts.add("mart_freshness", day=ago(9))
    found = coverage(marts.connection, NOW)
    assert (found.severity, found.rows, found.counts["gaps"]) == ("ok", (), 0)


def test_gaps_are_named_with_their_reason(marts: Marts) -> None:
    """Each report by itself, days with the same reason in one row."""
    for days in (9, 8):
        marts.add(
            "mart_coverage", day=ago(days), report="ad_daily", coverage="failed", reason="HTTP 500"
        )
    marts.add(
        "mart_coverage", day=ago(8), report="page_daily", asset_id="5", coverage="unconfirmed_empty"
    )
    found = coverage(marts.connection, NOW)
    run = f"meta-pipeline sync -c acme --from {ago(9)} --to {ago(8)}"
    assert found.severity == "error"
    assert found.rows[0] == (
        *("acme", "act_1", "ad_daily", "failed", "error", 2, str(ago(9)), str(ago(8))),
        *("HTTP 500", run),
    )
    assert found.rows[1][4:] == (
        *("warn", 1, str(ago(8)), str(ago(8)), "unconfirmed_empty"),
        "meta-pipeline check -c acme",
    )
    assert {"gaps": 3, "failed": 2, "unconfirmed_empty": 1}.items() <= found.counts.items()
    assert "ad_daily of acme: HTTP 500" in found.message


def test_a_report_never_asked_for_on_a_day_is_a_gap(marts: Marts) -> None:
    """Only mart_freshness knows of it; what it says of other reports is not counted twice."""
    reason = "ad_daily: HTTP 500; adset_daily: never pulled; campaign_daily: never pulled"
    marts.add("mart_freshness", day=ago(9), coverage="never_pulled", reason=reason)
    found = coverage(marts.connection, NOW)
    assert [row[2:4] for row in found.rows] == [
        ("adset_daily", "never_pulled"),
        ("campaign_daily", "never_pulled"),
    ]


@pytest.mark.parametrize(("days", "severity"), [(3, "warn"), (4, "error")])
def test_a_gap_is_an_error_after_72_hours(marts: Marts, days: int, severity: str) -> None:
    """Until then the next pull may mend it unasked."""
    marts.add("mart_coverage", day=ago(days), report="ad_daily", coverage="failed")
    assert coverage(marts.connection, NOW).severity == severity


@pytest.mark.parametrize(("days", "severity"), [(1, "ok"), (3, "ok"), (4, "warn")])
@pytest.mark.parametrize("report", ["page_daily", "page_28d", "instagram_daily"])
def test_a_young_day_of_a_page_may_be_empty(
    marts: Marts, report: str, days: int, severity: str
) -> None:
    """Its figures are not there yet: a client that is pulled daily has such a day every day."""
    values = {"day": ago(days), "report": report, "asset_id": "5"}
    marts.add("mart_coverage", **values, coverage="unconfirmed_empty")
    assert coverage(marts.connection, NOW).severity == severity


def test_a_young_day_of_a_page_that_failed_is_a_gap(marts: Marts) -> None:
    """And so is an empty one of an ad account."""
    marts.add("mart_coverage", day=ago(1), report="page_daily", asset_id="5", coverage="failed")
    marts.add("mart_coverage", day=ago(1), report="ad_daily", coverage="unconfirmed_empty")
    assert coverage(marts.connection, NOW).counts["gaps"] == 2


@pytest.mark.parametrize("ends", [0, 7, 15, 23])
def test_a_day_pulled_daily_is_never_late(marts: Marts, ends: int) -> None:
    """Wherever its day ends (hour, UTC): not between two pulls either."""
    words = ["provisional", "settling", "settling", "attributing"]
    marts.add("mart_freshness", day=ago(60), maturity="final")
    for age in range(5):
        over = ended(ago(age)) + timedelta(hours=ends)
        last_pull = (NOW - over) // timedelta(days=1)  # pulled at the same hour, a day ago at most
        marts.add(
            "mart_freshness",
            day=ago(age),
            maturity=words[min(max(last_pull, 0), 3)],
            settles_at=over + timedelta(days=28),
        )
    almost_a_day = timedelta(hours=23, minutes=59)
    found = settled_pull(marts.connection, NOW + almost_a_day)
    assert found.rows == ()
