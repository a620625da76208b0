"""What can be made to go wrong, by name, by parameter, and on the wire."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests
from simulator_asking import NOW, Ask, asker

from meta_pipeline.simulator import Case, RunningSimulator, cases, generated_agency
from meta_pipeline.simulator.cases import SILENT
from meta_pipeline.simulator.faults import WIRES
from meta_pipeline.simulator.matching import params_match

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "meta-error-cases.json"
PLAYED = [item for item in cases().values() if not item.is_silent and not item.is_report]


@pytest.fixture
def account(meta: RunningSimulator) -> str:
    """An ad account."""
    return meta.source.clients()[0].ad_accounts[0]


def batch(meta: RunningSimulator, *urls: str) -> Any:
    """The answers to several calls in one."""
    items = json.dumps([{"method": "GET", "relative_url": url} for url in urls])
    form = {"access_token": "t", "batch": items}
    return requests.post(f"{meta.url}/v26.0/", data=form, timeout=10).json()


def test_the_cases_are_those_of_the_reference() -> None:
    """Each documented case is here with its codes, status, headers and payload."""
    if not REFERENCE.exists():
        pytest.skip("the reference is not beside this checkout")
    known = {item["id"]: item for item in json.loads(REFERENCE.read_text())["cases"]}
    assert list(known) == list(cases())
    for name, item in cases().items():
        other = known[name]
        assert (item.code, item.subcode) == (other["code"], other["subcode"])
        assert (item.status, item.raw) == (other["http_status"], other["raw_body"])
        assert item.headers == other["response_headers"]
        assert list(item.calls) == other["applies_to"]
        if other["payload"] and "error" in other["payload"]:
            del other["payload"]["error"]["fbtrace_id"]
        assert item.payload == other["payload"]


@pytest.mark.parametrize("item", PLAYED, ids=lambda item: item.id)
def test_every_case_can_be_played(meta: RunningSimulator, ask: Ask, item: Case) -> None:
    """By its name a case answers the next call with its status, code, subcode and message."""
    client = meta.source.clients()[0]
    meta.fail_next(f"{client.pages[0]}", case=item.id)
    if item.is_batch_item:
        answer = batch(meta, client.pages[0])[0]
        if item.code is None:
            assert answer is None
            return
        status, body = answer["code"], json.loads(answer["body"])
        assert status == 400
    else:
        response = ask(f"/v26.0/{client.pages[0]}")
        assert response.status_code == item.status
        if item.raw is not None:
            assert response.text
            return
        body = response.json()
    assert body["error"].get("code") == item.code
    assert body["error"].get("error_subcode") == item.subcode
    assert body["error"]["fbtrace_id"]
    if item.payload:
        assert item.payload["error"].items() <= body["error"].items()


def test_the_headers_of_a_case_name_the_account(
    meta: RunningSimulator, ask: Ask, account: str
) -> None:
    """A refusal's usage header has the account that was asked about."""
    meta.fail_next(case="buc_insights")
    response = ask(f"/v26.0/{account}/insights")
    usage = json.loads(response.headers["x-business-use-case-usage"])
    assert usage[account.removeprefix("act_")][0]["estimated_time_to_regain_access"] == 19


def test_a_case_hits_only_calls_it_can_happen_to(
    meta: RunningSimulator, ask: Ask, account: str
) -> None:
    """An insights limit passes by a list of ads, without a path being given."""
    meta.fail_next(case="insights_app_limit")
    assert ask(f"/v26.0/{account}/ads").status_code == 200
    assert ask(f"/v26.0/{account}/insights").json()["error"]["error_subcode"] == 1504022


@pytest.mark.parametrize("name", SILENT)
def test_silent_cases_say_how_they_come_about(meta: RunningSimulator, name: str) -> None:
    """What has no error cannot be scripted as one; the message says what to do."""
    with pytest.raises(ValueError, match="a way to behave"):
        meta.fail_next(case=name)


def test_bad_scripts_are_refused(meta: RunningSimulator) -> None:
    """A wrong name, status or count is an error, over HTTP a 400 that says so."""
    for bad in ({"case": "buc_insigths"}, {"wire": "smoke"}, {"times": 0}, {"status": 7}):
        answer = requests.post(f"{meta.url}/_simulator/fail", json=bad, timeout=10)
        assert answer.status_code == 400
        assert answer.json()["error"]
    with pytest.raises(ValueError, match="did you mean buc_insights"):
        meta.fail_next(case="buc_insigths")


def test_one_report_of_one_account(meta: RunningSimulator, ask: Ask, account: str) -> None:
    """`asset` and `where` single out a question; every other passes."""
    other = meta.source.clients()[1].ad_accounts[0]
    meta.fail_next(status=503, asset=account, where={"breakdowns": "age"}, times=9)
    split = {"breakdowns": '["age","gender"]'}
    assert ask(f"/v26.0/{account}/insights").status_code == 200
    assert ask(f"/v26.0/{other}/insights", **split).status_code == 200
    assert ask(f"/v26.0/{account}/insights", **split).status_code == 503


@pytest.mark.parametrize(
    ("where", "given", "matches"),
    [
        ({"level": "ad"}, {"level": "ad"}, True),
        ({"fields": "reach"}, {"fields": "spend, reach"}, True),
        ({"fields": "reach"}, {"fields": '["spend","reach"]'}, True),
        ({"time_range": "2026-11-01"}, {"time_range": '{"since":"2026-11-01"}'}, True),
        ({"filtering": "7"}, {"filtering": '[{"value":["7","8"]}]'}, True),
        ({"time_range": '{"a": 1}'}, {"time_range": '{"a":1}'}, True),
        ({"breakdowns": ""}, {}, True),
        ({"after": "*"}, {"after": "MAZD"}, True),
        ({"after": "*"}, {}, False),
        ({"breakdowns": ""}, {"breakdowns": "age"}, False),
        ({"fields": "reach"}, {"fields": "reach_all"}, False),
    ],
)
def test_matching(where: dict[str, str], given: dict[str, str], *, matches: bool) -> None:
    """A value matches as a whole, in a comma list or in JSON, never as a piece of a word."""
    assert params_match(where, given) is matches


def test_calls_in_a_batch_are_hit(meta: RunningSimulator, account: str) -> None:
    """A call inside a batch is hit by its own path and parameters; its neighbours are not."""
    meta.fail_next("insights", case="unknown_transient", where={"level": "ad"})
    meta.fail_next(account, wire="null", skip=2)
    answers = batch(
        meta, f"{account}/insights?level=ad", f"{account}/insights", account, f"{account}/ads"
    )
    assert [answer and answer["code"] for answer in answers] == [500, 200, 200, None]


def test_null_and_batch_cases_leave_single_calls_alone(
    meta: RunningSimulator, ask: Ask, account: str
) -> None:
    """What can happen inside a batch only waits for one."""
    meta.fail_next(wire="null")
    meta.fail_next(case="batch_item_error")
    assert ask(f"/v26.0/{account}").status_code == 200
    assert batch(meta, account)[0] is None
    assert batch(meta, account)[0]["code"] == 400


def test_the_body_of_a_text(meta: RunningSimulator, ask: Ask, account: str) -> None:
    """HTML with 200 or 502, "Service Unavailable" with 200, and nothing at all."""
    for status, expected in ((0, 502), (200, 200)):
        meta.fail_next(wire="html", status=status)
        response = ask(f"/v26.0/{account}")
        assert (response.status_code, response.text[:9]) == (expected, "<!DOCTYPE")
    meta.fail_next(wire="unavailable")
    response = ask(f"/v26.0/{account}")
    assert (response.status_code, response.text) == (200, "Service Unavailable")
    meta.fail_next(wire="empty")
    assert ask(f"/v26.0/{account}").content == b""
    meta.fail_next(case="unknown_transient", status=200)
    assert "error" in ask(f"/v26.0/{account}").json()


def test_half_a_body(meta: RunningSimulator, ask: Ask, account: str) -> None:
    """Cut JSON arrives as a whole answer, truncated JSON as a broken connection."""
    meta.fail_next(wire="cut")
    response = ask(f"/v26.0/{account}/insights")
    assert response.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        response.json()
    meta.fail_next(wire="truncated")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        ask(f"/v26.0/{account}/insights")
    assert ask(f"/v26.0/{account}/insights").json()["data"]


def test_a_reset_connection(meta: RunningSimulator, account: str) -> None:
    """The connection is gone without an answer, and the call is in the log."""
    meta.fail_next(wire="reset", times=2)
    with pytest.raises(requests.ConnectionError):
        asker(meta)(f"/v26.0/{account}")
    with pytest.raises(requests.ConnectionError):
        requests.post(
            f"{meta.url}/v26.0/{account}/insights", data={"access_token": "t"}, timeout=10
        )
    assert [call.asset for call in meta.requests] == [account.removeprefix("act_")] * 2


def test_a_dripping_answer_arrives_whole(meta: RunningSimulator, ask: Ask, account: str) -> None:
    """Bytes that trickle in make the same answer in the end."""
    path = f"/v26.0/{account}/insights"
    whole = ask(path).json()
    meta.fail_next(wire="drip", delay_seconds=0.01)
    assert ask(path).json() == whole


def test_scripted_answers_do_no_work() -> None:
    """A refused start of a report leaves the scripts of reports alone."""
    with RunningSimulator(generated_agency(), NOW, async_polls=0) as meta:
        account = meta.source.clients()[0].ad_accounts[0]
        url = f"{meta.url}/v26.0/{account}/insights"
        meta.script_run(end="skipped")
        meta.fail_next(case="custom_limit_613", kind="async")
        form = {"access_token": "t"}
        assert requests.post(url, data=form, timeout=10).json()["error"]["code"] == 613
        run = requests.post(url, data=form, timeout=10).json()["report_run_id"]
        assert asker(meta)(f"/v26.0/{run}").json()["async_status"] == "Job Skipped"


def test_cases_and_scripts_over_http(meta: RunningSimulator, ask: Ask, account: str) -> None:
    """The routes list every case, take its name, and every kind of wire."""
    listed = ask("/_simulator/cases").json()["data"]
    assert [item["id"] for item in listed] == list(cases())
    url = f"{meta.url}/_simulator/fail"
    fault = {"case": "account_score_limit", "asset": account, "where": {"level": "ad"}}
    assert requests.post(url, json=fault, timeout=10).json() == {"queued": True}
    error = ask(f"/v26.0/{account}/insights", level="ad").json()["error"]
    assert (error["code"], error["error_subcode"]) == (17, 2446079)
    for wire in WIRES:
        assert requests.post(url, json={"wire": wire}, timeout=10).status_code == 200
