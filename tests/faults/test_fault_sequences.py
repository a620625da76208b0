"""Any sequence of faults ends in rows that are Meta's, or in a gap that coverage names."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matrix import NOW, Home, Scenario, Twins, opened_twins, pull_under
from scenarios import ALONE, TOGETHER

from meta_pipeline.reports import REPORTS
from meta_pipeline.simulator import generated_agency

TRIED = ("accounts", "campaigns", "account_daily", "campaign_daily", "ad_daily", "page_28d")
PASSING = {s.name: s for s in (*TOGETHER, *ALONE) if not s.lasting and "drip" not in s.name}

Step = tuple[str, str]
"""A fault and the report that is pulled under it."""

steps = st.lists(
    st.tuples(st.sampled_from(sorted(PASSING)), st.sampled_from(TRIED)), min_size=1, max_size=6
)


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    """One client, pulled without faults; the other home is made anew for each sequence."""
    source = generated_agency(clients=1, campaigns=3, adsets=1, ads=2)
    any_fault = Scenario("any", "anything", TRIED)
    home, twin = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("twin")
    with opened_twins(home, twin, source, [any_fault]) as both:
        yield both


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sequence=steps)
def test_a_sequence_of_faults_loses_and_doubles_nothing(twins: Twins, sequence: list[Step]) -> None:
    """After each step all is right or named, and one pull without faults makes all of it whole."""
    meta, clients = twins.home.meta, twins.home.clients
    (client_id,) = clients
    meta.clock.move_to(NOW)
    meta.reset()
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder), meta, clients, twins.home.patch)
        here = Twins(home, twins.twin)
        for fault, name in sequence:
            verdict = pull_under(here, {client_id: PASSING[fault]}, REPORTS[name])
            assert [one.wrong for one in verdict.values()] in ([""], [])
        for name in TRIED:
            steady = pull_under(here, {client_id: Scenario("none", "", TRIED)}, REPORTS[name])
            assert steady[client_id].is_whole, (name, steady[client_id])
