"""What the yml files of the marts promise."""

import json
import re
from typing import Any

import pytest
from dbt_warehouse import MARTS, ROOT, Warehouse

AMOUNT = re.compile(r"\bcurrency\b|\baccount_currency\b")
COUNT = re.compile(r"in (?:its|the) unit|\(count|\bcount\)|as a fraction|as a multiple")
# Targets stand in clients.yml, in the currency of the client's ad accounts.
WITHOUT_CURRENCY = {"dim_clients"}


@pytest.fixture(scope="module")
def manifest(built: Warehouse) -> dict[str, Any]:
    """dbt's manifest of the build."""
    return json.loads((built.work / "target" / "manifest.json").read_text(encoding="utf-8"))


def columns_of(manifest: dict[str, Any], mart: str) -> dict[str, Any]:
    """The columns of a mart's contract."""
    return manifest["nodes"][f"model.meta_pipeline.{mart}"]["columns"]


def amounts_of(manifest: dict[str, Any], mart: str) -> list[str]:
    """The columns of a mart that are money by what is said of them, prices included."""
    return [
        name
        for name, column in columns_of(manifest, mart).items()
        if column["data_type"].startswith(("decimal", "double"))
        and AMOUNT.search(column["description"])
    ]


def documented_keys() -> dict[str, list[str]]:
    """The key of each mart, from the table of docs/marts.md."""
    page = (ROOT / "docs" / "marts.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| .* \| `([\w, ]+)` \|$", page, re.MULTILINE)
    return {mart: key.split(", ") for mart, key in rows}


def unique_keys(manifest: dict[str, Any], mart: str) -> list[list[str]]:
    """The columns that a build tests to be unique together."""
    attached = f"model.meta_pipeline.{mart}"
    tests = [n for n in manifest["nodes"].values() if n.get("attached_node") == attached]
    unique = [n["test_metadata"] for n in tests if n["test_metadata"]["name"] == "unique"]
    together = [
        n["test_metadata"]["kwargs"]["columns"]
        for n in tests
        if n["test_metadata"]["name"] == "unique_combination"
    ]
    return [[test["kwargs"]["column_name"]] for test in unique] + together


@pytest.mark.parametrize("mart", MARTS)
def test_every_documented_key_is_tested(manifest: dict[str, Any], mart: str) -> None:
    """The key that analysts join on is unique at every build."""
    assert documented_keys()[mart] in unique_keys(manifest, mart)


@pytest.mark.parametrize("mart", MARTS)
def test_every_mart_has_an_enforced_contract(manifest: dict[str, Any], mart: str) -> None:
    """Types and names are refused when they change unseen, and every column has a meaning."""
    assert manifest["nodes"][f"model.meta_pipeline.{mart}"]["config"]["contract"]["enforced"]
    for name, column in columns_of(manifest, mart).items():
        assert column["data_type"], name
        assert column["description"].strip(), name


@pytest.mark.parametrize("mart", MARTS)
def test_every_decimal_says_whether_it_is_money(manifest: dict[str, Any], mart: str) -> None:
    """A DECIMAL is an amount, which names its currency, or a count with fractions."""
    for name, column in columns_of(manifest, mart).items():
        if column["data_type"].startswith("decimal"):
            text = column["description"]
            assert AMOUNT.search(text) or COUNT.search(text), name


@pytest.mark.parametrize("mart", sorted(set(MARTS) - WITHOUT_CURRENCY))
def test_no_amount_without_its_currency(manifest: dict[str, Any], mart: str) -> None:
    """A mart with a column in account_currency has that column."""
    assert not amounts_of(manifest, mart) or "account_currency" in columns_of(manifest, mart)


def test_amounts_are_told_from_counts(manifest: dict[str, Any]) -> None:
    """The rule above sees spend and prices, and takes no count, share or level for money."""
    amounts = set(amounts_of(manifest, "fct_campaign_daily"))
    assert amounts == {"spend", "result_value", "cpc", "link_cpc", "cpm", "cost_per_result"}
