"""`export`, `compact` and `docs`, as a person types them."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from meta_pipeline.cli import main
from meta_pipeline.config import load_settings
from meta_pipeline.landing import create_schema
from meta_pipeline.warehouse import writing

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in an empty home: its exit code, stdout and stderr."""
    monkeypatch.setenv("META_PIPELINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("META_PIPELINE_NOW", "2027-12-01T12:00:00")
    (tmp_path / "home").mkdir()

    def invoke(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["meta-pipeline", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capfd.readouterr()
        code = stop.value.code
        return (code if isinstance(code, int) else 0), out, err

    return invoke


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("export", "--to", "out"), "no marts yet"),
        (("compact",), "no warehouse yet"),
        (("docs",), "no warehouse yet"),
    ],
)
def test_before_the_first_sync(run: Run, arguments: tuple[str, ...], message: str):
    """Each names the command that makes what it needs, and makes nothing itself."""
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    assert err.startswith(f"error: {message}")
    assert "hint: run `meta-pipeline sync`" in err
    assert not load_settings().warehouse.exists()
    assert not Path("out").exists()


def test_export(run: Run, tmp_path: Path):
    """One document for programs, one line a mart for people."""
    with duckdb.connect(str(load_settings().marts)) as con:
        con.execute("create table fct_x as select 'acme' as client_id, 1 as n")
        con.execute("create table dim_x as select 1 as n")
    target = tmp_path / "out"
    code, out, err = run("export", "--to", str(target), "-m", "fct_x", "--json")
    assert (code, err) == (0, "")
    path = str(target / "fct_x")
    marts = [{"mart": "fct_x", "path": path, "rows": 1, "clients": 1}]
    assert json.loads(out) == {"schema": 1, "target": str(target), "marts": marts}
    code, out, _ = run("export", "--to", str(target))
    assert code == 0
    assert str(target / "dim_x") in out
    code, _, err = run("export", "--to", str(target), "-m", "nope")
    assert code == 2
    assert "hint: the marts are dim_x, fct_x" in err


def test_compact(run: Run):
    """A dry run says what the real one then does; without anything to do it says so."""
    with writing(load_settings().warehouse) as con:
        create_schema(con)
        con.execute(
            """
            insert into raw.records
            select 'acme', 'ad_daily', 'act_1', '', '2026-10-01', i::text, '{}', '', 'p',
                '2026-10-02 00:00:00+00',
                case when i > 2 then timestamptz '2026-10-03 00:00:00+00' end
            from range(10) as t(i)
            """
        )
    code, out, _ = run("compact", "--dry-run", "--json")
    told = json.loads(out)
    assert (code, told["schema"], told["horizon"]) == (0, 1, "2026-10-27T12:00:00+00:00")
    assert (told["versions_before"], told["versions_dropped"]) == (10, 7)
    assert told["bytes_after"] is None
    code, out, _ = run("compact", "--older-than", "500")
    assert (code, out) == (0, "no version was superseded before 2026-07-19: nothing to do\n")
    code, out, _ = run("compact")
    assert code == 0
    assert "ad_daily: 7 versions superseded before 2026-10-27" in out
    assert "10 versions before, 3 after" in out
    code, out, _ = run("compact", "--json")
    assert json.loads(out)["versions_before"] == 3
    assert run("compact", "--older-than", "0")[0] == 2
