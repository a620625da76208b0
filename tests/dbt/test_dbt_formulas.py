"""Each formula of macros/formulas.sql on recorded and made-up rows, run by DuckDB without dbt."""

import json
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from dbt_warehouse import PROJECT, PURCHASE_SYNONYMS
from jinja2 import Environment

# A row that Meta sent: 421 impressions, one click, on a link, for 0.73.
RECORDED = {"spend": Decimal("0.73"), "impressions": 421, "clicks": 1, "link_clicks": 1}
NO_CLICKS = RECORDED | {"clicks": 0, "link_clicks": 0}
NOTHING = {"spend": Decimal(0), "impressions": 0, "clicks": 0, "link_clicks": 0}
SOLD = {"spend": Decimal("51.50"), "results": Decimal(103), "result_value": Decimal(515)}
UNSOLD = {"spend": Decimal("51.50"), "results": Decimal(0), "result_value": None}
UNKNOWN = dict.fromkeys((*RECORDED, "results", "result_value"))

CASES: list[tuple[str, dict[str, Any], float | None]] = [
    ("ctr", RECORDED, 0.002375),
    ("ctr", NO_CLICKS, 0.0),
    ("ctr", NOTHING, None),
    ("ctr", UNKNOWN, None),
    ("link_ctr", RECORDED | {"clicks": 7}, 0.002375),
    ("link_ctr", NOTHING, None),
    ("cpc", RECORDED, 0.73),
    ("cpc", NO_CLICKS, None),
    ("cpc", UNKNOWN, None),
    ("link_cpc", RECORDED | {"clicks": 7}, 0.73),
    ("link_cpc", NO_CLICKS, None),
    ("cpm", RECORDED, 1.733967),
    ("cpm", NOTHING, None),
    ("cpm", UNKNOWN, None),
    ("cost_per_result", SOLD, 0.5),
    ("cost_per_result", UNSOLD, None),
    ("roas", SOLD, 10.0),
    ("roas", UNSOLD, None),
    ("roas", SOLD | {"spend": Decimal(0)}, None),
    ("ratio", {"numerator": 1, "denominator": 421}, 0.002375),
    ("ratio", {"numerator": 1, "denominator": 0}, None),
    ("ratio", {"numerator": None, "denominator": 3}, None),
    ("change", {"now": Decimal(125), "before": Decimal(100)}, 0.25),
    ("change", {"now": Decimal(0), "before": Decimal(100)}, -1.0),
    ("change", {"now": Decimal(125), "before": Decimal(0)}, None),
    ("change", {"now": None, "before": Decimal(100)}, None),
    ("minor_to_major", {"amount": 5000, "currency_offset": 100}, 50.0),
    ("minor_to_major", {"amount": 5000, "currency_offset": 1}, 5000.0),
    ("minor_to_major", {"amount": 5000, "currency_offset": None}, 50.0),
    ("minor_to_major", {"amount": None, "currency_offset": 100}, None),
]

# Macros whose arguments have no column of the same name by default.
ARGUMENTS = {
    "ratio": ("numerator", "denominator"),
    "change": ("now", "before"),
    "minor_to_major": ("amount", "currency_offset"),
}


def macros(file: str) -> SimpleNamespace:
    """The macros of a file, as plain Jinja."""
    text = (PROJECT / "macros" / file).read_text(encoding="utf-8")
    module = Environment(autoescape=False).from_string(text).module
    return SimpleNamespace(**{n: m for n, m in vars(module).items() if not n.startswith("_")})


FORMULAS = macros("formulas.sql")


def computed(sql: str, row: dict[str, Any]) -> Any:
    """An expression over the columns of one row."""
    columns = ", ".join(f"${name} as {name}" for name in row)
    with duckdb.connect() as con:
        found = con.execute(f"select {sql} from (select {columns})", row).fetchone()
    assert found is not None
    return found[0]


@pytest.mark.parametrize(("formula", "row", "expected"), CASES)
def test_a_formula(formula: str, row: dict[str, Any], expected: float | None) -> None:
    """From components; NULL where the denominator is zero or unknown."""
    found = computed(getattr(FORMULAS, formula)(*ARGUMENTS.get(formula, ())), row)
    assert (None if found is None else round(float(found), 6)) == expected


@pytest.mark.parametrize(
    ("minor", "currency", "offset", "budget"),
    [
        (12345, "USD", 100, Decimal("123.45")),
        (12345, "JPY", 1, Decimal("12345.00")),
        # Set elsewhere: on the ad set, or on the campaign.
        (0, "USD", 100, None),
        (None, "USD", 100, None),
        # Nobody knows what it is an amount of.
        (12345, None, None, None),
    ],
)
def test_a_budget(
    minor: int | None, currency: str | None, offset: int | None, budget: Decimal | None
) -> None:
    """Minor units of a known currency become major ones."""
    sql = f"""
        select {FORMULAS.budget("minor")}
        from (select $currency as account_currency) as ad_accounts,
            (select $offset as currency_offset) as currency_offsets, (select $minor as minor)
    """
    values = {"minor": minor, "currency": currency, "offset": offset}
    with duckdb.connect() as con:
        assert con.execute(sql, values).fetchall() == [(budget,)]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [("omni_purchase", 103), ("purchase", 103), ("link_click", 8981), ("lead", 0), (None, None)],
)
def test_one_purchase_under_nine_names_is_one(wanted: str | None, expected: int | None) -> None:
    """103, not 927: of the synonyms in an answer one is read, and nothing is added over types."""
    actions = [{"action_type": name, "value": "103"} for name in PURCHASE_SYNONYMS]
    actions.append({"action_type": "link_click", "value": "8981"})
    sql = macros("actions.sql").action_total("actions", "wanted", absent="0")
    schema = '[{"action_type":"VARCHAR","value":"VARCHAR"}]'
    with duckdb.connect() as con:
        found = con.execute(
            f"select {sql} from (select from_json($actions, '{schema}') as actions,"
            " cast($wanted as varchar) as wanted)",
            {"actions": json.dumps(actions), "wanted": wanted},
        ).fetchall()
    assert found == [(expected,)]


def test_every_formula_has_a_case() -> None:
    """A new macro in formulas.sql needs one here."""
    assert set(vars(FORMULAS)) == {formula for formula, _, _ in CASES} | {"budget"}
