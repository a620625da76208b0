"""A year of three clients: how many runs, what is asked, what the grid shows."""

import sys
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import dagster as dg
import orjson
import pytest
import yaml

from meta_pipeline.cli import main
from meta_pipeline.dates import Span
from meta_pipeline.defs.raw import raw_key
from meta_pipeline.defs.settled import SETTLED
from meta_pipeline.simulator import generated_agency
from tests.integration.conftest import NOW, Pipeline, running_pipeline

YEAR = Span(NOW.date() - timedelta(days=365), NOW.date() - timedelta(days=1))


@pytest.fixture
def agency() -> Iterator[Pipeline]:
    """Three clients of a few reports, all of them asked for as far back as Meta answers."""
    with running_pipeline(generated_agency(clients=3)) as one:
        path = one.home / "clients.yml"
        written = yaml.safe_load(path.read_text())
        written["defaults"] = {"reports": ["account_monthly"]}
        for client in written["clients"]:
            client |= {"pages": [], "instagram_accounts": [], "start_date": None}
        path.write_text(yaml.safe_dump(written))
        yield one


def backfill(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *more: str
) -> dict[str, Any]:
    """What `meta-pipeline backfill` says of the year."""
    days = ["--from", str(YEAR.since), "--to", str(YEAR.until), "--json"]
    monkeypatch.setattr(sys, "argv", ["meta-pipeline", "backfill", *days, *more])
    capfd.readouterr()
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0
    return orjson.loads(capfd.readouterr().out)


def test_a_year_of_three_clients(
    agency: Pipeline, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    """It takes as many runs and requests as the dry run says, twelve runs at most; then nothing
    is missing, and the grid shows which days have settled."""
    told = backfill(monkeypatch, capfd, "--dry-run")
    assert agency.meta.requests == []
    assert not agency.settings.warehouse.exists()
    done = backfill(monkeypatch, capfd)
    assert (done["failures"], done["requests"]) == ([], told["requests_estimated"])
    with dg.DagsterInstance.get() as instance:
        runs = instance.get_runs()
        assert len(runs) == told["runs"] <= 12
        clients = [client.id for client in agency.meta.source.clients()]
        green = instance.get_materialized_partitions(raw_key("account_daily"))
        assert green == {f"{client}|{day}" for client in clients for day in YEAR}
        settled = instance.get_materialized_partitions(SETTLED)
    marts = agency.marts(
        "select client_id || '|' || day from mart_freshness "
        "where maturity in ('attributing', 'final')"
    )
    assert settled == {key for (key,) in marts}
    ages = {YEAR.until - date.fromisoformat(key.partition("|")[2]) for key in settled}
    # 72 hours after a day's end it is the fourth last that has settled, or the third last.
    assert timedelta(days=2) <= min(ages) <= timedelta(days=3)
    left = backfill(monkeypatch, capfd, "--dry-run")
    assert (left["requests_estimated"], left["partitions"], left["runs"]) == (0, 0, 1)
    assert left["quotas"] != []
    again = backfill(monkeypatch, capfd, "--dry-run", "--again", "-c", clients[0])
    assert again["rows_estimated"] >= YEAR.days
