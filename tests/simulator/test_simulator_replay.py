"""The replay of a CSV file."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from simulator_asking import DATA, Ask, asker, every_row

from meta_pipeline.simulator import ReplayError, RunningSimulator, default_today, replayed

REAL = Path(__file__).parents[3] / "shared/realdata/kag/fb_campaign_2017_repaired.csv"
AUGUST = json.dumps({"since": "2017-08-01", "until": "2017-08-31"})
INSIGHTS = "/v26.0/act_2017081730/insights"
FIELDS = (
    "campaign_id,campaign_name,adset_id,ad_id,impressions,clicks,spend,reach,frequency,cpc,actions,"
    "results"
)


@pytest.fixture
def ask_replay(replay: RunningSimulator) -> Ask:
    """Asks the replay of the invented file."""
    replay.clock.move_to(datetime(2017, 9, 28, 12, tzinfo=UTC))
    return asker(replay)


@pytest.fixture(scope="module")
def real() -> Iterator[RunningSimulator]:
    """The replay of the real file, where it is at hand."""
    if not REAL.exists():
        pytest.skip(f"{REAL} is not here")
    source = replayed(REAL)
    with RunningSimulator(source, default_today(source)) as running:
        yield running


def test_rows_are_served_as_written(ask_replay: Ask) -> None:
    """A single row's money is the file's own text, and what the file lacks is left out."""
    rows = every_row(ask_replay, INSIGHTS, fields=FIELDS, level="ad", time_range=AUGUST)
    by_ad = {row["ad_id"]: row for row in rows}
    assert len(by_ad) == 12
    assert by_ad["501"]["spend"] == "4.120000005"
    assert by_ad["501"]["actions"] == [
        {"action_type": "total_conversion", "value": "2"},
        {"action_type": "approved_conversion", "value": "1"},
    ]
    assert not any({"reach", "frequency"} & set(row) for row in rows)
    assert "cpc" not in by_ad["502"]
    assert "actions" not in by_ad["507"]


def test_missing_ids_become_one_unknown_campaign(ask_replay: Ask) -> None:
    """Rows without campaign share one campaign `unknown`, with one ad set of that name."""
    rows = every_row(ask_replay, INSIGHTS, fields=FIELDS, level="adset", time_range=AUGUST)
    unknown = [row for row in rows if row["campaign_id"] == "unknown"]
    assert [(row["campaign_name"], row["adset_id"]) for row in unknown] == [("unknown", "unknown")]
    assert unknown[0]["spend"] == str(Decimal("12.20000005") + Decimal("40.28999949"))


def test_breakdowns_of_the_file(ask_replay: Ask) -> None:
    """Age and gender come from the file, the platform is unknown, the rest is refused."""
    asked = {"fields": "impressions", "time_range": AUGUST}
    people = every_row(ask_replay, INSIGHTS, breakdowns="age,gender", **asked)
    assert {row["gender"] for row in people} == {"male", "female"}
    assert sum(int(row["impressions"]) for row in people) == 184550
    platforms = every_row(ask_replay, INSIGHTS, breakdowns="publisher_platform", **asked)
    assert [row["publisher_platform"] for row in platforms] == ["unknown"]
    assert ask_replay(INSIGHTS, breakdowns="country", **asked).status_code == 400


def test_a_day_is_there_once_it_is_over(replay: RunningSimulator, ask_replay: Ask) -> None:
    """A replayed day shows at its end, whole, and never before."""
    asked = {"fields": "impressions", "time_range": AUGUST, "time_increment": 1}
    replay.clock.move_to(datetime(2017, 8, 18, 23, 59, tzinfo=UTC))
    assert [r["date_start"] for r in ask_replay(INSIGHTS, **asked).json()["data"]] == ["2017-08-17"]
    replay.clock.move_to(datetime(2017, 8, 19, tzinfo=UTC))
    assert len(ask_replay(INSIGHTS, **asked).json()["data"]) == 2


def test_the_default_today_is_after_the_freeze() -> None:
    """29 days after the last day of the file, at noon UTC."""
    source = replayed(DATA / "campaign.csv")
    assert default_today(source) == datetime(2017, 9, 18, 12, tzinfo=UTC)
    assert [client.id for client in source.clients()] == ["kag-2017"]


def test_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    """A missing file, a file of another kind and a bad number are told apart, with the line."""
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    bad = tmp_path / "bad.csv"
    bad.write_text((DATA / "campaign.csv").read_text().replace("7.5,", "much,"))
    for path, message in [
        (tmp_path / "none.csv", "no such file"),
        (other, "--mapping"),
        (bad, r"bad\.csv, line 4: spent 'much' is no number"),
    ]:
        with pytest.raises(ReplayError, match=message):
            replayed(path)


def test_a_mapping_of_ones_own(tmp_path: Path) -> None:
    """Another file is read by another YAML file; what it lacks is named."""
    csv = tmp_path / "mine.csv"
    csv.write_text("d,a,c,s,i,k,m\n2026-01-02,1,2,3,100,4,5.50\n")
    names = {"day": "d", "ad_id": "a", "campaign_id": "c", "adset_id": "s"}
    about = {
        "columns": {**names, "impressions": "i", "clicks": "k", "spend": "m"},
        "client": {
            "id": "mine",
            "name": "Mine",
            "account_id": "act_5",
            "account_name": "Mine",
            "currency": "EUR",
            "timezone": "Europe/Berlin",
            "result": "sale",
        },
    }
    mapping = tmp_path / "mine.yml"
    mapping.write_text(yaml.safe_dump(about))
    assert replayed(csv, mapping).clients()[0].start_date.isoformat() == "2026-01-02"
    about["columns"]["spend"] = "cost"
    mapping.write_text(yaml.safe_dump(about))
    with pytest.raises(ReplayError, match="no column 'cost'"):
        replayed(csv, mapping)
    del about["columns"]["spend"]
    mapping.write_text(yaml.safe_dump(about))
    with pytest.raises(ReplayError, match=r"columns\.spend is missing"):
        replayed(csv, mapping)


def test_the_real_campaign_has_its_totals(real: RunningSimulator) -> None:
    """1,143 ads of 2017 add up to the totals of the published file."""
    rows = every_row(asker(real), INSIGHTS, fields=FIELDS, level="ad", time_range=AUGUST, limit=500)
    actions = [(a["action_type"], int(a["value"])) for r in rows for a in r.get("actions", ())]
    assert len(rows) == 1143
    assert round(sum(Decimal(row["spend"]) for row in rows), 2) == Decimal("58705.23")
    assert sum(int(row["impressions"]) for row in rows) == 213434828
    assert sum(int(row["clicks"]) for row in rows) == 38165
    assert sum(n for name, n in actions if name == "total_conversion") == 3264
    assert sum(n for name, n in actions if name == "approved_conversion") == 1079
    assert sum("cpc" not in row for row in rows) == 207
    assert sum(row["campaign_id"] == "unknown" for row in rows) == 382
