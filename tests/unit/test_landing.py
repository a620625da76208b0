"""Landing: versions of rows, one pull a transaction."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import duckdb
import pytest
from unit_desk import (
    FAILURE,
    Desk,
    a_filled_desk,
    account_row,
    ad_row,
    at,
    breaking,
    day,
    page_body,
)

from meta_pipeline.disk import hint_of
from meta_pipeline.landing import (
    Manifest,
    PullFailure,
    load,
    load_missing,
)
from meta_pipeline.landing.schema import create_schema


def versions(desk: Desk) -> list[tuple[Any, ...]]:
    """Day, spend and lifetime of every version there ever was."""
    return desk.all(
        """
        select day(day), payload->>'spend', day(valid_from), day(valid_to)
        from raw.records order by all nulls last
        """
    )


def test_a_row_is_kept_with_its_day_key_and_origin(desk: Desk) -> None:
    """What the pull was about stands beside what Meta said."""
    landed = desk.landed([ad_row(day(1), ad="7")], day(1), pulled=at(10))
    assert (landed.status, landed.rows, landed.opened, landed.closed) == ("complete", 1, 1, 0)
    assert desk.all(
        "select client_id, report, asset_id, part, day, entity_key, pull_id, valid_from, valid_to "
        "from raw.records"
    ) == [("acme", "ad_daily", "act_1", "", day(1), '["7"]', landed.pull_id, at(10), None)]


def test_an_unchanged_answer_writes_no_row(desk: Desk) -> None:
    """Only the ledger and the coverage know that Meta was asked again."""
    desk.landed([ad_row(day(1))], day(1), pulled=at(10))
    again = desk.landed([ad_row(day(1))], day(1), pulled=at(11))
    assert (again.rows, again.opened, again.closed) == (1, 0, 0)
    assert versions(desk) == [(1, "1.5", 10, None)]
    assert desk.all("select pulled_at from raw.coverage") == [(at(11),)]


def test_a_changed_row_closes_one_version_and_opens_another(desk: Desk) -> None:
    """The old one is valid until the new one was pulled."""
    desk.landed([ad_row(day(1), spend="1")], day(1), pulled=at(10))
    again = desk.landed([ad_row(day(1), spend="2")], day(1), pulled=at(11))
    assert (again.opened, again.closed) == (1, 1)
    assert versions(desk) == [(1, "1", 10, 11), (1, "2", 11, None)]


def test_a_vanished_row_is_closed(desk: Desk) -> None:
    """Meta takes rows back; they are no longer current, and still there."""
    desk.landed([ad_row(day(1), ad="1"), ad_row(day(1), ad="2", spend="2")], day(1), pulled=at(10))
    again = desk.landed([ad_row(day(1), ad="1")], day(1), pulled=at(11))
    assert (again.opened, again.closed) == (0, 1)
    assert versions(desk) == [(1, "1.5", 10, None), (1, "2", 10, 11)]


def test_a_row_that_comes_back_is_a_version_of_its_own(desk: Desk) -> None:
    """It was not there in between."""
    one, other = ad_row(day(1), ad="1"), ad_row(day(1), ad="2", spend="2")
    for number, rows in ((10, [one, other]), (11, [other]), (12, [one, other])):
        desk.landed(rows, day(1), pulled=at(number))
    assert set(versions(desk)) == {(1, "1.5", 10, 11), (1, "1.5", 12, None), (1, "2", 10, None)}


def test_days_before_the_first_day_kept_are_dropped(desk: Desk) -> None:
    """They were asked for so that conversions are counted, and are themselves cut short."""
    desk.landed([ad_row(day(2), spend="full")], day(2), pulled=at(9))
    landed = desk.landed(
        [ad_row(day(n), spend="cut" if n < 3 else "x") for n in range(1, 6)], day(3), day(4)
    )
    assert landed.rows == 2
    assert desk.spends() == {(day(2), "1"): "full", (day(3), "1"): "x", (day(4), "1"): "x"}


def test_clients_reports_assets_and_parts_do_not_touch_each_other(desk: Desk) -> None:
    """Another answer for one closes nothing of the others."""
    others: list[dict[str, Any]] = [
        {},
        {"client": "luna"},
        {"asset": "act_2"},
        {"report": "campaign_daily"},
        {"part": "x"},
    ]
    row = ad_row(day(1), campaign_id="5")
    for other in others:
        desk.landed([row], day(1), pulled=at(10), **other)
    desk.landed([ad_row(day(1), campaign_id="6")], day(1), pulled=at(11))
    closed = desk.all(
        "select client_id, report, asset_id, part from raw.records where valid_to is not null"
    )
    assert closed == [("acme", "ad_daily", "act_1", "")]


def test_rows_that_are_the_same_to_the_letter_are_one(desk: Desk) -> None:
    """Meta's pages overlap when objects are made while they are read."""
    assert desk.landed([ad_row(day(1))] * 3, day(1)).rows == 1


def test_a_day_that_is_proved_empty_closes_what_was_there(desk: Desk) -> None:
    """The account shows no delivery on the second day any more."""
    desk.landed([ad_row(day(1)), ad_row(day(2))], day(1), day(2), pulled=at(10))
    account = {"account_id": "1", "impressions": "10", "spend": "1.5", "clicks": "1"}
    account |= {"date_start": str(day(1)), "date_stop": str(day(1))}
    total = {"impressions": "10"}
    desk.landed([account], day(1), day(2), report="account_daily", pulled=at(11), summary=total)
    landed = desk.landed([], day(2), pulled=at(12))
    assert (landed.closed, landed.failure) == (1, None)
    assert desk.spends() == {(day(1), "1"): "1.5"}


def test_an_empty_answer_without_proof_erases_nothing(desk: Desk) -> None:
    """Meta answers 200 with nothing when a permission is lost: the rows stay, the loss is told."""
    desk.landed([ad_row(day(1))], day(1), pulled=at(10))
    landed = desk.landed([], day(1), pulled=at(11))
    assert landed.failure is not None
    assert (landed.closed, landed.failure.kind) == (0, "unproved")
    assert desk.spends() == {(day(1), "1"): "1.5"}
    assert desk.all("select status, pulled_at, failed_at from raw.coverage") == [
        ("pulled", at(10), at(11))
    ]


def test_a_metric_that_falls_silent_keeps_its_days(desk: Desk) -> None:
    """Without read_insights a Page's metrics answer with an empty list."""
    series = {"name": "page_follows", "period": "day"}
    series |= {"values": [{"value": 3, "end_time": "2026-10-02T07:00:00+0000"}]}
    where = {"report": "page_daily", "part": "page_follows", "asset": "77"}
    desk.landed([series], day(1), pulled=at(10), **where)
    assert desk.landed([], day(1), pulled=at(11), **where).failure is not None
    assert len(desk.current()) == 1


def test_a_snapshot_has_no_day(desk: Desk) -> None:
    """Objects are versioned by key alone; a renamed one has two versions."""
    for number, name in ((10, "Old"), (11, "New"), (12, "New")):
        rows = [{"id": "1", "name": name}, {"id": "2", "name": "Other"}]
        desk.landed(rows, report="campaigns", pulled=at(number))
    assert desk.all("select distinct day from raw.records") == [(None,)]
    assert {json.loads(p)["name"] for p in desk.current().values()} == {"New", "Other"}
    assert desk.all("select count(*) from raw.records") == [(3,)]


def test_an_account_is_a_row_of_its_own(desk: Desk) -> None:
    """The answer is the object, without `data` around it."""
    landed = desk.landed(b'{"id":"act_1","currency":"EUR"}', report="accounts")
    assert (landed.status, landed.rows) == ("complete", 1)
    assert desk.current() == {(None, '["act_1"]'): '{"id":"act_1","currency":"EUR"}'}


def test_a_breakdown_is_part_of_the_key(desk: Desk) -> None:
    """The same campaign on two platforms is two rows."""
    rows = [
        ad_row(day(1), campaign_id="5", publisher_platform=name) for name in ("facebook", "threads")
    ]
    assert desk.landed(rows, day(1), report="platform_daily").rows == 2
    assert {key for _, key in desk.current()} == {'["5","facebook"]', '["5","threads"]'}


CONTRADICTIONS: list[tuple[str, list[Any] | bytes, str]] = [
    ("two figures for one key", [ad_row(day(1)), ad_row(day(1), spend="9")], "repeat another"),
    ("two figures in a padded day", [ad_row(day(9)), ad_row(day(9), spend="9")], "repeat another"),
    ("no key", [{"date_start": "2026-10-01"}], "lack a key field or a day"),
    ("a key that is null", [{"ad_id": None, "date_start": "2026-10-01"}], "lack a key field"),
    ("no day", [{"ad_id": "1"}], "lack a key field or a day"),
    ("no object", ["text"], "lack a key field or a day"),
    ("null", [None], "lack a key field or a day"),
    ("another account", [ad_row(day(1), account_id="999")], "another account"),
    ("a row of many days", [ad_row(day(1), date_stop="2026-10-31")], "range of days"),
    ("no date", [{"ad_id": "1", "date_start": "2026-13-01"}], "cannot be read"),
    ("half a page", b'{"data":[{"ad_id":"1"', "cannot be read"),
    ("no json", b"<html>", "cannot be read"),
]


@pytest.mark.parametrize(
    ("rows", "message"), [case[1:] for case in CONTRADICTIONS], ids=[c[0] for c in CONTRADICTIONS]
)
def test_rows_that_contradict_their_report_fail_the_pull(
    desk: Desk, rows: list[Any] | bytes, message: str
) -> None:
    """No row changes, what was known stays known, and the ledger says why."""
    desk.landed([ad_row(day(1), spend="3")], day(1), pulled=at(9))
    records = desk.all("from raw.records")
    landed = desk.landed(rows, day(1), pulled=at(10))
    assert (landed.status, landed.rows) == ("failed", 0)
    assert landed.failure is not None
    assert message in landed.failure.message
    assert desk.all("from raw.records") == records
    assert desk.statuses() == {day(1): "pulled"}
    assert desk.all("select status, error from raw.pulls order by pulled_at") == [
        ("complete", None),
        ("failed", landed.failure.message),
    ]


def test_snapshots_with_two_contents_for_one_id_fail(desk: Desk) -> None:
    """The same without days."""
    rows = [{"id": "1", "name": "A"}, {"id": "1", "name": "B"}]
    assert desk.landed(rows, report="ads").status == "failed"


def missing(page: Path) -> None:
    """The file is gone."""
    page.unlink()


def overwritten(page: Path) -> None:
    """The file holds something else."""
    page.write_bytes(b"this is not zstd")


@pytest.mark.parametrize("damage", [missing, overwritten])
def test_an_unreadable_page_fails_the_pull(desk: Desk, damage: Callable[[Path], None]) -> None:
    """Nothing lands, nothing is closed."""
    desk.landed([ad_row(day(1))], day(1), pulled=at(9))
    manifest = desk.spooled([ad_row(day(1), spend="7")], day(1), pulled=at(10))
    damage(Path(str(desk.spool.pages(manifest)[0])))
    landed = load(desk.connection, desk.spool, manifest)
    assert landed.failure is not None
    assert "cannot be read" in landed.failure.message
    assert desk.spends() == {(day(1), "1"): "1.5"}


@pytest.mark.parametrize(("megabytes", "memory"), [(1, "200MB"), (20, "1GB")])
def test_a_page_takes_memory_by_its_size(desk: Desk, megabytes: int, memory: str) -> None:
    """Little for the pages that Meta sends, and one beyond DuckDB's own limit lands as well."""
    desk.connection.execute(f"set memory_limit = '{memory}'")
    landed = desk.landed([ad_row(day(1), ad_name="x" * megabytes * 1024 * 1024)], day(1))
    assert (landed.status, landed.failure) == ("complete", None)


@pytest.mark.parametrize(
    "error",
    [
        duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate"),
        duckdb.IOException("IO Error: No space left on device"),
        duckdb.InternalException("INTERNAL Error: a fault"),
        duckdb.FatalException("FATAL Error: a fault"),
    ],
)
def test_what_the_machine_lacks_is_no_damage(desk: Desk, error: Exception) -> None:
    """At whichever statement: the intact page is read again when there is memory and room."""
    manifest = desk.spooled([ad_row(day(1))], day(1))
    number = 1
    while breaks_at(number, desk, manifest, error=error):
        assert desk.all("select count(*) from raw.pulls") == [(0,)]
        number += 1
    assert number > 5
    assert desk.statuses() == {day(1): "pulled"}


def test_want_of_memory_is_raised_as_duckdb_says_it(desk: Desk) -> None:
    """What is really raised is what is let through."""
    manifest = desk.spooled([ad_row(day(1))], day(1))
    desk.connection.execute("set memory_limit = '20MB'")
    with pytest.raises(duckdb.OutOfMemoryException) as raised:
        load(desk.connection, desk.spool, manifest)
    assert "more memory" in (hint_of(str(raised.value)) or "")


def test_an_older_answer_fills_only_the_days_no_newer_one_has(desk: Desk) -> None:
    """Whatever the order of landing, the newest answer to a day is the one that counts."""
    desk.landed([ad_row(day(n), spend="new") for n in (3, 4)], day(3), day(4), pulled=at(12))
    old = [ad_row(day(n), spend="old") for n in (1, 2, 3, 4, 5, 6)]
    landed = desk.landed(old, day(1), day(6), pulled=at(11))
    assert (landed.status, landed.rows) == ("complete", 4)
    assert [spend for _, spend in sorted(desk.spends().items())] == [
        *("old", "old", "new", "new", "old", "old")
    ]


def test_an_older_answer_without_a_day_left_is_superseded(desk: Desk) -> None:
    """It stands in the ledger; its rows are not used."""
    desk.landed([ad_row(day(1), spend="new")], day(1), pulled=at(12))
    before = desk.all("from raw.coverage")
    landed = desk.landed([ad_row(day(1), spend="old")], day(1), pulled=at(11))
    assert (landed.status, landed.rows, landed.failure) == ("superseded", 0, None)
    assert desk.spends() == {(day(1), "1"): "new"}
    assert desk.all("from raw.coverage") == before


def test_an_older_snapshot_is_superseded(desk: Desk) -> None:
    """Objects have one newest answer as well."""
    desk.landed([{"id": "1", "name": "new"}], report="ads", pulled=at(12))
    landed = desk.landed([{"id": "1", "name": "old"}], report="ads", pulled=at(11))
    assert landed.status == "superseded"
    assert [json.loads(p)["name"] for p in desk.current().values()] == ["new"]


def test_pulls_of_one_moment_are_ordered_by_their_id(desk: Desk) -> None:
    """A tie has the same winner in any order of landing."""
    desk.landed([ad_row(day(1), spend="b")], day(1), pull_id="b")
    assert desk.landed([ad_row(day(1), spend="a")], day(1), pull_id="a").status == "superseded"
    assert desk.landed([ad_row(day(1), spend="c")], day(1), pull_id="c").status == "complete"
    assert desk.spends() == {(day(1), "1"): "c"}


def test_a_pull_lands_once(desk: Desk) -> None:
    """The second load changes nothing and says what the first one did."""
    manifest = desk.spooled([ad_row(day(1))], day(1))
    load(desk.connection, desk.spool, manifest)
    before = desk.snapshot()
    again = load(desk.connection, desk.spool, manifest)
    assert (again.status, again.rows, again.opened, again.closed) == ("complete", 1, 0, 0)
    assert desk.snapshot() == before


def test_a_failed_pull_changes_no_row(desk: Desk) -> None:
    """It is written down, with Meta's words and the next step."""
    desk.landed([ad_row(day(1))], day(1), pulled=at(10))
    landed = desk.landed([], day(1), pulled=at(11), failure=FAILURE)
    assert (landed.status, landed.failure) == ("failed", FAILURE)
    assert versions(desk) == [(1, "1.5", 10, None)]


def test_the_ledger_keeps_what_a_pull_was(desk: Desk) -> None:
    """Ranges, versions served, sizes and the whole manifest."""
    headers = {"facebook-api-version": "v25.0", "x-ad-api-version-warning": "soon over"}
    manifest = desk.spooled([ad_row(day(1))], day(1), day(2), headers=headers)
    load(desk.connection, desk.spool, manifest)
    assert desk.all(
        """
        select since, until, pulled_at, status, api_version, served_version, version_warning,
            requests, bytes, row_count, error, (manifest->'pull'->>'pull_id') = pull_id
        from raw.pulls
        """
    ) == [
        (
            *(day(1), day(2), at(10), "complete", "v26.0", "v25.0", "soon over"),
            *(1, manifest.requests[0].bytes, 1, None, True),
        )
    ]


def test_every_load_has_a_higher_number(desk: Desk) -> None:
    """Builds tell by it which days are new to them."""
    for number in (10, 11, 12):
        desk.landed([ad_row(day(1))], day(1), pulled=at(number))
    numbers = [n for (n,) in desk.all("select load_seq from raw.pulls order by pulled_at")]
    assert numbers == sorted(set(numbers))
    assert desk.all("select load_seq from raw.coverage") == [(numbers[-1],)]


@pytest.mark.parametrize("failure", [None, FAILURE])
def test_a_load_that_breaks_anywhere_changes_nothing(
    desk: Desk, failure: PullFailure | None
) -> None:
    """Whichever statement fails, `raw` is as it was; without a failure the load goes through."""
    a_filled_desk(desk)
    before = desk.snapshot()
    manifest = desk.spooled([], day(1), day(3), pulled=at(12), failure=failure)
    number = 1
    while breaks_at(number, desk, manifest):
        assert desk.snapshot() == before
        number += 1
    assert number > 5
    assert desk.snapshot() != before


def breaks_at(number: int, desk: Desk, manifest: Manifest, **more: Exception) -> bool:
    """Whether a load has that many statements; if so, that one breaks it."""
    try:
        load(breaking(desk.connection, number, **more), desk.spool, manifest)
    except (RuntimeError, duckdb.Error):
        return True
    return False


def test_a_manifest_that_cannot_be_loaded_changes_nothing(desk: Desk) -> None:
    """A report that nobody knows stops the load before it begins."""
    a_filled_desk(desk)
    before = desk.snapshot()
    manifest = desk.spooled([], day(1), report="not_a_report")
    with pytest.raises(KeyError):
        load(desk.connection, desk.spool, manifest)
    assert desk.snapshot() == before


def test_what_was_spooled_and_not_landed_is_caught_up_with(desk: Desk) -> None:
    """Oldest first, and each pull once."""
    desk.landed([ad_row(day(1), spend="1")], day(1), pulled=at(10))
    for number in (12, 11):
        desk.spooled([ad_row(day(1), spend=str(number))], day(1), pulled=at(number))
    assert [landed.status for landed in load_missing(desk.connection, desk.spool)] == [
        *("complete", "complete")
    ]
    assert load_missing(desk.connection, desk.spool) == []
    assert versions(desk) == [(1, "1", 10, 11), (1, "11", 11, 12), (1, "12", 12, None)]


def test_catching_up_can_be_narrowed_down(desk: Desk) -> None:
    """To a client, a report, or both; the rest waits."""
    for name in ("acme", "luna"):
        for report in ("ad_daily", "ads"):
            desk.spooled(
                [], *((day(1),) if report == "ad_daily" else ()), client=name, report=report
            )
    assert len(load_missing(desk.connection, desk.spool, client_ids=["luna"], report="ads")) == 1
    assert len(load_missing(desk.connection, desk.spool, client_ids=["luna"])) == 1
    assert len(load_missing(desk.connection, desk.spool, report="ads")) == 1
    assert len(load_missing(desk.connection, desk.spool)) == 1


def test_the_ledger_is_read_once_for_all_clients(desk: Desk) -> None:
    """Each reading goes through all pulls of all clients."""
    asked: list[str] = []

    class Asked:
        def execute(self, sql: str, values: dict[str, object]) -> duckdb.DuckDBPyConnection:
            asked.append(sql)
            return desk.connection.execute(sql, values)

    connection = cast("duckdb.DuckDBPyConnection", Asked())
    names = [f"c{number}" for number in range(50)]
    assert load_missing(connection, desk.spool, client_ids=names, report="ads") == []
    assert len(asked) == 1


def test_the_schema_may_be_created_again(desk: Desk) -> None:
    """It is, before every pull."""
    a_filled_desk(desk)
    before = desk.snapshot()
    create_schema(desk.connection)
    assert desk.snapshot() == before


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_a_page_cut_short_lands_nothing(desk: Desk, keep: float) -> None:
    """DuckDB reads a cut file as one without rows; the hash in its name tells."""
    rows = [ad_row(day(1), ad=str(n), ad_name=f"name {n}") for n in range(50)]
    desk.landed(rows, day(1), pulled=at(9))
    manifest = desk.spooled(rows[:49], day(1), pulled=at(10))
    page = desk.spool.pages(manifest)[0]
    content = page.read_bytes()
    page.write_bytes(content[: int(len(content) * keep)])
    landed = load(desk.connection, desk.spool, manifest)
    assert (landed.status, len(desk.current())) == ("failed", 50)


def test_a_failed_pull_that_has_landed_is_still_a_failure(desk: Desk) -> None:
    """Whichever process lands it first, the one that asked is told."""
    manifest = desk.spooled([], day(1), failure=FAILURE)
    load(desk.connection, desk.spool, manifest)
    assert load(desk.connection, desk.spool, manifest).failure == FAILURE


def test_a_held_pull_that_has_landed_is_still_held(desk: Desk) -> None:
    """Another process may have landed it in between; its days are not green for that."""
    desk.landed([ad_row(day(1))], day(1), pulled=at(10))
    manifest = desk.spooled([], day(1), pulled=at(11))
    first = load(desk.connection, desk.spool, manifest)
    assert first.failure is not None
    assert first.failure.kind == "unproved"
    again = load(desk.connection, desk.spool, manifest)
    assert (again.status, again.failure) == ("complete", first.failure)


@pytest.mark.parametrize("body", [b"<html>", page_body([{"date_start": "2026-10-01"}])])
def test_a_refused_pull_that_has_landed_says_the_same(desk: Desk, body: bytes) -> None:
    """What is damaged is not called a contradiction."""
    manifest = desk.spooled(body, day(1))
    first = load(desk.connection, desk.spool, manifest)
    assert first.failure is not None
    assert load(desk.connection, desk.spool, manifest).failure == first.failure


def unanswered(desk: Desk) -> list[list[int]]:
    """The days of the ledger's pulls, oldest first, of which they say nothing."""
    ledger = desk.all("select unanswered_days from raw.pulls order by pulled_at")
    return [[one.day for one in days] for (days,) in ledger]


def test_the_ledger_names_the_days_of_which_a_pull_says_nothing(desk: Desk) -> None:
    """Empty without proof, whether rows were known (then they are held) or not."""
    desk.landed([ad_row(day(1)), ad_row(day(2))], day(1), day(3), pulled=at(10))
    desk.landed([ad_row(day(1))], day(1), day(3), pulled=at(11))
    assert unanswered(desk) == [[3], [2, 3]]


def test_an_unchanged_answer_says_something_of_all_its_days(desk: Desk) -> None:
    """It writes no row, and the ledger counts it."""
    for number in (10, 11):
        desk.landed([ad_row(day(1)), ad_row(day(2))], day(1), day(2), pulled=at(number))
    assert unanswered(desk) == [[], []]


def test_a_late_answer_says_nothing_of_days_with_a_newer_one(desk: Desk) -> None:
    """What it said of them is not kept."""
    desk.landed([ad_row(day(2), spend="2")], day(2), pulled=at(11))
    desk.landed([ad_row(day(1)), ad_row(day(2))], day(1), day(2), pulled=at(10))
    assert unanswered(desk) == [[2], []]


def test_a_proved_empty_day_is_an_answer(desk: Desk) -> None:
    """Of the account, whose rows add up to the total."""
    rows = [account_row(day(1), impressions="10")]
    desk.landed(
        rows, day(1), day(2), report="account_daily", summary={"impressions": "10"}, pulled=at(10)
    )
    assert unanswered(desk) == [[]]


def test_an_older_warehouse_gets_the_ledgers_new_column(desk: Desk) -> None:
    """Its pulls stay, and are not known to have answered every day."""
    desk.landed([ad_row(day(1))], day(1))
    desk.connection.execute("alter table raw.pulls drop column unanswered_days")
    create_schema(desk.connection)
    assert desk.all("select unanswered_days from raw.pulls") == [(None,)]
    desk.landed([ad_row(day(1))], day(1), pulled=at(12))
    assert unanswered_of_newest(desk) == []


def unanswered_of_newest(desk: Desk) -> Any:
    """What the ledger says of the newest pull."""
    ((days,),) = desk.all("select arg_max(unanswered_days, pulled_at) from raw.pulls")
    return days
