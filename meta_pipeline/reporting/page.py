"""The report as one HTML page that holds all it needs: no script, nothing from elsewhere."""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from meta_pipeline.config import Client
from meta_pipeline.errors import ConfigError
from meta_pipeline.reporting import words
from meta_pipeline.reporting.charts import Artist
from meta_pipeline.reporting.colours import readable
from meta_pipeline.reporting.figures import Figure, MonthlyReport
from meta_pipeline.reporting.numbers import Writer

_LOGO_LIMIT = 1_000_000
_LOGOS = {".png": ("image/png", b"\x89PNG\r\n\x1a\n"), ".svg": ("image/svg+xml", b"<")}
_GENDERS = {"female": "Women", "male": "Men", "unknown": "Not known"}


def render(report: MonthlyReport, client: Client, folder: Path, notes: Markup | None) -> str:
    """The page. `folder` is where a relative path of the logo begins.

    Raises `ConfigError` when the logo is missing, too large, or no picture.
    """
    write = Writer(client.locale)
    colour = readable(client.brand.color)
    name = write.month(report.month)
    artist = Artist(colour, write)
    charts = {
        paid.currency: {
            "spend": artist.spend(paid, name),
            "results": artist.results(paid, name) if _has_results(paid.days) else None,
            "link_ctr": artist.rate(paid, name, "link_ctr"),
            "link_cpc": artist.rate(paid, name, "link_cpc"),
            "ages": artist.ages(paid.ages, paid, name) if paid.ages.rows else None,
        }
        for paid in report.paid
    }
    style = Markup(_template("style.css.j2", {"colour": colour}))  # noqa: S704 (no user's text)
    digest = hashlib.sha256(style.encode()).digest()
    values = {
        "report": report,
        "client": client,
        "notes": notes,
        "logo": _logo(client, folder),
        "month": name,
        "sentences": words.in_short(report, write),
        "write": write,
        "charts": charts,
        "genders": _GENDERS,
        "result_name": words.result_name,
        "tone": tone,
        "target": Target,
        "style": style,
        "style_hash": base64.b64encode(digest).decode("ascii"),
        "svg": Markup,
    }
    return _template("report.html.j2", values)


def tone(figure: Figure) -> str:
    """`good`, `bad`, or `even`: what a change is for the client, whichever way it goes."""
    if figure.change is None or figure.good is None or abs(figure.change) < words.FLAT:
        return "even"
    return "good" if (figure.change > 0) == (figure.good == "up") else "bad"


class Target:
    """How a figure stands to the client's target for the month."""

    def __init__(self, figure: Figure, *, is_over: bool) -> None:
        self.value = figure.target
        self.share: float | None = None
        self.tone = "even"
        if not figure.target or figure.value is None:
            return
        self.share = float(figure.value) / float(figure.target)
        # Half a month has reached half a target; spend is neither good nor bad.
        if figure.good == "down" or (is_over and figure.good == "up"):
            is_met = self.share <= 1 if figure.good == "down" else self.share >= 1
            self.tone = "good" if is_met else "bad"


def _has_results(days: Any) -> bool:
    return any(one.results for one in days)


def _logo(client: Client, folder: Path) -> str | None:
    """The logo as an address that holds it."""
    if client.brand.logo is None:
        return None
    path = folder / Path(client.brand.logo).expanduser()
    kind, start = _LOGOS[path.suffix.lower()]
    try:
        picture = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the logo of {client.id} cannot be read: {error}",
            hint="brand.logo in clients.yml counts from that file's folder",
        ) from None
    if len(picture) > _LOGO_LIMIT or not picture.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(start):
        raise ConfigError(
            f"the logo of {client.id} is no {path.suffix[1:]} picture of at most 1 MB: {path}",
            hint="give brand.logo another file",
        )
    return f"data:{kind};base64,{base64.b64encode(picture).decode('ascii')}"


def _template(name: str, values: Mapping[str, Any]) -> str:
    return _environment().get_template(name).render(values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("meta_pipeline.reporting", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
