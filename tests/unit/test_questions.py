"""From a report, an asset and a span to the requests that answer it."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit_transport import Reply, client_of, page_of

from meta_pipeline.dates import Span, trailing
from meta_pipeline.graph import Question, questions
from meta_pipeline.graph.questions import RANGES, WINDOW_DAYS
from meta_pipeline.reports import PAD_DAYS, REPORTS, Report

LONG_AGO = date(2020, 1, 1)
TODAY = date(2026, 11, 22)
WEEK = Span(date(2026, 10, 5), date(2026, 10, 11))
DAILY = [
    r for r in REPORTS.values() if r.surface == "ads" and r.grain == "day" and not r.rolling_days
]
SNAPSHOTS = [r for r in REPORTS.values() if r.surface == "ads" and r.grain == "snapshot"]


def asked_by(question: Question, *replies: Reply) -> list[dict[str, str]]:
    """The parameters of every request that a question makes."""
    client, meta = client_of(*replies or [page_of([])])
    list(question.ask(client))
    return meta.asked


def asked_for(
    name: str, span: Span | None, *windows: str, first_day: date = LONG_AGO, asset_id: str = "act_1"
) -> list[Question]:
    """The questions of a report."""
    return questions(
        REPORTS[name], asset_id, span, today=TODAY, first_day=first_day, windows=windows
    )


def the_question(name: str, span: Span | None, *windows: str) -> Question:
    """The only question of a report."""
    (question,) = asked_for(name, span, *windows)
    return question


@pytest.mark.parametrize("report", DAILY, ids=lambda r: r.name)
def test_daily_insights_are_asked_from_before_the_first_day_kept(report: Report) -> None:
    """The start is padded; what is kept is not."""
    question = the_question(report.name, WEEK)
    padded = Span(WEEK.since - timedelta(days=PAD_DAYS), WEEK.until)
    assert (question.span, question.requested) == (WEEK, padded)


@pytest.mark.parametrize(("windows", "days"), [(("1d_view",), 7), (("1d_click", "28d_click"), 28)])
def test_the_longest_attribution_window_is_padded_for(windows: tuple[str, ...], days: int) -> None:
    """A click 28 days before its conversion lies inside the range asked for."""
    question = the_question("ad_daily", WEEK, *windows)
    assert question.requested == Span(WEEK.since - timedelta(days=days), WEEK.until)


@given(st.integers(0, 20))
@settings(deadline=None)
def test_padding_ends_where_retention_does(days_before: int) -> None:
    """Days without all of their padding are asked for apart, and say what they may lack."""
    first_day = WEEK.since - timedelta(days=days_before)
    found = asked_for("ad_daily", WEEK, first_day=first_day)
    assert [day for question in found for day in question.span or ()] == list(WEEK)
    for question in found:
        assert question.span
        padded = question.span.padded(PAD_DAYS)
        assert question.requested == padded.clamped(since=first_day)
        assert bool(question.note) == (padded.since < first_day)


def test_days_that_lack_conversions_say_so() -> None:
    """The note becomes the reason in coverage."""
    first, second = asked_for("ad_daily", WEEK, first_day=WEEK.since - timedelta(days=4))
    assert first.note == "conversions whose click lies before 2026-10-01 are not in it"
    assert (first.span, second.note) == (Span(WEEK.since, date(2026, 10, 7)), "")


def test_months_and_pages_are_not_padded() -> None:
    """A padded month would be another month; Page metrics know no clicks."""
    month = Span(date(2026, 10, 1), date(2026, 10, 31))
    assert the_question("account_monthly", month).requested == month
    assert {question.requested for question in asked_for("page_daily", WEEK)} == {WEEK}


@pytest.mark.parametrize("report", DAILY, ids=lambda r: r.name)
def test_daily_insights_ask_one_range_by_day(report: Report) -> None:
    """One request for the whole range, cut into days by Meta."""
    (asked,) = asked_by(the_question(report.name, WEEK))
    assert json.loads(asked["time_range"]) == {"since": "2026-09-28", "until": "2026-10-11"}
    assert (asked["time_increment"], asked["level"]) == ("1", report.level)
    assert asked["fields"].split(",") == list(report.fields)
    assert asked.get("breakdowns", "") == ",".join(report.breakdowns)
    assert asked["limit"] == "500"
    assert "action_attribution_windows" not in asked


def test_attribution_windows_are_asked_for_with_actions() -> None:
    """A JSON list; a report without actions has no use for it."""
    (asked,) = asked_by(the_question("ad_daily", WEEK, "1d_click", "7d_click"))
    assert json.loads(asked["action_attribution_windows"]) == ["1d_click", "7d_click"]
    (asked,) = asked_by(the_question("account_28d", WEEK, "1d_click"))
    assert "action_attribution_windows" not in asked


def test_fields_left_out_are_not_asked_for() -> None:
    """Everything else is."""
    question = replace(the_question("platform_daily", WEEK), left_out=("reach", "frequency"))
    (asked,) = asked_by(question)
    assert set(question.report.fields) - set(asked["fields"].split(",")) == {"reach", "frequency"}


@pytest.mark.parametrize(("is_rest", "operator"), [(False, "IN"), (True, "NOT_IN")])
def test_campaigns_are_filtered_beside_what_the_report_filters_by(
    is_rest: bool, operator: str
) -> None:
    """Without the report's own filter, archived campaigns would vanish from a split pull."""
    question = the_question("campaign_daily", WEEK)
    own = json.loads(question.params()["filtering"])
    (asked,) = asked_by(replace(question, campaigns=("1", "2"), is_rest=is_rest))
    more = {"field": "campaign.id", "operator": operator, "value": ["1", "2"]}
    assert json.loads(asked["filtering"]) == [*own, more]


@pytest.mark.parametrize("report", DAILY, ids=lambda r: r.name)
def test_a_backfill_of_90_days_is_one_question(report: Report) -> None:
    """It is the one everybody begins with."""
    assert the_question(report.name, trailing(TODAY, 90)).span == trailing(TODAY, 90)


@given(st.integers(1, 1100))
@settings(max_examples=30, deadline=None)
def test_long_spans_are_several_questions(days: int) -> None:
    """Each is landed by itself; together they keep each day once, each padded for itself."""
    found = asked_for("ad_daily", trailing(TODAY, days))
    assert [day for q in found for day in q.span or ()] == list(trailing(TODAY, days))
    assert len(found) == -(-days // WINDOW_DAYS)
    assert all(q.span and q.requested == q.span.padded(PAD_DAYS) for q in found)


def test_rolling_days_are_asked_as_one_range_each() -> None:
    """28 days that end with each day kept, in one request and without an increment."""
    span = Span(date(2026, 10, 5), date(2026, 10, 6))
    (asked,) = asked_by(the_question("account_28d", span))
    assert json.loads(asked["time_ranges"]) == [
        {"since": "2026-09-08", "until": "2026-10-05"},
        {"since": "2026-09-09", "until": "2026-10-06"},
    ]
    assert not {"time_range", "time_increment"} & set(asked)


def test_rolling_ranges_are_so_many_a_question() -> None:
    """Each question keeps its own days and asks for what they reach back to."""
    found = asked_for("account_28d", trailing(TODAY, RANGES + 1))
    assert [q.span.days for q in found if q.span] == [RANGES, 1]
    assert all(q.span and q.requested == q.span.padded(27) for q in found)


def test_rolling_days_that_begin_before_retention_are_left_out() -> None:
    """A shorter range would be another figure under the same name."""
    first_day = WEEK.since - timedelta(days=25)
    (question,) = asked_for("account_28d", WEEK, first_day=first_day)
    assert question.span == Span(WEEK.since + timedelta(days=2), WEEK.until)
    assert question.requested == Span(first_day, WEEK.until)


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
