"""What is asked for: which days of which account, Page or month."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from unit_batches import asked_path
from unit_desk import at
from unit_office import FIRST, NOON, Office, client, in_zone, opened_office
from unit_transport import Reply

from meta_pipeline.dates import Span, end_of_month, retention_floor

ZONES = [
    *("Pacific/Kiritimati", "Pacific/Apia", "Pacific/Auckland", "Pacific/Chatham"),
    *("Australia/Lord_Howe", "Asia/Tokyo", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Tehran"),
    *("Europe/Berlin", "Africa/Casablanca", "UTC", "Atlantic/Azores", "America/St_Johns"),
    *("America/Sao_Paulo", "America/New_York", "America/Los_Angeles", "Pacific/Honolulu"),
    *("Pacific/Pago_Pago", "Etc/GMT+12"),
]
moments = st.integers(0, 20 * 365 * 24 * 60).map(
    lambda minutes: datetime(2015, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


@given(st.sampled_from(ZONES), moments)
@settings(max_examples=15, deadline=None)
def test_no_day_is_asked_for_before_it_has_begun_in_the_accounts_zone(
    zone: str, now: datetime
) -> None:
    """Of the days around now, exactly those up to the account's own today are asked for."""
    today = now.astimezone(ZoneInfo(zone)).date()
    wanted = Span(now.date() - timedelta(days=3), now.date() + timedelta(days=3))
    with opened_office(answering=in_zone(zone), now=now) as office:
        office.pull("accounts")
        office.pull("ad_daily", wanted)
        assert [span.until for span in office.ranges()] == [today]
        assert office.kept() == [Span(wanted.since, today)]


@given(moments)
@settings(max_examples=5, deadline=None)
def test_an_account_of_unknown_zone_is_taken_to_be_the_last_to_begin_a_day(now: datetime) -> None:
    """Before it has said where it is, today is where the day begins last."""
    last = (now - timedelta(hours=12)).date()
    with opened_office(now=now) as office:
        office.pull("ad_daily", Span(last - timedelta(days=1), last + timedelta(days=2)))
        assert [span.until for span in office.ranges()] == [last]


@given(moments)
@settings(max_examples=5, deadline=None)
def test_pages_begin_their_days_in_the_pacific(now: datetime) -> None:
    """Whatever zone the account is in."""
    today = now.astimezone(ZoneInfo("America/Los_Angeles")).date()
    answering = in_zone("Pacific/Kiritimati")

    def answer(request: requests.PreparedRequest) -> Reply:
        is_page = asked_path(request) == "7"
        return Reply({"id": "7", "access_token": "EAApage"}) if is_page else answering(request)

    with opened_office(now=now, clients=[client(pages=["7"])], answering=answer) as office:
        office.pull("page_daily", Span(today, today + timedelta(days=2)))
        assert set(office.kept()) == {Span(today, today)}


@given(moments, st.integers(0, 70), st.integers(0, 70))
@settings(max_examples=15, deadline=None)
def test_months_are_whole_and_end_yesterday_at_the_latest(
    now: datetime, before: int, more: int
) -> None:
    """The running month is asked for up to yesterday, any other one as a whole."""
    yesterday = (now - timedelta(hours=12)).date() - timedelta(days=1)
    since = yesterday - timedelta(days=before)
    with opened_office(now=now) as office:
        office.pull("account_monthly", Span(since, since + timedelta(days=more)))
        (asked,) = office.ranges()
        last = min(yesterday, end_of_month(since + timedelta(days=more)))
        assert asked == Span(since.replace(day=1), last)
        assert office.kept() == [asked]


def test_a_month_that_has_not_ended_a_day_is_not_asked_for(office: Office) -> None:
    """On the first of a month nothing of it is over."""
    office.now = datetime(2026, 11, 2, 6, tzinfo=UTC)  # 1 November in the latest zone
    assert office.pull("account_monthly", Span(date(2026, 11, 1), date(2026, 11, 30))) == []


@pytest.mark.parametrize("report", ["ad_daily", "account_monthly"])
def test_a_span_of_the_future_is_not_asked_for(office: Office, report: str) -> None:
    """There is nothing to say, so nobody is asked."""
    assert office.pull(report, Span(date(2026, 11, 23), date(2026, 12, 24))) == []
    assert office.meta.made == []


def test_nothing_before_the_clients_start_is_kept(office: Office) -> None:
    """The start cuts every span; what lies before it altogether is left out."""
    office.clients = [client(start_date="2026-11-10")]
    spans = [
        Span(date(2026, 10, 1), date(2026, 10, 9)),
        Span(date(2026, 11, 1), date(2026, 11, 15)),
    ]
    office.pull("ad_daily", *spans)
    assert office.kept() == [Span(date(2026, 11, 10), date(2026, 11, 15))]


def test_nothing_beyond_retention_is_asked_for(office: Office) -> None:
    """Not even as padding: Meta would refuse the whole question."""
    floor = retention_floor(NOON.date() - timedelta(days=1))
    office.now = NOON - timedelta(days=1)
    office.pull("ad_daily", Span(date(2020, 1, 1), floor + timedelta(days=5)))
    assert office.ranges() == [Span(floor, floor + timedelta(days=5))]
    assert office.kept() == office.ranges()


def test_a_month_cut_by_retention_is_left_out(office: Office) -> None:
    """Part of a month would pass for a month."""
    office.pull("account_monthly", Span(date(2020, 1, 1), date(2023, 12, 5)))
    assert retention_floor(NOON.date()) == date(2023, 10, 23)
    assert office.ranges() == [Span(date(2023, 11, 1), date(2023, 12, 31))]


def test_a_start_beyond_retention_does_not_reach_further(office: Office) -> None:
    """The later of the two bounds holds."""
    office.clients = [client(start_date="2015-01-01")]
    office.pull("ad_daily", Span(date(2020, 1, 1), date(2024, 1, 1)))
    assert office.kept()[0].since == retention_floor(NOON.date())


def test_a_snapshot_is_asked_once_whatever_the_spans(office: Office) -> None:
    """Objects are as they are now."""
    office.pull(
        "campaigns", Span(date(2020, 1, 1), date(2030, 1, 1)), Span(date(2026, 1, 1), at(1).date())
    )
    assert len(office.meta.made) == 1
    assert office.query("select since, pulled_at from raw.pulls") == [(None, NOON)]


def test_a_range_is_asked_for_at_once(office: Office) -> None:
    """One request for many days, padded; every one of the days is covered."""
    span = Span(date(2026, 10, 1), date(2026, 10, 30))
    (outcome,) = office.pull("ad_daily", span)
    assert (outcome.requests, len(office.meta.made)) == (1, 1)
    assert office.ranges() == [span.padded(7)]
    assert office.query("select count(*) from raw.coverage") == [(30,)]


def test_every_day_kept_is_asked_for() -> None:
    """Retention is counted from one today, the account's, also where months differ in length."""
    now = datetime(2026, 3, 1, 6, tzinfo=UTC)
    with opened_office(answering=in_zone("America/Los_Angeles"), now=now) as office:
        office.pull("accounts")
        office.pull("ad_daily", Span(date(2020, 1, 1), date(2023, 3, 1)))
        pairs = zip(office.ranges(), office.kept(), strict=True)
        assert all(asked.since <= kept.since for asked, kept in pairs)
        assert office.kept()[-1].until == date(2023, 3, 1)


def test_padding_stays_inside_retention() -> None:
    """In Kiritimati it is March already, and January 2023 is too long ago to be asked for."""
    now = datetime(2026, 2, 28, 12, tzinfo=UTC)
    with opened_office(answering=in_zone("Pacific/Kiritimati"), now=now) as office:
        office.pull("accounts")
        office.pull("ad_daily", Span(date(2020, 1, 1), date(2023, 3, 1)))
        assert office.ranges()[0].since >= date(2023, 2, 1)


def test_an_unknown_time_zone_holds_up_nobody() -> None:
    """Its account's days are taken to begin as late as they can."""
    clients = [client(), client("luna", ad_accounts=["act_2"])]
    with opened_office(answering=in_zone("Mars/Olympus"), clients=clients) as office:
        office.pull("accounts")
        assert len(office.pull("ad_daily", FIRST)) == 2
