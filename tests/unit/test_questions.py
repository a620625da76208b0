"""From a report, an asset and a span to the requests that answer it."""

import json
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit_transport import Reply, client_of, page_of

from meta_pipeline.dates import Span
from meta_pipeline.graph import Question, questions
from meta_pipeline.reports import PAD_DAYS, PAGE_METRICS, REPORTS, Report

LONG_AGO = date(2020, 1, 1)
WEEK = Span(date(2026, 10, 5), date(2026, 10, 11))
DAILY = [r for r in REPORTS.values() if r.surface == "ads" and r.grain == "day"]
SNAPSHOTS = [r for r in REPORTS.values() if r.grain == "snapshot"]


def asked_by(question: Question, *replies: Reply) -> list[dict[str, str]]:
    """The parameters of every request that a question makes."""
    client, meta = client_of(*replies or [page_of([])])
    list(question.ask(client))
    return meta.asked


def the_question(name: str, span: Span | None, *, first_day: date = LONG_AGO) -> Question:
    """The only question of a report."""
    (question,) = questions(REPORTS[name], "act_1", span, first_day=first_day)
    return question


@pytest.mark.parametrize("report", DAILY, ids=lambda r: r.name)
def test_daily_insights_are_asked_from_before_the_first_day_kept(report: Report) -> None:
    """The start is padded; what is kept is not."""
    (question,) = questions(report, "act_1", WEEK, first_day=LONG_AGO)
    padded = Span(WEEK.since - timedelta(days=PAD_DAYS), WEEK.until)
    assert (question.span, question.requested) == (WEEK, padded)


@given(st.integers(0, 20))
@settings(deadline=None)
def test_padding_ends_where_retention_does(days_before: int) -> None:
    """Beyond the first day that Meta answers for, the whole question would be refused."""
    first_day = WEEK.since - timedelta(days=days_before)
    question = the_question("ad_daily", WEEK, first_day=first_day)
    padding = min(days_before, PAD_DAYS)
    assert question.requested == Span(WEEK.since - timedelta(days=padding), WEEK.until)


def test_months_and_pages_are_not_padded() -> None:
    """A padded month would be another month; Page metrics know no clicks."""
    month = Span(date(2026, 10, 1), date(2026, 10, 31))
    assert the_question("account_monthly", month).requested == month
    pages = questions(REPORTS["page_daily"], "7", WEEK, first_day=LONG_AGO)
    assert {question.requested for question in pages} == {WEEK}


@pytest.mark.parametrize("report", DAILY, ids=lambda r: r.name)
def test_daily_insights_ask_one_range_by_day(report: Report) -> None:
    """One request for the whole range, cut into days by Meta."""
    (question,) = questions(report, "act_1", WEEK, first_day=WEEK.since)
    (asked,) = asked_by(question)
    assert json.loads(asked["time_range"]) == {"since": "2026-10-05", "until": "2026-10-11"}
    assert (asked["time_increment"], asked["level"]) == ("1", report.level)
    assert asked["fields"].split(",") == list(report.fields)
    assert asked.get("breakdowns", "") == ",".join(report.breakdowns)
    assert asked["limit"] == "500"


def test_the_account_is_asked_for_its_total() -> None:
    """The total is what empty days are proved against."""
    assert asked_by(the_question("account_daily", WEEK))[0]["default_summary"] == "true"


def test_months_are_asked_by_month() -> None:
    """`time_increment` is Meta's word for calendar months."""
    (asked,) = asked_by(the_question("account_monthly", WEEK.months()))
    assert json.loads(asked["time_range"]) == {"since": "2026-10-01", "until": "2026-10-31"}
    assert (asked["time_increment"], asked["level"]) == ("monthly", "account")


@pytest.mark.parametrize("report", SNAPSHOTS, ids=lambda r: r.name)
def test_snapshots_are_asked_without_days(report: Report) -> None:
    """Objects as they are now, every status included; the account is a single object."""
    question = the_question(report.name, None)
    (asked,) = asked_by(question)
    page_size = {"limit": "500"} if report.edge else {}
    assert asked == {"fields": ",".join(report.fields), **report.params, **page_size}
    assert (question.span, question.requested) == (None, None)


@pytest.mark.parametrize(
    ("name", "path"), [("accounts", "act_1"), ("ads", "act_1/ads"), ("ad_daily", "act_1/insights")]
)
def test_the_path_is_the_asset_and_the_edge(name: str, path: str) -> None:
    """Without an edge there is no slash behind the id."""
    client, meta = client_of(page_of([]))
    list(the_question(name, None if name != "ad_daily" else WEEK).ask(client))
    assert meta.paths == [f"/v26.0/{path}"]


def test_lists_are_followed_to_their_end() -> None:
    """Each page with the same question."""
    asked = asked_by(the_question("ads", None), page_of([{}], "B"), page_of([{}]))
    assert [params.get("after") for params in asked] == [None, "B"]


def test_page_metrics_are_asked_one_by_one() -> None:
    """A retired metric costs itself and nothing else."""
    asked = [
        params
        for question in questions(REPORTS["page_daily"], "7", WEEK, first_day=LONG_AGO)
        for params in asked_by(question)
    ]
    assert [params["metric"] for params in asked] == list(PAGE_METRICS)
    assert {params["period"] for params in asked} == {"day"}


@given(st.dates(date(2023, 1, 1), date(2026, 11, 1)), st.integers(0, 800))
@settings(max_examples=60, deadline=None)
def test_page_windows_are_short_enough_and_cover_every_day(since: date, more: int) -> None:
    """At most 90 days a window; each day's end lies strictly inside one of them.

    Of a window Meta answers the ends of days after `since` and before `until`, read narrowly.
    """
    span = Span(since, since + timedelta(days=more))
    question = questions(REPORTS["page_daily"], "7", span, first_day=LONG_AGO)[0]
    asked = asked_by(question, *[page_of([])] * 20)
    windows = [
        Span(*(date.fromisoformat(params[n]) for n in ("since", "until"))) for params in asked
    ]
    assert all((window.until - window.since).days <= 90 for window in windows)
    ends = {day for window in windows for day in list(window)[1:-1]}
    assert {day + timedelta(days=1) for day in span} <= ends


def test_page_paging_is_not_followed() -> None:
    """Page Insights name a next stretch for ever."""
    question = questions(REPORTS["page_daily"], "7", WEEK, first_day=LONG_AGO)[0]
    client, meta = client_of(page_of([{"name": "page_media_view"}], "B"), page_of([]))
    assert len(list(question.ask(client))) == 1
    assert len(meta.requests) == 1
