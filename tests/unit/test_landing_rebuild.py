"""Landing: the warehouse made again from the spool, and the order of landing."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit_desk import (
    FAILURE,
    Desk,
    a_filled_desk,
    ad_row,
    at,
    day,
    opened_desk,
)

from meta_pipeline.config import Client
from meta_pipeline.dates import Span
from meta_pipeline.errors import WarehouseError
from meta_pipeline.landing import Spool, load_missing, register_clients, reload
from meta_pipeline.warehouse import WAREHOUSE_STORAGE, writing


def client(client_id: str, **more: Any) -> Client:
    """A client with one account."""
    values = {"id": client_id, "name": client_id.title(), "ad_accounts": ["act_1"], **more}
    return Client.model_validate(values)


@contextmanager
def rebuilt(desk: Desk, folder: Path) -> Iterator[Desk]:
    """A desk at the warehouse that was made anew from this desk's spool."""
    reload(folder / "warehouse.duckdb", desk.spool)
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield Desk(connection, desk.spool)


def test_a_rebuilt_warehouse_says_the_same(desk: Desk, tmp_path: Path) -> None:
    """Every version, every day's coverage and the ledger come back from the spool."""
    a_filled_desk(desk)
    desk.landed([ad_row(day(1), spend="9")], day(1), day(2), pulled=at(12))
    desk.landed([ad_row(day(1)), ad_row(day(1), spend="2")], day(1), pulled=at(13))
    desk.landed([], day(1), day(3), pulled=at(14), failure=FAILURE)
    with rebuilt(desk, tmp_path) as again:
        assert again.coverage() == desk.coverage()
        for sql in ("from raw.records", "select * exclude (load_seq) from raw.pulls"):
            assert again.all(f"{sql} order by all") == desk.all(f"{sql} order by all")


def test_a_rebuilt_warehouse_knows_the_clients(desk: Desk, tmp_path: Path) -> None:
    """clients.yml is in the spool as well."""
    desk.landed([ad_row(day(1))], day(1))
    register_clients(desk.connection, desk.spool, [client("acme", pages=["7"])])
    with rebuilt(desk, tmp_path) as again:
        for table in ("clients", "client_assets"):
            assert again.snapshot()[table] == desk.snapshot()[table]


def no_links(*_: object) -> None:
    """A disk that knows no second names."""
    raise OSError(1, "Operation not permitted")


@pytest.mark.parametrize("old", [b"no database", None])
@pytest.mark.parametrize("has_links", [True, False])
def test_the_old_files_are_kept_beside_the_new_one(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bytes | None, has_links: bool
) -> None:
    """Whole or broken, with the time in their names, also twice in one moment."""
    if not has_links:
        monkeypatch.setattr(Path, "hardlink_to", no_links)
    monkeypatch.setenv("META_PIPELINE_NOW", "2026-11-22T12:00:00Z")
    desk.landed([ad_row(day(1))], day(1))
    warehouse = tmp_path / "warehouse.duckdb"
    warehouse.write_bytes(old) if old else duckdb.connect(str(warehouse)).close()
    replaced = []
    for _ in range(2):
        replaced.append(warehouse.read_bytes())
        assert [landed.status for landed in reload(warehouse, desk.spool)] == ["complete"]
    kept = sorted(tmp_path.glob("warehouse.20261122T120000*.duckdb"))
    assert [path.read_bytes() for path in kept] == replaced
    assert sorted(tmp_path.glob("*.duckdb")) == sorted([warehouse, *kept])


def test_a_rebuild_that_fails_leaves_the_old_file(desk: Desk, tmp_path: Path) -> None:
    """The new one is put into place only when it is whole; the next try starts over."""
    warehouse = tmp_path / "warehouse.duckdb"
    desk.spooled([ad_row(day(1))], day(1))
    with writing(warehouse) as con:
        con.execute("create table precious as select 1")
    old = warehouse.read_bytes()
    with pytest.raises(OSError, match="Input/output error"):
        reload(warehouse, TornSpool(str(desk.spool.root)))
    assert warehouse.read_bytes() == old
    assert len(reload(warehouse, desk.spool)) == 1


def test_the_log_of_the_old_file_goes_with_it(desk: Desk, tmp_path: Path) -> None:
    """It would be played into the new one."""
    desk.spooled([ad_row(day(1))], day(1))
    warehouse, log = tmp_path / "warehouse.duckdb", tmp_path / "warehouse.duckdb.wal"
    warehouse.write_bytes(b"old")
    log.write_bytes(b"log of the old")
    reload(warehouse, desk.spool)
    (aside,) = tmp_path.glob("warehouse.*-1.duckdb")
    assert aside.read_bytes() == b"old"
    assert aside.with_name(aside.name + ".wal").read_bytes() == b"log of the old"
    assert not log.exists()


def test_a_new_file_that_is_not_written_out_is_refused(desk: Desk, tmp_path: Path) -> None:
    """What is in its log would be lost with its name."""
    desk.spooled([ad_row(day(1))], day(1))
    warehouse = tmp_path / "warehouse.duckdb"
    warehouse.write_bytes(b"old")
    with pytest.raises(WarehouseError, match="was not written into its file"):
        reload(warehouse, LoggedSpool(str(desk.spool.root), tmp_path))
    assert warehouse.read_bytes() == b"old"
    assert sorted(tmp_path.glob("warehouse.*.duckdb")) == []
    assert len(reload(warehouse, desk.spool)) == 1


class LoggedSpool(Spool):
    """A spool that keeps the file being filled from it from taking in its log."""

    def __init__(self, root: str, home: Path) -> None:
        super().__init__(root)
        self.fresh = home / ".warehouse.rebuild.duckdb"

    def clients(self) -> list[dict[str, Any]]:
        """Lets the checkpoint at the end not happen, as on a full disk."""
        same: Any = {"storage_compatibility_version": WAREHOUSE_STORAGE}
        with duckdb.connect(str(self.fresh), config=same) as connection:
            connection.execute("pragma disable_checkpoint_on_shutdown")
        return super().clients()


class TornSpool(Spool):
    """A spool of which a part cannot be read."""

    def clients(self) -> list[dict[str, Any]]:
        """Fails like a broken disk."""
        raise OSError(5, "Input/output error")


def test_what_this_version_cannot_read_keeps_nothing_else_back(
    desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A report that is no more is warned of, a damaged manifest is a pull that failed."""
    for client_id in ("acme", "luna"):
        desk.spooled([ad_row(day(1))], day(1), client=client_id)
    desk.spooled([ad_row(day(1))], day(1), report="not_a_report")
    torn = desk.spooled([ad_row(day(2))], day(2))
    path = desk.spool.folder("acme", "ad_daily") / f"{torn.pull.pull_id}.json"
    path.write_bytes(path.read_bytes()[:40])
    *whole, broken = reload(tmp_path / "warehouse.duckdb", desk.spool)
    assert [landed.status for landed in whole] == ["complete", "complete"]
    assert "1 pulls of not_a_report are left out" in caplog.text
    assert broken.failure is not None
    assert (broken.pull_id, broken.failure.kind) == (torn.pull.pull_id, "damaged")
    assert f"{path.name}.damaged" in broken.failure.message
    assert "--report ad_daily -c acme --again" in (broken.failure.hint or "")
    # It is told each time, as long as it lies there.
    assert len(reload(tmp_path / "warehouse.duckdb", desk.spool)) == 3
    assert len(load_missing(desk.connection, desk.spool, client_ids=["acme", "luna"])) == 2


def test_an_empty_spool_is_refused(tmp_path: Path, desk: Desk) -> None:
    """A rebuild from nothing would be a loss; the old file stays."""
    warehouse = tmp_path / "warehouse.duckdb"
    warehouse.write_bytes(b"old")
    desk.spool.keep_clients([])
    with pytest.raises(WarehouseError, match="holds no pulls") as raised:
        reload(warehouse, desk.spool)
    assert "meta-pipeline sync" in str(raised.value.hint)
    assert warehouse.read_bytes() == b"old"


DAYS = st.integers(1, 8)


@st.composite
def made_pulls(draw: st.DrawFn) -> list[tuple[Span, dict[tuple[date, str], str]]]:
    """Answers to overlapping ranges, oldest first: the days kept, and rows around them."""
    pulls = []
    for _ in range(draw(st.integers(1, 6))):
        first, last = sorted((draw(DAYS), draw(DAYS)))
        keys = st.tuples(DAYS.map(day), st.sampled_from("ab"))
        rows = draw(st.dictionaries(keys, st.sampled_from("12"), max_size=8))
        pulls.append((Span(day(first), day(last)), rows))
    return pulls


@given(st.data(), made_pulls())
@settings(max_examples=15, deadline=None)
def test_the_newest_answer_to_a_day_counts_in_any_order_of_landing(
    data: st.DataObject, pulls: list[tuple[Span, dict[tuple[date, str], str]]]
) -> None:
    """Each day shows the newest pull that has rows for it, now and after a rebuild: an empty
    answer without proof erases nothing."""
    expected: dict[tuple[date, str], str] = {}
    for span, rows in pulls:
        kept = {key: spend for key, spend in rows.items() if key[0] in span}
        answered = {on for on, _ in kept}
        expected = {key: spend for key, spend in expected.items() if key[0] not in answered}
        expected |= kept
    with opened_desk() as desk:
        for number in data.draw(st.permutations(range(len(pulls)))):
            span, rows = pulls[number]
            sent = [ad_row(on, ad, spend) for (on, ad), spend in rows.items()]
            desk.landed(sent, span.since, span.until, pulled=at(1 + number))
        assert desk.spends() == expected
        covered = {on for span, _ in pulls for on in span}
        empty = covered - {on for on, _ in expected}
        assert {on for on, status in desk.statuses().items() if status != "pulled"} == empty
        with rebuilt(desk, Path(str(desk.spool.root)).parent) as again:
            assert again.current() == desk.current()
            assert again.coverage() == desk.coverage()
