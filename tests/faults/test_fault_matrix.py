"""Every fault against every report: what lands is Meta's, and what is missing is said."""

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from matrix import SPAN, Grid, Home, Scenario, Twins, Verdict, sign
from scenarios import ALONE, IS_THOROUGH, TOGETHER

from meta_pipeline.defs.launch import Launcher
from meta_pipeline.pulling import Puller
from meta_pipeline.reports import REPORTS
from meta_pipeline.simulator import account_truth

DOCS = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
SCENARIOS = {scenario.name: scenario for scenario in (*TOGETHER, *ALONE)}
MOST_REQUESTS = 150


def cells(grid: Grid) -> list[tuple[Scenario, str, Verdict, Verdict]]:
    """Scenario, report, and what came of it during the fault and after."""
    return [
        (SCENARIOS[name], report, during, after)
        for name, row in grid.items()
        for report, (during, after) in row.items()
    ]


def test_every_scenario_is_tried_on_some_report(grid: Grid) -> None:
    """No fault stands in the table that hits nothing."""
    assert [name for name in SCENARIOS if not grid.get(name)] == []


def test_no_row_is_wrong_doubled_or_missing_unsaid(grid: Grid) -> None:
    """Each row is the twin's to the letter; of each missing one the coverage names the day."""
    wrong = {
        (scenario.name, report, verdict.wrong)
        for scenario, report, *verdicts in cells(grid)
        for verdict in verdicts
        if verdict.wrong
    }
    assert wrong == set()


def test_what_passes_costs_no_pull(grid: Grid) -> None:
    """What asking again, waiting or asking for less gets over is whole in the same pull."""
    left = {(s.name, r, d.kinds) for s, r, d, _ in cells(grid) if s.heals and not d.is_whole}
    assert left == set()


def test_what_was_missing_comes_with_the_next_pull(grid: Grid) -> None:
    """When the fault is gone, so is the gap, except where Meta has taken something away."""
    left = {(s.name, r) for s, r, _, after in cells(grid) if not s.lasting and not after.is_whole}
    assert left == set()


def test_requests_are_bounded(grid: Grid) -> None:
    """No fault makes a report ask without end."""
    many = {(s.name, r, d.requests) for s, r, d, _ in cells(grid) if d.requests > MOST_REQUESTS}
    assert many == set()


def test_the_documented_table_is_this_one(grid: Grid) -> None:
    """docs/reliability.md says what came of it; `write_table.py` writes it anew."""
    lines = (line for line in DOCS.read_text(encoding="utf-8").splitlines() if "|" in line)
    cells = {line.split("|")[1].strip(): line.split("|")[-len(REPORTS) - 1 :] for line in lines}
    place = {name: number for number, name in enumerate(REPORTS)}
    found = {(n, report): sign(cell) for n, row in grid.items() for report, cell in row.items()}
    assert {key: cells[key[0]][place[key[1]]].strip() for key in found} == found


@pytest.fixture(scope="module")
def built(twins: Twins, grid: Grid) -> Twins:
    """The marts of the home that met faults; of both in a thorough run."""
    assert grid
    build(twins.home)
    if IS_THOROUGH:
        build(twins.twin)
    return twins


def build(home: Home) -> None:
    """Builds and publishes the marts of a home."""
    home.patch.setenv("META_PIPELINE_HOME", str(home.path))
    home.patch.setenv("DAGSTER_HOME", str(home.path / "dagster"))
    home.patch.setenv("META_PIPELINE_NOW", home.meta.clock.now().isoformat())
    clients = tuple(home.clients.values())
    Launcher(home.settings, clients, Puller(home.settings, clients)).build()


def lasting_clients(home: Home) -> list[str]:
    """The clients of scenarios that leave a gap for good."""
    scenarios = zip(home.clients, (*TOGETHER, *ALONE), strict=True)
    return [client_id for client_id, scenario in scenarios if scenario.lasting]


@pytest.mark.skipif(not IS_THOROUGH, reason="FAULT_MATRIX=all builds the twin's marts as well")
def test_the_marts_are_those_of_the_twin(built: Twins) -> None:
    """Every fact and dimension, row by row; only when and in which load they came differs."""
    with duckdb.connect(str(built.home.settings.marts), read_only=True) as marts:
        marts.execute(f"attach '{built.twin.settings.marts}' as twin (read_only)")
        tables = marts.execute(
            "select table_name, list(column_name) from duckdb_columns() "
            "where database_name = 'marts' and data_type not like 'TIMESTAMP%' "
            "and column_name <> 'load_seq' and table_name similar to '(fct|dim)_.*' "
            # A post's figures grow while simulated time passes.
            "and table_name <> 'fct_posts' group by table_name"
        ).fetchall()
        assert len(tables) > 20
        left_out = lasting_clients(built.home)
        for table, names in tables:
            columns = ", ".join(names)
            which = "where client_id <> all($left_out)" if "client_id" in names else ""
            values = {"left_out": left_out} if which else {}
            here = f"select {columns} from marts.{table} {which}"
            there = f"select {columns} from twin.{table} {which}"
            for one, other in ((here, there), (there, here)):
                odd = marts.execute(f"({one}) except all ({other})", values).fetchall()
                assert odd == [], table


def test_the_marts_are_true(built: Twins) -> None:
    """Spend and impressions of every account are what the simulator says is true."""
    source = built.home.meta.source
    with duckdb.connect(str(built.home.settings.marts), read_only=True) as marts:
        found = {
            account: (spend, impressions)
            for account, spend, impressions in marts.execute(
                "select ad_account_id, sum(spend), sum(impressions) from fct_account_daily "
                "group by all"
            ).fetchall()
        }
    assert len(found) == sum(len(c.ad_accounts) for c in built.home.clients.values())
    for account_id, (spend, impressions) in found.items():
        account = source.account(account_id)
        assert account is not None
        days = account_truth(source, account, SPAN.since, SPAN.until, level="account")
        assert sum(Decimal(str(day["spend"])) for day in days) == spend
        assert sum(int(day["impressions"]) for day in days) == impressions
