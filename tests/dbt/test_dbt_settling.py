"""What was known when, which share of the final value that was, and what is expected."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from dbt_warehouse import FIRST, LONG_DAY, REPULLED, Warehouse

DAY = date(2026, 10, 1)
DAY_ENDS = datetime(2026, 10, 2, 4, tzinfo=UTC)
RE_PULL = datetime(2026, 11, 2, 12, tzinfo=UTC)


def after(hours: float) -> datetime:
    """So many hours after the end of the day."""
    return DAY_ENDS + timedelta(hours=hours)


@contextmanager
def tables(built: Warehouse, **rows: list[dict[str, Any]]) -> Iterator[duckdb.DuckDBPyConnection]:
    """The empty tables and views of the built warehouse by name, filled with rows of one's own."""
    with duckdb.connect() as con:
        con.execute("attach ':memory:' as warehouse; use warehouse; set TimeZone = 'UTC'")
        for relation, given in rows.items():
            columns = built.query(
                "select table_schema, column_name, data_type from information_schema.columns"
                " where table_catalog = current_database() and table_name = ?",
                relation,
            )
            path = f"{columns[0][0]}.{relation}"
            con.execute(f"create schema if not exists {columns[0][0]}")
            named = ", ".join(f"{name} {kind}" for _, name, kind in columns)
            con.execute(f"create table {path} ({named})")
            for row in given:
                marks = ", ".join("?" * len(row))
                con.execute(
                    f"insert into {path} ({', '.join(row)}) values ({marks})", list(row.values())
                )
        yield con


def compiled(built: Warehouse, model: str) -> str:
    """The SQL that dbt made of a model."""
    (path,) = (built.work / "target/compiled").rglob(f"models/*/{model}.sql")
    return path.read_text(encoding="utf-8")


def test_versions_of_a_day_are_in_the_marts(built: Warehouse) -> None:
    """What was said on a date is one condition; a re-pull that brought nothing made no version."""
    versions = (
        "select spend, results, valid_to from marts.fct_account_daily_versions"
        " where client_id = 'dental' and day = ? order by valid_from"
    )
    assert built.query(versions, FIRST) == [(8, 1, RE_PULL), (10, 2, None)]
    assert (
        built.value(
            "select count(*) from (select count(*) as n from marts.fct_account_daily_versions"
            " where valid_to is null group by client_id, ad_account_id, day) where n > 1"
        )
        == 0
    )


def test_an_unchanged_pull_is_an_observation(built: Warehouse) -> None:
    """Its value stands at its checkpoint, though it wrote no version."""
    rows = built.query(
        "select checkpoint_days, value, age_hours, previous_checkpoint_days, change, change_share,"
        " last_changed_at, last_change from marts.fct_restatements"
        " where client_id = 'dental' and metric = 'results' and day = ? order by 1",
        FIRST,
    )
    last = (RE_PULL, Decimal(1))
    assert rows == [
        (0, 1, 8.0, None, None, None, *last),
        (1, 1, 32.0, 0, 0, 0.0, *last),
        (28, 2, 2216.0, 1, 1, 1.0, *last),
    ]


def test_the_expected_results_follow_the_curve(built: Warehouse) -> None:
    """Half of the leads were visible on the morning after, on fifteen days."""
    curve = "select basis, share, days_measured from marts.mart_settling_curves"
    curve += " where client_id = ? and metric = 'results' and age_days = ?"
    assert built.query(curve, "dental", 0) == [("client", 0.5, REPULLED)]
    assert built.query(curve, "dental", 1) == [("client", 0.5, REPULLED - 1)]
    assert built.query(curve, "outdoor", 0) == [("agency", 0.5, REPULLED)]
    assert built.query(curve, "dental", 2) == []
    assert built.query(
        "select results, results_expected, expected_basis from marts.fct_results_daily"
        " where client_id = 'dental' and day in (?, ?) order by day",
        FIRST,
        LONG_DAY,
    ) == [(2, 2.0, None), (2, 4.0, "client")]


PULL = {"client_id": "a", "report": "account_daily", "asset_id": "act_1", "status": "complete"}
MATURED = {"client_id": "a", "report": "account_daily", "asset_id": "act_1", "day": DAY}
MATURED |= {"day_ends_at": DAY_ENDS, "coverage": "pulled", "pulled_at": after(40)}


@pytest.mark.parametrize(
    ("pull", "day", "ages"),
    [
        ({"unanswered_days": []}, {}, [30.0]),
        ({"unanswered_days": [DAY]}, {}, []),
        ({"unanswered_days": [DAY + timedelta(1)]}, {}, [30.0]),
        ({"unanswered_days": [], "status": "superseded"}, {}, []),
        ({"unanswered_days": [], "status": "failed"}, {}, []),
        ({"unanswered_days": [], "report": "ad_daily"}, {}, []),
        ({"unanswered_days": None}, {}, []),
        ({"unanswered_days": None}, {"pulled_at": after(30)}, [30.0]),
        (
            {"unanswered_days": []},
            {"pulled_at": after(30), "coverage": "unconfirmed_empty"},
            [],
        ),
        ({"unanswered_days": [], "pulled_at": after(-1.5)}, {}, [-1.5]),
    ],
)
def test_which_pulls_looked_at_a_day(
    built: Warehouse, pull: dict[str, Any], day: dict[str, Any], ages: list[float]
) -> None:
    """Those that landed the day and are believed; of an older ledger only the newest."""
    span = {"since": DAY - timedelta(3), "until": DAY + timedelta(1), "pulled_at": after(30)}
    with tables(
        built, stg_meta__pulls=[PULL | span | pull], int_days__matured=[MATURED | day]
    ) as con:
        sql = compiled(built, "int_days__observed")
        assert con.execute(f"select day, age_hours from ({sql})").fetchall() == [
            (DAY, age) for age in ages
        ]


VERSION = {"client_id": "a", "ad_account_id": "act_1", "day": DAY, "load_seq": 1}
OBSERVED = {"client_id": "a", "ad_account_id": "act_1", "day": DAY}


def test_a_version_counts_from_its_pull_until_the_next(built: Warehouse) -> None:
    """Half-open; a believed pull without a row says zero, and no value of no results is 0."""
    versions = [
        VERSION | {"valid_from": after(2), "valid_to": after(5), "spend": 1, "results": 0},
        VERSION
        | {"valid_from": after(5), "valid_to": after(9), "spend": 2, "results": 3}
        | {"result_value": 30},
    ]
    ages = (1, 2, 4.9, 5, 9)
    looks = [OBSERVED | {"pulled_at": after(age), "age_hours": age} for age in ages]
    with tables(built, int_days__observed=looks, fct_account_daily_versions=versions) as con:
        sql = compiled(built, "int_account_days__observed")
        rows = con.execute(
            f"select age_hours, spend, results, result_value, link_clicks from ({sql}) order by 1"
        ).fetchall()
    assert rows == [
        (1, 0, 0, 0, 0),
        (2, 1, 0, 0, None),
        (4.9, 1, 0, 0, None),
        (5, 2, 3, 30, None),
        (9, 0, 0, 0, 0),
    ]


def test_a_checkpoint_is_the_first_pull_of_its_window(built: Warehouse) -> None:
    """Exactly 24 hours is the first day's; a window without a pull has no row."""
    spends = {-3: 1, 0: 2, 23.999: 3, 24: 4, 47: 5, 72: 6, 167: 7, 168: 7, 671.9: 8, 672: 9, 900: 9}
    looks = [
        OBSERVED | {"pulled_at": after(age), "age_hours": age, "spend": spend}
        for age, spend in spends.items()
    ]
    due = [MATURED | {"maturity": "final", "settles_at": after(672), "load_seq": 1}]
    with tables(built, int_account_days__observed=looks, int_days__matured=due) as con:
        sql = compiled(built, "fct_restatements")
        rows = con.execute(
            "select metric, checkpoint_days, value, previous_checkpoint_days, change,"
            f" last_changed_at, last_change from ({sql}) order by 2"
        ).fetchall()
    last = (after(672), 1)
    assert rows == [
        ("spend", 0, 2, None, None, *last),
        ("spend", 1, 4, 0, 2, *last),
        ("spend", 3, 6, 1, 2, *last),
        ("spend", 7, 7, 3, 1, *last),
        ("spend", 14, 8, 7, 1, *last),
        ("spend", 28, 9, 14, 1, *last),
    ]


def looks_of(
    client: str, days: int, *, known: float, final: float, currency: str = "USD"
) -> list[dict[str, Any]]:
    """Days of one account, each pulled on the first day and when it was final."""
    return [
        {
            "client_id": client,
            "ad_account_id": f"act_{client}",
            "day": DAY + timedelta(n),
            "account_currency": currency,
            "age_hours": age,
            "pulled_at": after(24 * n + age),
            "spend": amount,
            "results": amount,
            "result_value": 10 * amount,
        }
        for n in range(days)
        for age, amount in ((23.9, known), (700, final))
    ]


def curves(built: Warehouse, looks: list[dict[str, Any]]) -> dict[tuple[str, str], Any]:
    """The curves of two clients at age 0: basis, share and days of each metric."""
    clients = [{"client_id": name, "is_active": True} for name in ("a", "b")]
    with tables(built, int_account_days__observed=looks, dim_clients=clients) as con:
        rows = con.execute(
            "select client_id, metric, basis, share, days_measured, error_per_result, age_days"
            f" from ({compiled(built, 'mart_settling_curves')})"
        ).fetchall()
    assert {row[-1] for row in rows} <= {0}
    return {(row[0], row[1]): row[2:6] for row in rows}


@pytest.mark.parametrize(("days", "basis"), [(13, "agency"), (14, "client")])
def test_a_client_with_fewer_than_14_final_days_gets_the_agencys_curve(
    built: Warehouse, days: int, basis: str
) -> None:
    """And says so; the agency's is the ratio of all sums."""
    looks = looks_of("a", days, known=1, final=2) + looks_of("b", 28, known=9, final=10)
    found = curves(built, looks)
    agency = (days * 1 + 28 * 9) / (days * 2 + 28 * 10)
    assert found["a", "results"][0] == basis
    assert found["a", "results"][1] == pytest.approx(0.5 if basis == "client" else agency)
    assert found["b", "results"][:3] == ("client", pytest.approx(0.9), 28)


def test_without_14_days_of_all_clients_there_is_no_curve(built: Warehouse) -> None:
    """A few days measure nothing."""
    assert curves(built, looks_of("a", 13, known=1, final=2)) == {}


def test_results_worth_nothing_measure_no_value(built: Warehouse) -> None:
    """One result of value 0 is no measure of errors, and leaves those of all clients numbers."""
    worthless = [look | {"result_value": 0} for look in looks_of("b", 1, known=1, final=1)]
    found = curves(built, looks_of("a", 14, known=1, final=2) + worthless)
    assert found["b", "result_value"] == ("agency", *found["a", "result_value"][1:])
    assert found["b", "result_value"][3] == pytest.approx((14 * 0 + 1) / (14 * (1 + 1)))


def test_days_without_a_final_value_measure_nothing(built: Warehouse) -> None:
    """Twenty days without a result are no evidence of how results settle."""
    found = curves(built, looks_of("a", 20, known=0, final=0))
    assert found == {}


def test_amounts_of_two_currencies_are_not_added(built: Warehouse) -> None:
    """A hundred times the amount in yen has the same weight, by days; results are added."""
    looks = looks_of("a", 13, known=1, final=2)
    looks += looks_of("b", 13, known=100, final=100, currency="JPY")
    found = curves(built, looks)
    assert found["a", "spend"][:3] == ("agency", 0.75, 26)
    assert found["a", "results"][1] == pytest.approx((13 + 1300) / (26 + 1300))


def test_the_error_is_that_of_the_estimate_by_results_known(built: Warehouse) -> None:
    """Alternating days of 1 and 3 final results, 1 known: share 0.5, estimate 2, error 1."""
    looks = looks_of("a", 28, known=1, final=1)
    for look in looks:
        if look["age_hours"] == 700 and (look["day"] - DAY).days % 2:
            look |= {"results": 3, "result_value": 30}
    found = curves(built, looks)
    expected = (28 * 1 + 1) / (28 * (1 + 1))
    assert found["a", "results"][1] == 0.5
    assert found["a", "results"][3] == pytest.approx(expected)
    # A value is measured in results of average value, so the error is the same.
    assert found["a", "result_value"][3] == pytest.approx(expected)
    assert found["a", "spend"][3] is None


FACT = {"client_id": "a", "ad_account_id": "act_1", "day": DAY, "settles_at": after(672)}
FACT |= {"maturity": "settling", "results": 4, "result_value": 40, "spend": 20}
CURVE = {"client_id": "a", "metric": "results", "share": 0.8, "share_high": 1.0}
CURVE |= {"error_per_result": 0.2, "basis": "client"}
ESTIMATE = "results_expected, results_expected_low, results_expected_high, results_likely"


def expected(
    built: Warehouse, fact: dict[str, Any], *shares: dict[str, Any], of: str = ESTIMATE
) -> Any:
    """The estimates of one day, pulled when it was `age` days old, under the curves given."""
    age = fact.pop("age", 2.5)
    fact = FACT | {"pulled_at": after(24 * age)} | fact
    given = [CURVE | share for share in shares]
    with tables(built, fct_account_daily=[fact], mart_settling_curves=given) as con:
        (row,) = con.execute(
            f"select {of} from ({compiled(built, 'fct_results_daily')})"
        ).fetchall()
    return row


def test_an_estimate_is_the_known_number_by_its_share(built: Warehouse) -> None:
    """The band is 1.2816 standard errors, each result known, and one more, bringing its part."""
    error = 1.2816 * (0.2 * (4 + 1)) ** 0.5
    row = expected(built, {}, {"age_days": 2})
    assert row == pytest.approx((5, 4, 5 + error, 5))


def test_no_result_yet_has_a_band(built: Warehouse) -> None:
    """Nothing is expected, and something may come."""
    row = expected(built, {"results": 0}, {"age_days": 2})
    assert row == pytest.approx((0, 0, 1.2816 * 0.2**0.5, 0))


def test_where_figures_shrink_less_may_be_left(built: Warehouse) -> None:
    """Below what is known only then, and never below nothing."""
    shrinking = {"age_days": 2, "share": 1.25, "share_high": 1.5}
    row = expected(built, {}, shrinking | {"error_per_result": 0.001})
    error = 1.2816 * (0.001 * 5) ** 0.5
    assert row == pytest.approx((3.2, 3.2 - error, 3.2 + error, 3))
    assert expected(built, {}, shrinking | {"error_per_result": 9.0})[1] == 0
    single = {"age_days": 2, "share": 1.0, "share_high": 1.1}
    assert expected(built, {}, single)[1] == pytest.approx(4 - 1.2816)


@pytest.mark.parametrize(
    ("age", "measured", "share"),
    [(1.999, 1, 0.5), (2, 2, 0.8), (6.9, 2, 0.8), (27.9, 7, 1.0)],
)
def test_the_curve_is_that_of_the_age_or_a_younger_one(
    built: Warehouse, age: float, measured: int, share: float
) -> None:
    """Never of an older one, at which more was visible."""
    shares = [
        {"age_days": days, "share": visible} for days, visible in ((1, 0.5), (2, 0.8), (7, 1.0))
    ]
    assert expected(built, {"age": age}, *shares, of="results_expected") == (4 / share,)


@pytest.mark.parametrize(
    ("fact", "estimate"),
    [
        ({"age": 0.5}, (None, None, None, None, None)),
        ({"maturity": "open", "age": -0.5}, (None, None, None, None, None)),
        ({"maturity": "final", "age": 30}, (4.0, 4.0, 4.0, 4.0, None)),
        ({"results": None, "result_value": None}, (None, None, None, None, None)),
    ],
)
def test_no_estimate_where_nothing_was_measured(
    built: Warehouse, fact: dict[str, Any], estimate: tuple[Any, ...]
) -> None:
    """Nor of the running day; a final day is what it is."""
    assert expected(built, fact, {"age_days": 2}, of=f"{ESTIMATE}, expected_basis") == estimate


VALUE = "result_value_expected, result_value_expected_low, result_value_expected_high"


def test_a_value_without_results_has_no_band(built: Warehouse) -> None:
    """Without a count nobody knows what one result is worth; an estimate there is."""
    fact = {"results": 0, "result_value": 150}
    row = expected(built, fact, {"age_days": 2, "metric": "result_value", "share": 0.75}, of=VALUE)
    assert row == (200, None, None)


def test_results_worth_nothing_have_no_band(built: Warehouse) -> None:
    """A value of 0 is expected to stay 0; by how much it may err cannot be said."""
    row = expected(built, {"result_value": 0}, {"age_days": 2, "metric": "result_value"}, of=VALUE)
    assert row == (0, None, None)


def test_values_are_estimated_in_results_of_average_value(built: Warehouse) -> None:
    """Forty of four results: ten each."""
    curve = {"age_days": 2, "metric": "result_value"}
    row = expected(built, {}, curve, of=f"{VALUE}, roas")
    assert row == pytest.approx((50, 40, 50 + 10 * 1.2816, 2.0))
