"""Landing: clients.yml beside the data."""

from datetime import date
from typing import Any

import pytest
from unit_desk import (
    Desk,
    ad_row,
    breaking,
    day,
)

from meta_pipeline.config import Client
from meta_pipeline.landing import create_schema, facts_of_days, register_clients
from meta_pipeline.landing.clients import store_clients
from meta_pipeline.reports import REPORTS


def client(client_id: str, **more: Any) -> Client:
    """A client with one account."""
    values = {"id": client_id, "name": client_id.title(), "ad_accounts": ["act_1"], **more}
    return Client.model_validate(values)


def test_clients_are_registered_with_their_assets(desk: Desk) -> None:
    """What the marts need of clients.yml stands in the warehouse; no variable's name does."""
    targets = {"spend": "3200.50"}
    acme = client(
        "acme",
        pages=["7"],
        instagram_accounts=["9"],
        start_date="2026-08-01",
        targets=targets,
        reports=["ad_daily"],
    )
    register_clients(desk.connection, desk.spool, [acme])
    assert desk.all("select * exclude (targets, brand, reports) from raw.clients") == [
        ("acme", "Acme", "omni_purchase", date(2026, 8, 1), True)
    ]
    asked = "select from_json(reports, '[\"VARCHAR\"]') from raw.clients"
    assert desk.all(asked) == [(["accounts", "account_daily", "ad_daily"],)]
    assert desk.all("select targets->>'spend' from raw.clients") == [("3200.50",)]
    assert desk.all("from raw.client_assets order by all") == [
        *(("acme", "7", "page"), ("acme", "9", "instagram"), ("acme", "act_1", "ads"))
    ]
    assert "token_env" not in desk.spool.clients()[0]


def test_a_client_that_is_removed_stays_inactive(desk: Desk) -> None:
    """Its data are still explained; it comes back when it is in the file again."""
    for clients, active in (
        ([client("a"), client("b")], [("a", True), ("b", True)]),
        ([client("b")], [("a", False), ("b", True)]),
        ([client("a"), client("b")], [("a", True), ("b", True)]),
    ):
        register_clients(desk.connection, desk.spool, clients)
        found = desk.all("select client_id, is_active from raw.clients order by client_id")
        assert found == active


def test_a_warehouse_from_before_learns_the_reports(desk: Desk) -> None:
    """Its clients are asked for nobody knows what, until clients.yml is read again."""
    register_clients(desk.connection, desk.spool, [client("a"), client("b")])
    desk.connection.execute("alter table raw.clients drop column reports")
    create_schema(desk.connection)
    assert desk.all("select distinct reports from raw.clients") == [(None,)]
    register_clients(desk.connection, desk.spool, [client("a")])
    assert desk.all("select client_id, is_active, reports is null from raw.clients") == [
        ("a", True, False),
        ("b", False, False),
    ]
    without = [{k: v for k, v in row.items() if k != "reports"} for row in desk.spool.clients()]
    store_clients(desk.connection, without)
    assert desk.all("select distinct reports from raw.clients") == [(None,)]


def test_an_asset_that_is_removed_is_gone(desk: Desk) -> None:
    """Assets are those of the newest file."""
    register_clients(desk.connection, desk.spool, [client("a", pages=["7"])])
    register_clients(desk.connection, desk.spool, [client("a")])
    assert desk.all("select asset_id from raw.client_assets") == [("act_1",)]


def test_another_result_makes_all_days_due(desk: Desk) -> None:
    """Builds count the new result in the past as well; other clients are left alone."""
    clients = [client("acme"), client("luna")]
    register_clients(desk.connection, desk.spool, clients)
    for name in ("acme", "luna"):
        desk.landed([ad_row(day(1))], day(1), day(2), client=name)
    before = load_numbers(desk)
    register_clients(desk.connection, desk.spool, clients)
    assert load_numbers(desk) == before
    register_clients(desk.connection, desk.spool, [client("acme", result="lead"), clients[1]])
    after = load_numbers(desk)
    assert after["luna"] == before["luna"]
    assert min(after["acme"]) > max(before["acme"] | before["luna"])


def load_numbers(desk: Desk) -> dict[str, set[int]]:
    """The load numbers in each client's coverage."""
    rows = desk.all("select client_id, list(load_seq) from raw.coverage group by client_id")
    return {name: set(numbers) for name, numbers in rows}


def test_a_client_under_a_new_id_counts_its_rows_once(desk: Desk) -> None:
    """The account's record under the old one stays; each client's day ends by its own."""
    for name, zone in (("old", "Etc/GMT-3"), ("new", "UTC")):
        account = f'{{"id":"act_1","timezone_name":"{zone}"}}'
        desk.landed(account.encode(), client=name, report="accounts")
        desk.landed([ad_row(day(1)), ad_row(day(1), ad="2")], day(1), client=name)
    facts = facts_of_days(desk.connection, REPORTS["ad_daily"], [("new", day(1)), ("old", day(1))])
    assert {name: one.rows for (name, _), one in facts.items()} == {"new": 2, "old": 2}
    ages = {name: one.age_hours for (name, _), one in facts.items()}
    new, old = ages["new"], ages["old"]
    assert new is not None
    assert old == new + 3


def test_registering_is_all_or_nothing(desk: Desk) -> None:
    """A failure on the way leaves the clients as they were."""
    register_clients(desk.connection, desk.spool, [client("a"), client("b")])
    before = desk.snapshot()
    for number in (1, 2, 4, 6, 8):
        with pytest.raises(RuntimeError, match="fell over"):
            register_clients(breaking(desk.connection, number), desk.spool, [client("c")] * 3)
        assert desk.snapshot() == before
