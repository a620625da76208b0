"""A question of any size: at once, as report run, or in parts that are the whole."""

import json
import logging
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit_meta import RUN_FAILED, RUNNING, Params, Row, SmallMeta, kept_rows
from unit_quota import FakeTime, ledger_of
from unit_transport import Reply, error_reply, page_of

from meta_pipeline.dates import Span
from meta_pipeline.graph import (
    Answer,
    BadRequestError,
    CursorExpiredError,
    GraphError,
    PermissionDeniedError,
    Question,
    ThrottledError,
    TooLargeError,
    TransientError,
    questions,
)
from meta_pipeline.graph.asking import ASYNC_ROWS, STUCK_RUNS, ask
from meta_pipeline.graph.jobs import JobBoard
from meta_pipeline.reports import REPORTS

TODAY = date(2026, 11, 22)
WEEK = Span(date(2026, 10, 5), date(2026, 10, 11))
EXPIRED = error_reply(2642, message="(#2642) Invalid cursors values")
REDUCE = error_reply(1, message="Please reduce the amount of data you're asking for", status=500)
Script = Callable[[SmallMeta, str, Params], Reply | None]


def question_of(name: str = "campaign_daily", span: Span | None = WEEK) -> Question:
    """The question of a report."""
    long_ago = date(2020, 1, 1)
    (question,) = questions(REPORTS[name], "act_1", span, today=TODAY, first_day=long_ago)
    return question


class Clock:
    """Time that passes by waiting."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        """Waits without waiting."""
        self.now += seconds

    def board(self) -> JobBoard:
        """A board on this clock."""
        return JobBoard(sleep=self.sleep, now=lambda: self.now, uniform=lambda: 1.0)


def answers_of(
    meta: SmallMeta, question: Question, expected_rows: int | None = None
) -> list[Answer]:
    """Every page of the answer."""
    board = Clock().board()
    return list(ask(meta.client(), question, expected_rows=expected_rows, board=board))


def unsplit(meta: SmallMeta, question: Question) -> list[Row]:
    """The rows that one answer without limits keeps."""
    endless = SmallMeta(meta.campaigns)
    answers = answers_of(endless, question)
    assert len(endless.asked) == len(answers)
    return kept_rows(question.report, answers)


def once(path: str, *replies: Reply) -> Script:
    """Answers the next requests of a path that ends so."""
    left = list(replies)
    return lambda _, asked, __: left.pop(0) if left and asked.endswith(path) else None


def always(path: str, reply: Reply, when: Callable[[Params], bool] = lambda _: True) -> Script:
    """Answers all requests of a path that ends so."""
    return lambda _, asked, params: reply if asked.endswith(path) and when(params) else None


def test_a_small_question_is_one_request() -> None:
    """Its days are all kept, as one part."""
    meta, question = SmallMeta(), question_of()
    (answer,) = answers_of(meta, question)
    assert (answer.keep, answer.group) == (WEEK, 0)
    assert meta.asked == [("GET", "act_1/insights")]


@pytest.mark.parametrize(("rows", "runs"), [(None, 0), (ASYNC_ROWS, 0), (ASYNC_ROWS + 1, 1)])
def test_a_question_known_to_be_large_is_a_report_run(rows: int | None, runs: int) -> None:
    """Known from earlier answers; the rows are the same."""
    meta, question = SmallMeta(polls=1), question_of()
    answers = answers_of(meta, question, expected_rows=rows)
    assert kept_rows(question.report, answers) == unsplit(meta, question)
    assert (len(meta.runs), meta.count("GET", "act_1/insights")) == (runs, 1 - runs)


TOO_LARGE = [
    error_reply(100, 1487534, "Invalid parameter"),
    error_reply(100, 1504018, "Your request timed out"),
    REDUCE,
    Reply("<html>504</html>", 504),
]


@pytest.mark.parametrize("reply", TOO_LARGE)
def test_what_is_too_large_at_once_becomes_a_report_run(reply: Reply) -> None:
    """The same question, whole."""
    meta, question = SmallMeta(scripted=once("act_1/insights", reply)), question_of()
    answers = answers_of(meta, question)
    assert kept_rows(question.report, answers) == unsplit(meta, question)
    assert meta.asked[:2] == [("GET", "act_1/insights"), ("POST", "act_1/insights")]
    assert json.loads(meta.runs["run1"]["time_range"])["since"] == "2026-09-28"


def test_what_is_too_large_on_a_later_page_leaves_no_page_behind() -> None:
    """The pages before it would be doubled by those of the report run."""
    meta = SmallMeta(campaigns=tuple(map(str, range(10, 70))))
    meta.scripted = always("act_1/insights", TOO_LARGE[0], lambda params: "after" in params)
    question = question_of()
    answers = answers_of(meta, question)
    assert kept_rows(question.report, answers) == unsplit(meta, question)
    assert all(answer.path == "run1/insights" for answer in answers)


def test_pages_of_a_report_run_say_what_was_asked() -> None:
    """The run's id alone would not tell."""
    question = question_of()
    (answer,) = answers_of(SmallMeta(), question, expected_rows=10**6)
    assert dict(answer.params) == question.params() | {"limit": "500"}


def test_the_total_comes_with_a_report_run_too() -> None:
    """It is what empty days are proved against."""
    (answer,) = answers_of(SmallMeta(), question_of("account_daily"), expected_rows=10**6)
    body = json.loads(answer.body)
    assert int(body["summary"]["impressions"]) == sum(int(r["impressions"]) for r in body["data"])


SPLIT = ["account_daily", "account_28d", "account_monthly", "campaign_daily", "ad_daily"]


@given(
    st.sampled_from(SPLIT),
    st.integers(0, 80),
    st.sets(st.integers(10, 60), max_size=9),
    st.sets(st.integers(10, 60), max_size=3),
    st.integers(1, 60),
    st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_a_split_answer_is_the_whole_one_row_for_row(
    name: str, days: int, listed: set[int], unlisted: set[int], limit: int, is_large: bool
) -> None:
    """Whatever the days, the campaigns (also some that no list names) and the limit.

    The limit is never below what the smallest part has: a day with its seven days of padding.
    """
    report, span = REPORTS[name], Span(date(2026, 8, 1), date(2026, 8, 1) + timedelta(days=days))
    if report.rolling_days:
        span = span.clamped(until=date(2026, 8, 30)) or span
    question = question_of(name, span.months() if report.grain == "month" else span)
    limit = max(limit, 8 * max(1, len(unlisted - listed)))
    meta = SmallMeta(
        campaigns=tuple(map(str, sorted(listed | unlisted))),
        listed=tuple(map(str, sorted(listed))),
        at_once=limit,
        as_run=limit,
    )
    answers = answers_of(meta, question, expected_rows=10**6 if is_large else None)
    assert kept_rows(report, answers) == unsplit(meta, question)
    assert_totals_fit(answers)
    assert_bounded(meta, answers, len(meta.rows(question.params())) / limit)


def assert_bounded(meta: SmallMeta, answers: list[Answer], times_too_large: float) -> None:
    """Parts grow with how much too large the question is, requests with the parts.

    Each part is padded for itself, so that a few times as many are needed.
    """
    parts = len({answer.group for answer in answers})
    assert parts <= 10 * (1 + times_too_large)
    # For each part, and each larger one it was cut from: start, state and reading.
    assert len(meta.asked) <= 4 + 6 * parts + len(answers)


def assert_totals_fit(answers: list[Answer]) -> None:
    """The total of each part is that of its own rows, with the padded days."""
    for group in {answer.group for answer in answers}:
        bodies = [json.loads(answer.body) for answer in answers if answer.group == group]
        totals = {body["summary"]["impressions"] for body in bodies if "summary" in body}
        if totals:
            rows = [row for body in bodies for row in body["data"]]
            assert totals == {str(sum(int(row["impressions"]) for row in rows))}


def test_parts_are_numbered_and_keep_their_own_days() -> None:
    """Their padding overlaps; landing takes each day from its own part."""
    meta = SmallMeta(("11",), at_once=1, as_run=20)
    answers = answers_of(meta, question_of(span=Span(date(2026, 8, 1), date(2026, 8, 31))))
    assert [answer.group for answer in answers] == [0, 1]
    assert [answer.keep for answer in answers] == [
        Span(date(2026, 8, 1), date(2026, 8, 15)),
        Span(date(2026, 8, 16), date(2026, 8, 31)),
    ]
    ranges = [json.loads(params["time_range"])["since"] for params in meta.runs.values()]
    assert ranges == ["2026-07-25", "2026-07-25", "2026-08-09"]


def test_campaigns_are_listed_once_whatever_their_status() -> None:
    """Deleted ones have figures, too."""
    seen: list[Params] = []

    def remember(_: SmallMeta, path: str, params: Params) -> Reply | None:
        seen.extend([params] if path == "act_1/campaigns" else [])
        return None

    meta = SmallMeta(tuple(map(str, range(11, 30))), at_once=1, as_run=20, scripted=remember)
    answers_of(meta, question_of())
    (params,) = seen
    assert {"ARCHIVED", "DELETED", "ACTIVE"} <= set(json.loads(params["effective_status"]))


def test_a_split_costs_no_more_than_it_must() -> None:
    """90 days of 40 campaigns, ten times too large for one report run."""
    meta = SmallMeta(tuple(map(str, range(11, 51))), at_once=1, as_run=400)
    question = question_of(span=Span(date(2026, 8, 1), date(2026, 10, 29)))
    whole = len(meta.rows(question.params()))
    answers = answers_of(meta, question)
    assert kept_rows(question.report, answers) == unsplit(meta, question)
    assert whole / 400 > 5
    assert len(meta.runs) < 60


@pytest.mark.parametrize(
    ("code", "subcode"), [(-2, 2490547), (2, 1504043), (2, 1504044), (None, None)]
)
def test_a_failed_report_run_is_made_anew(code: int | None, subcode: int | None) -> None:
    """Twice; most of these failures pass."""
    state = {"async_status": "Job Failed", "error_code": code, "error_subcode": subcode}
    meta, question = SmallMeta(), question_of()
    meta.scripted = fails(state, runs=2)
    answers = answers_of(meta, question, expected_rows=10**6)
    assert kept_rows(question.report, answers) == unsplit(meta, question)
    assert len(meta.runs) == 3


def fails(state: dict[str, object], runs: int) -> Script:
    """The first report runs end in this state."""
    failing = {f"run{n + 1}" for n in range(runs)}
    return lambda _, path, __: Reply({"id": path, **state}) if path in failing else None


@pytest.mark.parametrize("state", [RUN_FAILED, {"async_status": "Job Skipped"}, RUNNING])
def test_a_report_run_that_fails_three_times_is_split(state: dict[str, object]) -> None:
    """Whether it failed, was skipped, or never came to an end."""
    meta, question = SmallMeta(), question_of(span=Span(date(2026, 8, 1), date(2026, 9, 30)))
    meta.scripted = fails(state, runs=3)
    answers = answers_of(meta, question, expected_rows=10**6)
    assert kept_rows(question.report, answers) == unsplit(meta, question)
    assert (len(meta.runs), {answer.group for answer in answers}) == (5, {0, 1})


@pytest.mark.parametrize(
    ("code", "subcode", "expected"),
    [
        (2, 1504041, BadRequestError),
        (2, 1504042, BadRequestError),
        (100, 3191001, PermissionDeniedError),
    ],
)
def test_what_a_new_report_run_does_not_mend_is_an_error_at_once(
    code: int, subcode: int, expected: type[GraphError]
) -> None:
    """Invalid breakdowns, invalid metrics, no permission."""
    state = {"async_status": "Job Failed", "error_code": code, "error_subcode": subcode}
    meta = SmallMeta(scripted=fails(state, runs=9))
    with pytest.raises(expected):
        answers_of(meta, question_of(), expected_rows=10**6)
    assert len(meta.runs) == 1


def test_a_report_run_that_meta_is_too_busy_for_is_not_split() -> None:
    """More runs would make it busier."""
    state = {"async_status": "Job Failed", "error_code": 4, "error_subcode": 1504022}
    meta = SmallMeta(scripted=fails(state, runs=9))
    with pytest.raises(ThrottledError):
        answers_of(meta, question_of(), expected_rows=10**6)
    assert len(meta.runs) == 3


def test_report_runs_that_never_end_are_given_up() -> None:
    """Each costs an hour."""
    meta = SmallMeta(scripted=fails(RUNNING, runs=99))
    with pytest.raises(TransientError, match="did not end within 3600 s"):
        answers_of(meta, question_of(), expected_rows=10**6)
    assert len(meta.runs) == STUCK_RUNS


def test_a_day_of_a_campaign_that_stays_too_large_is_named() -> None:
    """With account, report, day, campaign, Meta's words and a next step."""
    meta = SmallMeta(("11", "12"), at_once=1, as_run=1)
    with pytest.raises(TooLargeError) as raised:
        answers_of(meta, question_of())
    message = str(raised.value)
    assert "campaign_daily of act_1, 2026-10-05, campaign 11: Meta does not answer" in message
    assert "Invalid parameter" in message
    assert "--from and --to" in message
    assert len(meta.asked) < 40


def test_a_day_of_an_account_that_stays_too_large_is_named() -> None:
    """An account's figures are no sum of campaigns', so it is not split by them."""
    meta = SmallMeta(at_once=1, as_run=1)
    with pytest.raises(TooLargeError, match="account_daily of act_1, 2026-10-05: Meta does not"):
        answers_of(meta, question_of("account_daily"))
    assert meta.count("GET", "campaigns") == 0


def test_the_last_resort_are_small_pages() -> None:
    """A day that no report run gets through may come in pages of 25."""
    meta = SmallMeta(("11",), as_run=0)
    meta.scripted = always(
        "act_1/insights", TOO_LARGE[0], lambda params: int(params.get("limit", 0)) > 25
    )
    day = Span(WEEK.since, WEEK.since)
    question = question_of(span=day)
    answers = answers_of(meta, question)
    assert kept_rows(question.report, answers) == unsplit(meta, question)


def test_a_report_run_too_large_to_read_is_read_in_smaller_pages() -> None:
    """The run itself is fine: no new one."""
    meta, question = SmallMeta(), question_of()
    meta.scripted = always(
        "run1/insights", REDUCE, lambda params: int(params.get("limit", 500)) > 100
    )
    answers = answers_of(meta, question, expected_rows=10**6)
    assert kept_rows(question.report, answers) == unsplit(meta, question)
    assert len(meta.runs) == 1


@pytest.mark.parametrize("is_large", [False, True])
def test_a_list_with_an_expired_cursor_is_read_anew(is_large: bool) -> None:
    """From its first page, and what had come of it counts for nothing."""
    meta = SmallMeta(campaigns=tuple(map(str, range(10, 70))))
    question, left = question_of(), [EXPIRED, EXPIRED]

    def expire(_: SmallMeta, path: str, params: Params) -> Reply | None:
        return left.pop() if left and "after" in params else None

    meta.scripted = expire
    answers = answers_of(meta, question, expected_rows=10**6 if is_large else None)
    assert kept_rows(question.report, answers) == unsplit(meta, question)
    assert len(meta.runs) == int(is_large)


def test_cursors_that_always_expire_are_an_error() -> None:
    """After three readings."""
    meta = SmallMeta(campaigns=tuple(map(str, range(10, 70))))
    meta.scripted = always("insights", EXPIRED, lambda params: "after" in params)
    with pytest.raises(CursorExpiredError):
        answers_of(meta, question_of())
    assert len(meta.asked) == 6


def two_pages(first: str, second: str) -> tuple[Reply, Reply]:
    """A row on one page and the same row, with another figure, on the next."""
    row = {"campaign_id": "11", "date_start": "2026-10-05", "date_stop": "2026-10-05"}
    return page_of([row | {"clicks": first}], "B"), page_of([row | {"clicks": second}])


def test_a_row_in_two_states_is_read_anew_once() -> None:
    """The list changed while it was read."""
    pages = [*two_pages("1", "2"), *two_pages("2", "2")]
    meta = SmallMeta(scripted=once("insights", *pages))
    answers = answers_of(meta, question_of())
    assert [json.loads(answer.body)["data"][0]["clicks"] for answer in answers] == ["2", "2"]


def test_a_row_that_stays_in_two_states_is_handed_on() -> None:
    """Landing refuses it and says so."""
    meta = SmallMeta(scripted=once("insights", *two_pages("1", "2"), *two_pages("3", "4")))
    answers = answers_of(meta, question_of())
    assert [json.loads(answer.body)["data"][0]["clicks"] for answer in answers] == ["3", "4"]
    assert len(meta.asked) == 4


def test_the_same_row_twice_is_not_read_anew() -> None:
    """Landing takes it once."""
    meta = SmallMeta(scripted=once("insights", *two_pages("1", "1")))
    assert len(answers_of(meta, question_of())) == 2
    assert len(meta.asked) == 2


def totalled(*impressions: int, total: int) -> tuple[Reply, Reply]:
    """Campaigns with so many impressions on two pages, and the total that Meta gives."""
    days = {"date_start": "2026-10-05", "date_stop": "2026-10-05"}
    rows = [
        days | {"campaign_id": str(n), "impressions": str(count)}
        for n, count in enumerate(impressions)
    ]
    first, second = page_of(rows[:1], "B"), page_of(rows[1:])
    for page in (first, second):
        page.body["summary"] = {"impressions": str(total)}  # type: ignore[index]
    return first, second


def test_rows_that_do_not_make_up_their_total_are_read_anew() -> None:
    """A row fell between two pages; the second reading holds it."""
    pages = (*totalled(3, 4, total=9), *totalled(3, 4, 2, total=9))
    meta = SmallMeta(scripted=once("insights", *pages))
    answers = answers_of(meta, question_of())
    assert [(answer.rows, answer.note) for answer in answers] == [(1, ""), (2, "")]


def test_rows_that_never_make_up_their_total_say_so() -> None:
    """They are handed on with how much is missing."""
    pages = (*totalled(3, 4, total=1009), *totalled(3, 4, total=1009))
    meta = SmallMeta(scripted=once("insights", *pages))
    answers = answers_of(meta, question_of())
    note = "the rows hold 7 of the 1,009 impressions that Meta gives as their total"
    assert {answer.note for answer in answers} == {note}
    assert len(meta.asked) == 4


def test_a_throttled_question_is_not_split() -> None:
    """It is not too large."""
    meta = SmallMeta(scripted=always("insights", error_reply(80000)))
    with pytest.raises(ThrottledError):
        answers_of(meta, question_of())
    assert len(meta.asked) == 1


def test_a_run_that_a_quota_ended_is_not_started_again_before_it_is_back() -> None:
    """What a run says is taken down as what an answer says: no request goes out meanwhile."""
    ended = {"async_status": "Job Failed", "error_code": 4, "error_subcode": 1504022}
    meta = SmallMeta(at_once=0, scripted=always("run1", Reply(ended)))
    time = FakeTime()
    ledger = ledger_of(time, patience=60)
    answers = ask(
        meta.client(quota=ledger), question_of(), expected_rows=None, board=Clock().board()
    )
    with pytest.raises(ThrottledError) as refused:
        list(answers)
    assert refused.value.retry_at is not None
    assert refused.value.retry_at > time.now()
    assert meta.count("POST", "insights") == 1


def test_parts_that_came_before_an_error_are_handed_on() -> None:
    """What landed of them is kept."""
    meta = SmallMeta(("11",), at_once=1, as_run=20)
    meta.scripted = always("run3", error_reply(190), lambda _: True)
    long = question_of(span=Span(date(2026, 8, 1), date(2026, 8, 31)))
    answers = ask(meta.client(), long, expected_rows=None, board=Clock().board())
    assert next(answers).group == 0
    with pytest.raises(GraphError):
        next(answers)


def test_why_a_question_is_split_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """With its days and Meta's words."""
    caplog.set_level(logging.WARNING)
    answers_of(SmallMeta(("11",), at_once=1, as_run=8), question_of())
    assert "campaign_daily of act_1, 2026-10-05 to 2026-10-11 becomes a report run" in caplog.text
    assert "campaign_daily of act_1, 2026-10-05 to 2026-10-11 is split: run1: " in caplog.text


def test_a_list_of_objects_comes_in_smaller_pages_when_it_must() -> None:
    """Creatives are the largest objects there are."""
    question = question_of("creatives", None)
    limits: list[str] = []

    def reduce(_: SmallMeta, path: str, params: Params) -> Reply | None:
        limits.append(params["limit"])
        return REDUCE if int(params["limit"]) > 25 else page_of([{"id": "1"}])

    (answer,) = answers_of(SmallMeta(scripted=reduce), question)
    assert (limits, answer.keep) == (["500", "100", "25"], None)


def test_a_single_object_is_one_request() -> None:
    """The account itself has no pages."""
    meta = SmallMeta(scripted=once("act_1", Reply({"id": "act_1"})))
    (answer,) = answers_of(meta, question_of("accounts", None))
    assert json.loads(answer.body) == {"id": "act_1"}


def test_an_empty_report_run_is_read_twice() -> None:
    """A run may look empty right after it is done."""
    meta, question = SmallMeta(scripted=once("run1/insights", page_of([]))), question_of()
    answers = answers_of(meta, question, expected_rows=10**6)
    assert kept_rows(question.report, answers) == unsplit(meta, question)
    assert meta.count("GET", "run1/insights") == 2
