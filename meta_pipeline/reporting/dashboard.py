"""The dashboard: the published marts as one HTML page that works from disk, without a network.

The page holds the marts' figures by day and adds them up in the browser, for the client, period
and platform that are picked. It has no clock: the same marts make the same bytes.
"""

import base64
import hashlib
import html
import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import vl_convert
from duckdb import DuckDBPyConnection

from meta_pipeline.errors import ConfigError
from meta_pipeline.freshness import freshness_of
from meta_pipeline.warehouse import reading_marts

MAX_BYTES = 5_000_000
"""A page that would be larger becomes one page a client and an index."""

HISTORY = (400, 200, 100, 50)
"""Days up to a client's newest one that a page holds: the first number that fits."""

MATURITIES = ("open", "provisional", "settling", "attributing", "final")
"""By their place in this list, maturities are written into the page."""

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Page:
    """A file that was written: whose figures it holds, its size, and its first day.

    `since` is the first day of each client's figures in it, NULL without any.
    """

    path: Path
    client_ids: tuple[str, ...]
    size: int
    since: Mapping[str, date | None]


def write_dashboard(
    marts: Path, out: Path, client_ids: Sequence[str] = (), *, max_bytes: int = MAX_BYTES
) -> list[Page]:
    """Writes the dashboard of these clients (of all active ones by default) to the file `out`.

    When it would be larger than `max_bytes`, `out` becomes an index and each client gets a page
    of its own in a folder beside it. A client's page that is still too large holds fewer days. The
    first page returned is the one to open. Each file is moved into place when it is whole.

    Raises `WarehouseError` without marts, `ConfigError` for a client that they do not have and
    for an `out` that cannot be written.
    """
    with reading_marts(marts) as connection:
        data = _read(connection, client_ids)
    pages = _pages(data, out, max_bytes)
    try:
        # The index comes first in the list and last onto the disk: it never links to nothing.
        for path, text, _clients in reversed(pages):
            _write(path, text)
    except OSError as error:
        raise ConfigError(f"{out} cannot be written: {error.strerror}") from None
    return [
        Page(
            path=path,
            client_ids=tuple(one["id"] for one in clients),
            size=len(text.encode()),
            since={one["id"]: _day(one["since"]) for one in clients},
        )
        for path, text, clients in pages
    ]


def _day(number: int | None) -> date | None:
    return None if number is None else date.fromordinal(number + _EPOCH)


_EPOCH = date(1970, 1, 1).toordinal()

_Pages = list[tuple[Path, str, list[dict[str, Any]]]]


def _pages(data: dict[str, Any], out: Path, max_bytes: int) -> _Pages:
    clients = [_within(one, HISTORY[0]) for one in data["clients"]]
    whole = _page(data | {"clients": clients})
    if len(whole.encode()) <= max_bytes:
        return [(out, whole, clients)]
    if len(clients) == 1:
        return [(out, *_fitting(data, clients[0], max_bytes))]
    folder = out.with_name(f"{out.stem}-clients")
    pages: _Pages = []
    for one in clients:
        path = folder / f"{one['id']}.html"
        pages.append((path, *_fitting(data | {"index": f"../{out.name}"}, one, max_bytes)))
    return [(out, _index(data, folder.name), clients), *pages]


def _fitting(
    data: dict[str, Any], client: dict[str, Any], max_bytes: int
) -> tuple[str, list[dict[str, Any]]]:
    """The page of one client with as many days as fit, but never with none."""
    *longer, least = HISTORY
    for days in longer:
        short = _within(client, days)
        text = _page(data | {"clients": [short]})
        if len(text.encode()) <= max_bytes:
            return text, [short]
    short = _within(client, least)
    return _page(data | {"clients": [short]}), [short]


def _within(client: dict[str, Any], days: int) -> dict[str, Any]:
    """The client with the newest so many days of its figures."""
    if client["newest"] is None:
        return client | {"since": None}
    first = client["newest"] - days + 1
    cut = dict(client)
    for name in ("daily", "campaigns", "platforms", "coverage"):
        cut[name] = _cut(client[name], first)
    cut["organic"] = _cut(client["organic"], first)
    known = [day for name in ("daily", "organic") for day in cut[name]["day"]]
    cut["since"] = min(known, default=None)
    cut["is_cut"] = client["is_cut"] or client["oldest"] < first
    return cut


def _cut(table: Mapping[str, list[Any]], first: int) -> dict[str, list[Any]]:
    keep = [row for row, day in enumerate(table["day"]) if day >= first]
    return {name: [column[row] for row in keep] for name, column in table.items()}


# --- reading ------------------------------------------------------------------------------------


def _read(connection: DuckDBPyConnection, client_ids: Sequence[str]) -> dict[str, Any]:
    """What the pages hold of these clients: plain values, days as days since 1970-01-01."""
    known = connection.execute(_CLIENTS).fetchall()
    names = {row[0] for row in known}
    for client_id in client_ids:
        if client_id not in names:
            raise ConfigError(
                f"unknown client {client_id!r}",
                hint=f"the marts have {', '.join(sorted(names)) or 'no client'}",
            )
    wanted = [row for row in known if (row[0] in client_ids if client_ids else row[3])]
    seen = connection.execute("select max(pulled_at) from mart_coverage").fetchone()
    newest_pull = seen[0] if seen else None
    tables = {
        name: _by_client(connection, query)
        for name, query in (
            ("daily", _DAILY),
            ("campaigns", _CAMPAIGN_DAILY),
            ("platforms", _PLATFORM_DAILY),
            ("coverage", _COVERAGE),
            ("organic", _ORGANIC),
            ("names", _CAMPAIGNS),
            ("accounts", _ACCOUNTS),
            ("reports", _REPORTS),
        )
    }
    fresh = _freshness(connection, newest_pull)
    clients = []
    for client_id, name, result, _is_active in wanted:
        own = {table: rows.of(client_id) for table, rows in tables.items()}
        days = own["daily"]["day"] + own["organic"]["day"]
        clients.append(
            {
                "id": client_id,
                "name": name or client_id,
                "result": result,
                "newest": max(days, default=None),
                "oldest": min(days, default=None),
                "is_cut": False,
                "freshness": fresh.get(client_id),
                **own,
            }
        )
    return {
        "schema": 1,
        "maturities": MATURITIES,
        "pulled_at": _plain(newest_pull),
        "clients": clients,
        "index": None,
    }


@dataclass(frozen=True, slots=True)
class _Tables:
    """A query's rows by client, each as columns; a client without rows has empty columns."""

    columns: tuple[str, ...]
    rows: Mapping[str, list[tuple[Any, ...]]]

    def of(self, client_id: str) -> dict[str, list[Any]]:
        rows = self.rows.get(client_id, [])
        return {
            name: [_plain(row[place]) for row in rows]
            for place, name in enumerate(self.columns, start=1)
        }


def _by_client(connection: DuckDBPyConnection, query: str) -> _Tables:
    cursor = connection.execute(query)
    columns = tuple(column[0] for column in cursor.description or ())
    rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in cursor.fetchall():
        rows[row[0]].append(row)
    return _Tables(columns[1:], rows)


def _plain(value: Any) -> Any:
    """A value as JSON has it: days as numbers, times as text in UTC, amounts as short numbers."""
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.toordinal() - _EPOCH
    return value


def _freshness(connection: DuckDBPyConnection, at: datetime | None) -> dict[str, dict[str, Any]]:
    """Each client's state as of the newest pull of any: a page has no clock of its own."""
    if at is None:
        return {}
    return {
        one.client_id: {
            "state": one.state(at),
            "data_through": _plain(one.data_through),
            "settled_through": _plain(one.settled_through),
            "last_pull": _plain(one.last_pull),
            "gaps": one.gaps,
            "late": len(one.late),
            "days": {name: one.days[name] for name in MATURITIES if name in one.days},
        }
        for one in freshness_of(connection, at)
    }


_CLIENTS = """
select client_id, client_name, result_action_type, is_active
from dim_clients
order by lower(coalesce(client_name, client_id)), client_id
"""

_DAILY = """
select
    client_id, account_currency as currency, day, spend, impressions, clicks, link_clicks, results,
    results_expected as expected, results_expected_low as low, results_expected_high as high,
    expected_basis as basis,
    list_position(['open', 'provisional', 'settling', 'attributing', 'final'], maturity) - 1
        as maturity,
    is_complete as known,
    case when not is_complete then coalesce(reason, coverage) end as reason
from mart_client_daily
order by client_id, account_currency nulls last, day
"""

# Where there are no clicks at all, Meta leaves link clicks out: `known_link_clicks` of the marts.
_CAMPAIGN_DAILY = """
select
    client_id, account_currency as currency, day, ad_account_id as account, campaign_id as campaign,
    spend, impressions, clicks, coalesce(link_clicks, if(clicks = 0, 0, null)) as link_clicks,
    results
from fct_campaign_daily
order by client_id, account_currency nulls last, day, ad_account_id, campaign_id
"""

_PLATFORM_DAILY = """
select
    client_id, account_currency as currency, day, ad_account_id as account, campaign_id as campaign,
    publisher_platform as platform,
    spend, impressions, clicks, coalesce(link_clicks, if(clicks = 0, 0, null)) as link_clicks,
    results
from fct_platform_daily
order by
    client_id, account_currency nulls last, day, ad_account_id, campaign_id, publisher_platform
"""

# A day of a report is known when every ad account of that currency has an answer to it.
_COVERAGE = """
with days as (
    select
        coverage.client_id, accounts.account_currency, coverage.day, coverage.report,
        count(*) filter (where coverage.coverage in ('pulled', 'confirmed_empty')) as known,
        min(
            list_position(
                ['open', 'provisional', 'settling', 'attributing', 'final'], coverage.maturity
            )
        ) - 1 as maturity
    from mart_coverage as coverage
    inner join dim_ad_accounts as accounts
        on coverage.client_id = accounts.client_id
        and coverage.asset_id = accounts.ad_account_id
    where coverage.report in ('platform_daily', 'campaign_daily')
    group by all
)
select
    daily.client_id, daily.account_currency as currency, daily.day,
    coalesce(campaigns.known >= daily.accounts, false) as campaigns,
    coalesce(platforms.known >= daily.accounts, false) as platforms,
    platforms.maturity
from mart_client_daily as daily
left join days as campaigns
    on daily.client_id = campaigns.client_id
    and daily.account_currency is not distinct from campaigns.account_currency
    and daily.day = campaigns.day
    and campaigns.report = 'campaign_daily'
left join days as platforms
    on daily.client_id = platforms.client_id
    and daily.account_currency is not distinct from platforms.account_currency
    and daily.day = platforms.day
    and platforms.report = 'platform_daily'
order by daily.client_id, daily.account_currency nulls last, daily.day
"""

_CAMPAIGNS = """
select
    client_id, ad_account_id as account, campaign_id as campaign, campaign_name as name,
    effective_status as status, objective
from dim_campaigns
order by client_id, ad_account_id, campaign_id
"""

_ACCOUNTS = """
select
    client_id, ad_account_id as account, account_name as name, account_currency as currency,
    time_zone, is_active
from dim_ad_accounts
order by client_id, ad_account_id
"""

_ORGANIC = """
select
    bridge.client_id, bridge.day, surface, asset_id as asset,
    coalesce(instagram.username, instagram.account_name) as name, canonical, value, metric,
    comparable, series_id as series, is_additive as additive, note,
    list_position(['open', 'provisional', 'settling', 'attributing', 'final'], maturity) - 1
        as maturity
from mart_organic_bridge as bridge
left join dim_instagram_accounts as instagram
    on bridge.client_id = instagram.client_id
    and bridge.asset_id = instagram.instagram_account_id
where canonical in ('views', 'viewers', 'interactions', 'follows', 'new_follows', 'unfollows')
order by bridge.client_id, surface, asset_id, canonical, bridge.day
"""

# What left clients.yml, or the client's list of reports, is missed by nobody.
_REPORTS = """
select
    client_id, asset_id as asset, report,
    max(day) filter (where coverage in ('pulled', 'confirmed_empty')) as through,
    count(*) filter (where coverage in ('pulled', 'confirmed_empty')) as known,
    count(*) filter (where coverage not in ('pulled', 'confirmed_empty', 'beyond_retention'))
        as missing,
    max(day) filter (where coverage not in ('pulled', 'confirmed_empty', 'beyond_retention'))
        as newest_missing,
    count(*) filter (where coverage = 'beyond_retention') as beyond,
    arg_max(coalesce(reason, coverage), day) filter (
        where coverage not in ('pulled', 'confirmed_empty', 'beyond_retention')
    ) as reason
from mart_coverage
where is_asked
group by client_id, asset_id, report
order by client_id, asset_id, report
"""


# --- writing ------------------------------------------------------------------------------------


@cache
def _bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, without any address to load from."""
    # In a function: its hundreds of short names are no names of the page.
    return f"(() => {{{vl_convert.javascript_bundle('window.vegaEmbed = vegaEmbed;')}}})();"


def _part(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


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


def _page(data: dict[str, Any]) -> str:
    style, bundle, script = _part("dashboard.css"), _bundle(), _part("dashboard.js")
    return _filled(
        _part("dashboard.html"),
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


def _index(data: dict[str, Any], folder: str) -> str:
    rows = []
    for client in data["clients"]:
        fresh = client["freshness"] or {}
        cells = [
            f'<a href="{html.escape(folder)}/{html.escape(client["id"])}.html">'
            f"<bdi>{html.escape(client['name'])}</bdi></a>",
            html.escape(fresh.get("state", "not in clients.yml")),
            str(_day(fresh.get("data_through")) or "–"),
            str(_day(fresh.get("settled_through")) or "–"),
            str(fresh.get("gaps", "–")),
        ]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    style = _part("dashboard.css")
    return _filled(
        _part("dashboard_index.html"),
        style=_inline(style),
        policy=_policy(styles=[style], scripts=[]),
        rows="\n".join(rows),
        pulled_at=data["pulled_at"] or "–",
    )


def _write(path: Path, text: str) -> None:
    """Writes the file beside its place and moves it there: nobody reads half a page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        fresh.write_text(text, encoding="utf-8", newline="\n")
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
