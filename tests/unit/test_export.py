"""The marts as Parquet: what is in them, whole or not at all."""

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from filelock import FileLock

from meta_pipeline.errors import ConfigError, WarehouseError
from meta_pipeline.warehouse import Exported, export

# What may stand in a database, though clients.yml refuses all but the first two.
CLIENTS = ["acme-dental", "007", "../outside", "a b/c=d%é", "it's"]


@pytest.fixture
def marts(tmp_path: Path) -> Path:
    """Marts with and without clients, and an empty one."""
    path = tmp_path / "marts.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("set TimeZone = 'America/New_York'")
        con.execute(
            """
            create table fct_daily (client_id text, day date, spend decimal(18, 6),
                pulled_at timestamptz);
            comment on column fct_daily.spend is 'Money.';
            create table fct_empty (client_id text, views bigint);
            create table dim_dates as select date '2026-11-01' + i::integer as day
            from range(5) as t(i);
            """
        )
        con.execute(
            "insert into fct_daily select unnest(?::text[]), '2026-11-01', 0.123456, "
            "'2026-11-02 08:00:00-04'",
            [CLIENTS],
        )
        con.execute("insert into fct_daily values ('007', '2026-11-02', null, null)")
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where the export goes."""
    return tmp_path / "out"


def read(folder: Path, what: str = "*", order: str = "all") -> list[tuple[Any, ...]]:
    """What an analyst reads from a mart's folder, ids as text."""
    files = [str(path) for path in sorted(folder.rglob("*.parquet"))]
    options = "hive_partitioning = true, hive_types_autocast = false"
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        sql = f"select {what} from read_parquet(?, {options}) order by {order}"
        return con.execute(sql, [files]).fetchall()


def files_in(folder: Path) -> dict[str, bytes]:
    """Every file below, but the lock."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".export.lock"
    }


def test_a_folder_a_mart_and_a_folder_a_client(marts: Path, target: Path) -> None:
    """Whatever a client is called, nothing is written elsewhere."""
    found = export(marts, target)
    assert [(one.mart, one.rows, one.clients) for one in found] == [
        ("dim_dates", 5, 0),
        ("fct_daily", 6, 5),
        ("fct_empty", 0, 0),
    ]
    names = [path.name for path in (target / "fct_daily").iterdir() if path.is_dir()]
    assert len(names) == len(CLIENTS)
    assert {"client_id=acme-dental", "client_id=007"} < set(names)
    assert sorted(path.name for path in target.parent.iterdir()) == ["marts.duckdb", "out"]


def test_rows_and_types_are_the_marts(marts: Path, target: Path) -> None:
    """Decimals to the last digit, instants as such, ids as text, NULL as NULL."""
    export(marts, target)
    rows = read(target / "fct_daily", "client_id, spend, pulled_at::text, typeof(pulled_at)")
    assert sorted({row[0] for row in rows}) == sorted(CLIENTS)
    known = [row[1:] for row in rows if row[1] is not None]
    kind = "TIMESTAMP WITH TIME ZONE"
    assert known == [(Decimal("0.123456"), "2026-11-02 12:00:00+00", kind)] * 5
    assert read(target / "fct_daily", "typeof(spend)")[0] == ("DECIMAL(18,6)",)
    assert read(target / "dim_dates", "count(*), max(day)::text", "1") == [(5, "2026-11-05")]
    assert read(target / "fct_empty") == []
    file = next((target / "fct_daily").rglob("*.parquet"))
    with duckdb.connect() as con:
        kinds = con.execute("select distinct compression from parquet_metadata(?)", [str(file)])
        assert kinds.fetchall() == [("ZSTD",)]


def test_columns_are_explained_beside_the_files(marts: Path, target: Path) -> None:
    """Parquet has no comments."""
    export(marts, target)
    marker = json.loads((target / "fct_daily" / "_export.json").read_text())
    assert (marker["mart"], marker["rows"]) == ("fct_daily", 6)
    assert marker["columns"][2] == {"name": "spend", "type": "DECIMAL(18,6)", "comment": "Money."}


def change(marts: Path, sql: str) -> None:
    """Publishes other marts."""
    with duckdb.connect(str(marts)) as con:
        con.execute(sql)


def test_an_older_export_is_replaced_as_a_whole(marts: Path, target: Path) -> None:
    """A client and a mart that are gone leave no files behind."""
    export(marts, target)
    change(marts, "delete from fct_daily where client_id <> '007'; drop table dim_dates")
    export(marts, target)
    assert [path.name for path in (target / "fct_daily").glob("client_id=*")] == ["client_id=007"]
    assert sorted(path.name for path in target.iterdir() if path.is_dir()) == [
        *("fct_daily", "fct_empty")
    ]


def test_only_the_marts_named_are_touched(marts: Path, target: Path) -> None:
    """The others stay as they were exported before."""
    export(marts, target)
    before = files_in(target)
    change(marts, "delete from dim_dates; delete from fct_daily")
    assert [one.mart for one in export(marts, target, ["dim_dates"])] == ["dim_dates"]
    after = files_in(target)
    assert {name for name in before if before[name] != after.get(name)} == {
        *("dim_dates/_export.json", "dim_dates/data_0.parquet")
    }


def test_a_path_is_taken_as_it_is(marts: Path, tmp_path: Path) -> None:
    """With quotes, and with what would be a pattern."""
    target = tmp_path / "the agency's [files]" / "*"
    assert {one.rows for one in export(marts, target)} == {0, 5, 6}
    assert read(target / "dim_dates", "count(*)") == [(5,)]


@pytest.mark.parametrize("name", ["notes.txt", "fct_daily/mine.parquet", "photos/cat.jpg"])
def test_a_folder_of_other_things_is_refused(marts: Path, target: Path, name: str) -> None:
    """Nothing in it is touched, even where it has the name of a mart."""
    (target / name).parent.mkdir(parents=True)
    (target / name).write_text("mine")
    with pytest.raises(ConfigError, match="something that is not an export") as raised:
        export(marts, target)
    assert name.split("/")[0] in raised.value.message
    assert files_in(target) == {name: b"mine"}


@pytest.mark.parametrize("is_refused", [True, False])
def test_hidden_folders_of_others_are_left_alone(
    marts: Path, target: Path, is_refused: bool
) -> None:
    """Whatever their names end with, and whether or not the export is refused."""
    mine = [".config.new/precious", ".ssh.old/id", ".profile.old/rc", ".fct_daily.new.zip"]
    if is_refused:
        export(marts, target, ["dim_dates"])
        mine += [".fct_daily.new/half", "profile/rc", "Documents/letter"]
    for name in mine:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text("mine")
    before = files_in(target)
    with pytest.raises(ConfigError, match="not an export") if is_refused else nullcontext():
        export(marts, target)
    after = files_in(target)
    assert {name: after[name] for name in mine} == dict.fromkeys(mine, b"mine")
    assert not is_refused or after == before


def test_what_is_left_of_a_folder_half_taken_away_goes(marts: Path, target: Path) -> None:
    """Also when its marker went first; it would be in the way of every later export."""
    export(marts, target)
    left = target / ".fct_daily.old" / "data_0.parquet"
    left.parent.mkdir()
    left.write_text("half")
    export(marts, target)
    assert not left.parent.exists()


def no_marts(marts: Path, target: Path) -> list[Exported]:
    """An export before the first sync."""
    marts.unlink()
    return export(marts, target)


def broken_marts(marts: Path, target: Path) -> list[Exported]:
    """An export of a file that is no database."""
    marts.write_bytes(b"this was a database" * 1000)
    return export(marts, target)


def onto_a_file(marts: Path, target: Path) -> list[Exported]:
    """An export to a file."""
    target.write_text("mine")
    return export(marts, target)


def below_a_file(marts: Path, target: Path) -> list[Exported]:
    """An export to where no folder can be made."""
    target.write_text("mine")
    return export(marts, target / "deeper")


def unknown_mart(marts: Path, target: Path) -> list[Exported]:
    """An export of a mart that is not."""
    return export(marts, target, ["fct_hourly"])


def beside_another(marts: Path, target: Path) -> list[Exported]:
    """An export to where another one is being written."""
    target.mkdir()
    with FileLock(target / ".export.lock"):
        return export(marts, target)


@pytest.mark.parametrize(
    ("way", "kind", "message", "hint"),
    [
        (no_marts, WarehouseError, "no marts yet", "meta-pipeline sync"),
        (broken_marts, WarehouseError, "cannot be opened", "meta-pipeline sync"),
        (onto_a_file, ConfigError, "is not a folder", "--to"),
        (below_a_file, ConfigError, "cannot be written", "--to"),
        (unknown_mart, ConfigError, "unknown mart 'fct_hourly'", "dim_dates, fct_daily"),
        (beside_another, ConfigError, "another export", "wait"),
    ],
)
def test_what_cannot_be_is_said(
    marts: Path,
    target: Path,
    way: Callable[[Path, Path], list[Exported]],
    kind: type[Exception],
    message: str,
    hint: str,
) -> None:
    """With what, where and the next step."""
    with pytest.raises(kind, match=message) as raised:
        way(marts, target)
    assert hint in str(raised.value)


def test_a_failure_leaves_the_older_export(
    marts: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the mart that could not be moved, whole; nothing half written is left beside it."""
    export(marts, target)
    before = files_in(target / "fct_daily")
    change(marts, "delete from fct_daily")
    rename = Path.rename

    def full(path: Path, place: Path) -> Path:
        if path.name == ".fct_daily.new":
            raise OSError(28, "No space left on device")
        return rename(path, place)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(ConfigError, match="No space left"):
        export(marts, target)
    assert files_in(target / "fct_daily") == before
    assert [path.name for path in target.iterdir() if path.name.startswith(".")] == [".export.lock"]


def test_rows_lost_on_the_way_are_noticed(
    marts: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written is read again before it is moved into place."""
    module = sys.modules["meta_pipeline.warehouse.export"]
    export(marts, target)
    before = files_in(target)

    write = module._write
    monkeypatch.setattr(
        module,
        "_write",
        lambda con, mart, *rest: write(Lossy(con) if mart == "dim_dates" else con, mart, *rest),
    )
    with pytest.raises(WarehouseError, match="does not hold the mart's rows"):
        export(marts, target)
    assert files_in(target) == before


class Lossy:
    """A connection that copies one row less than it is told."""

    def __init__(self, inner: duckdb.DuckDBPyConnection) -> None:
        self._inner = inner

    def execute(self, sql: str, *args: Any) -> duckdb.DuckDBPyConnection:
        """Passes a statement on; of a copy the last row is lost."""
        lossy = sql.replace('copy "dim_dates" to', "copy (from dim_dates limit 4) to")
        return self._inner.execute(lossy, *args)


KILLED = """
import os, sys
from pathlib import Path
from meta_pipeline.warehouse import export
rename = Path.rename
def die(path, place):
    if path.name == ".fct_daily.new":
        os.kill(os.getpid(), 9)
    return rename(path, place)
Path.rename = die
export(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_killed_between_two_moves_the_next_export_mends_it(marts: Path, target: Path) -> None:
    """A folder that was moved aside goes back, or makes room for its successor."""
    export(marts, target)
    before = files_in(target / "fct_daily")
    subprocess.run([sys.executable, "-c", KILLED, str(marts), str(target)], check=False)
    assert not (target / "fct_daily").exists()
    export(marts, target, ["dim_dates"])
    assert files_in(target / "fct_daily") == before
    assert [path.name for path in target.iterdir() if path.name.startswith(".")] == [".export.lock"]
