"""No model adds up what cannot be added, whatever it is called by then."""

import csv

import pytest
from additivity import RATIO, Additivity, Amounts
from dbt_warehouse import PROJECT, Warehouse

from meta_pipeline.graph.catalog import entries
from meta_pipeline.reports import NON_ADDITIVE

# Meta's own `results` come under an indicator and cannot be added. Those of the marts count one
# action type and can.
COUNTED_HERE = {"results"}
# Windows that overlap, and levels: a sum over days counts twice.
OVERLAPPING = {
    *("spend_7d", "spend_prior_7d", "spend_28d", "spend_mtd", "spend_mtd_last_month"),
    *("impressions_28d", "clicks_28d", "reach_28d", "frequency_28d"),
    *("views_28d", "viewers_28d", "followers"),
}

# Sums that are right because of what stands around them.
ALLOWED = {
    # Weighted by days and divided by their sum: the mean of two currencies, which have no sum.
    ("mart_settling_curves", "sum(share * days_measured)"),
    # Percentiles of single days, called that: how far their shares lie apart.
    ("mart_settling_curves", "quantile_cont(known / settled, 0.1)"),
    ("mart_settling_curves", "quantile_cont(known / settled, 0.9)"),
    # Bounds, where at most one of the ad accounts is uncertain: see expected_bound.
    *(
        ("mart_client_daily", f"sum({estimate}_expected_{bound})")
        for estimate in ("results", "result_value")
        for bound in ("low", "high")
    ),
}


def bridge() -> list[dict[str, str]]:
    """The seed that gives Meta's metrics their names here."""
    with (PROJECT / "seeds" / "metric_bridge.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def forbidden() -> frozenset[str]:
    """Names of what cannot be added: the catalogue's, and those that the marts give to it."""
    never = {entry.name for entry in entries() if entry.additive == "none"}
    sometimes = {entry.name for entry in entries() if entry.additive == "everywhere"}
    here = {row["canonical"] for row in bridge() if row["metric"] in never and not row["valid_to"]}
    return frozenset(((never - sometimes) | here | OVERLAPPING) - COUNTED_HERE)


def amounts() -> frozenset[str]:
    """Names of amounts of money: the catalogue's, and those that the marts give to them."""
    money = {entry.name for entry in entries() if entry.unit in ("money", "minor units")}
    minor = {"daily_budget_minor", "lifetime_budget_minor"}
    return frozenset(money | minor | {"result_value", "action_value"})


def checked(models: dict[str, str], model: str) -> list[str]:
    """The aggregates of a model that must not be."""
    return [finding.sql.lower() for finding in Additivity(models, forbidden()).findings(model)]


def test_the_names_come_from_the_catalogue_and_the_bridge() -> None:
    """People, levels and Meta's ratios are among them; what adds up is not."""
    names = forbidden()
    assert {"reach", "frequency", "unique_clicks", "cpp", "viewers", "follows"} <= names
    assert {"accounts_engaged", "cost_per_result"} | NON_ADDITIVE <= names
    assert not names & {"spend", "impressions", "clicks", "results", "views", "interactions"}


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("select sum(reach) as r from t", "sum(reach)"),
        ("select avg(ctr) as c from t", "avg(ctr)"),
        ("select sum(t.frequency) as f from t", "sum(t.frequency)"),
        ("select list_sum(array_agg(viewers)) as v from t", "list_sum(array_agg(viewers))"),
        ("select sum(r) as s from (select reach as r from t)", "sum(r)"),
        (
            "with a as (select *, reach as r from t), b as (select * from a) select sum(r) from b",
            "sum(r)",
        ),
        ("with a as (select clicks / nullif(n, 0) as x from t) select avg(x) from a", "avg(x)"),
        ("with a as (select max(reach) as m from t group by d) select sum(a.m) from a", "sum(a.m)"),
        ("select sum(case when d then reach end) as r from t", "sum(case when d then reach end)"),
        ("select sum(reach) filter (where d = 1) as r from t", "sum(reach)"),
        ("select sum(reach) over (order by d) as r from t", "sum(reach)"),
        (
            "with a as (select 1 as x, 2 as y union all select spend, reach from t)"
            " select sum(y) from a",
            "sum(y)",
        ),
        ("with a as (select * replace (reach + 1 as x) from t) select sum(x) from a", "sum(x)"),
        ("select sum(x) from (select fields.inner.reach as x from t)", "sum(x)"),
        (
            "select sum(b.x) from t inner join (select coalesce(viewers, 0) as x from t) as b"
            " on t.id = b.id",
            "sum(b.x)",
        ),
        ("select sum(reach / 7) as r from t", "sum(reach / 7)"),
        ("select sum(x) from (select * rename (reach as x) from t)", "sum(x)"),
        ("select sum(x) from (select t.* rename (reach as x) from t)", "sum(x)"),
        (
            "select sum(x) from (select unnest([{'x': spend}, {'x': reach}], recursive := true)"
            " from t)",
            "sum(x)",
        ),
        ("select quantile_cont(reach, 0.5) from t", "quantile_cont(reach, 0.5)"),
        ("select mad(reach) from t", "mad(reach)"),
        ("select avg(clicks // impressions) from t", "avg(clicks // impressions)"),
        (
            "select list_aggregate(list(reach), 'sum') from t",
            "list_aggregate(array_agg(reach), 'sum')",
        ),
        ("select spend, reach as x, sum(x) over () as s from t", "sum(x)"),
        ("select sum(x) from (select (select max(reach) from u) as x from t)", "sum(x)"),
        ("select nobody_knows(spend, reach) from t", "nobody_knows(spend, reach)"),
        ("select columns('r.*') from t", "columns('r.*')"),
        ("select unnest(fields, recursive := true) from t", "unnest(fields, recursive := true)"),
        (
            "select sum(x) from (unpivot t on reach into name n value x)",
            "unpivot t on reach into name n value x",
        ),
    ],
)
def test_a_sum_of_what_cannot_be_added_is_found(sql: str, found: str) -> None:
    """By its own name and by another, through subqueries, CTEs, stars, structs, unions and
    conditions; and so is what cannot be followed.
    """
    assert checked({"m": sql}, "m") == [found]


@pytest.mark.parametrize(
    "sql",
    [
        "select sum(spend) as s, max(reach) as r, count(reach) as n from t",
        "select sum(case when reach > 0 then spend end) as s from t",
        "select sum(spend) / sum(clicks) as cpc, arg_max(spend, reach) as s from t",
        "with a as (select *, row_number() over (order by reach) as n from t) select sum(n) from a",
        "with a as (select * exclude (x), spend as x from (select reach as x, spend from t))"
        " select sum(x) from a",
        "select sum(b) from (select minor / nullif(coalesce(currency_offset, 100), 0) as b from t)",
        "select sum(spend) filter (where reach is null) as s from t",
        "select list_aggregate(list(reach), 'max') as r from t",
        "select sum(x) from (select * rename (reach as r, spend as x) from t)",
        "select sum(y) from (select unnest([{'x': reach, 'y': spend}]) from t)",
    ],
)
def test_a_sum_of_what_can_be_added_is_not(sql: str) -> None:
    """What only decides, orders or counts is no part of the sum."""
    assert checked({"m": sql}, "m") == []


def test_a_column_is_followed_from_model_to_model() -> None:
    """Under the name that another model gave it, with its origin."""
    models = {
        "staged": "select fields.reach as people, clicks / shown as share, spend from raw_table",
        "daily": 'select * from "w"."staging"."staged"',
        "weekly": 'select sum(d.people) as p, sum(spend) as s, avg(share) from "w"."m"."daily" d',
    }
    project = Additivity(models, forbidden())
    assert project.columns("daily") == {
        "people": frozenset({"reach"}),
        "share": frozenset({RATIO}),
    }
    assert [(f.sql, f.origins) for f in project.findings("weekly")] == [
        ("SUM(d.people)", frozenset({"reach"})),
        ("AVG(share)", frozenset({RATIO})),
    ]


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("select sum(spend) as s from t", ["sum(spend)"]),
        ("select sum(x) as s from (select spend as x, day from t) group by day", ["sum(x)"]),
        ("select client_id, median(spend) as s from t group by all", ["median(spend)"]),
        ("select sum(spend) over w as s from t window w as (partition by day)", ["sum(spend)"]),
        (
            "select sum(spend * share) filter (where d) as s from t group by d",
            ["sum(spend * share)"],
        ),
        ("select sum(spend) as s from t group by day, t.account_currency", []),
        ("select ad_account_id, sum(spend) as s from t group by all", []),
        ("select sum(spend) over w as s from t window w as (partition by ad_account_id)", []),
        ("select sum(spend / daily_budget) as s, count(spend) as n, max(spend) as m from t", []),
    ],
)
def test_a_sum_over_currencies_is_found(sql: str, found: list[str]) -> None:
    """Rows of one group have one currency, or are of one ad account; a share of two has none."""
    assert [one.sql.lower() for one in Amounts({"m": sql}, amounts()).findings("m")] == found


@pytest.fixture(scope="module")
def money(built: Warehouse) -> Amounts:
    """Every model as it was compiled for the build."""
    return Amounts(built.compiled(), amounts())


@pytest.mark.parametrize("model", sorted(p.stem for p in PROJECT.glob("models/**/*.sql")))
def test_no_model_adds_up_two_currencies(money: Amounts, model: str) -> None:
    """Ten yen and ten dollars are no twenty of anything."""
    assert [finding.sql for finding in money.findings(model)] == []


def test_amounts_are_followed(money: Amounts) -> None:
    """Through renaming and unions, or the rule would prove nothing."""
    assert {"account_value", "gap"} <= set(money.columns("mart_reconciliation"))
    assert "value" in money.columns("fct_restatements")


@pytest.fixture(scope="module")
def project(built: Warehouse) -> Additivity:
    """Every model as it was compiled for the build."""
    return Additivity(built.compiled(), forbidden())


@pytest.mark.parametrize("model", sorted(p.stem for p in PROJECT.glob("models/**/*.sql")))
def test_no_model_adds_up_what_cannot_be_added(project: Additivity, model: str) -> None:
    """Reach, frequency, Viewers, levels and ratios are true only as they stand."""
    found = [(finding.sql.lower(), finding.origins) for finding in project.findings(model)]
    assert [one for one in found if (model, one[0]) not in ALLOWED] == []


@pytest.mark.parametrize(("model", "sql"), sorted(ALLOWED))
def test_every_exception_is_needed(project: Additivity, model: str, sql: str) -> None:
    """An exception whose sum is gone would hide the next one of that name."""
    assert sql in [finding.sql.lower() for finding in project.findings(model)]


@pytest.mark.parametrize(
    ("mart", "column", "origin"),
    [
        ("fct_account_daily", "reach", "reach"),
        ("fct_account_daily", "cpm", RATIO),
        ("fct_page_daily", "viewers", "viewers"),
        ("mart_client_daily", "instagram_reach", "reach"),
        ("mart_client_daily", "roas", RATIO),
    ],
)
def test_the_marts_columns_are_followed(
    project: Additivity, mart: str, column: str, origin: str
) -> None:
    """The rule sees through the project's own macros and CTEs, or it would prove nothing."""
    assert origin in project.columns(mart)[column]
    assert "spend" not in project.columns(mart)
