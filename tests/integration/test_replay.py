"""The main job on an export of real ads: what the file says is what the marts say."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from meta_pipeline.cli.demo import run_demo
from tests.homes import parsed_home

REAL = Path(__file__).parents[2].parent / "shared/realdata/kag/fb_campaign_2017_repaired.csv"

HEADER = (
    "ad_id,reporting_start,reporting_end,campaign_id,fb_campaign_id,age,gender,"
    "interest1,interest2,interest3,impressions,clicks,spent,total_conversion,approved_conversion"
)
# Invented, in the shape of the real file: two ads without a campaign, one ad without a click.
ROWS = (
    "1001,17/08/2017,17/08/2017,9,90,30-34,M,15,17,17,7000,1,1.429999948,2,1",
    "1002,17/08/2017,17/08/2017,9,91,35-39,F,16,19,21,17000,2,1.820000023,2,0",
    "1003,18/08/2017,18/08/2017,9,91,30-34,F,20,25,22,700,0,0,1,0",
    "1004,18/08/2017,18/08/2017,,,45-49,M,10,14,14,426500,72,128.2799988,4,1",
    "1005,20/08/2017,20/08/2017,,,45-49,F,15,21,19,54000,7,10.77999985,2,1",
)

Replay = Callable[[Path], duckdb.DuckDBPyConnection]


@pytest.fixture
def home() -> Iterator[Path]:
    """Where the demo puts its files."""
    with parsed_home() as one:
        yield one


@pytest.fixture
def replay(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Replay]:
    """Runs the demo on an export and opens the marts it published."""
    for name in ("CLIENTS", "NOW"):
        monkeypatch.setenv(f"META_PIPELINE_{name}", "")
    for name in ("META_GRAPH_URL", "META_ACCESS_TOKEN"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("META_PIPELINE_HOME", str(home))
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))

    def run(path: Path) -> duckdb.DuckDBPyConnection:
        capsys.readouterr()
        assert run_demo(replay=path, mapping=None, clients=1, days=60, seed=7) == 0
        places = re.findall(r"^(\w+): (/.*)$", capsys.readouterr().out, re.MULTILINE)
        assert [name for name, _ in places] == ["marts", "report", "dashboard"]
        assert all(Path(place).stat().st_size > 0 for _, place in places)
        return stack.enter_context(duckdb.connect(str(home / "marts.duckdb"), read_only=True))

    with ExitStack() as stack:
        yield run


def totals(marts: duckdb.DuckDBPyConnection) -> tuple[Any, ...]:
    """What the marts say of the export as a whole."""
    row = marts.execute(
        """
        select
            round(sum(spend), 2), sum(impressions), sum(clicks), sum(results),
            count(distinct day), count(*) filter (cpc is null), count(*)
        from fct_ad_daily
        """
    ).fetchone()
    approved = marts.execute(
        "select sum(actions) from fct_actions_daily where action_type = 'approved_conversion'"
    ).fetchone()
    return (*(row or ()), *(approved or ()))


def test_small_export(replay: Replay, tmp_path: Path):
    """Totals, days, NULL ratios and the campaign called unknown of a small export."""
    export = tmp_path / "export.csv"
    export.write_text("\n".join((HEADER, *ROWS)) + "\n")
    marts = replay(export)
    assert totals(marts) == (Decimal("142.31"), 505200, 82, 11, 3, 1, 5, 3)
    unknown = marts.execute(
        "select campaign_name, count(*), sum(impressions) from fct_ad_daily "
        "where campaign_id = 'unknown' group by 1"
    ).fetchall()
    assert unknown == [("unknown", 2, 480500)]
    for mart in ("fct_campaign_daily", "fct_account_daily", "fct_platform_daily"):
        row = marts.execute(f"select round(sum(spend), 2), sum(clicks) from {mart}").fetchone()
        assert row == (Decimal("142.31"), 82)
    assert marts.execute("select distinct maturity from fct_ad_daily").fetchall() == [("final",)]
    marts.close()


@pytest.mark.skipif(not REAL.exists(), reason="the export of real ads is not on this machine")
def test_real_export(replay: Replay):
    """1,143 real ads of August 2017, to the cent."""
    marts = replay(REAL)
    expected = (Decimal("58705.23"), 213_434_828, 38_165, 3_264, 14, 207, 1_143, 1_079)
    assert totals(marts) == expected
    rows = marts.execute("select count(*) from fct_ad_daily where campaign_id = 'unknown'")
    assert rows.fetchone() == (382,)
    marts.close()
