"""The semantic model: metrics that another tool computes must be the marts' own."""

import json
import re
from typing import Any

import pytest
from dbt_warehouse import Warehouse

from meta_pipeline.reports import NON_ADDITIVE

RATIOS = {
    "ctr": ("clicks", "impressions"),
    "cpc": ("spend", "clicks"),
    "cpm": ("spend_per_thousand", "impressions"),
    "cost_per_result": ("spend", "results"),
    "roas": ("result_value", "spend"),
}


@pytest.fixture(scope="module")
def manifest(built: Warehouse) -> dict[str, Any]:
    """What dbt hands to a semantic layer; it has checked it against MetricFlow's rules."""
    return json.loads((built.work / "target" / "semantic_manifest.json").read_text())


@pytest.fixture(scope="module")
def metrics(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The metrics by name."""
    return {one["name"]: one for one in manifest["metrics"]}


@pytest.fixture(scope="module")
def measures(manifest: dict[str, Any]) -> dict[str, str]:
    """The expression that each measure sums."""
    found = [one for model in manifest["semantic_models"] for one in model["measures"]]
    assert {one["agg"] for one in found} == {"sum"}
    return {one["name"]: one["expr"] or one["name"] for one in found}


def parts(metric: dict[str, Any]) -> tuple[str, str]:
    """Numerator and denominator of a ratio."""
    told = metric["type_params"]
    return told["numerator"]["name"], told["denominator"]["name"]


def test_ratios_are_the_ones_documented(metrics: dict[str, dict[str, Any]]) -> None:
    """Each divides two metrics; spend is one by itself."""
    ratios = {name: parts(one) for name, one in metrics.items() if one["type"] == "ratio"}
    assert ratios == RATIOS
    assert metrics["spend"]["type"] == "simple"


def test_ratios_are_made_of_sums_of_additive_columns(
    built: Warehouse, metrics: dict[str, dict[str, Any]], measures: dict[str, str]
) -> None:
    """What is divided is a simple sum, and no summed column is a ratio, reach or frequency."""
    for metric in metrics.values():
        if metric["type"] == "ratio":
            assert {metrics[name]["type"] for name in parts(metric)} == {"simple"}
        else:
            assert metric["type_params"]["measure"]["name"] in measures
    kinds = dict(
        built.query(
            "select column_name, data_type from duckdb_columns() "
            "where table_name = 'fct_account_daily'"
        )
    )
    for expression in measures.values():
        columns = set(re.findall(r"[a-z_]+", expression))
        assert columns <= set(kinds), expression
        assert not columns & NON_ADDITIVE, expression
        assert all(kinds[name] != "DOUBLE" for name in columns), expression


@pytest.mark.parametrize("name", sorted(RATIOS))
def test_a_ratio_is_the_marts_own(
    built: Warehouse, metrics: dict[str, dict[str, Any]], measures: dict[str, str], name: str
) -> None:
    """At the mart's grain it gives the mart's column, NULL where that is NULL."""
    mart = "fct_results_daily" if name == "roas" else "fct_account_daily"
    above, below = (
        measures[metrics[part]["type_params"]["measure"]["name"]] for part in parts(metrics[name])
    )
    ratio = f"cast(sum({above}) as double) / nullif(cast(sum({below}) as double), 0)"
    day = "client_id, ad_account_id, day"
    rows = built.query(
        f"select any_value(own), {ratio} from marts.fct_account_daily"
        f" inner join (select {day}, {name} as own from marts.{mart}) using ({day}) group by {day}"
    )
    assert [mine for mine, _ in rows if mine is not None]
    for mine, theirs in rows:
        assert mine == (theirs if theirs is None else pytest.approx(theirs))


def test_there_is_a_calendar(built: Warehouse, manifest: dict[str, Any]) -> None:
    """MetricFlow joins metrics to one; it has each day of the facts."""
    (spine,) = manifest["project_configuration"]["time_spines"]
    table, day = spine["node_relation"]["relation_name"], spine["primary_column"]["name"]
    missing = built.query(
        f"select day from marts.fct_account_daily where day not in (select {day} from {table})"
    )
    assert missing == []
