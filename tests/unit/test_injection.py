"""What others choose to be called is data: in SQL, in file names, in folders."""

import json
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from unit_desk import TABLES, ad_row, day, opened_desk

from meta_pipeline.config import Settings
from meta_pipeline.config.models import Client
from meta_pipeline.landing import Spool
from meta_pipeline.warehouse import export, publish

HOSTILE = [
    "'; drop table raw.records; --",
    '"; drop schema raw cascade; --',
    "$client; $1; ? :name {{ 1 }} {% raw %} %s %(x)s",
    "../../etc/passwd",
    "..\\..\\windows",
    "/etc/passwd",
    "a\x00b",
    "a\nb\r\nc",
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "\u202egpj.exe",
    "𝕏" * 40,
    "nul",
]
names = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=60))


@settings(deadline=None, max_examples=30)
@given(names, names)
def test_a_name_lands_as_it_is(campaign: str, ad: str):
    """Whatever a campaign is called, its row is there, once, and so are all tables."""
    row = ad_row(day(1), ad="1", campaign_name=campaign, ad_name=ad)
    with opened_desk() as desk:
        desk.landed([row], day(1))
        assert [json.loads(payload) for payload in desk.current().values()] == [row]
        assert desk.snapshot().keys() == set(TABLES)


@given(names)
def test_a_client_is_named_by_what_a_path_may_hold(name: str):
    """Another id than letters, digits, - and _ is refused; the others stay below the spool."""
    try:
        client = Client(id=name, name=name, ad_accounts=("act_1",))
    except ValidationError:
        return
    assert client.id.isascii()
    root = Path("/spool")
    folder = Path(str(Spool(root).folder(client.id, "ad_daily")))
    assert folder.resolve().is_relative_to(root)
    assert len(folder.relative_to(root).parts) == len(Path("acme/ad_daily").parts)


@given(st.one_of(st.sampled_from(HOSTILE), st.text(min_size=1, max_size=40)))
def test_an_account_is_a_number(account: str):
    """Nothing else gets into the path of a request."""
    try:
        client = Client(id="acme", name="Acme", ad_accounts=(account,))
    except ValidationError:
        return
    assert client.ad_accounts[0].removeprefix("act_").isdigit()
    assert client.ad_accounts[0].isascii()


@pytest.mark.parametrize("folder", ["it's; drop table x", 'a "quoted" one', "ünï çödé", "$HOME"])
def test_the_pipeline_may_live_in_any_folder(tmp_path: Path, folder: str):
    """The path of its home stands in SQL (`attach`), and is data there too."""
    home = tmp_path / folder
    home.mkdir()
    at = Settings().model_copy(update={"home": home})
    with duckdb.connect(str(at.warehouse)) as warehouse:
        warehouse.execute("create schema marts; create table marts.fct_ads as select 1 as ad")
        assert publish(warehouse, at.marts) == {"fct_ads": 1}
    (exported,) = export(at.marts, home / "parquet")
    assert (exported.mart, exported.rows) == ("fct_ads", 1)
    assert exported.path.is_relative_to(home)
