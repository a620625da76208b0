"""The dashboard's pages: what is in them, that names cannot get out, and when they are split."""

import base64
import hashlib
import json
import re
import shutil
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pytest

from meta_pipeline.errors import ConfigError, WarehouseError
from meta_pipeline.reporting.dashboard import HISTORY, MATURITIES, write_dashboard
from tests.unit.unit_dashboard import AWKWARD, RTL, write_marts


class _Page(HTMLParser):
    """The tags of a page, and the text of its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.blocks: list[tuple[str, str | None, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        tag, attributes = self.tags[-1] if self.tags else ("", {})
        if tag in ("script", "style") and data.strip():
            self.blocks.append((tag, attributes.get("type"), data))

    @property
    def data(self) -> dict[str, Any]:
        (text,) = [text for _tag, kind, text in self.blocks if kind == "application/json"]
        return json.loads(text)

    def client(self, client_id: str) -> dict[str, Any]:
        return next(one for one in self.data["clients"] if one["id"] == client_id)


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The marts of `unit_dashboard`, once for all tests."""
    return write_marts(tmp_path_factory.mktemp("marts") / "marts.duckdb")


def _read(path: Path) -> _Page:
    return _Page(path.read_text(encoding="utf-8"))


def test_the_same_marts_make_the_same_bytes(marts: Path, tmp_path: Path) -> None:
    """Nothing in a page depends on when or where it was written."""
    (one,) = write_dashboard(marts, tmp_path / "one.html")
    (other,) = write_dashboard(marts, tmp_path / "two" / "other.html")
    assert one.path.read_bytes() == other.path.read_bytes()
    assert one.size == one.path.stat().st_size
    assert one.client_ids == ("oneil", "bare")
    assert one.since == {"oneil": date(2026, 9, 12), "bare": None}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_names_cannot_get_out_of_the_data(marts: Path, tmp_path: Path) -> None:
    """Quotes, tags and right-to-left names arrive unchanged, and make no element."""
    (page,) = write_dashboard(marts, tmp_path / "d.html")
    read = _read(page.path)
    assert read.client("oneil")["name"] == AWKWARD
    assert RTL in read.client("oneil")["names"]["name"]
    assert not {"img", "b"} & {tag for tag, _ in read.tags}
    assert [tag for tag, _ in read.tags].count("script") == 3


def test_nothing_is_loaded_and_only_the_own_scripts_run(marts: Path, tmp_path: Path) -> None:
    """No element has an address, and the policy has the hash of each script and style."""
    (page,) = write_dashboard(marts, tmp_path / "d.html")
    read = _read(page.path)
    assert not [tag for tag, attributes in read.tags if {"src", "href"} & attributes.keys()]
    (policy,) = [
        attributes["content"] or ""
        for tag, attributes in read.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    hashes = {
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for _tag, kind, text in read.blocks
        if kind is None
    }
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == hashes


def test_what_is_not_known_is_null(marts: Path, tmp_path: Path) -> None:
    """The day that failed has no figures; link clicks left out beside clicks are no zero."""
    (page,) = write_dashboard(marts, tmp_path / "d.html")
    daily = _read(page.path).client("oneil")["daily"]
    day = (date(2026, 11, 3) - date(1970, 1, 1)).days
    places = [place for place, one in enumerate(daily["day"]) if one == day]
    assert len(places) == 2
    assert {daily[name][place] for name in ("spend", "results") for place in places} == {None}
    assert [daily["known"][place] for place in places] == [False, False]


def test_no_account_stands_in_for_another(marts: Path, tmp_path: Path) -> None:
    """A day of a table that a former account alone has is not known."""
    copied = Path(shutil.copy(marts, tmp_path / "marts.duckdb"))
    with duckdb.connect(str(copied)) as connection:
        connection.execute(
            "insert into dim_ad_accounts values ('oneil', 'former', 'Former', 'USD', 'UTC', false)"
        )
        connection.execute(
            "update mart_coverage set asset_id = 'former' where asset_id = 'act_1' "
            "and report = 'campaign_daily' and day = '2026-11-05'"
        )
    (page,) = write_dashboard(copied, tmp_path / "d.html")
    days = _read(page.path).client("oneil")["coverage"]
    yen, dollars = (days["currency"]["of"].index(name) for name in ("JPY", "USD"))
    gap, lacking = ((date(2026, 11, day) - date(1970, 1, 1)).days for day in (3, 5))
    for name, unknown in (
        ("campaigns", {(yen, gap), (dollars, gap), (dollars, lacking)}),
        ("platforms", {(yen, gap), (dollars, gap)}),
    ):
        shown = zip(days["currency"]["at"], days["day"], days[name], strict=True)
        assert {(currency, day) for currency, day, is_known in shown if not is_known} == unknown


def test_a_client_without_data_has_a_page(marts: Path, tmp_path: Path) -> None:
    """A client that was never pulled is in the page, with its state and empty tables."""
    (page,) = write_dashboard(marts, tmp_path / "d.html", ["bare"])
    client = _read(page.path).client("bare")
    assert client["freshness"]["state"] == "never pulled"
    assert client["daily"]["day"] == []


def test_a_page_that_is_too_large_becomes_one_a_client(marts: Path, tmp_path: Path) -> None:
    """The index links to a page of each client, and each links back."""
    (whole,) = write_dashboard(marts, tmp_path / "d.html")
    index, *pages = write_dashboard(marts, tmp_path / "d.html", max_bytes=whole.size - 1)
    links = [attributes["href"] for tag, attributes in _read(index.path).tags if tag == "a"]
    assert links == ["d-clients/oneil.html", "d-clients/bare.html"]
    assert [page.path for page in pages] == [tmp_path / str(link) for link in links]
    assert [page.client_ids for page in pages] == [("oneil",), ("bare",)]
    assert _read(pages[0].path).data["index"] == "../d.html"
    assert AWKWARD in "".join(_texts(index.path))
    assert not [tag for tag, _ in _read(index.path).tags if tag in ("img", "script")]


def test_a_client_that_is_too_large_keeps_its_newest_days(marts: Path, tmp_path: Path) -> None:
    """As many days as fit, and the page knows that it holds not all."""
    (page,) = write_dashboard(marts, tmp_path / "d.html", ["oneil"], max_bytes=1)
    client = _read(page.path).client("oneil")
    days = client["daily"]["day"]
    assert max(days) - min(days) + 1 == HISTORY[-1]
    assert client["is_cut"] is True
    assert page.since["oneil"] == date(2026, 10, 2)


def test_unknown_clients_and_missing_marts_are_told(marts: Path, tmp_path: Path) -> None:
    """The message names the clients that there are, or the command that makes marts."""
    with pytest.raises(ConfigError) as unknown:
        write_dashboard(marts, tmp_path / "d.html", ["nobody"])
    assert "oneil" in str(unknown.value)
    with pytest.raises(WarehouseError) as none:
        write_dashboard(tmp_path / "none.duckdb", tmp_path / "d.html")
    assert "meta-pipeline sync" in str(none.value)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told(marts: Path, tmp_path: Path) -> None:
    """A folder that is a file stops it, and the message names the place."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"d\.html cannot be written"):
        write_dashboard(marts, tmp_path / "file" / "d.html")


def test_maturities_are_numbered_as_the_page_names_them(marts: Path, tmp_path: Path) -> None:
    """The page's number of each day is the place of the mart's word in its list."""
    (page,) = write_dashboard(marts, tmp_path / "d.html")
    read = _read(page.path)
    daily = read.client("oneil")["daily"]
    named = {
        (day, None if number is None else read.data["maturities"][number])
        for day, number in zip(daily["day"], daily["maturity"], strict=True)
    }
    with duckdb.connect(str(marts), read_only=True) as connection:
        rows = connection.execute("select day, maturity from mart_client_daily").fetchall()
    assert named == {((day - date(1970, 1, 1)).days, maturity) for day, maturity in rows}
    assert {word for _, word in named} - {None} < set(MATURITIES)


def _texts(path: Path) -> list[str]:
    texts: list[str] = []

    class _Texts(HTMLParser):
        def handle_data(self, data: str) -> None:
            texts.append(data)

    _Texts().feed(path.read_text(encoding="utf-8"))
    return texts
