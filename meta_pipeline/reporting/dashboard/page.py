"""Pages as text: data, style and scripts put into the one HTML that needs nothing else."""

import base64
import hashlib
import html
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import vl_convert

from meta_pipeline.reporting.dashboard.reading import day_of

SCRIPTS = (
    *("figures.js", "periods.js", "numbers.js", "page.js", "ads.js", "charts.js"),
    *("campaigns.js", "organic.js", "freshness.js", "start.js"),
)
"""They are one script in the page: what one of them names, those after it know."""

_STATIC = Path(__file__).parent / "static"


@cache
def _bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, without any address to load from."""
    # In a function: its hundreds of short names are no names of the page.
    return f"(() => {{{vl_convert.javascript_bundle('window.vegaEmbed = vegaEmbed;')}}})();"


def _part(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8")


def _inline(code: str) -> str:
    """Code that may stand in a script or style element, or an error: it cannot be escaped."""
    if re.search(r"</(script|style)|<!--", code, re.IGNORECASE) or "\r" in code or "\0" in code:
        raise ValueError("this code would end its own element")
    return code


def _hash(code: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"


def _json(data: Any) -> str:
    """JSON that may stand in a script element whatever is in it: no `<`, no line separators."""
    text = orjson.dumps(data).decode()
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def page(data: dict[str, Any]) -> str:
    """The page of the clients in `data`, as `read_data` gives it."""
    style, bundle, script = _part("style.css"), _bundle(), "".join(map(_part, SCRIPTS))
    return _filled(
        _part("page.html"),
        style=_inline(style),
        bundle=_inline(bundle),
        script=_inline(script),
        data=_json(_indexed(data)),
        policy=_policy(styles=[style], scripts=[bundle, script]),
    )


def _policy(*, styles: Sequence[str], scripts: Sequence[str]) -> str:
    """A content security policy: these styles and scripts run, and nothing is ever loaded."""
    rules = ["default-src 'none'", f"style-src {' '.join(map(_hash, styles))}"]
    rules += [f"script-src {' '.join(map(_hash, scripts))}"] if scripts else []
    return "; ".join([*rules, "img-src data:", "base-uri 'none'", "form-action 'none'"])


def _filled(template: str, **parts: str) -> str:
    """The template with its `{{ name }}` replaced, once each: what is put in is never read."""
    return re.sub(r"\{\{ (\w+) \}\}", lambda found: parts[found[1]], template)


_REPEATED = (
    *("currency", "account", "campaign", "platform", "report", "reason", "basis"),
    *("surface", "asset", "name", "canonical", "metric", "series", "note"),
)


def _indexed(data: dict[str, Any]) -> dict[str, Any]:
    """The data with texts that repeat in a column written once: `{"of": texts, "at": places}`."""
    clients = [
        {name: _short(value) if _is_table(value) else value for name, value in client.items()}
        for client in data["clients"]
    ]
    return data | {"clients": clients}


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and "day" in value


def _short(table: dict[str, list[Any]]) -> dict[str, Any]:
    short: dict[str, Any] = dict(table)
    for name in table.keys() & set(_REPEATED):
        texts = {text: place for place, text in enumerate(dict.fromkeys(table[name]))}
        short[name] = {"of": list(texts), "at": [texts[text] for text in table[name]]}
    return {name: short[name] for name in table}


def index(data: dict[str, Any], folder: str) -> str:
    """The page that links to one of each client, in `folder` beside it."""
    rows = []
    for client in data["clients"]:
        fresh = client["freshness"] or {}
        cells = [
            f'<a href="{html.escape(folder)}/{html.escape(client["id"])}.html">'
            f"<bdi>{html.escape(client['name'])}</bdi></a>",
            html.escape(fresh.get("state", "not in clients.yml")),
            str(day_of(fresh.get("data_through")) or "–"),
            str(day_of(fresh.get("settled_through")) or "–"),
            str(fresh.get("gaps", "–")),
        ]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    style = _part("style.css")
    return _filled(
        _part("index.html"),
        style=_inline(style),
        policy=_policy(styles=[style], scripts=[]),
        rows="\n".join(rows),
        pulled_at=data["pulled_at"] or "–",
    )
