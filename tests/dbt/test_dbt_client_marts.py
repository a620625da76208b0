"""The marts of a client's day, month and pacing, and of campaigns by period."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from dbt_model import Models
from dbt_warehouse import Warehouse, days_between

from meta_pipeline.reporting.figures import read_report

A, B = "act_1", "act_2"
DAY = date(2026, 11, 3)


class Client:
    """One client with ad accounts in some currencies; its days go in, its marts come out."""

    def __init__(self, models: Models) -> None:
        self.models = models
        models.make(
            *("marts.dim_clients", "marts.dim_ad_accounts", "marts.dim_campaigns"),
            *("marts.dim_adsets", "marts.fct_account_daily", "marts.fct_results_daily"),
            *("marts.fct_page_daily", "marts.fct_instagram_daily", "marts.fct_campaign_daily"),
            *("marts.fct_account_monthly", "staging.stg_meta__client_assets"),
            "intermediate.int_days__matured",
        )

    def has(self, *, start_date: str | None = None, **targets: Any) -> None:
        """The client itself."""
        targets = {f"target_{name}": value for name, value in targets.items()}
        self.models.add(
            "marts.dim_clients",
            [{"client_id": "c", "result_action_type": "lead", "start_date": start_date, **targets}],
        )

    def owns(self, asset: str, surface: str = "ads", currency: str = "USD") -> None:
        """An asset of clients.yml; an ad account has its days in UTC."""
        self.models.add(
            "staging.stg_meta__client_assets",
            [{"client_id": "c", "asset_id": asset, "surface": surface}],
        )
        if surface == "ads":
            self.account(asset, currency, is_active=True)

    def account(self, account: str, currency: str, *, is_active: bool = False) -> None:
        """An ad account, in clients.yml or not."""
        row = {"client_id": "c", "ad_account_id": account, "account_currency": currency}
        row |= {"time_zone": "UTC", "is_active": is_active}
        self.models.add("marts.dim_ad_accounts", [row])

    def knows(
        self,
        asset: str,
        day: date,
        coverage: str = "pulled",
        maturity: str | None = "final",
        report: str = "account_daily",
        reason: str | None = None,
    ) -> None:
        """What is known of a day."""
        settles = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(29)
        row = {"client_id": "c", "report": report, "asset_id": asset, "day": day}
        row |= {"coverage": coverage, "reason": reason, "maturity": maturity}
        row |= {"pulled_at": settles, "settles_at": settles}
        self.models.add("intermediate.int_days__matured", [row])

    def spends(
        self,
        account: str,
        day: date,
        spend: float = 10,
        results: float = 2,
        currency: str = "USD",
        maturity: str = "final",
        value: float | None = None,
        expected: tuple[float | None, float | None, float | None] | None = None,
        basis: str | None = None,
    ) -> None:
        """A pulled day with 100 impressions and 10 clicks for each amount spent."""
        self.knows(account, day, maturity=maturity)
        key = {"client_id": "c", "ad_account_id": account, "day": day}
        row = {**key, "account_currency": currency, "spend": spend, "results": results}
        row |= {"impressions": 100 * spend, "clicks": 10 * spend, "link_clicks": 5 * spend}
        self.models.add("marts.fct_account_daily", [row | {"result_value": value}])
        middle, low, high = expected or (results, results, results)
        row = key | {"results_expected": middle, "results_expected_low": low}
        row |= {"results_expected_high": high, "expected_basis": basis}
        row |= {"result_value_expected": value}
        self.models.add("marts.fct_results_daily", [row])

    def page(
        self,
        page: str,
        day: date,
        views: int,
        viewers: int,
        *,
        comparable: bool,
        maturity: str = "settling",
    ) -> None:
        """A Page's day."""
        self.knows(page, day, report="page_daily")
        row = {"client_id": "c", "page_id": page, "day": day, "views": views, "viewers": viewers}
        row |= {"views_comparable": comparable, "maturity": maturity}
        self.models.add("marts.fct_page_daily", [row])

    def instagram(self, day: date, views: int, *, maturity: str = "settling") -> None:
        """A day of Instagram account 7."""
        self.knows("7", day, report="instagram_daily")
        row = {"client_id": "c", "instagram_account_id": "7", "day": day, "views": views}
        self.models.add("marts.fct_instagram_daily", [row | {"maturity": maturity}])

    def daily(self, columns: str) -> list[tuple[Any, ...]]:
        """mart_client_daily by day and currency."""
        self.models.build("mart_client_daily")
        return self.models.rows(
            f"select {columns} from marts.mart_client_daily order by day, account_currency"
        )

    def monthly(self, columns: str) -> list[tuple[Any, ...]]:
        """mart_monthly_report by month and currency."""
        self.daily("day")
        self.models.build("mart_monthly_report")
        return self.models.rows(
            f"select {columns} from marts.mart_monthly_report order by month, account_currency"
        )

    def pacing(self, columns: str) -> list[tuple[Any, ...]]:
        """mart_pacing by month and currency."""
        self.monthly("month")
        self.models.build("mart_pacing")
        return self.models.rows(
            f"select {columns} from marts.mart_pacing order by month, account_currency"
        )

    def periods(self, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
        """mart_campaign_period by campaign and period."""
        self.models.build("mart_campaign_period")
        return self.models.rows(
            f"select {columns} from marts.mart_campaign_period where {where}"
            " order by campaign_id, period"
        )


@pytest.fixture
def client(built: Warehouse, tmp_path: Path) -> Iterator[Client]:
    """A client of whom nothing is known yet."""
    models = Models(built, tmp_path)
    yield Client(models)
    models.close()


# ---------------------------------------------------------------- a client's day


def test_a_days_figures_are_those_of_all_ad_accounts(client: Client) -> None:
    """Sums over two ad accounts; ratios from the sums, not from the ratios."""
    client.has()
    for account, spend in ((A, 30), (B, 10)):
        client.owns(account)
        client.spends(account, DAY, spend, results=4, value=spend * 3)
    assert client.daily(
        "accounts, accounts_covered, is_complete, spend, impressions, clicks, link_clicks, results,"
        " result_value, ctr, cpc, cpm, cost_per_result, roas"
    ) == [(2, 2, True, 40, 4000, 400, 200, 8, 120, 0.1, 0.1, 10.0, 5.0, 3.0)]


def test_an_empty_day_is_zero_and_a_gap_is_not(client: Client) -> None:
    """Confirmed empty adds nothing; a failed ad account leaves the client's day unknown."""
    client.has()
    for account in (A, B):
        client.owns(account)
    client.spends(A, DAY, 30)
    client.knows(B, DAY, "confirmed_empty")
    client.spends(A, DAY + timedelta(1), 30)
    client.knows(B, DAY + timedelta(1), "failed", None, reason="HTTP 500")
    client.spends(A, DAY + timedelta(2), 30)
    assert client.daily(
        "spend, results, cpc, is_complete, accounts_missing, coverage, reason, maturity"
    ) == [
        (30, 2, 0.1, True, 0, "confirmed_empty", None, "final"),
        (None, None, None, False, 1, "failed", "act_2: HTTP 500", "final"),
        (None, None, None, False, 1, "never_pulled", "act_2: never pulled", "final"),
    ]


def test_a_former_ad_account_counts_while_it_was_there(client: Client) -> None:
    """After its last known day it is not missing."""
    client.has()
    client.owns(A)
    client.account(B, "USD")
    client.spends(A, DAY)
    client.spends(B, DAY)
    client.spends(A, DAY + timedelta(1))
    assert client.daily("accounts, spend, is_complete") == [(2, 20, True), (1, 10, True)]


def test_currencies_are_never_added_and_pages_stand_once(client: Client) -> None:
    """A row for each currency; the Page's Views in one of them, so that a sum counts them once."""
    client.has()
    client.owns(A, currency="USD")
    client.owns(B, currency="EUR")
    client.owns("5", "page")
    client.spends(A, DAY, 30)
    client.spends(B, DAY, 10, currency="EUR")
    client.page("5", DAY, 900, 400, comparable=True)
    assert client.daily("account_currency, spend, page_views, page_viewers, page_maturity") == [
        ("EUR", 10, 900, 400, "settling"),
        ("USD", 30, None, None, None),
    ]


def test_views_of_pages_are_added_and_viewers_are_not(client: Client) -> None:
    """People of two Pages overlap; one Page without a figure leaves the sum unknown."""
    client.has()
    client.owns(A)
    for page in ("5", "6"):
        client.owns(page, "page")
        client.page(page, DAY, 900, 400, comparable=page == "5")
    client.page("5", DAY + timedelta(1), 900, 400, comparable=True)
    assert client.daily("pages, page_views, page_views_comparable, page_viewers") == [
        (2, 1800, False, None),
        (2, None, True, None),
    ]


def test_the_band_of_a_sum_is_not_the_sum_of_bands(client: Client) -> None:
    """With one uncertain ad account the bounds add up; with two there is no band."""
    client.has()
    for account in (A, B):
        client.owns(account)
    client.spends(A, DAY, maturity="settling", expected=(4, 3, 6), basis="client")
    client.spends(B, DAY)
    later = DAY + timedelta(1)
    for account, basis in ((A, "client"), (B, "agency")):
        client.spends(account, later, maturity="settling", expected=(4, 3, 6), basis=basis)
    last = DAY + timedelta(2)
    client.spends(A, last, maturity="settling", expected=(None, None, None))
    client.spends(B, last)
    bounds = "results_expected, results_expected_low, results_expected_high, expected_basis"
    assert client.daily(bounds) == [
        (6, 5, 8, "client"),
        (8, None, None, "agency"),
        (None, None, None, None),
    ]


def test_a_day_is_as_mature_as_its_youngest_pull(client: Client) -> None:
    """The worst maturity of the ad accounts."""
    client.has()
    for account, maturity in ((A, "final"), (B, "provisional")):
        client.owns(account)
        client.spends(account, DAY, maturity=maturity)
    assert client.daily("maturity") == [("provisional",)]


# ---------------------------------------------------------------- a client's month


def test_a_month_under_way_is_compared_with_the_same_days(client: Client) -> None:
    """Up to the last day that is over; a month that is over with the whole one before."""
    client.has()
    client.owns(A)
    for day in days_between(date(2026, 9, 1), date(2026, 11, 10)):
        client.spends(A, day, 20 if day.month == 11 else 10)
    client.spends(A, date(2026, 11, 11), 1, maturity="open")
    assert client.monthly(
        "month, last_day, days_in_month, days_covered, spend, previous_last_day, spend_previous,"
        " spend_change, results, results_change, cpc, cpc_change, is_complete, is_settled"
    ) == [
        (
            *(date(2026, 9, 1), date(2026, 9, 30), 30, 30, 300, date(2026, 8, 31), None),
            *(None, 60, None, 0.1, None, True, True),
        ),
        (
            *(date(2026, 10, 1), date(2026, 10, 31), 31, 31, 310, date(2026, 9, 30), 300),
            *(pytest.approx(1 / 30), 62, pytest.approx(1 / 30), 0.1, 0, True, True),
        ),
        (
            *(date(2026, 11, 1), date(2026, 11, 10), 30, 10, 200, date(2026, 10, 10), 100),
            *(1.0, 20, 0.0, 0.1, 0, True, False),
        ),
    ]


def test_a_change_needs_a_base(client: Client) -> None:
    """Under ten results a change in percent says nothing, nor does a cost per result."""
    client.has()
    client.owns(A)
    for day in days_between(date(2026, 10, 1), date(2026, 11, 3)):
        client.spends(A, day, 0 if day.month == 10 and day.day < 4 else 10, results=3)
    assert client.monthly(
        "spend_previous, results_previous, spend_change, results_change, cost_per_result_change"
    )[1] == (0, 9, None, None, None)


def test_a_gap_leaves_the_month_unknown(client: Client) -> None:
    """A month with a missing day has no sum, and the next has nothing to be compared with."""
    client.has()
    client.owns(A)
    for day in days_between(date(2026, 10, 1), date(2026, 11, 30)):
        if day != date(2026, 10, 10):
            client.spends(A, day, maturity="attributing" if day.month == 11 else "final")
    assert client.monthly(
        "days_covered, days_missing, is_complete, days_unsettled, is_settled, spend, cpc,"
        " spend_previous, maturity"
    ) == [
        (30, 1, False, 0, False, None, None, None, "final"),
        (30, 0, True, 30, False, 300, 0.1, None, "attributing"),
    ]


@pytest.mark.parametrize(("results", "value"), [(0, 200), (2, None)])
def test_a_day_without_results_takes_no_value_away(
    client: Client, results: float, value: float | None
) -> None:
    """A month's value is expected of its other days; one of results without a value is unknown."""
    client.has()
    client.owns(A)
    for day in (1, 2):
        client.spends(A, date(2026, 11, day), value=100, maturity="provisional")
    client.knows(A, date(2026, 11, 3), "confirmed_empty", maturity="provisional")
    client.spends(A, date(2026, 11, 4), results=results, maturity="provisional")
    assert client.monthly("is_complete, results_expected, result_value_expected") == [
        (True, 4 + results, value)
    ]


def test_days_before_the_start_date_are_not_missing(client: Client) -> None:
    """clients.yml says that they are never asked for."""
    client.has(start_date="2026-11-20")
    client.owns(A)
    for day in days_between(date(2026, 11, 20), date(2026, 11, 30)):
        client.spends(A, day)
    assert client.monthly("first_day, days_in_month, days_missing, spend, is_settled") == [
        (date(2026, 11, 20), 11, 0, 110, True)
    ]


@pytest.mark.parametrize("accounts", [1, 2])
def test_reach_of_a_month_is_never_added(client: Client, accounts: int) -> None:
    """One ad account's own, with the last day that it counts; of several none, and why."""
    client.has()
    for account in (A, B)[:accounts]:
        client.owns(account)
        client.spends(account, DAY)
        row = {"client_id": "c", "ad_account_id": account, "month": date(2026, 11, 1)}
        row |= {"account_currency": "USD", "reach": 900, "frequency": 1.5}
        client.models.add("marts.fct_account_monthly", [row | {"month_end_covered": DAY}])
    ((reach, frequency, through, note),) = client.monthly(
        "reach, frequency, reach_through, reach_note"
    )
    if accounts == 1:
        assert (reach, frequency, through, note) == (900, 1.5, DAY, None)
    else:
        assert (reach, frequency, through) == (None, None, None)
        assert "overlap" in note


def test_a_month_shows_views_attribution_and_when_it_settles(client: Client) -> None:
    """Views break where Meta renamed them; settings are listed; it settles with its last day."""
    client.has()
    client.owns(A)
    client.owns("5", "page")
    for day in days_between(date(2026, 11, 1), date(2026, 11, 2)):
        client.spends(A, day)
        client.page("5", day, 100, 50, comparable=day.day > 1)
    for setting in ("1d_view_7d_click", "7d_click"):
        row = {"client_id": "c", "ad_account_id": A, "account_currency": "USD", "day": DAY}
        client.models.add("marts.fct_campaign_daily", [row | {"attribution_setting": setting}])
    assert client.monthly(
        "page_views, page_views_comparable, attribution_settings, settles_at"
    ) == [(200, False, "1d_view_7d_click, 7d_click", datetime(2026, 12, 29, tzinfo=UTC))]


def test_views_of_a_month_under_way_go_as_far_as_they_have_come(client: Client) -> None:
    """Figures that come late shorten the time; of a month that is over none may be missing."""
    client.has()
    client.owns(A)
    client.owns("5", "page")
    for day in days_between(date(2026, 10, 1), date(2026, 11, 5)):
        client.spends(A, day)
        if day not in (date(2026, 10, 31), date(2026, 11, 5)):
            client.page("5", day, 100, 50, comparable=True)
    assert client.monthly("last_day, page_through, page_views, instagram_views") == [
        (date(2026, 10, 31), date(2026, 10, 31), None, None),
        (date(2026, 11, 5), date(2026, 11, 4), 400, None),
    ]


def test_views_of_a_day_in_progress_are_in_no_month(client: Client) -> None:
    """Of a month under way they are left out; one that is over has none, rather than too few."""
    client.has()
    client.owns(A)
    client.owns("5", "page")
    for day in days_between(date(2026, 10, 1), date(2026, 11, 5)):
        client.spends(A, day)
        is_open = day in (date(2026, 10, 31), date(2026, 11, 5))
        maturity = "open" if is_open else "settling"
        client.page("5", day, 7 if is_open else 100, 5, comparable=True, maturity=maturity)
    assert client.monthly("last_day, page_through, page_views") == [
        (date(2026, 10, 31), date(2026, 10, 31), None),
        (date(2026, 11, 5), date(2026, 11, 4), 400),
    ]


def test_an_open_day_of_instagram_holds_up_no_page(client: Client) -> None:
    """Each surface's month goes as far as its own days."""
    client.has()
    client.owns(A)
    client.owns("5", "page")
    client.owns("7", "instagram")
    for day in days_between(date(2026, 11, 1), date(2026, 11, 5)):
        client.spends(A, day)
        client.page("5", day, 100, 50, comparable=True)
        client.instagram(day, 10, maturity="open" if day.day > 3 else "settling")
    assert client.monthly("page_through, page_views, instagram_through, instagram_views") == [
        (date(2026, 11, 5), 500, date(2026, 11, 3), 30),
    ]
    assert client.daily("page_maturity, instagram_maturity")[-1] == ("settling", "open")


def test_views_of_a_month_stand_in_one_currencys_row(client: Client) -> None:
    """Of the whole month, also when an ad account in another currency came in its midst."""
    client.has()
    client.owns(A, currency="USD")
    client.owns(B, currency="EUR")
    client.owns("5", "page")
    for day in days_between(date(2026, 10, 1), date(2026, 10, 31)):
        client.spends(A, day, 30)
        if day.day > 4:
            client.spends(B, day, currency="EUR")
        client.page("5", day, 100, 50, comparable=True)
    assert client.monthly("account_currency, page_through, page_views, page_views_comparable") == [
        ("EUR", date(2026, 10, 31), 3100, True),
        ("USD", None, None, None),
    ]


# ---------------------------------------------------------------- pacing


def test_pace_and_forecast(client: Client) -> None:
    """Weekdays spend 10, Saturdays and Sundays 40: each day left counts as its weekday did."""
    client.has(spend=600, results=50, cost_per_result=5)
    client.owns(A)
    for day in days_between(date(2026, 10, 12), date(2026, 11, 15)):
        client.spends(A, day, 40 if day.isoweekday() > 5 else 10)
    # 1-15 November have ten weekdays and five days of weekends, 16-30 eleven and four.
    assert client.pacing(
        "days_elapsed, days_left, spend, expected_share, spend_share, spend_pace, results_pace,"
        " cost_per_result_ratio, forecast_spend, forecast_results, forecast_spend_share,"
        " forecast_method"
    )[1:] == [
        (
            *(15, 15, 300, 0.5, 0.5, 1.0, 1.2, 2.0, 300 + 270, 60, 0.95),
            "to_date_and_weekday_means_of_14_days",
        )
    ]


def test_a_forecast_counts_late_conversions_where_they_were_measured(client: Client) -> None:
    """Days that are not final enter with what is expected of them; results stay as known."""
    client.has()
    client.owns(A)
    for day in days_between(date(2026, 11, 1), date(2026, 11, 29)):
        late = day == date(2026, 11, 29)
        client.spends(A, day, expected=(5, 4, 6) if late else None)
    ((results, forecast),) = client.pacing("results, forecast_results")
    # 28 days of 2 and one of 5; the 30th is a Monday, and the two before had 2.
    assert (results, forecast) == (58, 28 * 2 + 5 + 2)


def test_too_little_is_no_forecast(client: Client) -> None:
    """Each weekday to come must be known both times; a past month needs no forecast."""
    client.has()
    client.owns(A)
    for day in days_between(date(2026, 11, 1), date(2026, 11, 10)):
        client.spends(A, day)
    assert client.pacing("spend, forecast_spend, forecast_results, forecast_method") == [
        (100, None, None, None)
    ]
    for day in days_between(date(2026, 11, 11), date(2026, 11, 30)):
        client.spends(A, day)
    assert client.pacing("forecast_spend, days_left, forecast_method") == [(300, 0, "month_over")]


def test_a_gap_stops_the_pacing(client: Client) -> None:
    """An unknown day is not taken for zero."""
    client.has(spend=600)
    client.owns(A)
    for day in days_between(date(2026, 10, 1), date(2026, 11, 15)):
        if day != date(2026, 11, 5):
            client.spends(A, day)
    assert client.pacing("is_complete, days_missing, spend, spend_pace, forecast_spend")[1] == (
        *(False, 1, None, None, None),
    )


def test_a_target_is_not_split_over_currencies(client: Client) -> None:
    """Of a client with two currencies nobody knows which share of it belongs to which."""
    client.has(spend=600, results=10, cost_per_result=5)
    client.owns(A)
    client.owns(B, currency="EUR")
    client.spends(A, date(2026, 11, 1))
    client.spends(B, date(2026, 11, 1), currency="EUR")
    assert (
        client.pacing("target_spend, target_results, target_cost_per_result, spend")
        == [(None, None, None, 10)] * 2
    )


@pytest.mark.parametrize("lifetime", [None, 500])
def test_budgets_are_those_of_what_is_active(client: Client, lifetime: float | None) -> None:
    """Of campaigns or of their ad sets; a lifetime budget leaves the month's spend open."""
    client.has()
    client.owns(A)
    client.spends(A, date(2026, 11, 1))
    row = {"client_id": "c", "ad_account_id": A, "account_currency": "USD"}
    paused = {"effective_status": "CAMPAIGN_PAUSED", "daily_budget": 99}
    client.models.add(
        "marts.dim_campaigns",
        [row | {"effective_status": "ACTIVE", "daily_budget": 5}, row | paused],
    )
    adset = row | {"effective_status": "ACTIVE", "daily_budget": 2, "lifetime_budget": lifetime}
    client.models.add("marts.dim_adsets", [adset, row | paused])
    assert client.pacing("daily_budget, lifetime_budgets, spend_at_budget") == [
        (7, 0, 10 + 29 * 7) if lifetime is None else (7, 1, None)
    ]


def test_budgets_of_what_cannot_spend_any_more_do_not_count(client: Client) -> None:
    """An ad account that left is as it was listed last; what has ended stays ACTIVE at Meta."""
    client.has()
    client.owns(A)
    client.account(B, "USD")
    client.spends(A, date(2026, 11, 1))
    midnight = datetime(2026, 11, 2, tzinfo=UTC)
    row = {"client_id": "c", "ad_account_id": A, "account_currency": "USD"}
    row |= {"effective_status": "ACTIVE"}
    client.models.add(
        "marts.dim_campaigns",
        [
            row | {"daily_budget": 5, "stop_time": midnight + timedelta(hours=1)},
            row | {"daily_budget": 30, "stop_time": midnight},
            row | {"daily_budget": 50, "ad_account_id": B},
        ],
    )
    client.models.add(
        "marts.dim_adsets",
        [
            row | {"daily_budget": 2, "end_time": midnight + timedelta(hours=1)},
            row | {"lifetime_budget": 90, "end_time": midnight},
            row | {"lifetime_budget": 90, "ad_account_id": B},
        ],
    )
    assert client.pacing("daily_budget, lifetime_budgets, spend_at_budget") == [(7, 0, 10 + 29 * 7)]


# ---------------------------------------------------------------- campaigns by period


def test_periods_end_at_the_last_known_day(client: Client) -> None:
    """A day in progress is left out; each period stands beside the one before."""
    for day in days_between(date(2026, 9, 1), date(2026, 11, 16)):
        client.knows(A, day, report="campaign_daily")
    client.knows(A, date(2026, 11, 17), maturity="open", report="campaign_daily")
    row = {"client_id": "c", "ad_account_id": A, "campaign_id": "1", "account_currency": "USD"}
    row |= {"spend": 10, "impressions": 1000, "clicks": 20, "link_clicks": 10, "results": 2}
    days = days_between(date(2026, 9, 1), date(2026, 11, 17))
    client.models.add(
        "marts.fct_campaign_daily",
        [row | {"day": day, "campaign_name": str(day.month)} for day in days],
    )
    spans = {
        "last_28d": ("2026-10-20", "2026-11-16", "2026-09-22", "2026-10-19"),
        "last_30d": ("2026-10-18", "2026-11-16", "2026-09-18", "2026-10-17"),
        "last_7d": ("2026-11-10", "2026-11-16", "2026-11-03", "2026-11-09"),
        "last_month": ("2026-10-01", "2026-10-31", "2026-09-01", "2026-09-30"),
        "this_month": ("2026-11-01", "2026-11-16", "2026-10-01", "2026-10-16"),
    }
    days_of = "first_day, last_day, prior_first_day, prior_last_day"
    assert client.periods(f"period, {days_of}") == [
        (period, *map(date.fromisoformat, days)) for period, days in spans.items()
    ]
    assert client.periods("spend, spend_prior, campaign_name, ctr, results_change") == [
        (280, 280, "11", 0.02, 0),
        (300, 300, "11", 0.02, 0),
        (70, 70, "11", 0.02, 0),
        (310, 300, "10", 0.02, pytest.approx(1 / 30)),
        (160, 160, "11", 0.02, 0),
    ]


def test_a_campaign_without_a_row_spent_nothing_on_a_known_day(client: Client) -> None:
    """Zero where the ad account's day is known, NULL where one is not."""
    for day in days_between(date(2026, 11, 1), date(2026, 11, 14)):
        if day != date(2026, 11, 2):
            empty = "confirmed_empty" if day.day > 10 else "pulled"
            client.knows(A, day, empty, report="campaign_daily")
    row = {"client_id": "c", "ad_account_id": A, "campaign_id": "1", "account_currency": "USD"}
    row |= {"spend": 10, "impressions": 1000, "clicks": 20, "link_clicks": 10, "results": 2}
    late = row | {"spend": 0, "impressions": 0, "clicks": 0, "link_clicks": None, "results": 3}
    client.models.add(
        "marts.fct_campaign_daily",
        [
            row | {"day": date(2026, 11, 9)},
            late | {"day": date(2026, 11, 10)},
            row | {"campaign_id": "2", "day": date(2026, 11, 1)},
        ],
    )
    measures = "campaign_id, spend, link_clicks, results, cpc, days_missing, spend_prior"
    assert client.periods(f"{measures}, prior_days_missing", "period = 'last_7d'") == [
        ("1", Decimal(10), 10, 5, 0.5, 0, None, 1),
        ("2", Decimal(0), 0, 0, None, 0, None, 1),
    ]


def test_a_report_can_be_made_of_the_marts(built: Warehouse):
    """Every question of the monthly report finds its columns, and its totals are the mart's."""
    months = built.query("select client_id, month, spend from marts.mart_monthly_report")
    with built.connect(read_only=True) as marts:
        marts.execute("set search_path = 'marts'")
        for client_id, month, spend in months:
            report = read_report(marts, client_id, month)
            assert report
            assert spend in [paid.figure("spend").value for paid in report.paid]
    assert months
