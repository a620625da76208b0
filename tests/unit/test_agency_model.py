"""The forecast of benchmarks/agency_model.py: what many clients take on several workers."""

from dataclasses import replace

import pytest

from benchmarks.agency_model import Line, Model, Night, forecast, markdown

SMALL = Night(
    kind="sync",
    clients=100,
    days=8,
    days_over=7,
    requests=300,
    refused=0,
    client_days=700,
    clients_known=100,
    cpu_start=3.0,
    cpu_ask=4.0,
    cpu_land=9.0,
    cpu_dagster=15.0,
    cpu_metadata=1.0,
    cpu_build=40.0,
    peak=600_000_000,
    peak_dbt=400_000_000,
    waited=0.0,
    wall=100.0,
    warehouse=10_000_000,
    marts=5_000_000,
    spool=1_000_000,
    dagster=20_000_000,
    grown=10_000_000,
)
LARGE = replace(
    SMALL,
    clients=1000,
    requests=3000,
    client_days=7000,
    cpu_ask=40.0,
    cpu_land=90.0,
    cpu_dagster=150.0,
    cpu_metadata=10.0,
    cpu_build=76.0,
    peak=1_500_000_000,
    grown=100_000_000,
)


def test_a_line_goes_through_both_sizes() -> None:
    """What is fixed, and what each client adds."""
    line = Line.through((100, 40.0), (1000, 76.0))
    assert (line.fixed, line.each) == (pytest.approx(36.0), pytest.approx(0.04))
    assert line.of(100) == pytest.approx(40.0)
    assert line.of(1000) == pytest.approx(76.0)


def test_workers_share_the_asking_and_not_the_writing() -> None:
    """Ten workers ask and keep books ten times as fast; landing and building stay as they are."""
    model = Model.of(SMALL, LARGE)
    one, ten = forecast(model, 10_000, 1), forecast(model, 10_000, 10)
    assert one.requests == ten.requests == pytest.approx(30_000)
    assert one.asking == pytest.approx(30_000 * 2 / 8 / 3600)
    assert one.bookkeeping == pytest.approx(2000 / 3600)
    assert one.landing == pytest.approx(900 / 3600)
    assert one.building == pytest.approx((36 + 0.04 * 10_000) / 3600)
    assert ten.asking == pytest.approx(one.asking / 10)
    assert ten.bookkeeping == pytest.approx(one.bookkeeping / 10)
    assert (ten.landing, ten.building) == (one.landing, one.building)


def test_what_is_passed_most_breaks_first() -> None:
    """Few clients break nothing; of many it is said what gives way, the first thing first."""
    model = Model.of(SMALL, LARGE)
    assert forecast(model, 100, 1).passed == ()
    first, *others = forecast(model, 100_000, 1).passed
    assert first == "Dagster's 100,000 partitions an asset"
    assert others == ["16 GB of memory", "the night of 6 h", "1 TB of disk in a year"]
    assert forecast(model, 100_000, 100).passed == (first, others[0], others[2])


def test_the_tables_tell_cost_by_client_day() -> None:
    """Twice the clients at twice the cost stay at the same cost a client-day."""
    asked = [line for line in markdown([SMALL, LARGE]).splitlines() if "| 3.00 |" in line]
    few, many = (line.split("|") for line in asked)
    assert few[4:7] == many[4:7] == [" 5.7 ", " 12.9 ", " 22.9 "]
