"""What Pages, posts and Instagram accounts are asked, and how their silence is understood."""

import json
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from unit_batches import Calls, asked_path, meta_of
from unit_transport import HOST, TOKEN, Reply, error_reply, page_of, params_of, session_of

from meta_pipeline.dates import Span
from meta_pipeline.graph import Credential, GraphClient, GraphError, Question, RetryPolicy
from meta_pipeline.graph.organic import Heard, ask_organic, first_day
from meta_pipeline.graph.tokens import TokenInfo
from meta_pipeline.reports import INSTAGRAM_METRICS, PAGE_METRICS, POST_METRICS, REPORTS

TODAY = date(2026, 11, 22)
WEEK = Span(date(2026, 11, 1), date(2026, 11, 7))
ALL_SCOPES = ("read_insights", "instagram_manage_insights")
SERIES = page_of([{"name": "x", "period": "day", "values": []}])
Answering = Callable[[requests.PreparedRequest], Reply]


def of_page(answer: Answering) -> Answering:
    """A Page with its own token; `answer` says the rest."""

    def answering(request: requests.PreparedRequest) -> Reply:
        if asked_path(request) == "7":
            return Reply({"id": "7", "access_token": "EAApage"})
        return answer(request)

    return answering


def heard_of(
    report: str,
    answer: Answering,
    span: Span | None = WEEK,
    *,
    scopes: Sequence[str] = ALL_SCOPES,
    inspections: list[str] | None = None,
) -> tuple[list[Heard], Calls]:
    """What is heard of every part of a report, and the calls that were made."""
    adapter, calls = meta_of(of_page(answer))
    client = GraphClient(
        base_url=HOST,
        version="v26.0",
        credential=Credential(SecretStr(TOKEN)),
        session=session_of(adapter),
        retry=RetryPolicy(attempts=1),
        sleep=lambda _: None,
    )

    def inspect() -> TokenInfo:
        (inspections if inspections is not None else []).append("asked")
        return TokenInfo("SYSTEM_USER", "1", is_valid=True, scopes=tuple(scopes))

    asked = [Question(REPORTS[report], "7", part, span, span) for part in REPORTS[report].parts]
    return list(ask_organic(client, asked, today=TODAY, inspect=inspect)), calls


def pages(heard: Heard) -> list[Any]:
    """The pages of an answer that is none of the errors."""
    assert not isinstance(heard.answer, GraphError)
    return heard.answer


def test_a_page_is_asked_one_metric_a_call_with_its_own_token() -> None:
    """All of them in one request, since one retired name would fail the others."""
    heard, calls = heard_of("page_daily", lambda _: SERIES)
    assert [one.question.part for one in heard] == list(PAGE_METRICS)
    assert [params["metric"] for params in calls.asked[1:]] == list(PAGE_METRICS)
    bearers = [str(request.headers["Authorization"]) for request in calls.made]
    assert bearers == [f"Bearer {TOKEN}"] + ["Bearer EAApage"] * len(PAGE_METRICS)
    assert {params["period"] for params in calls.asked[1:]} == {"day"}


def test_days_28_are_asked_for_as_such() -> None:
    """Viewers of 28 days cannot be summed from days."""
    _, calls = heard_of("page_28d", lambda _: SERIES)
    assert {params["period"] for params in calls.asked[1:]} == {"days_28"}


def windows_of(calls: Calls, metric: str) -> list[Span]:
    """The ranges asked for of a metric."""
    return [
        Span(*(date.fromisoformat(params[end]) for end in ("since", "until")))
        for params in calls.asked
        if params.get("metric") == metric
    ]


@given(st.dates(date(2023, 1, 1), date(2026, 11, 1)), st.integers(0, 800))
@settings(max_examples=20, deadline=None)
def test_page_windows_are_short_enough_and_cover_every_day(since: date, more: int) -> None:
    """At most 90 days a window; each day's end lies strictly inside one of them.

    Of a window Meta answers the ends of days after `since` and before `until`, read narrowly.
    """
    span = Span(since, since + timedelta(days=more))
    heard, calls = heard_of("page_daily", lambda _: SERIES, span)
    windows = windows_of(calls, PAGE_METRICS[0])
    assert all((window.until - window.since).days <= 90 for window in windows)
    ends = {day for window in windows for day in list(window)[1:-1]}
    assert {day + timedelta(days=1) for day in span} <= ends
    assert [day for page in pages(heard[0]) for day in page.keep or ()] == list(span)


@given(st.dates(date(2023, 1, 1), date(2026, 11, 1)), st.integers(0, 100))
@settings(max_examples=10, deadline=None)
def test_instagram_is_asked_for_series_by_month_and_for_totals_by_day(
    since: date, more: int
) -> None:
    """A total holds no date, so each day is a call; 30 days with an hour more are too many."""
    span = Span(since, since + timedelta(days=more))
    heard, calls = heard_of("instagram_daily", lambda _: SERIES, span)
    for one in heard:
        windows = windows_of(calls, one.question.part)
        longest = 29 if one.question.part == "reach" else 1
        assert all((window.until - window.since).days <= longest for window in windows)
        assert [day for page in pages(one) for day in page.keep or ()] == list(span)


def test_instagram_metrics_are_asked_for_in_their_type() -> None:
    """`reach` alone has a series; follows are told from unfollows by a breakdown."""
    day = Span(WEEK.since, WEEK.since)
    _, calls = heard_of("instagram_daily", lambda _: SERIES, day)
    asked = {params["metric"]: params for params in calls.asked}
    assert list(asked) == list(INSTAGRAM_METRICS)
    assert {m: params["metric_type"] for m, params in asked.items()} == {
        "reach": "time_series",
        **dict.fromkeys(INSTAGRAM_METRICS[1:], "total_value"),
    }
    with_breakdown = {m: p["breakdown"] for m, p in asked.items() if "breakdown" in p}
    assert with_breakdown == {"follows_and_unfollows": "follow_type"}
    assert {str(request.headers["Authorization"]) for request in calls.made} == {f"Bearer {TOKEN}"}


def test_a_long_range_is_asked_for_once_a_day() -> None:
    """In as many batches of 50 as it takes; `reach` needs three calls for 83 days."""
    _, calls = heard_of("instagram_daily", lambda _: SERIES, Span(date(2026, 9, 1), TODAY))
    assert len(calls.made) == 4 * 83 + 3


POSTS = [{"id": "7_1", "created_time": "2026-11-20T10:00:00+0000"}, {"id": "7_2"}]


def of_posts(
    rows: list[Any], figures: Answering = lambda _: SERIES, *, older: bool = True
) -> Answering:
    """A Page with these posts of late; `older` says whether it has others."""

    def answer(request: requests.PreparedRequest) -> Reply:
        if asked_path(request) != "7/posts":
            return figures(request)
        if "since" in params_of(request):
            return page_of(rows)
        return page_of([{"id": "7_0"}] if older else [])

    return answer


def test_each_recent_post_is_asked_for_each_metric() -> None:
    """The posts of 28 days are listed once."""
    heard, calls = heard_of("post_insights", of_posts(POSTS), None)
    assert calls.asked[1] == {"fields": "id", "since": "2026-10-25", "limit": "100"}
    asked = [
        (path, params.get("metric")) for path, params in zip(calls.paths, calls.asked, strict=True)
    ]
    assert asked[2:] == [
        (f"{post['id']}/insights", metric) for metric in POST_METRICS for post in POSTS
    ]
    assert [len(pages(one)) for one in heard] == [2] * len(POST_METRICS)


@pytest.mark.parametrize("report", ["page_posts", "post_insights"])
@pytest.mark.parametrize("older", [True, False])
def test_no_recent_posts_are_believed_when_older_ones_show(report: str, older: bool) -> None:
    """A token that sees none at all may lack the right to."""
    heard, _ = heard_of(report, of_posts([], older=older), None)
    assert [page.rows for one in heard for page in pages(one)] in ([], [0])
    assert [one.proof is not None for one in heard] == [older] * len(heard)


def test_posts_are_read_to_the_last_page() -> None:
    """And anew from the first one when a cursor expires on the way."""
    expired = error_reply(2642, message="Invalid cursors values")
    replies = iter(
        [page_of([POSTS[0]], "B"), expired, page_of([POSTS[0]], "C"), page_of(POSTS[1:])]
    )
    (heard,), _ = heard_of("page_posts", lambda _: next(replies), None)
    assert [page.rows for page in pages(heard)] == [1, 1]


def test_too_few_viewers_are_neither_failure_nor_zero() -> None:
    """The other posts land; the note says what Meta says."""
    quiet = error_reply(10, message="(#10) Not enough viewers for the media to show insights")

    def figures(request: requests.PreparedRequest) -> Reply:
        return quiet if asked_path(request).startswith("7_1") else SERIES

    heard, _ = heard_of("post_insights", of_posts(POSTS, figures), None)
    assert [len(pages(one)) for one in heard] == [1] * len(POST_METRICS)
    assert all("Not enough viewers" in str(one.note) for one in heard)


@pytest.mark.parametrize(
    ("report", "scope"),
    [("page_daily", "read_insights"), ("instagram_daily", "instagram_manage_insights")],
)
def test_an_empty_answer_without_the_scope_is_a_missing_right(report: str, scope: str) -> None:
    """Meta answers 200 with nothing; the token is asked about once, and the menu is named."""
    inspections: list[str] = []
    heard, _ = heard_of(report, lambda _: page_of([]), scopes=(), inspections=inspections)
    assert inspections == ["asked"]
    for one in heard:
        assert isinstance(one.answer, GraphError)
        assert (one.answer.kind, scope in one.answer.message) == ("permission", True)
        assert scope in str(one.answer.hint)
        assert "Business settings" in str(one.answer.hint)


def test_an_empty_answer_with_the_scope_is_an_empty_answer() -> None:
    """Nothing proves it, and nothing speaks against it."""
    heard, _ = heard_of("page_daily", lambda _: page_of([]))
    assert [page.rows for one in heard for page in pages(one)] == [0] * len(PAGE_METRICS)


def test_answers_with_rows_raise_no_doubt() -> None:
    """The token is not asked about."""
    inspections: list[str] = []
    heard_of("page_daily", lambda _: SERIES, inspections=inspections)
    assert inspections == []


DEAD = error_reply(100, message="(#100) The value must be a valid insights metric")


def test_a_dead_metric_costs_itself_alone() -> None:
    """The others are answered."""

    def answer(request: requests.PreparedRequest) -> Reply:
        return DEAD if params_of(request)["metric"] == PAGE_METRICS[2] else SERIES

    heard, _ = heard_of("page_daily", answer)
    kinds = {one.question.part: getattr(one.answer, "kind", None) for one in heard}
    assert kinds == dict.fromkeys(PAGE_METRICS) | {PAGE_METRICS[2]: "dead metric"}


def test_a_metric_that_some_posts_lack_is_not_dead() -> None:
    """Kinds of posts differ in their metrics; the others have figures."""

    def figures(request: requests.PreparedRequest) -> Reply:
        return DEAD if asked_path(request).startswith("7_1") else SERIES

    heard, _ = heard_of("post_insights", of_posts(POSTS, figures), None)
    assert [len(pages(one)) for one in heard] == [1] * len(POST_METRICS)


@pytest.mark.parametrize("code", [190, 4])
def test_after_a_refusal_nothing_more_is_sent(code: int) -> None:
    """A bad token or a used up quota would be answered the same way again."""
    heard, calls = heard_of(
        "instagram_daily", lambda _: error_reply(code), Span(date(2026, 9, 1), TODAY)
    )
    assert len(calls.made) < 60
    assert all(isinstance(one.answer, GraphError) for one in heard)
    assert [one.question.part for one in heard] == list(INSTAGRAM_METRICS)


def test_what_is_no_list_is_no_empty_list() -> None:
    """An answer of another shape proves nothing."""
    heard, _ = heard_of("page_daily", lambda _: Reply(json.dumps({"success": True})))
    assert {getattr(one.answer, "kind", None) for one in heard} == {"broken answer"}


def test_two_years_are_kept() -> None:
    """One day inside of them, lest clocks differ."""
    assert first_day(date(2026, 11, 22)) == date(2024, 11, 23)
