"""How Dagster's SQLite files are written."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.event import listen, remove
from sqlalchemy.pool import NullPool

from meta_pipeline.defs.storage import write_events_fast
from meta_pipeline.event_log import BatchedSqliteEventLogStorage
from meta_pipeline.project import project_file

WRITTEN = {
    "event_logs": "select dagster_event_type, step_key, asset_key, partition from event_logs",
    "asset_keys": "select asset_key, last_run_id is null, last_materialization like "
    "'%2026-11-20%' from asset_keys",
    "asset_event_tags": "select asset_key, key, count(*) from asset_event_tags group by 1, 2",
}


def test_the_log_of_a_new_file_outlives_each_connection(tmp_path: Path):
    """Closing a connection moves no log into the file, from the first write on."""
    write_events_fast()
    path = tmp_path / "events.db"
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text("pragma journal_mode = wal"))
        connection.execute(text("create table events (n integer)"))
        connection.commit()
    for n in range(3):
        with engine.begin() as connection:
            connection.execute(text("insert into events values (:n)"), {"n": n})
        assert path.with_name("events.db-wal").stat().st_size > 0, f"moved at write {n}"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_left_alone(url: str):
    """Without a file there is nothing to hold."""
    write_events_fast()
    with create_engine(url).begin() as connection:
        assert connection.execute(text("select 1")).scalar() == 1


def dagster_home(folder: Path, settings: dict[str, Any]) -> Path:
    """A new DAGSTER_HOME."""
    folder.mkdir()
    folder.joinpath("dagster.yaml").write_text(yaml.safe_dump(settings))
    return folder


def run(home: Path) -> set[str]:
    """Runs a range of days of two assets, one of which fails after its first day.

    Returns the days of the other.
    """
    days = dg.DailyPartitionsDefinition("2026-11-01", end_date="2026-11-30")
    policy = dg.BackfillPolicy.single_run()

    @dg.asset(partitions_def=days, backfill_policy=policy)
    def whole() -> dg.MaterializeResult[Any]:
        return dg.MaterializeResult(metadata={"rows": 7})

    @dg.asset(partitions_def=days, backfill_policy=policy)
    def partial(context: dg.AssetExecutionContext) -> Iterator[dg.AssetMaterialization]:
        yield dg.AssetMaterialization("partial", partition=context.partition_keys[0])
        raise dg.Failure("the others did not land", allow_retries=False)

    jobs = [dg.define_asset_job("both", [whole, partial], partitions_def=days)]
    job = dg.Definitions([whole, partial], jobs=jobs).resolve_job_def("both")
    tags = {
        ASSET_PARTITION_RANGE_START_TAG: "2026-11-02",
        ASSET_PARTITION_RANGE_END_TAG: "2026-11-20",
    }
    with dg.DagsterInstance.from_config(str(home)) as instance:
        done = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
        assert not done.success
        return instance.get_materialized_partitions(dg.AssetKey("whole"))


def written(home: Path, query: str) -> list[str]:
    """What each file of the event log has."""
    rows: list[str] = []
    for path in sorted(home.glob("history/runs/*.db")):
        with create_engine(f"sqlite:///{path}").connect() as connection:
            rows += [f"{path.stem == 'index'} {row}" for row in connection.execute(text(query))]
    return sorted(rows)


def test_a_batch_leaves_what_dagster_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Events, newest event of an asset and tags are those of Dagster's own storage, which reads
    the same days from these files."""
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "7")
    settings = yaml.safe_load(project_file("dagster.yaml").read_text())
    ours = dagster_home(tmp_path / "ours", settings)
    del settings["event_log_storage"]
    theirs = dagster_home(tmp_path / "theirs", settings)
    batches = []
    write = BatchedSqliteEventLogStorage.store_event_batch
    monkeypatch.setattr(
        BatchedSqliteEventLogStorage,
        "store_event_batch",
        lambda self, events: batches.append(len(events)) or write(self, events),
    )
    monkeypatch.setenv("DAGSTER_HOME", str(ours))
    days = run(ours)
    assert batches.count(7) > 4
    assert len(days) == 19
    assert run(theirs) == days
    for table, query in WRITTEN.items():
        assert written(ours, query) == written(theirs, query), table
        assert written(ours, query) != [], table
    plain = SqliteEventLogStorage(str(ours / "history" / "runs"))
    assert plain.get_materialized_partitions(dg.AssetKey("whole")) == days


def test_a_batch_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What could not be written is written once, one by one, and stands nowhere twice."""
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "7")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    home = dagster_home(tmp_path / "home", yaml.safe_load(project_file("dagster.yaml").read_text()))

    def refuse(*_: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(BatchedSqliteEventLogStorage, "_store_asset_event_tags", refuse)
    with pytest.raises(OSError, match="disk is full"):
        run(home)
    assert written(home, WRITTEN["asset_event_tags"]) == []
    events = [row for row in written(home, WRITTEN["event_logs"]) if "PLANNED" in row]
    assert len(events) == len(set(events))


def test_a_batch_of_which_half_is_committed_doubles_no_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Two files are two commits. Where the second one fails, Dagster writes each event again: that
    may double the run's own log, never what all runs are looked up in."""
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "7")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    home = dagster_home(tmp_path / "home", yaml.safe_load(project_file("dagster.yaml").read_text()))
    commits: list[str] = []
    write = BatchedSqliteEventLogStorage.store_event_batch

    def refuse(connection: Connection) -> None:
        commits.append(Path(str(connection.engine.url.database)).stem)
        if len(commits) % 2 == 0:
            raise OSError("the disk is full")

    def write_half(storage: BatchedSqliteEventLogStorage, events: Any) -> None:
        listen(Engine, "commit", refuse)
        try:
            write(storage, events)
        finally:
            remove(Engine, "commit", refuse)

    monkeypatch.setattr(BatchedSqliteEventLogStorage, "store_event_batch", write_half)
    assert len(run(home)) == 19
    assert len(commits) > 4
    grid = [row for row in written(home, WRITTEN["event_logs"]) if row.startswith("True ")]
    landed = [row for row in grid if "'ASSET_MATERIALIZATION'" in row]
    assert len(landed) == len(set(landed)) == 19 + 1
    planned = [row for row in grid if "PLANNED" in row]
    assert len(planned) == len(set(planned))


def test_partitions_are_read_again_only_when_something_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """By this process or another, at once; in between the file is left alone."""
    mine, other = (BatchedSqliteEventLogStorage(str(tmp_path)) for _ in range(2))
    mine.add_dynamic_partitions("clients", ["acme"])
    assert other.get_dynamic_partitions("clients") == ["acme"]
    other.add_dynamic_partitions("clients", ["bolt"])
    assert mine.get_dynamic_partitions("clients") == ["acme", "bolt"]
    mine.delete_dynamic_partition("clients", "acme")
    assert mine.get_dynamic_partitions("clients") == ["bolt"]
    for path in tmp_path.rglob("index.db*"):
        os.utime(path, (1, 1))
    asked: list[str] = []
    read = SqliteEventLogStorage.get_dynamic_partitions
    monkeypatch.setattr(
        SqliteEventLogStorage,
        "get_dynamic_partitions",
        lambda self, name: asked.append(name) or read(self, name),
    )
    assert [list(mine.get_dynamic_partitions("clients")) for _ in range(3)] == [["bolt"]] * 3
    assert mine.get_dynamic_partitions("months") == []
    assert asked == ["clients", "months"]
    other.add_dynamic_partitions("clients", ["cafe"])
    assert mine.get_dynamic_partitions("clients") == ["bolt", "cafe"]
