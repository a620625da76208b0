"""Questions too large for the simulator: asked in parts, they are answered row for row."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from pydantic import SecretStr
from simulator_asking import NOW

from meta_pipeline.dates import Span, retention_floor
from meta_pipeline.graph import (
    Answer,
    Credential,
    GraphClient,
    Question,
    new_session,
    questions,
)
from meta_pipeline.graph.asking import ask
from meta_pipeline.graph.jobs import JobBoard
from meta_pipeline.reports import REPORTS, Report
from meta_pipeline.simulator import RunningSimulator, generated_agency

TODAY = date(2026, 11, 21)
INSIGHTS = [r for r in REPORTS.values() if r.surface == "ads" and r.edge == "insights"]
SPLITTABLE = [r for r in INSIGHTS if r.level != "account"]
SPAN = Span(date(2026, 9, 1), date(2026, 10, 31))
WINDOWS = ("1d_click", "7d_click", "1d_view")


@pytest.fixture(scope="module")
def agency() -> Iterator[RunningSimulator]:
    """A small agency where a conversion counts only if its click was asked for."""
    source = generated_agency(clients=1, campaigns=3, adsets=1)
    with RunningSimulator(source, now=NOW, truncate_conversions=True) as meta:
        yield meta


@pytest.fixture
def small(agency: RunningSimulator) -> Iterator[RunningSimulator]:
    """The agency with an empty log, its limits taken away afterwards."""
    before = agency.settings.values()
    agency.reset()
    yield agency
    agency.settings.change(**before)


class Clock:
    """Time that passes by waiting."""

    now = 0.0

    def sleep(self, seconds: float) -> None:
        """Waits without waiting."""
        self.now += seconds


def client_of(meta: RunningSimulator, clock: Clock) -> GraphClient:
    """A client that waits without waiting."""
    return GraphClient(
        base_url=meta.url,
        version="v26.0",
        credential=Credential(SecretStr("test-token")),
        session=new_session(meta.url),
        sleep=clock.sleep,
    )


def questions_of(meta: RunningSimulator, report: Report, span: Span) -> list[Question]:
    """What is asked about the first account."""
    account = meta.source.clients()[0].ad_accounts[0]
    floor = retention_floor(TODAY)
    return questions(report, account, span, today=TODAY, first_day=floor, windows=WINDOWS)


def answers_of(meta: RunningSimulator, report: Report, span: Span = SPAN) -> list[Answer]:
    """Every page of a report of the first account."""
    clock = Clock()
    client = client_of(meta, clock)
    board = JobBoard(sleep=clock.sleep, now=lambda: clock.now)
    return [
        answer
        for question in questions_of(meta, report, span)
        for answer in ask(client, question, expected_rows=None, board=board)
    ]


def kept_rows(report: Report, answers: list[Answer]) -> list[Any]:
    """The rows of the days that count, ordered by day and key."""
    day = "date_stop" if report.rolling_days else "date_start"
    found = [
        row
        for answer in answers
        for row in json.loads(answer.body)["data"]
        if answer.keep is not None and date.fromisoformat(row[day]) in answer.keep
    ]
    return sorted(found, key=lambda row: [row[name] for name in (day, *report.key)])


@pytest.mark.parametrize("report", INSIGHTS, ids=lambda r: r.name)
def test_a_split_pull_is_the_unsplit_one(small: RunningSimulator, report: Report) -> None:
    """Reach, conversions and all, from report runs of a few rows each."""
    unsplit = kept_rows(report, answers_of(small, report))
    rows_a_day = max(1, len(unsplit) // SPAN.days)
    few = 1 if report.grain == "month" else 12 * rows_a_day
    small.settings.change(max_rows=few, max_async_rows=few, async_polls=2)
    answers = answers_of(small, report)
    assert len(unsplit) > few
    assert kept_rows(report, answers) == unsplit
    assert len({(answer.keep, answer.group) for answer in answers}) > 1
    assert len(small.requests) < 300


@pytest.mark.parametrize("report", SPLITTABLE, ids=lambda r: r.name)
def test_a_day_too_large_is_split_by_campaign(small: RunningSimulator, report: Report) -> None:
    """One day, asked for with its padding, of an account with several campaigns."""
    day = Span(SPAN.until, SPAN.until)
    unsplit = kept_rows(report, answers_of(small, report, day))
    whole = sum(answer.rows for answer in answers_of(small, report, day))
    few = -(-whole * 2 // 3)
    small.settings.change(max_rows=few, max_async_rows=few)
    answers = answers_of(small, report, day)
    assert kept_rows(report, answers) == unsplit
    assert len({answer.group for answer in answers}) > 1


def test_without_padding_a_split_pull_would_lack_conversions(small: RunningSimulator) -> None:
    """So that the tests above could fail: the simulator leaves out what was clicked earlier."""
    report = REPORTS["account_daily"]
    (question,) = questions_of(small, report, SPAN)
    later = Span(date(2026, 10, 1), SPAN.until)
    unpadded = replace(question, span=later, requested=later)
    padded = question.narrowed(later)
    first = [
        json.loads(next(one.ask(client_of(small, Clock()))).body)["data"][-later.days]
        for one in (unpadded, padded)
    ]
    assert [row["date_start"] for row in first] == ["2026-10-01"] * 2
    assert first[0]["spend"] == first[1]["spend"]
    assert first[0]["actions"] != first[1]["actions"]


@pytest.mark.parametrize(
    "error", ["too_many_rows", "sync_timeout", "reduce_data", "gateway_timeout"]
)
def test_whatever_too_large_looks_like_it_becomes_a_report_run(
    small: RunningSimulator, error: str
) -> None:
    """Four ways to say the same."""
    report = REPORTS["campaign_daily"]
    unsplit = kept_rows(report, answers_of(small, report))
    small.reset()
    small.settings.change(max_rows=1, max_rows_error=error)
    assert kept_rows(report, answers_of(small, report)) == unsplit
    assert [request.method for request in small.requests].count("POST") == 1
