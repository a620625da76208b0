"""Reports of many clients: the same files by whatever process, and each client's own failure."""

import os
import signal
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from unit_reporting import OCTOBER, ReportMarts

from meta_pipeline.config import Client
from meta_pipeline.errors import WarehouseError
from meta_pipeline.reporting import many
from meta_pipeline.reporting.many import Refused, make_reports
from meta_pipeline.reporting.report import Made, Wanted


class Deadly(Client):
    """A client that ends the process it is sent to, as a lack of memory would."""

    def __reduce__(self) -> Any:
        return os._exit, (1,)


def client(name: str, kind: type[Client] = Client) -> Client:
    """A client of the marts."""
    return kind.model_validate({"id": name, "name": name, "ad_accounts": ["act_1"]})


@pytest.fixture
def marts(tmp_path: Path) -> Path:
    """October of three clients, final but for bolt's."""
    made = ReportMarts()
    for name in ("acme", "bolt", "cara"):
        made.client(name)
        state = "settling" if name == "bolt" else "final"
        made.days(date(2026, 9, 1), date(2026, 10, 31), name, maturity=state)
    made.months()
    return made.save(tmp_path / "marts.duckdb")


def wanted(out: Path) -> Wanted:
    """October's pages, below a folder."""
    return Wanted(month=OCTOBER, formats=("html",), out=out, folder=out)


def written(out: Path) -> dict[str, bytes]:
    """What each file below the folder holds."""
    return {str(one.relative_to(out)): one.read_bytes() for one in out.rglob("*.html")}


def test_two_processes_write_what_one_writes(marts: Path, tmp_path: Path) -> None:
    """The same bytes and the same outcomes in the clients' order, failures among them."""
    clients = [client("cara"), client("bolt"), client("new"), client("acme")]
    outcomes = {}
    for processes in (1, 2):
        out = tmp_path / str(processes)
        outcomes[processes] = list(make_reports(marts, clients, wanted(out), processes=processes))
        assert [one.client_id for one in outcomes[processes]] == ["cara", "bolt", "new", "acme"]
        assert set(written(out)) == {"cara/2026-10.html", "acme/2026-10.html"}
    assert written(tmp_path / "1") == written(tmp_path / "2")
    assert outcomes[1][1:3] == outcomes[2][1:3]
    bolt, new = outcomes[2][1:3]
    assert isinstance(bolt, Refused)
    assert bolt.settles_at == datetime(2026, 11, 29, 4, tzinfo=UTC)
    assert isinstance(new, Refused)
    assert new.settles_at is None
    assert "nothing is known of 2026-10" in new.message


@pytest.fixture
def is_sigterm_ignored() -> Iterator[None]:
    """As in what a script starts with & and Dagster then prepares."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("is_sigterm_ignored")
def test_a_process_that_ends_is_told_of_its_client_alone(marts: Path, tmp_path: Path) -> None:
    """Who waited for the same process gets the report all the same.

    SIGTERM, by which a pool ends its processes from Python 3.13 on, is ignored in this one.
    """
    clients = [client("acme"), client("bolt", Deadly)]
    made, refused = make_reports(marts, clients, wanted(tmp_path), processes=2)
    assert isinstance(made, Made)
    assert isinstance(refused, Refused)
    assert "the process that wrote the report was ended" in refused.message


def test_a_fault_of_the_program_is_told_and_holds_up_nobody(
    marts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its type and text stand in the client's outcome, its place in the log."""
    real = many.make_report

    def faulty(connection: Any, one: Client, how: Wanted) -> Made:
        return real(connection, one, how) if one.id == "cara" else [][0]

    monkeypatch.setattr(many, "make_report", faulty)
    refused, made = make_reports(marts, [client("acme"), client("cara")], wanted(tmp_path))
    assert isinstance(refused, Refused)
    assert refused.message == "acme: IndexError: list index out of range"
    assert "in faulty" in caplog.text
    assert isinstance(made, Made)


def test_without_marts_no_client_is_begun(tmp_path: Path) -> None:
    """The message is told once, not once a client."""
    with pytest.raises(WarehouseError, match="no marts yet"):
        list(make_reports(tmp_path / "none.duckdb", [client("acme")], wanted(tmp_path)))
