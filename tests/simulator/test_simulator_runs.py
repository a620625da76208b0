"""Asynchronous reports, in every state that Meta knows."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from simulator_asking import Ask, every_row

from meta_pipeline.simulator import RunningSimulator, RunScript, cases
from meta_pipeline.simulator.runs import FAILURES

ASKED = {
    "fields": "ad_id,impressions,spend",
    "level": "ad",
    "time_increment": "1",
    "time_range": json.dumps({"since": "2026-11-01", "until": "2026-11-14"}),
}
OLD_REACH = {
    "fields": "reach,spend",
    "breakdowns": "age,gender",
    "time_range": json.dumps({"since": "2025-01-01", "until": "2025-01-02"}),
}
REPORTS = [item for item in cases().values() if item.is_report]


@pytest.fixture
def account(meta: RunningSimulator) -> str:
    """An ad account."""
    return meta.source.clients()[0].ad_accounts[0]


def started(meta: RunningSimulator, account: str, **params: Any) -> dict[str, Any]:
    """The answer to the question for a report."""
    form = {"access_token": "t", **ASKED, **params}
    url = f"{meta.url}/v26.0/{account}/insights"
    return requests.post(url, data=form, timeout=10).json()


def states(ask: Ask, run: str, times: int) -> list[tuple[str, int]]:
    """Status and percentage, poll by poll."""
    answers = [ask(f"/v26.0/{run}").json() for _ in range(times)]
    return [(item["async_status"], item["async_percent_completion"]) for item in answers]


def test_a_report_goes_through_its_states(meta: RunningSimulator, ask: Ask, account: str) -> None:
    """Not started, started, running with a growing percentage, completed; then it is read."""
    meta.settings.async_polls = 5
    run = started(meta, account)["report_run_id"]
    assert states(ask, run, 6) == [
        ("Job Not Started", 0),
        ("Job Started", 0),
        ("Job Running", 50),
        ("Job Running", 66),
        ("Job Running", 83),
        ("Job Completed", 100),
    ]
    rows = every_row(ask, f"/v26.0/{run}/insights", limit=7)
    assert rows == every_row(ask, f"/v26.0/{account}/insights", limit=500, **ASKED)


def test_a_report_takes_its_time(meta: RunningSimulator, ask: Ask, account: str) -> None:
    """With `async_seconds` the clock decides, however often it is polled."""
    meta.settings.change(async_polls=0, async_seconds=100)
    run = started(meta, account)["report_run_id"]
    meta.clock.advance(40)
    assert states(ask, run, 3) == [("Job Running", 40)] * 3
    meta.clock.advance(60)
    assert states(ask, run, 1) == [("Job Completed", 100)]


def test_a_report_is_not_read_before_its_end(
    meta: RunningSimulator, ask: Ask, account: str
) -> None:
    """Reading too early is 2601/1815107."""
    run = started(meta, account)["report_run_id"]
    error = ask(f"/v26.0/{run}/insights").json()["error"]
    assert (error["code"], error["error_subcode"], error["is_transient"]) == (2601, 1815107, True)


def test_completed_is_not_always_complete(meta: RunningSimulator, ask: Ask, account: str) -> None:
    """ "Job Completed" below 100 %, and 100 % while still running, are not the end."""
    meta.script_run(polls=0, early_polls=1, late_polls=1, percent=98)
    run = started(meta, account)["report_run_id"]
    assert ask(f"/v26.0/{run}/insights").status_code == 400
    expected = [("Job Completed", 98), ("Job Running", 100), ("Job Completed", 100)]
    assert states(ask, run, 3) == expected
    assert ask(f"/v26.0/{run}/insights").json()["data"]


def test_a_report_that_is_not_readable_yet(meta: RunningSimulator, ask: Ask, account: str) -> None:
    """At 100 % the first reads may be refused, the next one empty, and then the rows are there."""
    meta.script_run(polls=0, unreadable_reads=2, empty_reads=1)
    run = started(meta, account)["report_run_id"]
    assert states(ask, run, 1) == [("Job Completed", 100)]
    reads = [ask(f"/v26.0/{run}/insights") for _ in range(4)]
    assert [read.status_code for read in reads] == [400, 400, 200, 200]
    assert [bool(read.json()["data"]) for read in reads[2:]] == [False, True]


def test_a_report_that_never_ends(meta: RunningSimulator, ask: Ask, account: str) -> None:
    """It stands still at a percentage, whatever time passes."""
    meta.script_run(end="never", percent=80)
    run = started(meta, account)["report_run_id"]
    states(ask, run, 1)
    meta.clock.advance(86_400)
    assert states(ask, run, 2) == [("Job Running", 80)] * 2


@pytest.mark.parametrize(("code", "subcode"), FAILURES)
def test_each_failure(
    meta: RunningSimulator, ask: Ask, account: str, code: int, subcode: int
) -> None:
    """A failed report tells code, subcode and message, in a 200."""
    meta.script_run(end="failed", code=code, subcode=subcode, polls=0)
    body = ask(f"/v26.0/{started(meta, account)['report_run_id']}").json()
    assert (body["async_status"], body["is_running"]) == ("Job Failed", False)
    assert (body["error_code"], body["error_subcode"]) == (code, subcode)
    assert body["error_message"]


@pytest.mark.parametrize("item", REPORTS, ids=lambda item: item.id)
def test_the_cases_of_reports(meta: RunningSimulator, ask: Ask, account: str, item: Any) -> None:
    """A case by its name ends the next matching report as the reference has it."""
    meta.settings.async_polls = 0
    meta.fail_next(case=item.id, asset=account)
    body = ask(f"/v26.0/{started(meta, account)['report_run_id']}").json()
    for name in set(item.payload) - {"id", "account_id", "time_ref"}:
        assert body[name] == item.payload[name]
    again = started(meta, account)["report_run_id"]
    assert states(ask, again, 1) == [("Job Completed", 100)]


def test_errors_of_reports_are_told_since_v25(
    meta: RunningSimulator, ask: Ask, account: str
) -> None:
    """Before v25 a failed report has no `error_` fields."""
    meta.clock.move_to(datetime(2026, 9, 1, tzinfo=UTC))
    meta.script_run(end="failed", polls=0)
    run = started(meta, account)["report_run_id"]
    older, newer = (ask(f"/{version}/{run}").json() for version in ("v24.0", "v25.0"))
    assert "error_code" not in older
    assert newer["error_code"] == -2


def test_scripts_find_their_question(meta: RunningSimulator, ask: Ask, account: str) -> None:
    """A script hits the report whose parameters match, after those it skips, and no other."""
    meta.settings.async_polls = 0
    meta.script_run(end="failed", where={"breakdowns": "country"}, skip=1, times=1, path=account)
    plain = started(meta, account)["report_run_id"]
    split = [started(meta, account, breakdowns="country")["report_run_id"] for _ in range(3)]
    ends = [states(ask, run, 1)[0][0] for run in (plain, *split)]
    assert ends == ["Job Completed", "Job Completed", "Job Failed", "Job Completed"]


def test_a_fault_hits_the_poll_of_one_question(
    meta: RunningSimulator, ask: Ask, account: str
) -> None:
    """Polls and reads have the parameters of their question, so `where` finds them."""
    run, other = (
        started(meta, account, level=level)["report_run_id"] for level in ("ad", "campaign")
    )
    meta.fail_next(status=500, where={"level": "campaign"}, kind="async")
    assert ask(f"/v26.0/{run}").status_code == 200
    assert ask(f"/v26.0/{other}").status_code == 500


def test_a_report_that_is_too_large(meta: RunningSimulator, ask: Ask, account: str) -> None:
    """Beyond `max_async_rows` a report fails with -3/1504045; a smaller one does not."""
    meta.settings.change(max_async_rows=5, async_polls=0)
    large = ask(f"/v26.0/{started(meta, account)['report_run_id']}").json()
    assert (large["error_code"], large["error_subcode"]) == (-3, 1504045)
    small = started(meta, account, level="account", time_increment="all_days")["report_run_id"]
    assert states(ask, small, 1) == [("Job Completed", 100)]


def test_reports_expire(meta: RunningSimulator, ask: Ask, account: str) -> None:
    """After 30 days the id of a report leads nowhere."""
    run = started(meta, account)["report_run_id"]
    meta.clock.advance(31 * 86_400)
    assert ask(f"/v26.0/{run}").json()["error"]["error_subcode"] == 33


def test_a_summary_is_asked_for_when_reading(
    meta: RunningSimulator, ask: Ask, account: str
) -> None:
    """`default_summary` works on the read; a field that was not asked for is refused."""
    meta.settings.async_polls = 0
    path = f"/v26.0/{started(meta, account)['report_run_id']}/insights"
    body = ask(path, default_summary="true", limit=1).json()
    whole = ask(f"/v26.0/{account}/insights", default_summary="true", limit=1, **ASKED).json()
    assert body["summary"] == whole["summary"]
    error = ask(path, summary="reach").json()["error"]
    assert "weren't there while creating the report run" in error["message"]


def test_bad_questions_fail_at_once(meta: RunningSimulator, account: str) -> None:
    """A report with an unknown field is refused before it begins."""
    assert started(meta, account, fields="moon")["error"]["code"] == 100


def test_old_reach_by_breakdown(meta: RunningSimulator, ask: Ask, account: str) -> None:
    """Beyond 13 months reach by breakdown comes by ten reports a day, and not synchronously."""
    meta.settings.async_polls = 0
    row = ask(f"/v26.0/{account}/insights", **OLD_REACH).json()["data"][0]
    assert "reach" not in row
    answers = [started(meta, account, **OLD_REACH) for _ in range(11)]
    read = ask(f"/v26.0/{answers[0]['report_run_id']}/insights").json()
    assert read["data"][0]["reach"]
    assert answers[10]["error"]["message"].startswith("Reach-related metric breakdowns")
    meta.clock.advance(86_400)
    assert "report_run_id" in started(meta, account, **OLD_REACH)


def test_the_fields_of_a_report(meta: RunningSimulator, ask: Ask, account: str) -> None:
    """Only the fields asked for come back, with the id; an unknown one is an error."""
    run = started(meta, account)["report_run_id"]
    fields = "async_status,async_percent_completion,date_start"
    body = ask(f"/v26.0/{run}", fields=fields).json()
    assert set(body) == {*fields.split(","), "id"}
    assert body["date_start"] == "2026-11-01"
    assert ask(f"/v26.0/{run}", fields="moon").json()["error"]["code"] == 100


def test_scripts_over_http(meta: RunningSimulator, ask: Ask, account: str) -> None:
    """POST /_simulator/run scripts a report; what is wrong is refused."""
    url = f"{meta.url}/_simulator/run"
    assert requests.post(url, json={"end": "skipped", "polls": 0}, timeout=10).status_code == 200
    assert states(ask, started(meta, account)["report_run_id"], 1) == [("Job Skipped", 0)]
    for bad in ({"end": "lost"}, {"case": "buc_pages"}, {"moon": 1}):
        assert requests.post(url, json=bad, timeout=10).status_code == 400
    with pytest.raises(ValueError, match="does not happen to a report"):
        RunScript(case="html_502")


def test_breakdowns_without_opting_in(meta: RunningSimulator, ask: Ask, account: str) -> None:
    """Synchronously empty; asynchronously there for as many reports a day as there are ads."""
    meta.settings.async_polls = 0
    params = {
        "fields": "impressions",
        "breakdowns": "frequency_value",
        "time_increment": "all_days",
    }
    assert ask(f"/v26.0/{account}/insights", **(ASKED | params)).json()["data"] == []
    runs = [started(meta, account, **params)["report_run_id"] for _ in range(11)]
    found = [bool(ask(f"/v26.0/{run}/insights").json()["data"]) for run in runs]
    ads = ask(f"/v26.0/{account}/ads", effective_status='["ACTIVE"]').json()["data"]
    assert found == [n < len(ads) for n in range(11)]
