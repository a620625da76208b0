"""The one clock."""

from datetime import UTC, datetime, timedelta

import pytest

from meta_pipeline.clock import now
from meta_pipeline.errors import ConfigError


def test_now_is_aware_and_in_utc() -> None:
    """Without the variable the real time comes, in UTC."""
    before = datetime.now(UTC)
    moment = now()
    assert before <= moment <= datetime.now(UTC)
    assert moment.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T12:00:00Z",
        "2026-11-22T12:00:00",
        "2026-11-22T13:00:00+01:00",
        "2026-11-22T04:00-08:00",
    ],
)
def test_the_variable_replaces_the_clock(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """An offset is honoured, a time without one is UTC."""
    monkeypatch.setenv("META_PIPELINE_NOW", text)
    assert now() == datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert now().tzinfo is UTC


def test_a_day_is_its_first_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A date alone is midnight UTC."""
    monkeypatch.setenv("META_PIPELINE_NOW", "2026-11-22")
    assert now() == datetime(2026, 11, 22, tzinfo=UTC)


def test_an_empty_variable_is_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty value leaves the real clock in place."""
    monkeypatch.setenv("META_PIPELINE_NOW", "")
    assert datetime.now(UTC) - now() < timedelta(minutes=1)


def test_what_is_no_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable and shows how to write it."""
    monkeypatch.setenv("META_PIPELINE_NOW", "yesterday")
    with pytest.raises(ConfigError, match="META_PIPELINE_NOW='yesterday'") as raised:
        now()
    assert "2026-11-22T12:00:00Z" in str(raised.value.hint)
