"""What `docs/simulator.md` says of the simulator."""

from dataclasses import fields
from pathlib import Path

import orjson
import pytest

from meta_pipeline.simulator import Fault, RunScript, Settings, SimulatorClock, generated_agency
from meta_pipeline.simulator.app import create_app
from meta_pipeline.simulator.settings import abouts, read_setting
from meta_pipeline.simulator.tables import renewed
from meta_pipeline.simulator.tokens import APP_ID, APP_SECRET

PAGE = Path(__file__).parents[2] / "docs" / "simulator.md"


def test_the_tables_are_those_of_the_code() -> None:
    """Each table is what `python -m meta_pipeline.simulator.tables` would write."""
    text = PAGE.read_text(encoding="utf-8")
    assert text == renewed(text)


def test_every_route_is_documented() -> None:
    """Each route of the simulator's own is on the page."""
    text = PAGE.read_text(encoding="utf-8")
    routes = [route.path for route in create_app(generated_agency(), SimulatorClock()).routes]  # pyright: ignore[reportAttributeAccessIssue]
    own = [path for path in routes if path.startswith("/_simulator/")]
    assert len(own) == 9
    assert [path for path in own if f" {path}`" not in text and f" {path}`," not in text] == []


@pytest.mark.parametrize("kind", [Fault, RunScript])
def test_every_key_of_a_script_is_documented(kind: type) -> None:
    """Each key that a script may have is on the page."""
    text = PAGE.read_text(encoding="utf-8")
    assert [field.name for field in fields(kind) if f"`{field.name}`" not in text] == []


def test_the_app_is_documented() -> None:
    """Without its id and secret nobody could ask about a token as the app, or exchange one."""
    text = PAGE.read_text(encoding="utf-8")
    assert f"`{APP_ID}`" in text
    assert f"`{APP_SECRET}`" in text


def test_a_page_without_marks_is_refused() -> None:
    """A table whose marks are gone is an error, not a page without it."""
    with pytest.raises(ValueError, match="table settings once"):
        renewed("# nothing")


def test_every_switch_can_be_written_on_a_command_line() -> None:
    """Each default survives being written as name=value."""
    for name, (default, _) in abouts().items():
        text = default if isinstance(default, str) else orjson.dumps(default).decode()
        assert read_setting(f"{name}={text}") == (name, default)


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_rows", "5"), ("quota_scale", 0), ("async_polls", -1), ("empty_pages", 1), ("x", 1)],
)
def test_switches_that_do_not_fit(name: str, value: object) -> None:
    """A value of another type, below zero, or of an unknown switch is an error; nothing is set."""
    settings = Settings()
    with pytest.raises(ValueError, match=name):
        settings.change(**{"duplicate_rows": 3, name: value})
    assert settings == Settings()
