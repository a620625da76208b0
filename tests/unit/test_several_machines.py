"""The settings for several machines, and what knows files alone."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from meta_pipeline.backup import back_up
from meta_pipeline.config import Client, Lake, load_settings
from meta_pipeline.defs.partitions import register, stretches
from meta_pipeline.defs.resources import Warehouse
from meta_pipeline.errors import ConfigError


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Nothing set but the home."""
    for name in ("SPOOL", "LAKE", "LAKE_DATA", "QUOTA", "CLIENTS_PER_RUN"):
        monkeypatch.delenv(f"META_PIPELINE_{name}", raising=False)
    monkeypatch.setenv("META_PIPELINE_HOME", str(tmp_path))
    return monkeypatch


def set_all(environment: pytest.MonkeyPatch, values: Mapping[str, str]) -> None:
    """Sets variables by the ends of their names."""
    for name, value in values.items():
        environment.setenv(f"META_PIPELINE_{name}", value)


def test_one_machine_is_what_is_not_said_otherwise(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One file and one folder below the home."""
    settings = load_settings()
    assert settings.place == tmp_path / "warehouse.duckdb"
    assert settings.spool == tmp_path / "spool"
    assert settings.quota == tmp_path / "quota.sqlite"
    assert Warehouse.of(settings).place == settings.place


def test_each_thing_can_lie_elsewhere(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The spool by its URL, rows in a lake, quotas on a disk of the machine."""
    lake = "postgres:dbname=lake host=db"
    set_all(
        environment,
        {
            "SPOOL": "s3://bucket/spool/",
            "LAKE": lake,
            "LAKE_DATA": "s3://bucket/lake",
            "QUOTA": "/quota/quota.sqlite",
        },
    )
    settings = load_settings()
    assert settings.spool == "s3://bucket/spool"
    assert settings.place == Lake(lake, "s3://bucket/lake", tmp_path / "extensions")
    assert settings.quota == Path("/quota/quota.sqlite")
    assert isinstance(settings.place, Lake)
    assert settings.place.postgres == "dbname=lake host=db"
    assert Warehouse.of(settings).place == settings.place


def test_folders_are_made_absolute(environment: pytest.MonkeyPatch) -> None:
    """Workers start in different folders."""
    set_all(environment, {"SPOOL": "shared/spool", "LAKE": "c.ducklake", "LAKE_DATA": "rows"})
    settings = load_settings()
    assert settings.spool == Path("shared/spool").resolve()
    assert isinstance(settings.place, Lake)
    assert settings.place.catalog == str(Path("c.ducklake").resolve())
    assert settings.place.data == str(Path("rows").resolve())
    assert settings.place.postgres is None


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"LAKE": "postgres:dbname=lake"}, "go together"),
        ({"LAKE_DATA": "s3://bucket/lake"}, "go together"),
        ({"LAKE": "postgres:dbname=lake password=hunter2", "LAKE_DATA": "x"}, "PGPASSWORD"),
        ({"LAKE": "postgresql://me@db/lake", "LAKE_DATA": "x"}, "write it like"),
        ({"CLIENTS_PER_RUN": "0"}, "greater than or equal to 1"),
    ],
)
def test_what_cannot_work_is_refused(
    environment: pytest.MonkeyPatch, values: dict[str, str], said: str
) -> None:
    """With what to write instead, and without repeating a password."""
    set_all(environment, values)
    with pytest.raises(ConfigError, match=said) as error:
        load_settings()
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("values", [{"SPOOL": "s3://b/s"}, {"LAKE": "c", "LAKE_DATA": "d"}])
def test_commands_for_files_refuse_what_lies_elsewhere(
    environment: pytest.MonkeyPatch, values: dict[str, str], tmp_path: Path
) -> None:
    """A backup without the spool or the rows would be believed to be one."""
    set_all(environment, values)
    target = tmp_path.parent / f"{tmp_path.name}-copy"
    with pytest.raises(ConfigError, match="`meta-pipeline backup` knows the files"):
        back_up(load_settings(), tmp_path / "dagster", target, datetime.now(UTC))
    assert not target.exists()


def test_runs_can_be_cut_by_number_of_clients() -> None:
    """No run has more clients, none is left out, and gaps still cut."""
    ids = [f"c{number}" for number in range(7)]
    with dg.instance_for_test() as instance:
        register(instance, [Client(id=one, name=one, ad_accounts=("1",)) for one in ids])
        wanted = set(ids) - {"c4"}
        assert stretches(instance, wanted) == [["c0", "c1", "c2", "c3"], ["c5", "c6"]]
        assert stretches(instance, wanted, 3) == [["c0", "c1", "c2"], ["c3"], ["c5", "c6"]]
        assert stretches(instance, set(), 3) == []
