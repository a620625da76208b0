"""How Dagster's SQLite files are written."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from meta_pipeline.defs.storage import write_events_fast


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
