"""`mart_repull_policy` on restatements made up for it."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

MODEL = Path(__file__).parents[2] / "dbt_project/models/marts/mart_repull_policy.sql"
Restated = tuple[str, str, date, str, int, float]


def restated(
    values: dict[int, float],
    *,
    days: int = 20,
    metric: str = "results",
    account: str = "act_1",
) -> list[Restated]:
    """So many days of one account, each with these values by checkpoint."""
    first = date(2026, 8, 1)
    return [
        ("acme", account, first + timedelta(days=n), metric, checkpoint, value)
        for n in range(days)
        for checkpoint, value in values.items()
    ]


def policy(rows: Sequence[Restated]) -> tuple[int, int, str]:
    """Days, final days measured and reason of the only client."""
    sql = re.sub(r"\{\{ ref\('(\w+)'\) \}\}", r"\1", MODEL.read_text())
    with duckdb.connect() as con:
        con.execute("create table dim_clients as select 'acme' as client_id")
        con.execute(
            "create table fct_restatements (client_id text, ad_account_id text, day date,"
            " metric text, checkpoint_days bigint, value decimal(18, 6))"
        )
        if rows:
            con.executemany("insert into fct_restatements values (?, ?, ?, ?, ?, ?)", rows)
        found = con.execute(f"select daily_through, measured_on, reason from ({sql})").fetchall()
    ((days, measured_on, reason),) = found
    return days, measured_on, reason


SPEND = restated({3: 50.0, 7: 50.0, 14: 50.0, 28: 50.0}, metric="spend")


@pytest.mark.parametrize(
    ("values", "days"),
    [
        ({3: 199.0, 7: 200.0, 14: 200.0, 28: 200.0}, 3),
        ({3: 198.0, 7: 199.0, 14: 200.0, 28: 200.0}, 7),
        ({3: 190.0, 7: 198.0, 14: 200.0, 28: 200.0}, 14),
        ({3: 210.0, 7: 202.0, 14: 200.0, 28: 200.0}, 14),
        ({3: 198.0, 28: 200.0}, 7),
        ({3: 0.0, 7: 0.0, 28: 0.0}, 3),
    ],
)
def test_the_age_follows_what_still_changes(values: dict[int, float], days: int) -> None:
    """At most 0.5 % after 3 days narrows, more than that after 7 widens, up or down; without a
    pull at 7 days it is the default; a client without results is judged by its spend."""
    found, measured_on, _ = policy([*SPEND, *restated(values)])
    assert (found, measured_on) == (days, 20)


def test_few_final_days_say_nothing() -> None:
    """With 13 of them it is the default."""
    values = {3: 100.0, 7: 150.0, 28: 200.0}
    few = [row for row in SPEND if row[2] < date(2026, 8, 14)]
    assert policy([*few, *restated(values, days=13)])[:2] == (7, 13)
    assert policy([])[:2] == (7, 0)
    assert policy(restated(values, days=14))[0] == 14


def test_the_account_that_moves_most_decides() -> None:
    """Accounts may have two currencies, so nothing is added over them."""
    restless = restated({3: 90.0, 7: 95.0, 28: 100.0}, metric="spend", account="act_2")
    assert policy([*SPEND, *restless])[:2] == (14, 40)


def test_days_that_move_one_by_one_do_not_widen() -> None:
    """A day of ten results that gets one more moves by 10 %; a hundred such days but little."""
    quiet = restated({3: 10.0, 7: 10.0, 28: 10.0}, days=60)
    once = [("acme", "act_1", row[2], "results", 28, 11.0) for row in quiet[-1:]]
    assert policy([*SPEND, *quiet[:-1], *once])[0] == 3
