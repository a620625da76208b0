"""Coverage: which days are known, which empty ones are believed, and why."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit_desk import FAILURE, Desk, account_row, ad_row, at, day, opened_desk

from meta_pipeline.landing import PullFailure, load

PULLED, PROVED, GAP, FAILED = "pulled", "confirmed_empty", "unconfirmed_empty", "failed"
THREE = (day(1), day(3))


def account_daily(desk: Desk, rows: list[Any], total: str | None, *, pulled: int = 10) -> None:
    """The account's own rows of three days, with the total that Meta gives beside them."""
    summary = None if total is None else {"impressions": total}
    desk.landed(rows, *THREE, report="account_daily", pulled=at(pulled), summary=summary)


def the_account(desk: Desk) -> None:
    """The account object, answered to the token."""
    desk.landed(b'{"id":"act_1","timezone_name":"Europe/Berlin"}', report="accounts", pulled=at(9))


def reasons(desk: Desk, report: str = "ad_daily") -> dict[date, str]:
    """Why each day is or is not believed."""
    rows = desk.all(f"select day, reason from raw.coverage where report = '{report}'")
    return {row[0]: row[1] for row in rows}


def test_days_with_rows_are_pulled_and_others_are_gaps(desk: Desk) -> None:
    """No rows prove nothing by themselves."""
    desk.landed([ad_row(day(2)), ad_row(day(2), ad="2")], *THREE)
    assert desk.statuses() == {day(1): GAP, day(2): PULLED, day(3): GAP}
    unknown = "Meta sent no rows; the account is not known"
    assert reasons(desk) == {day(1): unknown, day(2): None, day(3): unknown}
    assert desk.all("select row_count from raw.coverage order by day") == [(0,), (2,), (0,)]


def test_padded_days_are_not_covered(desk: Desk) -> None:
    """They were asked for, and are not kept."""
    desk.landed([ad_row(day(1)), ad_row(day(5))], day(5), day(6))
    assert list(desk.statuses()) == [day(5), day(6)]


def test_empty_days_of_the_account_are_proved_by_its_total(desk: Desk) -> None:
    """The rows make up the whole, so no day is missing."""
    account_daily(desk, [account_row(day(1), "10"), account_row(day(2), "5")], "15")
    assert desk.statuses("account_daily") == {day(1): PULLED, day(2): PULLED, day(3): PROVED}
    assert "add up to the total" in reasons(desk, "account_daily")[day(3)]


def test_the_total_is_that_of_all_days_asked_for(desk: Desk) -> None:
    """Padded days are in the total, and are counted before they are dropped."""
    rows = [account_row(date(2026, 9, 28), "100"), account_row(day(1), "10")]
    account_daily(desk, rows, "110")
    assert desk.statuses("account_daily") == {day(1): PULLED, day(2): PROVED, day(3): PROVED}


@pytest.mark.parametrize("total", ["16", "14", None])
def test_a_total_that_differs_or_lacks_proves_nothing(desk: Desk, total: str | None) -> None:
    """A page may have been lost on the way."""
    account_daily(desk, [account_row(day(1), "10"), account_row(day(2), "5")], total)
    assert desk.statuses("account_daily") == {day(1): PULLED, day(2): PULLED, day(3): GAP}


def test_an_empty_range_is_believed_when_the_account_answers(desk: Desk) -> None:
    """Without rows Meta gives no total; the account object shows that the token may look."""
    the_account(desk)
    account_daily(desk, [], None)
    assert set(desk.statuses("account_daily").values()) == {PROVED}
    assert "the account itself answers" in reasons(desk, "account_daily")[day(1)]


def test_an_empty_range_is_a_gap_when_the_account_never_answered(desk: Desk) -> None:
    """A missing permission looks the same."""
    account_daily(desk, [], None)
    assert set(desk.statuses("account_daily").values()) == {GAP}


def test_another_accounts_answer_proves_nothing(desk: Desk) -> None:
    """Neither another asset's nor another client's."""
    desk.landed(b'{"id":"act_2"}', report="accounts", asset="act_2")
    desk.landed(b'{"id":"act_1"}', report="accounts", client="luna")
    account_daily(desk, [], None)
    assert set(desk.statuses("account_daily").values()) == {GAP}


def test_a_failed_look_at_the_account_proves_nothing(desk: Desk) -> None:
    """The account object must have been answered."""
    desk.landed([], report="accounts", failure=FAILURE, pulled=at(9))
    account_daily(desk, [], None)
    assert set(desk.statuses("account_daily").values()) == {GAP}


def test_empty_days_of_ads_are_believed_where_the_account_agrees(desk: Desk) -> None:
    """The account is empty on the second day, and not on the third."""
    account_daily(desk, [account_row(day(1)), account_row(day(3))], "20")
    desk.landed([ad_row(day(1))], *THREE, pulled=at(11))
    assert desk.statuses() == {day(1): PULLED, day(2): PROVED, day(3): GAP}
    assert reasons(desk)[day(2)] == "the account shows no delivery either"


def test_a_row_of_zeros_is_no_delivery(desk: Desk) -> None:
    """Meta may send the account's row with nothing in it."""
    zero = account_row(day(1), "0", spend="0")
    account_daily(desk, [zero], "0")
    desk.landed([], day(1), pulled=at(11))
    assert desk.statuses("account_daily")[day(1)] == PULLED
    assert desk.statuses() == {day(1): PROVED}


@pytest.mark.parametrize(
    "more",
    [
        {"spend": "0.01"},
        {"impressions": "1"},
        {"clicks": "1"},
        {"actions": [{"action_type": "lead", "value": "1"}]},
        {"impressions": None},
        {"clicks": None},
    ],
)
def test_anything_in_the_accounts_row_is_delivery(desk: Desk, more: dict[str, Any]) -> None:
    """Spend, impressions, clicks, late conversions; and what is not said proves nothing."""
    row = {**account_row(day(1), "0", spend="0"), **more}
    account_daily(desk, [row], row["impressions"])
    desk.landed([], day(1), pulled=at(11))
    assert desk.statuses() == {day(1): GAP}


@pytest.mark.parametrize("report", ["ad_daily", "campaign_daily", "platform_daily"])
def test_a_later_account_pull_settles_earlier_gaps(desk: Desk, report: str) -> None:
    """The order in which reports are pulled does not matter."""
    desk.landed([], *THREE, report=report, pulled=at(9))
    assert set(desk.statuses(report).values()) == {GAP}
    account_daily(desk, [account_row(day(1))], "10", pulled=10)
    assert desk.statuses(report) == {day(1): GAP, day(2): PROVED, day(3): PROVED}


def test_a_later_account_pull_takes_belief_back(desk: Desk) -> None:
    """Delivery that shows up later makes the empty day a gap again, and says so."""
    account_daily(desk, [account_row(day(1))], "10")
    desk.landed([], *THREE, pulled=at(10))
    account_daily(desk, [account_row(day(n)) for n in (1, 2)], "20", pulled=11)
    assert desk.statuses() == {day(1): GAP, day(2): GAP, day(3): PROVED}
    assert reasons(desk)[day(2)] == "Meta sent no rows, and the account shows delivery"


def test_days_that_change_their_status_or_reason_are_due(desk: Desk) -> None:
    """Builds see them by their load number; the others keep theirs."""
    desk.landed([ad_row(day(1))], *THREE, pulled=at(9))
    (first,) = {n for (n,) in desk.all("select load_seq from raw.coverage")}
    account_daily(desk, [account_row(day(n)) for n in (1, 2)], "20", pulled=10)
    found = desk.all("select load_seq from raw.coverage where report = 'ad_daily' order by day")
    assert [n > first for (n,) in found] == [False, True, True]


def test_other_clients_and_accounts_are_not_settled(desk: Desk) -> None:
    """An account proves its own days alone."""
    desk.landed([], *THREE, pulled=at(9), asset="act_2")
    desk.landed([], *THREE, pulled=at(9), client="luna")
    account_daily(desk, [account_row(day(1))], "10")
    assert {
        s for (s,) in desk.all("select status from raw.coverage where report = 'ad_daily'")
    } == {GAP}


def test_an_empty_month_is_believed_when_all_its_days_are(desk: Desk) -> None:
    """Month and days are compared by what the account shows."""
    the_account(desk)
    october = (day(1), day(31))
    desk.landed([], *october, report="account_daily", pulled=at(10))
    desk.landed([], *october, report="account_monthly", pulled=at(11))
    assert desk.statuses("account_monthly") == {day(1): PROVED}


def test_an_empty_month_with_delivery_on_one_day_is_a_gap(desk: Desk) -> None:
    """Whichever is pulled first."""
    desk.landed([], day(1), day(31), report="account_monthly", pulled=at(9))
    rows, summary = [account_row(day(17))], {"impressions": "10"}
    desk.landed(rows, day(1), day(31), report="account_daily", pulled=at(10), summary=summary)
    assert desk.statuses("account_monthly") == {day(1): GAP}


def test_a_later_account_pull_settles_the_month_it_is_in(desk: Desk) -> None:
    """Days in the middle of a month reach the month's entry on its first day."""
    the_account(desk)
    desk.landed([], day(1), day(31), report="account_monthly", pulled=at(9))
    desk.landed([], day(1), day(10), report="account_daily", pulled=at(10))
    desk.landed([], day(11), day(31), report="account_daily", pulled=at(11))
    assert desk.statuses("account_monthly") == {day(1): PROVED}
    rows, summary = [account_row(day(20))], {"impressions": "10"}
    desk.landed(rows, day(20), day(21), report="account_daily", pulled=at(12), summary=summary)
    assert desk.statuses("account_monthly") == {day(1): GAP}


def test_months_with_rows_are_pulled(desk: Desk) -> None:
    """One row a month."""
    rows = [account_row(day(1))]
    desk.landed(rows, date(2026, 9, 1), day(31), report="account_monthly")
    assert desk.statuses("account_monthly") == {date(2026, 9, 1): GAP, day(1): PULLED}


def test_empty_days_of_pages_are_never_confirmed(desk: Desk) -> None:
    """A Page has no account beside it that could agree."""
    the_account(desk)
    desk.landed([], *THREE, report="page_daily", part="page_follows", asset="7", pulled=at(9))
    account_daily(desk, [], None)
    assert set(desk.statuses("account_daily").values()) == {PROVED}
    assert set(desk.statuses("page_daily").values()) == {GAP}


def test_a_snapshot_has_one_entry(desk: Desk) -> None:
    """With rows or without: an account may have no campaign, and nothing proves it."""
    desk.landed([{"id": "1"}], report="ads")
    desk.landed([], report="campaigns")
    found = desk.all("select report, day, status, row_count from raw.coverage order by report")
    assert found == [("ads", None, PULLED, 1), ("campaigns", None, GAP, 0)]


def test_a_day_that_was_never_pulled_with_success_is_failed(desk: Desk) -> None:
    """With what went wrong, and when."""
    desk.landed([], *THREE, failure=FAILURE, pulled=at(10))
    assert desk.statuses() == dict.fromkeys((day(1), day(2), day(3)), FAILED)
    assert desk.all(
        "select distinct reason, row_count, pull_id, pulled_at, failed_at from raw.coverage"
    ) == [(FAILURE.message, 0, None, None, at(10))]


def test_a_failed_pull_keeps_what_was_known(desk: Desk) -> None:
    """Status, rows and time of the pull that succeeded stay; the failure stands beside them."""
    desk.landed([ad_row(day(1))], day(1), day(2), pulled=at(9))
    known = desk.all("select day, status, reason, row_count, pull_id, pulled_at from raw.coverage")
    desk.landed([], *THREE, failure=FAILURE, pulled=at(10))
    kept = (
        "select day, status, reason, row_count, pull_id, pulled_at from raw.coverage where day < "
    )
    assert desk.all(f"{kept} date '2026-10-03'") == known
    assert desk.all("select distinct failed_at, failure from raw.coverage") == [
        (at(10), FAILURE.message)
    ]
    assert desk.statuses() == {day(1): PULLED, day(2): GAP, day(3): FAILED}


def test_success_after_a_failure_forgets_the_failure(desk: Desk) -> None:
    """What was known before the failure is pulled anew."""
    desk.landed([ad_row(day(1))], day(1), pulled=at(9))
    desk.landed([], day(1), failure=FAILURE, pulled=at(10))
    desk.landed([ad_row(day(1))], day(1), pulled=at(11))
    assert desk.all("select status, pulled_at, failed_at, failure from raw.coverage") == [
        (PULLED, at(11), None, None)
    ]


def test_a_failure_older_than_a_success_is_of_no_interest(desk: Desk) -> None:
    """It stands in the ledger alone."""
    desk.landed([ad_row(day(1))], day(1), pulled=at(11))
    desk.landed([], day(1), failure=FAILURE, pulled=at(10))
    assert desk.all("select status, failed_at from raw.coverage") == [(PULLED, None)]
    assert desk.all("select status from raw.pulls order by pulled_at") == [(FAILED,), ("complete",)]


def test_every_day_has_one_entry(desk: Desk) -> None:
    """However often and in whatever pieces it is pulled."""
    for number, (first, last) in enumerate([(1, 4), (3, 6), (2, 2), (1, 6)]):
        desk.landed([ad_row(day(2))], day(first), day(last), pulled=at(10 + number))
    assert desk.all("select count(*), count(distinct day) from raw.coverage") == [(6, 6)]
    assert desk.all("select distinct pulled_at from raw.coverage") == [(at(13),)]


amounts = st.lists(st.none() | st.integers(0, 3), min_size=3, max_size=3)


@given(amounts, st.booleans(), st.booleans())
@settings(max_examples=20, deadline=None)
def test_belief_does_not_depend_on_what_is_pulled_first(
    amounts: list[int | None], ads_first: bool, has_total: bool
) -> None:
    """An empty day of ads is believed just where the account's day is proved empty."""
    rows = [account_row(day(n), f"{v}", f"{v}") for n, v in enumerate(amounts, 1) if v is not None]
    total = str(sum(v or 0 for v in amounts)) if has_total and rows else None
    with opened_desk() as desk:
        the_account(desk)
        for is_ads in (ads_first, not ads_first):
            if is_ads:
                desk.landed([], *THREE, pulled=at(10))
            else:
                account_daily(desk, rows, total)
        proved = has_total or not rows
        expected = [PROVED if v == 0 or (v is None and proved) else GAP for v in amounts]
        assert list(desk.statuses().values()) == expected


def test_a_success_after_a_first_failure_lands(desk: Desk) -> None:
    """A day that was never pulled has no newer answer, only a failure."""
    desk.landed([], day(1), failure=FAILURE, pulled=at(10))
    assert desk.landed([ad_row(day(1))], day(1), pulled=at(11)).status == "complete"
    assert desk.statuses() == {day(1): PULLED}


def test_a_snapshot_after_a_first_failure_lands(desk: Desk) -> None:
    """The same without a day."""
    desk.landed([], report="accounts", failure=FAILURE, pulled=at(10))
    landed = desk.landed(b'{"id":"act_1"}', report="accounts", pulled=at(11))
    assert landed.status == "complete"


def test_an_older_failure_does_not_hide_a_newer_one(desk: Desk) -> None:
    """Pulls may land in another order than they were sent in."""
    desk.landed([], day(1), failure=FAILURE, pulled=at(12))
    desk.landed([], day(1), failure=FAILURE, pulled=at(11))
    assert desk.all("select failed_at from raw.coverage") == [(at(12),)]


def test_an_older_success_does_not_hide_a_newer_failure(desk: Desk) -> None:
    """What is known of a day is the same whichever landed first."""
    desk.landed([ad_row(day(1))], day(1), pulled=at(9))
    desk.landed([], day(1), failure=FAILURE, pulled=at(12))
    desk.landed([ad_row(day(1))], day(1), pulled=at(11))
    assert desk.all("select status, failed_at from raw.coverage") == [(PULLED, at(12))]


def test_a_month_is_proved_by_all_of_its_days(desk: Desk) -> None:
    """With them known, the account object need not have answered."""
    zeros = [account_row(day(n), "0", spend="0") for n in range(1, 32)]
    desk.landed([], day(1), day(31), report="account_monthly", pulled=at(9))
    desk.landed(zeros[4:5], day(5), report="account_daily", pulled=at(10))
    assert desk.statuses("account_monthly") == {day(1): GAP}
    desk.landed(zeros, day(1), day(31), report="account_daily", pulled=at(11))
    assert desk.statuses("account_monthly") == {day(1): PROVED}
    assert reasons(desk, "account_monthly")[day(1)] == "the account shows no delivery either"


@pytest.mark.parametrize(
    "order", [("account_daily", "account_28d"), ("account_28d", "account_daily")]
)
def test_an_account_without_delivery_has_no_gaps_before_its_first_day(
    desk: Desk, order: tuple[str, str]
) -> None:
    """Its 28 days and its month reach back to days that nobody asks for: the silence about the
    account is believed as that about its days is, when the account object answers."""
    window: dict[str, Any] = {"since": day(20), "until": day(31)}
    the_account(desk)
    for report in order:
        desk.landed([], **window, report=report, pulled=at(10))
    desk.landed([], day(1), day(31), report="account_monthly", pulled=at(11))
    for report in ("account_28d", "account_monthly"):
        assert set(desk.statuses(report).values()) == {PROVED}
        assert set(reasons(desk, report).values()) == {
            "no row of the account in the range; the account itself answers, and its known days "
            "show no delivery"
        }
    desk.landed([], report="accounts", pulled=at(12), failure=FAILURE)
    zero = [account_row(day(31), "0", spend="0")]
    desk.landed(zero, day(31), report="account_daily", pulled=at(12))
    assert set(desk.statuses("account_28d").values()) == {PROVED}


def test_belief_in_a_range_goes_with_the_first_delivery_in_it(desk: Desk) -> None:
    """Also on days that come to be known later."""
    the_account(desk)
    desk.landed([], day(20), day(21), report="account_daily", pulled=at(10))
    desk.landed([], day(20), day(21), report="account_28d", pulled=at(10))
    rows, summary = [account_row(day(1))], {"impressions": "10"}
    desk.landed(rows, day(1), day(2), report="account_daily", pulled=at(11), summary=summary)
    assert desk.statuses("account_28d") == {day(20): GAP, day(21): GAP}
    assert reasons(desk, "account_28d")[day(21)] == (
        "Meta sent no rows, and the account shows delivery"
    )


@pytest.mark.parametrize("lack", ["account", "days", "own rows"])
def test_a_range_without_support_is_a_gap(desk: Desk, lack: str) -> None:
    """The account never answered, none of its days is known, or the range had a row before."""
    if lack != "account":
        the_account(desk)
    if lack != "days":
        zero = [account_row(day(20), "0", spend="0")]
        desk.landed(zero, day(20), report="account_daily", pulled=at(10))
    if lack == "own rows":
        row = account_row(day(20)) | {"date_start": "2026-09-23"}
        desk.landed([row], day(20), report="account_28d", pulled=at(10))
    landed = desk.landed([], day(20), report="account_28d", pulled=at(11))
    assert desk.statuses("account_28d") == {day(20): PULLED if lack == "own rows" else GAP}
    assert (landed.failure is not None) == (lack == "own rows")


def test_doubt_about_the_account_is_not_called_delivery(desk: Desk) -> None:
    """When the account's own day is no longer proved, the gap says no more than that."""
    desk.landed(b'{"id":"act_1"}', report="accounts", pulled=at(8))
    desk.landed([], day(1), report="account_daily", pulled=at(9))
    desk.landed([], day(1), pulled=at(10))
    assert desk.statuses() == {day(1): PROVED}
    desk.landed([account_row(day(2))], day(1), day(2), report="account_daily", pulled=at(11))
    assert reasons(desk)[day(1)] == "Meta sent no rows, and none of the account either"


def test_an_older_silence_does_not_hide_a_newer_one(desk: Desk) -> None:
    """Answers that are empty without proof may land in another order than they were sent in."""
    desk.landed([ad_row(day(1))], day(1), pulled=at(9))
    desk.landed([], day(1), pulled=at(12))
    desk.landed([], day(1), pulled=at(11))
    assert desk.all("select status, failed_at from raw.coverage") == [(PULLED, at(12))]


BEYOND = PullFailure(kind="beyond retention", message="Meta keeps 37 months", is_expected=True)


def test_days_beyond_retention_have_a_status_of_their_own(desk: Desk) -> None:
    """They are gaps that nobody can fill, and no failure of the pull."""
    landed = desk.landed([], *THREE, failure=BEYOND)
    assert landed.status == "not_asked"
    assert set(desk.statuses().values()) == {"beyond_retention"}
    assert reasons(desk)[day(1)] == "Meta keeps 37 months"
    assert desk.all("select distinct failed_at, failure from raw.coverage") == [(None, None)]


def test_what_landed_before_stays_when_its_day_falls_out_of_retention(desk: Desk) -> None:
    """Rows and what is known of their days are not touched."""
    desk.landed([ad_row(day(1))], day(1), day(2), pulled=at(9))
    known = desk.coverage()[:2]
    desk.landed([], *THREE, failure=BEYOND, pulled=at(10))
    assert desk.coverage()[:2] == known
    assert desk.statuses() == {day(1): PULLED, day(2): GAP, day(3): "beyond_retention"}


@given(st.permutations(["failure", "mark", "success"]), st.booleans())
@settings(max_examples=12, deadline=None)
def test_a_mark_is_the_same_in_any_order_of_landing(order: list[str], succeeds: bool) -> None:
    """It wins over a failure, and loses against a success."""
    with opened_desk() as desk:
        for what in order:
            if what == "failure":
                desk.landed([], day(1), failure=FAILURE, pulled=at(10))
            elif what == "mark":
                desk.landed([], day(1), failure=BEYOND, pulled=at(11))
            elif succeeds:
                desk.landed([ad_row(day(1))], day(1), pulled=at(12))
        assert desk.statuses() == {day(1): PULLED if succeeds else "beyond_retention"}
        assert desk.all("select failed_at from raw.coverage") == [(None,)]


def test_a_note_is_the_reason_of_days_with_rows(desk: Desk) -> None:
    """Which fields were left out, and why; an empty day says both."""
    desk.landed([ad_row(day(1))], day(1), day(2), note="no reach")
    assert desk.statuses() == {day(1): PULLED, day(2): GAP}
    assert reasons(desk)[day(1)] == "no reach"
    desk.landed([], day(3), report="page_daily", asset="7", note="too few viewers")
    assert reasons(desk, "page_daily")[day(3)] == "Meta sent no rows; too few viewers"


def test_an_answer_with_a_proof_is_believed(desk: Desk) -> None:
    """A Page without posts of late is no silence: its rows go, and nothing failed."""
    desk.landed([{"id": "7_1"}], report="page_posts", asset="7", pulled=at(10))
    landed = desk.landed([], report="page_posts", asset="7", pulled=at(11), proof="older ones show")
    assert (landed.closed, landed.failure) == (1, None)
    assert desk.all("select status, reason from raw.coverage") == [(PROVED, "older ones show")]


def test_a_metric_that_is_known_to_be_dead_is_a_gap_with_its_reason(desk: Desk) -> None:
    """The pull was not asked, and the day says why it is missing."""
    dead = PullFailure(kind="dead metric", message="gone since 2026", is_expected=True)
    landed = desk.landed([], day(1), report="page_daily", part="x", failure=dead)
    assert (landed.status, landed.failure) == ("not_asked", dead)
    assert reasons(desk, "page_daily") == {day(1): "gone since 2026"}
    assert desk.all("select status from raw.pulls") == [("not_asked",)]


@pytest.mark.parametrize("report", ["adset_daily", "age_gender_daily", "country_daily"])
def test_every_report_of_ads_is_proved_by_the_account(desk: Desk, report: str) -> None:
    """The account's silence holds for its ad sets, ages and countries as well."""
    account_daily(desk, [account_row(day(1))], "10")
    desk.landed([], *THREE, report=report, pulled=at(11))
    assert desk.statuses(report) == {day(1): GAP, day(2): PROVED, day(3): PROVED}


def test_a_silent_account_is_doubted_when_its_parts_show_delivery(desk: Desk) -> None:
    """An account without a row is believed only until a campaign shows delivery, in any order."""
    account: dict[str, Any] = {"since": day(1), "until": day(2), "report": "account_daily"}
    campaign = {
        "campaign_id": "7",
        "impressions": "3",
        "spend": "1",
        "date_start": str(day(1)),
        "date_stop": str(day(1)),
    }
    desk.landed(b'{"id":"act_1"}', report="accounts", pulled=at(9))
    desk.landed([], pulled=at(10), **account)
    assert desk.statuses("account_daily") == dict.fromkeys((day(1), day(2)), "confirmed_empty")
    desk.landed([campaign], day(1), day(2), report="campaign_daily", pulled=at(11))
    doubted = {day(1): "unconfirmed_empty", day(2): "confirmed_empty"}
    assert desk.statuses("account_daily") == doubted
    assert desk.statuses("campaign_daily")[day(1)] == "pulled"
    desk.landed([], pulled=at(12), **account)
    assert desk.statuses("account_daily") == doubted


@pytest.mark.parametrize(
    "row",
    [
        account_row(day(1), "1000"),
        account_row(day(1), "0", spend="0", actions=[{"action_type": "lead", "value": "1"}]),
    ],
)
@pytest.mark.parametrize("is_late", [False, True])
def test_an_account_that_falls_silent_keeps_its_rows(
    desk: Desk, row: dict[str, Any], is_late: bool
) -> None:
    """The account object answers, and of days that had rows nothing comes, landed in any order."""
    the_account(desk)
    rows = desk.spooled([row], *THREE, report="account_daily", pulled=at(10))
    silence = desk.spooled([], *THREE, report="account_daily", pulled=at(11))
    order = (silence, rows) if is_late else (rows, silence)
    landed = [load(desk.connection, desk.spool, manifest) for manifest in order][-1]
    assert len(desk.current()) == 2
    assert desk.statuses("account_daily")[day(1)] == PULLED
    assert desk.all(
        "select failed_at, failure is not null from raw.coverage "
        "where report = 'account_daily' and day = '2026-10-01'"
    ) == [(at(11), True)]
    if not is_late:
        assert landed.failure is not None
        assert (landed.closed, landed.failure.kind) == (0, "unproved")


def test_a_day_that_meta_takes_back_goes_by_the_total(desk: Desk) -> None:
    """Held as long as the account is silent, it is empty once other days make up the total."""
    the_account(desk)
    rows = [account_row(day(1)), account_row(day(2))]
    account_daily(desk, rows, "20", pulled=10)
    desk.landed([], day(2), report="account_daily", pulled=at(11))
    assert desk.statuses("account_daily")[day(2)] == PULLED
    account_daily(desk, rows[:1], "10", pulled=12)
    assert desk.statuses("account_daily")[day(2)] == PROVED
    assert [on for on, _ in desk.current()] == [None, day(1)]


def test_a_row_of_zeros_goes_when_the_account_is_silent(desk: Desk) -> None:
    """There is nothing in it to lose."""
    the_account(desk)
    account_daily(desk, [account_row(day(1), "0", spend="0")], "0", pulled=10)
    account_daily(desk, [], None, pulled=11)
    assert set(desk.statuses("account_daily").values()) == {PROVED}
    assert [on for on, _ in desk.current()] == [None]
