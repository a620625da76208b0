"""The whole way: from the simulator's JSON to published marts, and again, and again."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import zstandard
from pydantic import SecretStr

from meta_pipeline.cli.summary import Summary
from meta_pipeline.cli.sync import run_reload
from meta_pipeline.defs.documentation import write_documentation
from meta_pipeline.graph import Credential, GraphClient, new_session
from meta_pipeline.reports import DEFAULT_REPORTS, REPORTS
from meta_pipeline.simulator import generated_agency, page_truth
from tests.integration.conftest import NOW, TOKEN, Pipeline, running_pipeline
from tests.integration.questions import Question, questions

SINCE, UNTIL = "2026-10-20", "2026-11-21"
ACCOUNTS = 3
ADS = [REPORTS[name] for name in DEFAULT_REPORTS if REPORTS[name].surface == "ads"]
INSIGHTS_REPORTS = sum(report.edge == "insights" for report in ADS)
OBJECT_REPORTS = len(ADS) - INSIGHTS_REPORTS
PAGE_METRICS = sum(len(REPORTS[name].metrics) for name in ("page_daily", "page_28d"))

TRUTHS = {
    "fct_account_daily": ("account", ""),
    "fct_campaign_daily": ("campaign", ""),
    "fct_ad_daily": ("ad", ""),
    "fct_platform_daily": ("campaign", "publisher_platform"),
}


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    """A pipeline for three clients, shared by the tests below, which run in order."""
    source = generated_agency(clients=3)
    with running_pipeline(source, app_secret="secret-of-the-app") as one:
        yield one


@pytest.fixture(scope="module")
def first(pipeline: Pipeline) -> Summary:
    """The first sync of everything."""
    return pipeline.sync(SINCE, UNTIL)


@pytest.fixture(scope="module")
def first_requests(pipeline: Pipeline, first: Summary) -> list[Any]:
    """What the first sync asked."""
    return list(pipeline.meta.requests)


@pytest.fixture(scope="module")
def second(pipeline: Pipeline, first_requests: list[Any]) -> Summary:
    """The same sync again, at the same time."""
    return pipeline.sync(SINCE, UNTIL)


@pytest.fixture(scope="module")
def restated(pipeline: Pipeline, second: Summary) -> Summary:
    """The last week again, two days later, when Meta has changed its mind."""
    pipeline.move_to(NOW + timedelta(days=2))
    return pipeline.sync("2026-11-15", UNTIL)


def test_sync_lands_everything(first: Summary):
    """Every report of every client lands without a failure."""
    assert first.failures() == []


def test_requests_are_one_a_page_of_the_range(first_requests: list[Any]):
    """33 days cost one insights request an account and report, and one a page of 500 rows.

    Rolling ranges are 30 a request.
    """
    found: dict[str, int] = {}
    for request in first_requests:
        found[request.kind] = found.get(request.kind, 0) + 1
    single_page = ACCOUNTS * (INSIGHTS_REPORTS + 1)
    further_pages = sum(
        1 for request in first_requests if request.kind == "insights" and "after" in request.params
    )
    assert found["insights"] == single_page + further_pages
    assert further_pages <= 4 * ACCOUNTS  # rows by age and gender of 40 days
    assert found["page_insights"] == 3 * PAGE_METRICS
    assert found["objects"] == ACCOUNTS * OBJECT_REPORTS
    assert all(request.status == 200 for request in first_requests)


def figures(truth: dict[str, Any]) -> tuple[Any, ...]:
    """Spend, impressions, clicks and results of a row of the truth, as the marts have them."""
    return (
        Decimal(truth["spend"]),
        *(int(truth[name]) for name in ("impressions", "clicks", "results")),
    )


@pytest.mark.parametrize("mart", TRUTHS)
def test_marts_equal_the_truth_to_the_cent(pipeline: Pipeline, first: Summary, mart: str):
    """Spend, impressions, clicks and results of each day and object are what the source says."""
    level, dimension = TRUTHS[mart]
    keys = {"campaign": ["campaign_id"], "ad": ["ad_id"], "account": []}[level]
    keys = [*keys, *([dimension] if dimension else [])]
    columns = ", ".join(["ad_account_id", "cast(day as text)", *keys])
    found = {
        tuple(row[:-4]): row[-4:]
        for row in pipeline.marts(
            f"select {columns}, spend, impressions, clicks, results from {mart}"
        )
    }
    expected = {}
    for account in pipeline.accounts:
        for row in pipeline.truth(
            account, SINCE, UNTIL, level=level, by="day", dimension=dimension, as_of=NOW
        ):
            key = (account, row["date_start"], *(row[name] for name in keys))
            expected[key] = figures(row)
    assert found == expected


def test_months_of_clients_equal_the_truth(pipeline: Pipeline, first: Summary):
    """Of the days up to last_day; October began before the range, so nobody knows its sum."""
    rows = pipeline.marts(
        "select client_id, cast(month as text), cast(first_day as text), cast(last_day as text),"
        " spend, impressions, clicks, results from mart_monthly_report order by 1, 2"
    )
    accounts = {one.id: one.ad_accounts for one in pipeline.meta.source.clients()}
    assert [row[1] for row in rows] == ["2026-10-01", "2026-11-01"] * len(accounts)
    for client_id, month, first_day, last_day, *found in rows:
        (account,) = accounts[client_id]
        (truth,) = pipeline.truth(account, first_day, last_day, as_of=NOW)
        assert tuple(found) == ((None,) * 4 if month == "2026-10-01" else figures(truth))


def test_periods_of_campaigns_equal_the_truth(pipeline: Pipeline, first: Summary):
    """The week up to the last known day, campaigns without a row in it at zero."""
    rows = pipeline.marts(
        "select ad_account_id, campaign_id, cast(first_day as text), cast(last_day as text),"
        " spend, impressions, clicks, results from mart_campaign_period where period = 'last_7d'"
    )
    found = {(account, campaign): tuple(row) for account, campaign, _, _, *row in rows}
    expected = dict.fromkeys(found, (0, 0, 0, 0))
    for account, first_day, last_day in {(row[0], *row[2:4]) for row in rows}:
        for truth in pipeline.truth(account, first_day, last_day, level="campaign", as_of=NOW):
            expected[account, truth["campaign_id"]] = figures(truth)
    assert found == expected
    assert len({account for account, _ in found}) == ACCOUNTS


def test_reach_is_metas_at_each_grain(pipeline: Pipeline, first: Summary):
    """The month's reach comes from a month's pull and lies below the sum of its days."""
    rows = pipeline.marts(
        """
        select m.reach, sum(d.reach) from fct_account_monthly m
        join fct_account_daily d
            on d.ad_account_id = m.ad_account_id and date_trunc('month', d.day) = m.month
        where m.month = date '2026-11-01' group by m.ad_account_id, m.reach
        """
    )
    assert len(rows) == ACCOUNTS
    assert all(0 < month < days for month, days in rows)


def test_page_marts_equal_the_truth(pipeline: Pipeline, first: Summary):
    """Views of each Page and Pacific day are what the source says."""
    page = pipeline.meta.source.clients()[0].pages[0]
    node = pipeline.meta.source.page(page)
    assert node is not None
    truth = page_truth(pipeline.meta.source, node, date(2026, 11, 1), date(2026, 11, 20))
    expected = {row["date"]: row["page_media_view"] for row in truth}
    rows = pipeline.marts(
        f"select cast(day as text), views from fct_page_daily where page_id = '{page}' "
        "and day between date '2026-11-01' and date '2026-11-20'"
    )
    assert dict(rows) == expected


def test_every_day_is_covered(pipeline: Pipeline, first: Summary):
    """No day of the range is a gap: what has no rows is confirmed by the account."""
    rows = pipeline.marts("select coverage, count(*) from mart_freshness group by 1 order by 1")
    assert {coverage for coverage, _ in rows} <= {"pulled", "confirmed_empty"}
    assert sum(count for _, count in rows) == ACCOUNTS * 33


def test_second_sync_changes_nothing(pipeline: Pipeline, second: Summary):
    """An unchanged answer opens and closes no row version."""
    assert (second.document(pipeline.settings)["versions_opened"]) == 0
    assert (second.document(pipeline.settings)["versions_closed"]) == 0


def test_restatement_closes_old_versions_and_opens_new_ones(pipeline: Pipeline, restated: Summary):
    """What Meta changed after two days is the newest version; what it said before is kept."""
    assert restated.failures() == []
    later = NOW + timedelta(days=2)
    for account in pipeline.accounts:
        truth = pipeline.truth(account, "2026-11-21", "2026-11-21", by="day", as_of=later)
        found = pipeline.marts(
            f"select spend, maturity from fct_account_daily "
            f"where ad_account_id = '{account}' and day = date '2026-11-21'"
        )
        # A Tokyo day has been over for longer than a New York day.
        assert [spend for spend, _ in found] == [Decimal(row["spend"]) for row in truth]
        assert {maturity for _, maturity in found} <= {"settling", "attributing"}
    versions = pipeline.raw(
        """
        select count(*) filter (valid_to is not null), count(*) filter (valid_to is null)
        from raw.records where report = 'account_daily' and day = date '2026-11-21'
        """
    )
    assert versions == [(ACCOUNTS, ACCOUNTS)]


def test_history_answers_what_was_known_before(pipeline: Pipeline, restated: Summary):
    """The versions valid at the first pull add up to the truth as it was then."""
    for account in pipeline.accounts:
        then = pipeline.truth(account, SINCE, UNTIL, as_of=NOW)
        ((spend,),) = pipeline.raw(
            f"""
            select sum((payload->>'spend')::decimal(18, 6)) from raw.records
            where report = 'ad_daily' and asset_id = '{account}'
                and valid_from <= timestamptz '{NOW.isoformat()}'
                and (valid_to is null or valid_to > timestamptz '{NOW.isoformat()}')
            """
        )
        assert spend == Decimal(then[0]["spend"])


def test_no_stale_rows_outlive_a_restated_day(pipeline: Pipeline, restated: Summary):
    """After an incremental build each fact holds exactly the newest versions of its report."""
    for report in ("ad_daily", "campaign_daily", "account_daily", "platform_daily"):
        ((raw,),) = pipeline.raw(
            f"select count(*) from raw.records where report = '{report}' and valid_to is null"
        )
        ((mart,),) = pipeline.marts(f"select count(*) from fct_{report}")
        assert mart == raw


def test_reload_ends_in_the_same_marts(pipeline: Pipeline, restated: Summary):
    """The warehouse rebuilt from the spool alone builds the marts that were there before."""
    names = [name for (name,) in pipeline.marts("select table_name from duckdb_tables()")]
    volatile = {"load_seq"}
    before = {}
    for name in names:
        columns = [
            column
            for (column,) in pipeline.marts(
                f"select column_name from duckdb_columns() where table_name = '{name}'"
            )
            if column not in volatile
        ]
        sql = f"select {', '.join(columns)} from {name} order by all"
        before[sql] = pipeline.marts(sql)
    assert run_reload() == 0
    for sql, rows in before.items():
        assert pipeline.marts(sql) == rows, sql


def test_the_token_is_nowhere(pipeline: Pipeline, restated: Summary):
    """No token, proof or app secret is in a file, a table, a log, a URL or Dagster's events."""
    page = pipeline.meta.source.clients()[0].pages[0]
    node = GraphClient(
        base_url=pipeline.meta.url,
        version="v26.0",
        credential=Credential(SecretStr(TOKEN), SecretStr("secret-of-the-app")),
        session=new_session(pipeline.meta.url),
    ).get_json(page, {"fields": "access_token"})
    proof = Credential(SecretStr(TOKEN), SecretStr("secret-of-the-app")).proof()
    texts = (TOKEN, "secret-of-the-app", node["access_token"], *proof.values())
    secrets = [text.encode() for text in texts]
    for path in pipeline.home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".zst":
                content = zstandard.decompress(content)
            assert not any(secret in content for secret in secrets), path
            assert not any(secret in str(path).encode() for secret in secrets)
    # Payloads are compressed in the file, so the tables are read as well.
    tables = pipeline.raw("select schema_name, table_name from duckdb_tables()")
    for schema, table in tables:
        for (text,) in pipeline.raw(f'select cast(t as text) from "{schema}"."{table}" as t'):
            assert not any(secret.decode() in text for secret in secrets)
            assert "access_token" not in text
    for request in pipeline.meta.requests:
        assert "access_token" not in request.params


def test_marts_carry_their_comments(pipeline: Pipeline, first: Summary):
    """An analyst sees what each mart and each column means in DuckDB itself."""
    bare = pipeline.marts(
        "select table_name, column_name from duckdb_columns() "
        "where not internal and comment is null "
        "union all select table_name, null from duckdb_tables() where comment is null"
    )
    assert bare == []


def test_marts_hold_nothing_but_figures_and_names(pipeline: Pipeline, restated: Summary):
    """No raw JSON, no column that an older DuckDB cannot read, and no secret in the file."""
    kinds = dict(
        pipeline.marts(
            "select table_name || '.' || column_name, data_type from duckdb_columns() "
            "where not internal"
        )
    )
    plain = re.compile(r"VARCHAR|BIGINT|INTEGER|DOUBLE|BOOLEAN|DATE|TIMESTAMP.*|DECIMAL\(.*\)")
    assert {name: kind for name, kind in kinds.items() if not plain.fullmatch(kind)} == {}
    assert [name for name in kinds if re.search("payload|manifest|json|token", name)] == []
    for (mart,) in pipeline.marts("select table_name from duckdb_tables()"):
        for (text,) in pipeline.marts(f'select cast(t as text) from "{mart}" as t'):
            assert TOKEN not in text
            assert "secret-of-the-app" not in text


@pytest.mark.parametrize("question", questions(), ids=lambda question: question.title)
def test_analysts_questions_have_answers(pipeline: Pipeline, restated: Summary, question: Question):
    """Each query of docs/analysts.md runs as it stands there, and returns rows."""
    rows = pipeline.marts(question.sql)
    assert rows or question.may_be_empty


def test_there_are_ten_questions():
    """As the page says; only a question about what is missing may have no answer."""
    asked = questions()
    assert [one.title.partition(".")[0] for one in asked] == [str(n) for n in range(1, 11)]
    assert len([one for one in asked if one.may_be_empty]) <= 1


def test_the_models_are_documented_on_one_page(pipeline: Pipeline, restated: Summary):
    """`docs` writes every mart and metric, and neither token nor a path of this machine."""
    page = write_documentation(pipeline.settings)
    assert page == pipeline.home / "docs" / "index.html"
    text = page.read_text(encoding="utf-8")
    for (mart,) in pipeline.marts("select table_name from duckdb_tables()"):
        assert f"model.meta_pipeline.{mart}" in text
    assert "metric.meta_pipeline.cost_per_result" in text
    assert "select * from final" in text  # compiled SQL
    for private in (TOKEN, "secret-of-the-app", str(pipeline.home), str(Path.cwd())):
        assert private not in text
    assert [path.name for path in page.parent.iterdir()] == ["index.html"]


def test_home_holds_only_what_is_documented(pipeline: Pipeline, restated: Summary):
    """No temporary file is left behind."""
    names = {path.name for path in Path(pipeline.home).iterdir()}
    aside = {name for name in names if name.startswith("warehouse.2026")}
    documented = {"warehouse.duckdb", "warehouse.duckdb.lock", "marts.duckdb", "spool"}
    documented |= {"quota.sqlite", "quota.sqlite-wal", "quota.sqlite-shm"}
    documented |= {
        "clients.yml",
        "dashboard.html",
        "dagster",
        "dbt",
        "docs",
        "logs",
        ".warehouse.rebuild.duckdb.lock",
    }
    assert names - aside <= documented
