"""One warehouse, built once by dbt for all tests here."""

import pytest
from dbt_warehouse import SCHEMA, Warehouse, fill


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The filled warehouse after one `dbt build`, tests of the project included."""
    work = tmp_path_factory.mktemp("built")
    warehouse = Warehouse(path=work / "warehouse.duckdb", work=work)
    with warehouse.connect() as con:
        con.execute(SCHEMA.read_text(encoding="utf-8"))
    fill(warehouse)
    run = warehouse.dbt("build")
    (work / "build.txt").write_text(run.stdout, encoding="utf-8")
    assert run.returncode == 0, run.stdout
    return warehouse
