"""The running simulator: clock, log, scripted answers, headers, end."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest
import requests
from simulator_asking import NOW, Ask

from meta_pipeline.simulator import RunningSimulator, SimulatorClock


def test_the_clock_moves_over_http(meta: RunningSimulator, ask: Ask) -> None:
    """POST /_simulator/clock sets the time that everything else goes by."""
    body = {"now": "2026-10-01T08:00:00+02:00"}
    answer = requests.post(f"{meta.url}/_simulator/clock", json=body, timeout=10).json()
    assert answer == {"now": "2026-10-01T06:00:00+00:00"}
    assert ask("/_simulator/clock").json() == answer
    account = meta.source.clients()[0].ad_accounts[0]
    row = ask(f"/v26.0/{account}/insights", date_preset="yesterday").json()["data"][0]
    assert row["date_start"] == "2026-09-30"


def test_a_clock_without_a_zone_is_refused(meta: RunningSimulator) -> None:
    """A time without a time zone is an error, over HTTP a 400 that says so."""
    with pytest.raises(ValueError, match="time zone"):
        SimulatorClock(datetime(2026, 11, 22))  # noqa: DTZ001
    url = f"{meta.url}/_simulator/clock"
    response = requests.post(url, json={"now": "2026-11-22"}, timeout=10)
    assert response.status_code == 400
    assert "time zone" in response.json()["error"]


def test_the_log_counts_calls_by_kind(meta: RunningSimulator, ask: Ask) -> None:
    """Each call is logged with its kind; the simulator's own routes are not."""
    client = meta.source.clients()[0]
    ask(f"/v26.0/{client.ad_accounts[0]}/insights")
    ask(f"/v26.0/{client.ad_accounts[0]}/ads", limit=1)
    ask(f"/v26.0/{client.pages[0]}/insights", metric="page_media_view")
    ask("/v26.0/me/adaccounts")
    counts = {"insights": 1, "objects": 1, "page_insights": 1, "accounts": 1}
    seen = ask("/_simulator/requests").json()
    assert (seen["total"], seen["by_kind"]) == (4, counts)
    assert [request.status for request in meta.requests] == [200] * 4


def test_scripted_answers(meta: RunningSimulator, ask: Ask) -> None:
    """`fail_next` hits matching calls only, in order, and is used up."""
    account = meta.source.clients()[0].ad_accounts[0]
    path = f"/v26.0/{account}/insights"
    limit = {"error": {"message": "(#80000) wait", "code": 80000}}
    meta.fail_next("insights", 400, limit, {"x-app-usage": '{"call_count":100}'}, skip=1)
    meta.fail_next("insights", 502, "<html>Bad Gateway</html>")
    assert ask(f"/v26.0/{account}").status_code == 200
    assert [ask(path).status_code for _ in range(4)] == [502, 400, 200, 200]
    meta.fail_next("insights", None, headers={"x-app-usage": '{"call_count":90}'})
    dressed = ask(path)
    assert (dressed.status_code, dressed.headers["x-app-usage"]) == (200, '{"call_count":90}')


def test_scripted_answers_over_http(meta: RunningSimulator, ask: Ask) -> None:
    """POST /_simulator/fail does the same, and /_simulator/reset forgets it."""
    fault = {"path": "adaccounts", "status": 503, "body": "Service Unavailable", "times": 2}
    url = f"{meta.url}/_simulator"
    assert requests.post(f"{url}/fail", json=fault, timeout=10).json() == {"queued": True}
    assert ask("/v26.0/me/adaccounts").text == "Service Unavailable"
    requests.post(f"{url}/reset", timeout=10)
    assert ask("/v26.0/me/adaccounts").status_code == 200
    assert requests.post(f"{url}/fail", json={"moon": 1}, timeout=10).status_code == 400


def test_headers_of_every_answer(meta: RunningSimulator, ask: Ask) -> None:
    """Usage headers are JSON with low percentages, keyed by the bare account id."""
    account = meta.source.clients()[0].ad_accounts[0]
    headers = ask(f"/v25.0/{account}/insights").headers
    assert headers["facebook-api-version"] == "v25.0"
    usage = json.loads(headers["x-business-use-case-usage"])
    assert usage[account.removeprefix("act_")][0]["type"] == "ads_insights"
    assert json.loads(headers["x-fb-ads-insights-throttle"])["acc_id_util_pct"] < 50
    assert json.loads(headers["x-ad-account-usage"])["acc_id_util_pct"] < 50
    assert json.loads(headers["x-app-usage"])["call_count"] < 50
    assert headers["x-fb-request-id"]


def test_the_truth_at_a_moment(meta: RunningSimulator, ask: Ask) -> None:
    """`as_of` gives what was visible then, a breakdown splits it."""
    account = meta.source.clients()[0].ad_accounts[0]
    asked = {"account": account, "since": "2026-11-21", "until": "2026-11-21"}
    seen = ask("/_simulator/truth", as_of=NOW.isoformat(), **asked).json()["data"][0]
    final = ask("/_simulator/truth", **asked).json()["data"][0]
    parts = ask("/_simulator/truth", breakdown="age,gender", **asked).json()["data"]
    assert seen["results"] < final["results"]
    assert sum(part["impressions"] for part in parts) == final["impressions"]
    assert ask("/_simulator/truth", account="act_9", since="x", until="y").status_code == 400


def test_a_truth_that_is_not_asked_rightly_says_what_is_missing(ask: Ask) -> None:
    """Days and one of the three kinds of asset."""
    for asked in ({}, {"account": "act_1"}, {"since": "2026-11-21", "until": "2026-11-21"}):
        answer = ask("/_simulator/truth", **asked)
        assert answer.status_code == 400
        assert "since, until, and one of account, page, instagram" in answer.json()["error"]


def test_clients_are_listed(meta: RunningSimulator, ask: Ask) -> None:
    """/_simulator/clients says what stands in the world."""
    listed = ask("/_simulator/clients").json()["data"]
    assert [client["id"] for client in listed] == ["acme-dental", "cafe-luna", "nordic-outdoor"]
    assert [client["currency"] for client in listed] == ["USD", "EUR", "JPY"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_ends_quietly(number: signal.Signals) -> None:
    """A signal ends `serve` with exit code 0 and nothing on stderr."""
    code = (
        "import socket\n"
        "from meta_pipeline.simulator import serve\n"
        "s = socket.socket(); s.bind(('127.0.0.1', 0)); port = s.getsockname()[1]; s.close()\n"
        "print(port, flush=True)\n"
        "serve(port=port)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert process.stdout is not None
    url = f"http://127.0.0.1:{process.stdout.readline().strip()}/_simulator/clock"
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            requests.get(url, timeout=5)
            break
        except requests.ConnectionError:
            continue
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
