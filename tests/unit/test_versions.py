"""What is said about the API version, by the calendar and by an answer's headers."""

from datetime import date

import pytest

from meta_pipeline.config import API_VERSION
from meta_pipeline.graph.versions import LIVES, newest, upgrade_advice, version_findings

TODAY = date(2026, 11, 22)


def test_the_pinned_version_is_alive() -> None:
    """The version in config.py is known here, and nothing is wrong with it."""
    assert API_VERSION in LIVES
    assert version_findings(API_VERSION, API_VERSION, None, TODAY) == []


def test_an_expired_version_is_named_with_its_end() -> None:
    """v24.0 is over for ads, while Pages may go on with it."""
    (found,) = version_findings("v24.0", "v24.0", None, TODAY)
    assert found.startswith("v24.0 of the Marketing API (ads) ended on 2026-10-06")
    assert "api_version: v26.0" in found


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (date(2026, 11, 21), []),
        (date(2026, 11, 22), ["ends on 2027-01-21, in 60 days"]),
        (date(2027, 1, 20), ["ends on 2027-01-21, in 1 day"]),
        (date(2027, 1, 21), ["ended on 2027-01-21"]),
    ],
)
def test_an_end_is_announced_sixty_days_before(today: date, said: list[str]) -> None:
    """Not on the 61st; the day of the end itself is past it."""
    found = [one for one in version_findings("v21.0", None, None, today) if "Graph API" in one]
    assert len(found) == len(said)
    assert all(text in one for text, one in zip(said, found, strict=True))


def test_an_answer_by_another_version_is_a_finding() -> None:
    """Meta serves an expired version from another one without an error."""
    (found,) = version_findings("v26.0", "v27.0", None, TODAY)
    assert "asked for v26.0, answered by v27.0" in found


def test_the_warning_header_is_passed_on() -> None:
    """It can come before the version ends (seen on a v25.0 call, September 2026)."""
    warning = "The call has been auto-upgraded to v26.0 as v25.0 will be deprecated"
    (found,) = version_findings("v25.0", "v25.0", warning, TODAY)
    assert warning in found


def test_a_version_that_is_not_known_is_said() -> None:
    """A typing error, or a version newer than this table."""
    (found,) = version_findings("v3.0", None, None, TODAY)
    assert "not among the versions known here" in found


def test_the_advice_names_the_newest_version_of_the_day() -> None:
    """What error 2635 asks for."""
    assert newest(date(2026, 7, 28)) == "v25.0"
    assert upgrade_advice("v24.0", TODAY).startswith("set `api_version: v26.0`")
    assert "install a newer" in upgrade_advice("v26.0", TODAY)
