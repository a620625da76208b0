"""Where asking and keeping meet: what is asked for, and what becomes of failures."""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from unit_desk import at
from unit_transport import (
    HOST,
    TOKEN,
    ListAdapter,
    Reply,
    error_reply,
    page_of,
    params_of,
    session_of,
)

from meta_pipeline.config import Client, load_settings
from meta_pipeline.dates import Span, end_of_month, retention_floor
from meta_pipeline.errors import WarehouseError
from meta_pipeline.pulling import Outcome, Puller
from meta_pipeline.reports import PAGE_METRICS, REPORTS

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
Answering = Callable[[requests.PreparedRequest], Reply]
"""Answers by asset and edge, for instance `act_1/insights`."""


def asked_path(request: requests.PreparedRequest) -> str:
    """The path behind the version."""
    return str(request.path_url).split("?")[0].split("/", 2)[2]


def nothing_or(replies: Mapping[str, Reply]) -> Answering:
    """Answers some paths, and every other one with an empty list."""
    return lambda request: replies.get(asked_path(request), page_of([]))


def in_turn(*replies: Reply) -> Answering:
    """Answers one after the other, whatever is asked."""
    left = iter(replies)

    def answer(request: requests.PreparedRequest) -> Reply:
        return next(left)

    return answer


@dataclass
class Office:
    """A puller with its home, its clock and what Meta was asked."""

    home: Path
    answering: Answering = field(default_factory=lambda: nothing_or({}))
    now: datetime = NOON
    clients: Sequence[Client] = ()

    def __post_init__(self) -> None:
        self.meta = ListAdapter(lambda request: self.answering(request))
        self.told: list[Outcome] = []

    def puller(self) -> Puller:
        """A puller at this home."""
        return Puller(
            load_settings().model_copy(update={"home": self.home, "graph_url": HOST}),
            self.clients,
            session=session_of(self.meta),
            now=lambda: self.now,
            listener=self.told.append,
        )

    def pull(self, report: str, *spans: Span, clients: Sequence[str] = ()) -> list[Outcome]:
        """Pulls a report for some clients, all of them when none is named."""
        wanted = dict.fromkeys(clients or [client.id for client in self.clients], spans)
        return self.puller().pull(REPORTS[report], wanted)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """What is in the warehouse."""
        with duckdb.connect(str(self.home / "warehouse.duckdb"), read_only=True) as con:
            con.execute("set TimeZone = 'UTC'")
            return con.execute(sql).fetchall()

    def ranges(self) -> list[Span]:
        """The ranges that Meta was asked for, in order."""
        texts = [params.get("time_range") for params in self.meta.asked]
        return [
            Span(*(date.fromisoformat(json.loads(text)[end]) for end in ("since", "until")))
            for text in texts
            if text
        ]

    def kept(self) -> list[Span]:
        """The days that the newest pulls speak for, in order of the pulls."""
        rows = self.query(
            "select since, until from raw.pulls where since is not null order by load_seq"
        )
        return [Span(*row) for row in rows]


def client(client_id: str = "acme", **more: Any) -> Client:
    """A client with one account."""
    values = {"id": client_id, "name": client_id, "ad_accounts": ["act_1"], **more}
    return Client.model_validate(values)


def in_zone(name: str) -> Answering:
    """Every account says that it is in this time zone."""

    def answer(request: requests.PreparedRequest) -> Reply:
        asset, _, edge = asked_path(request).partition("/")
        return page_of([]) if edge else Reply({"id": asset, "timezone_name": name})

    return answer


@contextmanager
def opened_office(**more: Any) -> Iterator[Office]:
    """An office of its own, cleared away at the end."""
    with tempfile.TemporaryDirectory() as folder:
        yield Office(Path(folder), **{"clients": [client()], **more})


@pytest.fixture
def office() -> Iterator[Office]:
    """An office with one client, on 22 November 2026 at noon UTC."""
    with opened_office() as opened:
        yield opened


ZONES = [
    *("Pacific/Kiritimati", "Pacific/Apia", "Pacific/Auckland", "Pacific/Chatham"),
    *("Australia/Lord_Howe", "Asia/Tokyo", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Tehran"),
    *("Europe/Berlin", "Africa/Casablanca", "UTC", "Atlantic/Azores", "America/St_Johns"),
    *("America/Sao_Paulo", "America/New_York", "America/Los_Angeles", "Pacific/Honolulu"),
    *("Pacific/Pago_Pago", "Etc/GMT+12"),
]
moments = st.integers(0, 20 * 365 * 24 * 60).map(
    lambda minutes: datetime(2015, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


@given(st.sampled_from(ZONES), moments)
@settings(max_examples=15, deadline=None)
def test_no_day_is_asked_for_before_it_has_begun_in_the_accounts_zone(
    zone: str, now: datetime
) -> None:
    """Of the days around now, exactly those up to the account's own today are asked for."""
    today = now.astimezone(ZoneInfo(zone)).date()
    wanted = Span(now.date() - timedelta(days=3), now.date() + timedelta(days=3))
    with opened_office(answering=in_zone(zone), now=now) as office:
        office.pull("accounts")
        office.pull("ad_daily", wanted)
        assert [span.until for span in office.ranges()] == [today]
        assert office.kept() == [Span(wanted.since, today)]


@given(moments)
@settings(max_examples=5, deadline=None)
def test_an_account_of_unknown_zone_is_taken_to_be_the_last_to_begin_a_day(now: datetime) -> None:
    """Before it has said where it is, today is where the day begins last."""
    last = (now - timedelta(hours=12)).date()
    with opened_office(now=now) as office:
        office.pull("ad_daily", Span(last - timedelta(days=1), last + timedelta(days=2)))
        assert [span.until for span in office.ranges()] == [last]


@given(moments)
@settings(max_examples=5, deadline=None)
def test_pages_begin_their_days_in_the_pacific(now: datetime) -> None:
    """Whatever zone the account is in."""
    today = now.astimezone(ZoneInfo("America/Los_Angeles")).date()
    answering = in_zone("Pacific/Kiritimati")

    def answer(request: requests.PreparedRequest) -> Reply:
        is_page = asked_path(request) == "7"
        return Reply({"id": "7", "access_token": "EAApage"}) if is_page else answering(request)

    with opened_office(now=now, clients=[client(pages=["7"])], answering=answer) as office:
        office.pull("page_daily", Span(today, today + timedelta(days=2)))
        assert set(office.kept()) == {Span(today, today)}


@given(moments, st.integers(0, 70), st.integers(0, 70))
@settings(max_examples=15, deadline=None)
def test_months_are_whole_and_end_yesterday_at_the_latest(
    now: datetime, before: int, more: int
) -> None:
    """The running month is asked for up to yesterday, any other one as a whole."""
    yesterday = (now - timedelta(hours=12)).date() - timedelta(days=1)
    since = yesterday - timedelta(days=before)
    with opened_office(now=now) as office:
        office.pull("account_monthly", Span(since, since + timedelta(days=more)))
        (asked,) = office.ranges()
        last = min(yesterday, end_of_month(since + timedelta(days=more)))
        assert asked == Span(since.replace(day=1), last)
        assert office.kept() == [asked]


def test_a_month_that_has_not_ended_a_day_is_not_asked_for(office: Office) -> None:
    """On the first of a month nothing of it is over."""
    office.now = datetime(2026, 11, 2, 6, tzinfo=UTC)  # 1 November in the latest zone
    assert office.pull("account_monthly", Span(date(2026, 11, 1), date(2026, 11, 30))) == []


@pytest.mark.parametrize("report", ["ad_daily", "account_monthly"])
def test_a_span_of_the_future_is_not_asked_for(office: Office, report: str) -> None:
    """There is nothing to say, so nobody is asked."""
    assert office.pull(report, Span(date(2026, 11, 23), date(2026, 12, 24))) == []
    assert office.meta.requests == []


def test_nothing_before_the_clients_start_is_kept(office: Office) -> None:
    """The start cuts every span; what lies before it altogether is left out."""
    office.clients = [client(start_date="2026-11-10")]
    spans = [
        Span(date(2026, 10, 1), date(2026, 10, 9)),
        Span(date(2026, 11, 1), date(2026, 11, 15)),
    ]
    office.pull("ad_daily", *spans)
    assert office.kept() == [Span(date(2026, 11, 10), date(2026, 11, 15))]


def test_nothing_beyond_retention_is_asked_for(office: Office) -> None:
    """Not even as padding: Meta would refuse the whole question."""
    floor = retention_floor(NOON.date() - timedelta(days=1))
    office.now = NOON - timedelta(days=1)
    office.pull("ad_daily", Span(date(2020, 1, 1), floor + timedelta(days=5)))
    assert office.ranges() == [Span(floor, floor + timedelta(days=5))]
    assert office.kept() == office.ranges()


def test_a_month_cut_by_retention_is_left_out(office: Office) -> None:
    """Part of a month would pass for a month."""
    office.pull("account_monthly", Span(date(2020, 1, 1), date(2023, 12, 5)))
    assert retention_floor(NOON.date()) == date(2023, 10, 23)
    assert office.ranges() == [Span(date(2023, 11, 1), date(2023, 12, 31))]


def test_a_start_beyond_retention_does_not_reach_further(office: Office) -> None:
    """The later of the two bounds holds."""
    office.clients = [client(start_date="2015-01-01")]
    office.pull("ad_daily", Span(date(2020, 1, 1), date(2024, 1, 1)))
    assert office.kept()[0].since == retention_floor(NOON.date())


def test_a_snapshot_is_asked_once_whatever_the_spans(office: Office) -> None:
    """Objects are as they are now."""
    office.pull(
        "campaigns", Span(date(2020, 1, 1), date(2030, 1, 1)), Span(date(2026, 1, 1), at(1).date())
    )
    assert len(office.meta.requests) == 1
    assert office.query("select since, pulled_at from raw.pulls") == [(None, NOON)]


def test_a_range_is_asked_for_at_once(office: Office) -> None:
    """One request for many days, padded; every one of the days is covered."""
    span = Span(date(2026, 10, 1), date(2026, 10, 30))
    (outcome,) = office.pull("ad_daily", span)
    assert (outcome.requests, len(office.meta.requests)) == (1, 1)
    assert office.ranges() == [span.padded(7)]
    assert office.query("select count(*) from raw.coverage") == [(30,)]


ROW = {"ad_id": "1", "date_start": "2026-11-01", "spend": "1.5"}
FIRST = Span(date(2026, 11, 1), date(2026, 11, 1))


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
    proof = params_of(office.meta.requests[0])["appsecret_proof"]
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


def test_pages_before_a_failure_are_spooled_and_not_used(office: Office) -> None:
    """Half a list is not an answer."""
    office.answering = in_turn(page_of([ROW], "B"), error_reply(4))
    (outcome,) = office.pull("ad_daily", FIRST)
    assert [failure.kind for failure in outcome.failures] == ["throttled"]
    assert outcome.requests == 1
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
    assert [r.headers["Authorization"] for r in office.meta.requests] == ["Bearer EAAother"]


def of_pages(replies: Mapping[str, Reply]) -> Answering:
    """A Page whose metrics answer as given, by name."""

    def answer(request: requests.PreparedRequest) -> Reply:
        if asked_path(request) == "7":
            return Reply({"id": "7", "access_token": "EAApage"})
        return replies.get(params_of(request)["metric"], page_of([]))

    return answer


def test_a_page_is_asked_with_its_own_token_one_metric_at_a_time(office: Office) -> None:
    """The token is asked for once an errand."""
    office.clients = [client(pages=["7"])]
    office.answering = of_pages({})
    (outcome,) = office.pull("page_daily", FIRST)
    bearers = [request.headers["Authorization"] for request in office.meta.requests]
    assert bearers == [f"Bearer {TOKEN}"] + ["Bearer EAApage"] * len(PAGE_METRICS)
    assert len(outcome.landed) == len(PAGE_METRICS)


def test_a_retired_metric_costs_itself_and_nothing_else(office: Office) -> None:
    """The other metrics land."""
    office.clients = [client(pages=["7"])]
    office.answering = of_pages({PAGE_METRICS[2]: error_reply(100, message="(#100) not valid")})
    (outcome,) = office.pull("page_daily", FIRST)
    assert [failure.kind for failure in outcome.failures] == ["bad request"]
    assert office.query("select part from raw.pulls where status = 'failed'") == [
        (PAGE_METRICS[2],)
    ]
    assert office.query("select count(*) from raw.pulls where status = 'complete'") == [(6,)]


def test_a_refused_token_is_not_tried_again(office: Office) -> None:
    """Once Meta says that the token is bad, the rest is written down as failed, not asked."""
    office.clients = [client(pages=["7"])]
    office.answering = of_pages({PAGE_METRICS[1]: error_reply(190)})
    (outcome,) = office.pull("page_daily", FIRST)
    assert [params.get("metric") for params in office.meta.asked] == [None, *PAGE_METRICS[:2]]
    statuses = [landed.status for landed in outcome.landed]
    assert statuses == ["complete"] + ["failed"] * (len(PAGE_METRICS) - 1)


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
    assert office.meta.requests == []


def test_the_version_pinned_for_the_client_is_asked(office: Office) -> None:
    """clients.yml may pin another one."""
    office.clients = [client(api_version="v25.0")]
    office.pull("campaigns")
    assert office.meta.paths == ["/v25.0/act_1/campaigns"]
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


def test_every_day_kept_is_asked_for() -> None:
    """Retention is counted from one today, the account's, also where months differ in length."""
    now = datetime(2026, 3, 1, 6, tzinfo=UTC)
    with opened_office(answering=in_zone("America/Los_Angeles"), now=now) as office:
        office.pull("accounts")
        office.pull("ad_daily", Span(date(2020, 1, 1), date(2023, 3, 1)))
        (asked,), (kept,) = office.ranges(), office.kept()
        assert asked.since <= kept.since


def test_padding_stays_inside_retention() -> None:
    """In Kiritimati it is March already, and January 2023 is too long ago to be asked for."""
    now = datetime(2026, 2, 28, 12, tzinfo=UTC)
    with opened_office(answering=in_zone("Pacific/Kiritimati"), now=now) as office:
        office.pull("accounts")
        office.pull("ad_daily", Span(date(2020, 1, 1), date(2023, 3, 1)))
        assert office.ranges()[0].since >= date(2023, 2, 1)


def test_an_unknown_time_zone_holds_up_nobody() -> None:
    """Its account's days are taken to begin as late as they can."""
    clients = [client(), client("luna", ad_accounts=["act_2"])]
    with opened_office(answering=in_zone("Mars/Olympus"), clients=clients) as office:
        office.pull("accounts")
        assert len(office.pull("ad_daily", FIRST)) == 2


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
