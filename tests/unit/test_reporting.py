"""The monthly report: every figure as the marts have it, and nothing that they do not say."""

import html
import re
import shutil
import subprocess
import sys
import time
import zlib
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import orjson
import pytest
from unit_reporting import OCTOBER, PAID_REPORTS, ReportMarts

from meta_pipeline.cli.demo import month_to_show
from meta_pipeline.cli.report import run_report
from meta_pipeline.config import Client, parse_clients
from meta_pipeline.errors import ConfigError, ReportError
from meta_pipeline.reporting.colours import contrast, readable
from meta_pipeline.reporting.figures import Figure, read_report
from meta_pipeline.reporting.notes import notes_as_html
from meta_pipeline.reporting.numbers import Writer
from meta_pipeline.reporting.page import Target, render, tone
from meta_pipeline.reporting.report import UnsettledError, Wanted, make_report
from meta_pipeline.reporting.words import in_short

SEPTEMBER = date(2026, 9, 1)
END = date(2026, 10, 31)
DELIVERY = ("spend", "impressions", "clicks", "link_clicks")
GOLDEN = Path(__file__).parent / "golden" / "report.txt"


class Page(HTMLParser):
    """What a page says: its figures by name (raw value, and as printed), text, tags, problems."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.figures: dict[str, tuple[str, str]] = {}
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._key: tuple[str, str] | None = None
        self._hidden = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remembers the tag, and which figure is being printed."""
        values = dict(attrs)
        self.tags.append((tag, values))
        self._hidden = self._hidden or (tag if tag in ("style", "svg") else "")
        if tag == "data":
            self._key = (values["data-figure"] or "", values["value"] or "")

    def handle_endtag(self, tag: str) -> None:
        """Style sheets and charts print no figure of their own."""
        if tag == self._hidden:
            self._hidden = ""

    def handle_data(self, data: str) -> None:
        """What is printed."""
        if self._hidden:
            return
        self.words.append(data)
        if self._key:
            self.figures[self._key[0]] = (self._key[1], data)
            self._key = None

    @property
    def text(self) -> str:
        """All that is printed, with single spaces."""
        return " ".join(" ".join(self.words).split())


def full_marts() -> ReportMarts:
    """A client with September and October, which are final, and a Page."""
    marts = ReportMarts()
    marts.client(target_spend=4000, target_results=100, target_cost_per_result=Decimal("12.50"))
    marts.days(SEPTEMBER, date(2026, 9, 30))
    marts.days(OCTOBER, END, spend=Decimal("123.45"), results=4)
    marts.page(SEPTEMBER, END)
    marts.months()
    return marts


def client(**values: object) -> Client:
    """The client of the marts, with some settings."""
    return Client.model_validate({"id": "acme", "name": "Acme", "ad_accounts": ["act_1"]} | values)


def page_of(marts: ReportMarts, folder: Path, month: date = OCTOBER, **values: object) -> str:
    """The page of a month, provisional or not."""
    report = read_report(marts.connection, "acme", month)
    assert report
    return render(report, client(**values), folder, None)


def wanted(folder: Path, **values: object) -> Wanted:
    """October's page, below the folder."""
    return Wanted(month=OCTOBER, formats=("html",), out=folder, folder=folder, **values)  # type: ignore[arg-type]


def test_every_printed_figure_is_that_of_the_marts(tmp_path: Path):
    """Each figure has the mart's value, and is printed as that value is written."""
    marts = full_marts()
    page = Page(page_of(marts, tmp_path))
    cursor = marts.connection.execute(
        "select * from mart_monthly_report where month = ?", [OCTOBER]
    )
    names = [column[0] for column in cursor.description or ()]
    (row,) = cursor.fetchall()
    month = dict(zip(names, row, strict=True))
    write = Writer("en_US")
    kinds = {"spend": "money", "impressions": "count", "link_clicks": "count"}
    kinds |= {"link_ctr": "share", "link_cpc": "money", "cpm": "money", "results": "count"}
    kinds |= {"cost_per_result": "money", "reach": "count", "frequency": "decimal"}
    for key, kind in kinds.items():
        raw, shown = page.figures[f"USD.{key}"]
        assert Decimal(raw) == Decimal(str(month[key])), key
        assert shown == write.figure(month[key], kind, "USD"), key  # type: ignore[arg-type]
        if f"{key}_previous" in month:
            assert Decimal(page.figures[f"USD.{key}.previous"][0]) == Decimal(
                str(month[f"{key}_previous"])
            )
    for key in ("page_views", "page_interactions", "page_new_follows"):
        assert page.figures[f"organic.{key}"] == (
            str(month[key]),
            write.figure(month[key], "count"),
        )
    assert page.figures["organic.page_viewers_28d"][0] == "900"
    for scope in ("campaign.c1", "platform.facebook", "age.18-24/female"):
        assert Decimal(page.figures[f"USD.{scope}.spend"][0]) == month["spend"]
        assert Decimal(page.figures[f"USD.{scope}.results"][0]) == month["results"]
    assert page.figures["USD.spend"][1] == "$3,826.95"
    assert page.figures["USD.results.target"] == ("100.000000", "100")


def test_golden_text(tmp_path: Path):
    """The words of a small report, read by a person once, stay as they are."""
    text = Page(page_of(full_marts(), tmp_path)).text.split("Glossary")[0]
    parts = re.split(
        r"(?= (?:In short|Ads|Campaigns|Platforms|Age and|Facebook Page|About) )", text
    )
    assert "\n".join(part.strip() for part in parts) + "\n" == GOLDEN.read_text(encoding="utf-8")


def test_the_same_marts_make_the_same_bytes(tmp_path: Path):
    """Two runs write the same page, in which no id stands twice and nothing is fetched or run."""
    first, second = (page_of(full_marts(), tmp_path) for _ in range(2))
    assert first == second
    tags = Page(first).tags
    ids = [values["id"] for _, values in tags if "id" in values]
    assert len(set(ids)) == len(ids)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in tags}
    assert "http:" not in first
    assert "https:" not in first
    assert not [values for _, values in tags if "style" in values or "onload" in values]
    drawings = [values for tag, values in tags if tag == "svg"]
    assert len(drawings) == 5
    assert all(values["role"] == "img" and values["aria-labelledby"] for values in drawings)


def test_a_name_cannot_inject(tmp_path: Path):
    """Quotes, HTML and right-to-left text are printed as they are, and are no markup."""
    name = "\"><script>alert('x')</script> & שלום } @page"
    marts = full_marts()
    marts.connection.execute("update fct_campaign_daily set campaign_name = ?", [name])
    text = page_of(marts, tmp_path, name=name)
    page = Page(text)
    assert "script" not in {tag for tag, _ in page.tags}
    assert (
        text.count(
            html.escape(name, quote=True).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
        )
        >= 3
    )
    assert page.text.count(" ".join(name.split())) >= 3


def test_what_is_not_known_is_a_dash(tmp_path: Path):
    """A NULL prints as an en dash, without a percentage, and a mean of unknown days is none."""
    marts = full_marts()
    marts.connection.execute(
        "update mart_monthly_report set spend = null, link_cpc_previous = null, "
        "link_cpc_change = null, spend_change = null"
    )
    page = Page(page_of(marts, tmp_path))
    assert page.figures["USD.spend"] == ("", "–")
    assert page.figures["USD.link_cpc.previous"] == ("", "–")
    assert "USD.spend.change" not in page.figures
    assert "The totals of October 2026 are not known" in page.text


def test_viewers_of_28_days_can_keep_a_month_provisional():
    """The pill speaks of the printed day's viewers too, and of no other day's."""
    for day, is_final in ((END, False), (OCTOBER, True)):
        marts = full_marts()
        marts.connection.execute(
            "update fct_page_28d set maturity = 'settling' where day = ?", [day]
        )
        report = read_report(marts.connection, "acme", OCTOBER)
        assert report is not None
        assert report.is_final is is_final


def test_unknown_results_are_not_none(tmp_path: Path):
    """Where no day's results are known, the page does not say that there were none."""
    marts = ReportMarts()
    marts.client()
    marts.days(OCTOBER, END, results=None)
    marts.months()
    text = Page(page_of(marts, tmp_path)).text
    assert "No results" not in text
    assert "Results of these days are not known." in text
    assert "Results (purchases) are not known." in text


def test_a_table_of_some_days_is_none(tmp_path: Path):
    """Where a day of the campaigns was not pulled, or never asked for, no sums are printed."""
    for table in ("mart_coverage", "mart_client_daily"):
        marts = full_marts()
        marts.connection.execute(f"delete from {table} where day = '2026-10-07'")
        page = Page(page_of(marts, tmp_path))
        assert "1 of 31 days are not known." in page.text
        assert "USD.campaign.c1.spend" not in page.figures


def test_an_account_that_came_later_leaves_no_part_of_a_table():
    """Days before a later account's first are not known, though nobody asked for them."""
    marts = ReportMarts()
    marts.client()
    marts.add("dim_ad_accounts", client_id="acme", ad_account_id="act_2", account_currency="USD")
    marts.days(OCTOBER, date(2026, 10, 31), accounts=2)
    later = (date(2026, 10, 13), date(2026, 10, 31))
    for report in PAID_REPORTS:
        marts.add(
            "mart_coverage",
            later,
            client_id="acme",
            asset_id="act_2",
            report=report,
            coverage="pulled",
        )
    marts.connection.execute(
        "update mart_client_daily set is_complete = false, coverage = 'never_pulled', "
        "reason = 'act_2: never pulled' where day < '2026-10-13'"
    )
    report = read_report(marts.months(), "acme", OCTOBER)
    assert report is not None
    (paid,) = report.paid
    for groups in (paid.campaigns, paid.platforms, paid.ages):
        assert (groups.rows, groups.reason) == ((), "12 of 31 days are not known.")
    assert report.gaps == tuple(
        (date(2026, 10, day), "act_2: never pulled") for day in range(1, 13)
    )


def test_no_account_stands_in_for_another():
    """A day of a table that only a former account has is not known."""
    marts = full_marts()
    marts.add("dim_ad_accounts", client_id="acme", ad_account_id="former", account_currency="USD")
    marts.connection.execute(
        "update mart_coverage set asset_id = 'former' "
        "where report = 'campaign_daily' and day = '2026-10-07'"
    )
    report = read_report(marts.connection, "acme", OCTOBER)
    assert report is not None
    (paid,) = report.paid
    assert (paid.campaigns.rows, paid.campaigns.reason) == ((), "1 of 31 days are not known.")
    assert paid.platforms.rows


def test_an_unsettled_month_is_refused(tmp_path: Path):
    """It says when it settles and which command pulls it; allowed, it is marked as provisional."""
    marts = full_marts()
    marts.connection.execute(
        "update fct_platform_daily set maturity = 'attributing' where day = ?", [END]
    )
    with pytest.raises(UnsettledError) as refused:
        make_report(marts.connection, client(), wanted(tmp_path))
    assert "settles on 2026-11-29 04:00 UTC" in refused.value.message
    assert "meta-pipeline sync --from 2026-10-01 --to 2026-10-31 -c acme" in str(refused.value.hint)
    assert not list(tmp_path.iterdir())
    made = make_report(marts.connection, client(), wanted(tmp_path, is_provisional_allowed=True))
    text = Page(made.files[0].read_text()).text
    assert not made.is_final
    assert "Provisional" in text
    assert "Final figures" not in text
    marts.connection.execute("update fct_platform_daily set maturity = 'final'")
    assert make_report(marts.connection, client(), wanted(tmp_path)).is_final
    with pytest.raises(ReportError, match="nothing is known of 2026-10"):
        make_report(marts.connection, client(id="other"), wanted(tmp_path))


def test_the_demo_shows_a_final_month_where_there_is_one():
    """Else the newest whole month, which is then provisional; else the newest."""
    marts = full_marts()

    def shown() -> tuple[date, bool]:
        marts.months()
        chosen = month_to_show(marts.connection, "acme")
        return chosen.month, chosen.is_final

    assert shown() == (OCTOBER, True)
    marts.connection.execute(
        "update mart_client_daily set maturity = 'attributing' where day >= '2026-10-20'"
    )
    assert shown() == (SEPTEMBER, True)
    marts.connection.execute("update mart_client_daily set maturity = 'attributing'")
    marts.days(date(2026, 11, 1), date(2026, 11, 3), maturity="settling")
    assert shown() == (OCTOBER, False)
    marts.connection.execute("delete from mart_client_daily where day < '2026-11-01'")
    assert shown() == (date(2026, 11, 1), False)


def test_a_month_under_way(tmp_path: Path):
    """It is compared with as many days before, its results only over settled days."""
    marts = ReportMarts()
    marts.client()
    marts.days(SEPTEMBER, date(2026, 9, 30))
    marts.days(OCTOBER, date(2026, 10, 8), maturity="attributing", results=6)
    marts.days(date(2026, 10, 9), date(2026, 10, 10), maturity="settling", results=1)
    marts.months()
    report = read_report(marts.connection, "acme", OCTOBER)
    assert report
    (paid,) = report.paid
    results = paid.figure("results")
    assert (results.value, results.compared, results.previous) == (50, 48, 40)
    assert results.change == pytest.approx(0.2)
    assert paid.settled_through == date(2026, 10, 8)
    assert paid.figure("spend").previous == 1000
    assert paid.figure("reach").previous is None
    page = page_of(marts, tmp_path)
    assert "days that are not settled in grey" in page
    assert "The month is under way" in page
    assert in_short(report, Writer("en_US"))[0] == (
        "Results rose by 20.0% on the settled days (through Oct 8, 2026), from 40 to 48."
    )


def test_no_comparison_across_a_break(tmp_path: Path):
    """Where Meta counts otherwise from a day on, nothing is compared, and the day is named."""
    marts = full_marts()
    marts.connection.execute(
        "update mart_organic_bridge set metric = 'page_impressions', comparable = false, "
        "series_id = 'old', is_break = false where canonical = 'views' and day < '2026-10-05'"
    )
    marts.connection.execute(
        "update mart_organic_bridge set is_break = true "
        "where canonical = 'views' and day = '2026-10-05'"
    )
    page = Page(page_of(marts, tmp_path))
    assert page.figures["organic.page_views.previous"] == ("", "–")
    assert "organic.page_views.change" not in page.figures
    assert "Oct 5, 2026: views (page_views)" in page.text
    assert page.figures["organic.page_interactions.previous"][0] == "120"


@pytest.mark.parametrize(
    "values", [{"spend": 0, "impressions": 0, "clicks": 0, "link_clicks": 0}, {}]
)
def test_a_client_with_little(tmp_path: Path, values: dict[str, int]):
    """One day, no Page, no results, no spend: a page without a quotient or a comparison."""
    marts = ReportMarts()
    marts.client()
    marts.days(OCTOBER, OCTOBER, **{"results": 0, **values})  # type: ignore[arg-type]
    marts.months()
    page = Page(page_of(marts, tmp_path))
    assert page.figures["USD.cost_per_result"] == ("", "–")
    assert "No results were counted on these days." in page.text
    assert "Facebook Page" not in page.text
    assert not [key for key in page.figures if key.endswith(".change")]
    if values:
        assert page.figures["USD.link_cpc"] == ("", "–")
        assert "Nothing was spent on ads in October 2026." in page.text


def test_colours_mean_good_or_bad():
    """CPC up is bad, spend has none, small changes are grey; targets of half a month are grey."""

    def moved(change: float, good: str | None) -> str:
        return tone(Figure("k", "K", "count", 1, 1, change, good))  # type: ignore[arg-type]

    assert [moved(0.1, "down"), moved(-0.1, "down")] == ["bad", "good"]
    assert [moved(0.1, "up"), moved(0.1, None), moved(0.019, "up")] == ["good", "even", "even"]
    half = Figure("results", "Results", "count", 50, good="up", target=100)
    assert [Target(half, is_over=over).tone for over in (False, True)] == ["even", "bad"]


def test_colours_can_be_read():
    """A brand's colour is darkened until its text has the contrast that WCAG AA asks for."""
    assert readable("#0f766e") == "#0f766e"
    for colour in ("#ffff00", "#f59e0b", "#ffffff"):
        assert contrast(readable(colour)) >= 4.5
    for text, ground in (("#14532d", "#e3f4ea"), ("#7a3100", "#fdebd3"), ("#52606d", "#ffffff")):
        assert contrast(text, ground) >= 4.5


@pytest.mark.parametrize(
    ("locale", "money", "share", "day"),
    [
        ("en_US", "€1,234.50", "12.35%", "Oct 1, 2026"),
        ("de_DE", "1.234,50\xa0€", "12,35\xa0%", "01.10.2026"),
        ("en_GB", "€1,234.50", "12.35%", "1 Oct 2026"),
    ],
)
def test_locales(locale: str, money: str, share: str, day: str):
    """Amounts, percentages and dates are written as the client's locale does."""
    write = Writer(locale)
    assert write.money(Decimal("1234.5"), "EUR") == money
    assert write.percent(0.12345678, digits=2) == share
    assert write.day(OCTOBER) == day
    assert Writer("en_US").money(1200, "JPY") == "¥1,200"


def test_notes_are_text():
    """Markdown is set; HTML, pictures and addresses are not."""
    shown = notes_as_html(
        "More <b>reels</b>, see [here](https://x.test) ![p](https://x.test/p.png)"
    )
    assert shown is not None
    assert shown.startswith("<h2>What we did</h2>")
    assert "&lt;b&gt;" in shown
    assert "<a" not in shown
    assert "<img" not in shown
    assert notes_as_html("# What we did\n\n* one") == (
        "<h2>What we did</h2>\n<ul>\n<li>one</li>\n</ul>\n"
    )
    assert notes_as_html("\n") is None


def test_a_logo_is_inlined(tmp_path: Path):
    """A PNG stands in the page itself; a file that is no picture is refused by name."""
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n....")
    page = Page(page_of(full_marts(), tmp_path, brand={"logo": "logo.png"}))
    (logo,) = [values for tag, values in page.tags if tag == "img"]
    assert (logo["src"] or "").startswith("data:image/png;base64,")
    assert logo["alt"] == "Logo of Acme"
    (tmp_path / "logo.png").write_text("no picture")
    with pytest.raises(ConfigError, match=r"no png picture"):
        page_of(full_marts(), tmp_path, brand={"logo": "logo.png"})


def test_clients_file_knows_locales():
    """A locale is one that Babel knows, and holds for a client or for all."""
    text = "version: 1\ndefaults: {locale: de-DE}\nclients: [{id: a, name: A, ad_accounts: [1]}]"
    assert parse_clients(text).clients[0].locale == "de_DE"
    with pytest.raises(ConfigError, match="no such locale"):
        parse_clients(text.replace("de-DE", "xx_YY"))


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    """One client written and one refused is exit code 3, with one document on stdout."""
    marts = full_marts()
    marts.client("bolt")
    marts.days(OCTOBER, END, "bolt", maturity="settling")
    marts.months()
    marts.save(tmp_path / "marts.duckdb")
    clients = "version: 1\nclients:\n"
    clients += "".join(
        f"  - {{id: {one}, name: {one}, ad_accounts: [{n}]}}\n"
        for n, one in enumerate(("acme", "bolt"), start=1)
    )
    (tmp_path / "clients.yml").write_text(clients)
    monkeypatch.setenv("META_PIPELINE_HOME", str(tmp_path))
    monkeypatch.setenv("META_PIPELINE_CLIENTS", str(tmp_path / "clients.yml"))

    def run(*client_ids: str, form: str = "html") -> int:
        return run_report(
            OCTOBER, client_ids, form=form, is_provisional_allowed=False, out=None, as_json=True
        )

    assert run() == 3
    out, err = capfd.readouterr()
    written, refused = orjson.loads(out)["reports"]
    assert written["state"] == "final"
    assert written["files"] == [str(tmp_path / "reports" / "acme" / "2026-10.html")]
    assert refused["state"] == "unsettled"
    assert refused["settles_at"].startswith("2026-11-29")
    assert "31 of its days can still change" in err
    assert run("bolt") == 1
    # Without WeasyPrint the page is written all the same.
    Path(written["files"][0]).unlink()
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    assert run("acme", form="html,pdf") == 1
    assert Path(written["files"][0]).exists()
    assert "libpangoft2-1.0-0" in capfd.readouterr().err
    with pytest.raises(ConfigError):
        run("acme", form="docx")


def needs_weasyprint() -> None:
    """Skips the test where WeasyPrint's system library is missing."""
    try:
        import weasyprint  # noqa: F401
    except OSError as error:
        pytest.skip(f"libpango-1.0-0 and libpangoft2-1.0-0 are not installed: {error}")


def test_pdf_says_the_same(tmp_path: Path):
    """The PDF prints each figure of the page, and on every page whose it is and how settled."""
    needs_weasyprint()
    reader = shutil.which("pdftotext")
    if reader is None:
        pytest.skip("pdftotext (Debian: poppler-utils) is not installed")
    from meta_pipeline.reporting.pdf import as_pdf

    (tmp_path / "logo.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    page = page_of(full_marts(), tmp_path, name="A & <b>Söhne</b>", brand={"logo": "logo.svg"})
    path = tmp_path / "report.pdf"
    path.write_bytes(as_pdf(page))
    text = subprocess.run([reader, "-layout", path, "-"], capture_output=True, check=True).stdout
    words = " ".join(text.decode().split())
    for key, (_, shown) in Page(page).figures.items():
        assert " ".join(shown.split()) in words, key
    pages = text.decode().rstrip("\f").split("\f")
    assert all("Final figures" in one and "A & <b>Söhne</b>, October 2026" in one for one in pages)


def test_the_same_page_makes_the_same_pdf(monkeypatch: pytest.MonkeyPatch):
    """Two runs an hour apart write the same bytes; what is elsewhere is not fetched."""
    needs_weasyprint()
    from meta_pipeline.reporting.pdf import as_pdf

    page = (
        '<html lang="en"><title>A</title><h1>Été</h1><svg width="9" height="9">'
        '<title>A line</title><path d="M0,0L9,9" stroke="red"/></svg>'
        '<img alt="none" src="file:///etc/hostname">'
    )
    first = as_pdf(page)
    later = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: later)
    assert as_pdf(page) == first


def test_the_pdf_can_be_read_aloud(tmp_path: Path):
    """What PDF/UA asks for and can be counted: language, title, tags, headers, fonts within.

    Each chart has its sentence as alternative text, each cell of a table knows its headers.
    """
    needs_weasyprint()
    from meta_pipeline.reporting.pdf import as_pdf

    page = page_of(full_marts(), tmp_path, name="Söhne")
    inside = _unpacked(as_pdf(page))
    for needed in (
        *(b"pdfuaid:part", b"/MarkInfo", b"/StructTreeRoot", b"/DisplayDocTitle true"),
        *(b"/Lang (en)", "/Title <feff" + "Söhne – ".encode("utf-16-be").hex()),
    ):
        mark = needed if isinstance(needed, bytes) else needed.encode()
        assert mark in inside, mark
    tags = [tag for tag, _ in Page(page).tags]
    for name, tag in ((b"Figure", "svg"), (b"TH", "th"), (b"TD", "td"), (b"H2", "h2")):
        assert len(re.findall(rb"/S /" + name + rb"\b", inside)) == tags.count(tag)
    assert inside.count(b"/Alt ") == tags.count("svg") == 5
    assert inside.count(b"/Headers ") == tags.count("td")
    (named,) = re.findall(rb"/IDTree <</Names \[(.*?)\]>>", inside, re.DOTALL)
    ids = re.findall(rb"\((\S+?)\) \d+ 0 R", named)
    assert ids == sorted(set(ids))
    assert set(ids) == set(re.findall(rb"/ID \((\S+?)\)", inside))
    assert len(ids) == tags.count("th")
    fonts = re.findall(rb"/Type /FontDescriptor.*?>>", inside, re.DOTALL)
    assert fonts
    assert all(b"/FontFile" in one for one in fonts)


def _unpacked(pdf: bytes) -> bytes:
    """The PDF with its packed streams behind it, unpacked."""
    packed = re.findall(rb"stream\n(.*?)\nendstream", pdf, re.DOTALL)
    return pdf + b"".join(zlib.decompress(one) for one in packed if one.startswith(b"x\xda"))
