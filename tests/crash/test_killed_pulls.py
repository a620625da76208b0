"""A pull that is killed at a named point: the next one makes it whole, and nothing is doubled."""

from typing import Any

import pytest
from house import REPORTS, House

# Where, and at which passing.
POINTS = [
    ("before a page is moved", 4),
    ("after a manifest is moved", 4),
    ("rows written, not committed", 3),
    *(
        pytest.param(*one, marks=pytest.mark.crash)
        for one in (
            ("after a page is moved", 5),
            ("before a manifest is moved", 3),
            ("before a load is committed", 4),
            ("after a load is committed", 2),
        )
    ),
]


@pytest.mark.parametrize(("point", "nth"), POINTS)
def test_a_killed_pull_is_caught_up_with(
    bare_house: House, truth: set[tuple[Any, ...]], point: str, nth: int
) -> None:
    """What stands after the kill is Meta's; after the same pull again all of it stands, once."""
    house = bare_house
    house.kill("pull", *REPORTS, point=point, nth=nth)
    assert house.doubled() == []
    assert house.rows() <= truth
    left = house.leftovers()
    assert bool(left) == (point.startswith("before") and "moved" in point), left
    house.age(hours=2)
    house.pull(*REPORTS)
    assert house.rows() == truth
    assert house.doubled() == []
    assert house.unpulled() == []
    assert house.leftovers() == []
