"""Where asking and keeping meet: what lands, and what becomes of failures."""

import json
from datetime import date, timedelta

import pytest
from unit_office import (
    FIRST,
    NOON,
    ROW,
    Office,
    client,
    in_turn,
    nothing_or,
    of_pages,
    opened_office,
)
from unit_transport import TOKEN, Reply, error_reply, page_of, params_of

from meta_pipeline.dates import Span
from meta_pipeline.errors import WarehouseError
from meta_pipeline.reports import PAGE_METRICS


def test_what_was_asked_is_spooled_and_landed(office: Office) -> None:
    """The outcome says what came of it, and the listener is told the same."""
    office.answering = nothing_or({"act_1/insights": page_of([ROW])})
    (outcome,) = office.pull("ad_daily", FIRST)
    assert (outcome.is_complete, outcome.rows, outcome.requests) == (True, 1, 1)
    assert (outcome.errand.client.id, outcome.errand.asset_id) == ("acme", "act_1")
    assert outcome.bytes == len(json.dumps([ROW])) + len('{"data":}')
    assert office.told == [outcome]
    assert office.query("select payload->>'spend', valid_from from raw.records") == [("1.5", NOON)]


def test_neither_token_nor_proof_is_kept(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in any file of the spool, not in the warehouse."""
    monkeypatch.setenv("META_APP_SECRET", "app-secret")
    refusal = error_reply(190, message=f"Malformed access token {TOKEN}")
    office.answering = in_turn(page_of([ROW], "B"), refusal)
    office.pull("ad_daily", FIRST)
    proof = params_of(office.meta.made[0])["appsecret_proof"]
    kept = [path.read_bytes() for path in office.home.rglob("*") if path.is_file()]
    kept += [str(office.query("from raw.pulls")).encode()]
    assert [text for text in kept if TOKEN.encode() in text or proof.encode() in text] == []


def test_what_fails_for_one_account_holds_up_nobody_else(office: Office) -> None:
    """The failure is written down for the one; the others land."""
    office.clients = [client(ad_accounts=["act_1", "act_2"]), client("luna", ad_accounts=["act_3"])]
    office.answering = nothing_or({"act_2/insights": error_reply(200, status=403)})
    outcomes = {one.errand.asset_id: one for one in office.pull("ad_daily", FIRST)}
    assert {asset: one.is_complete for asset, one in outcomes.items()} == {
        "act_1": True,
        "act_2": False,
        "act_3": True,
    }
    (failure,) = outcomes["act_2"].failures
    assert failure.kind == "permission"
    assert office.query("select asset_id from raw.pulls where status = 'failed'") == [("act_2",)]


def test_pages_before_a_failure_are_not_used(office: Office) -> None:
    """Half a list is not an answer."""
    office.answering = in_turn(page_of([ROW], "B"), error_reply(4))
    (outcome,) = office.pull("ad_daily", FIRST)
    assert [failure.kind for failure in outcome.failures] == ["throttled"]
    assert office.query("from raw.records") == []
    assert office.query("select status from raw.coverage") == [("failed",)]


def test_a_client_without_token_fails_and_the_others_do_not(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meta is not asked; the failure names the variable."""
    monkeypatch.setenv("OTHER_TOKEN", "EAAother")
    office.clients = [
        client(token_env="NOT_SET"),
        client("luna", ad_accounts=["act_2"], token_env="OTHER_TOKEN"),
    ]
    outcomes = {one.errand.client.id: one for one in office.pull("ad_daily", FIRST)}
    (failure,) = outcomes["acme"].failures
    assert failure.kind == "config"
    assert "NOT_SET is not set" in failure.message
    assert outcomes["luna"].is_complete
    assert [r.headers["Authorization"] for r in office.meta.made] == ["Bearer EAAother"]


def test_a_page_is_asked_one_metric_a_pull(office: Office) -> None:
    """Each metric lands by itself, with the Page's own token."""
    office.clients = [client(pages=["7"])]
    office.answering = of_pages({})
    (outcome,) = office.pull("page_daily", FIRST)
    bearers = [request.headers["Authorization"] for request in office.meta.made]
    assert bearers.count("Bearer EAApage") == len(PAGE_METRICS)
    assert len(outcome.landed) == len(PAGE_METRICS)


def test_a_page_without_a_token_fails_as_a_whole(office: Office) -> None:
    """Every metric is written down as failed, for the same reason."""
    office.clients = [client(pages=["7"])]
    office.answering = nothing_or({"7": Reply({"id": "7"})})
    (outcome,) = office.pull("page_daily", FIRST)
    (failure,) = outcome.failures
    assert failure.kind == "permission"
    assert [landed.status for landed in outcome.landed] == ["failed"] * len(PAGE_METRICS)


def test_a_client_without_pages_has_no_page_errand(office: Office) -> None:
    """Nothing to ask."""
    assert office.pull("page_daily", FIRST) == []


def test_each_client_gets_its_own_spans(office: Office) -> None:
    """The same account may belong to two clients; their data are apart."""
    office.clients = [client(), client("luna")]
    assert len(office.pull("ad_daily", FIRST, clients=["luna"])) == 1
    assert office.query("select distinct client_id from raw.coverage") == [("luna",)]


def test_what_another_run_spooled_is_landed_first(office: Office) -> None:
    """A run that died between spool and warehouse is caught up with by the next one."""
    office.answering = in_turn(page_of([ROW]), page_of([]))
    office.pull("ad_daily", FIRST)
    (office.home / "warehouse.duckdb").unlink()
    office.pull("ad_daily", Span(date(2026, 11, 5), date(2026, 11, 5)))
    assert office.query("select day from raw.records") == [(FIRST.since,)]
    assert office.query("select count(*) from raw.pulls") == [(2,)]


def test_a_warehouse_that_cannot_be_written_is_said_before_meta_is_asked(office: Office) -> None:
    """No request is spent on an answer that cannot land."""
    (office.home / "warehouse.duckdb").write_bytes(b"no database")
    with pytest.raises(WarehouseError, match="cannot be opened"):
        office.puller().check_warehouse()
    with pytest.raises(WarehouseError, match="cannot be opened"):
        office.pull("ad_daily", FIRST)
    assert office.meta.made == []


def test_the_version_pinned_for_the_client_is_asked(office: Office) -> None:
    """clients.yml may pin another one."""
    office.clients = [client(api_version="v25.0")]
    office.pull("campaigns")
    assert office.meta.paths == ["act_1/campaigns"]
    assert office.query("select api_version from raw.pulls") == [("v25.0",)]


def test_many_accounts_are_asked_and_each_lands(office: Office) -> None:
    """More accounts than threads."""
    assets = [f"act_{n}" for n in range(1, 21)]
    office.clients = [client(ad_accounts=assets)]
    office.answering = nothing_or({f"{a}/insights": page_of([ROW]) for a in assets})
    outcomes = office.pull("ad_daily", FIRST)
    assert sorted(o.errand.asset_id for o in outcomes) == sorted(assets)
    assert office.query("select count(distinct asset_id), count(*) from raw.records") == [(20, 20)]
    assert len(office.told) == 20


def test_a_refused_first_pull_does_not_stand_in_the_way() -> None:
    """Once the token is good the same days land."""
    with opened_office() as office:
        office.answering = nothing_or({"act_1/insights": error_reply(190)})
        office.pull("ad_daily", FIRST)
        office.answering = nothing_or({"act_1/insights": page_of([ROW])})
        office.now += timedelta(hours=1)
        (outcome,) = office.pull("ad_daily", FIRST)
        assert outcome.is_complete
        assert office.query("select count(*) from raw.records") == [(1,)]
