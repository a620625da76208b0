"""A small Meta for questions of any size: insights as a pure function of what is asked.

Each campaign has one ad, of the same id.

Answers at once, as report runs and in batches, says when a question has more rows than it
answers, and counts a conversion only when its click lies inside the range asked for.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import requests
from pydantic import SecretStr
from unit_transport import TOKEN, ListAdapter, Reply, error_reply, page_of, session_of

from meta_pipeline.dates import Span, end_of_month
from meta_pipeline.graph import Credential, GraphClient, RetryPolicy
from meta_pipeline.graph.answer import Answer
from meta_pipeline.graph.quota import QuotaLedger
from meta_pipeline.reports import Report

Params = dict[str, str]
Row = dict[str, Any]

TOO_MANY_ROWS = error_reply(100, 1487534, "Invalid parameter")
RUN_TOO_LARGE = {"async_status": "Job Failed", "error_code": -3, "error_subcode": 1504045}
RUN_FAILED = {"async_status": "Job Failed", "error_code": -2, "error_subcode": 2490547}
RUNNING = {"async_status": "Job Running", "async_percent_completion": 40}
DONE = {"async_status": "Job Completed", "async_percent_completion": 100}


@dataclass
class SmallMeta:
    """One ad account: what it has, and how much it answers.

    `campaigns` have delivery, `listed` are those that the list of campaigns names (None: all
    of them). More rows than `at_once` are refused at once, more than `as_run` as report run.
    `polls` find a run still running. `scripted` may answer any request first.
    """

    campaigns: tuple[str, ...] = ("11", "12", "13")
    listed: tuple[str, ...] | None = None
    at_once: int = 10**9
    as_run: int = 10**9
    polls: int = 0
    scripted: Callable[["SmallMeta", str, Params], Reply | None] = lambda *_: None
    runs: dict[str, Params] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    polled: dict[str, int] = field(default_factory=dict)

    def client(self, token: str = TOKEN, quota: QuotaLedger | None = None) -> GraphClient:
        """A client that asks this Meta, once each time."""
        return GraphClient(
            base_url="https://graph.test.facebook.com",
            version="v26.0",
            credential=Credential(SecretStr(token)),
            session=session_of(ListAdapter(self._answer)),
            retry=RetryPolicy(attempts=1),
            sleep=lambda _: None,
            quota=quota,
        )

    def count(self, method: str, ending: str) -> int:
        """How many requests of a method had a path that ends so."""
        return sum(1 for m, path in self.asked if m == method and path.endswith(ending))

    def _answer(self, request: requests.PreparedRequest) -> Reply:
        url = urlsplit(str(request.url))
        text = url.query if request.method == "GET" else str(request.body or "")
        params = {name: values[0] for name, values in parse_qs(text).items()}
        path = url.path.removeprefix("/v26.0/")
        self.asked.append((str(request.method), path))
        if "batch" in params:
            return self._batch(json.loads(params["batch"]))
        return self.scripted(self, path, params) or self._call(str(request.method), path, params)

    def _batch(self, calls: list[dict[str, str]]) -> Reply:
        items = []
        for call in calls:
            path, _, query = call["relative_url"].partition("?")
            params = dict(parse_qsl(query))
            reply = self.scripted(self, path, params) or self._call(call["method"], path, params)
            items.append({"code": reply.status, "headers": [], "body": reply.content.decode()})
        return Reply(json.dumps(items))

    def _call(self, method: str, path: str, params: Params) -> Reply:
        head, _, edge = path.partition("/")
        if edge == "campaigns":
            listed = self.campaigns if self.listed is None else self.listed
            return paged([{"id": one} for one in listed], params)
        if head in self.runs:
            return self._run(head, edge, params)
        rows = self.rows(params)
        if method == "POST":
            run_id = f"run{len(self.runs) + 1}"
            self.runs[run_id] = params
            return Reply({"report_run_id": run_id})
        if len(rows) > self.at_once:
            return TOO_MANY_ROWS
        return paged(rows, params)

    def _run(self, run_id: str, edge: str, params: Params) -> Reply:
        asked = self.runs[run_id]
        rows = self.rows(asked)
        if edge:
            return paged(rows, params)
        self.polled[run_id] = self.polled.get(run_id, 0) + 1
        if self.polled[run_id] <= self.polls:
            return Reply({"id": run_id, **RUNNING})
        state = RUN_TOO_LARGE if len(rows) > self.as_run else DONE
        return Reply({"id": run_id, **state})

    def rows(self, params: Params) -> list[Row]:
        """Every row of an insights question."""
        names = [one for one in self.campaigns if passes(one, params)]
        periods = list(periods_of(params))
        whole = [("", names)] if params["level"] == "account" else [(c, [c]) for c in names]
        asked_from = min(period.since for period in periods)
        found = (row_of(c, members, p, asked_from) for p in periods for c, members in whole)
        has_actions = "actions" in params["fields"].split(",")
        shown = slice(None) if has_actions else slice(-1)
        return [dict([*row.items()][shown]) for row in found if row]


def passes(campaign: str, params: Params) -> bool:
    """Whether a campaign passes the filters; the status filter lets all pass."""
    for condition in json.loads(params.get("filtering", "[]")):
        if condition["field"] == "campaign.id":
            is_named = campaign in condition["value"]
            if is_named != (condition["operator"] == "IN"):
                return False
    return True


def periods_of(params: Params) -> Iterator[Span]:
    """What each row describes: days, months or ranges."""
    if "time_ranges" in params:
        yield from (span_of(one) for one in json.loads(params["time_ranges"]))
        return
    whole = span_of(json.loads(params["time_range"]))
    since = whole.since
    while since <= whole.until:
        is_monthly = params["time_increment"] == "monthly"
        until = min(end_of_month(since), whole.until) if is_monthly else since
        yield Span(since, until)
        since = until + timedelta(days=1)


def span_of(text: dict[str, str]) -> Span:
    """A range as Meta writes it."""
    return Span(date.fromisoformat(text["since"]), date.fromisoformat(text["until"]))


def row_of(campaign: str, members: Iterable[str], period: Span, asked_from: date) -> Row | None:
    """The row of a campaign (or of the account) in a period, if anything was delivered."""
    days = [(c, day) for c in members for day in period if day.toordinal() % (int(c) % 5 + 2)]
    if not days:
        return None
    # A conversion comes up to a week after its click, and counts if that was asked for.
    late = [day for c, day in days if day - timedelta(days=int(c) % 8) >= asked_from]
    return {
        "account_id": "1",
        "campaign_id": campaign,
        "ad_id": campaign,
        "date_start": str(period.since),
        "date_stop": str(period.until),
        "impressions": str(sum(int(c) * 100 + day.day for c, day in days)),
        "actions": [{"action_type": "purchase", "value": str(len(late))}],
    }


def paged(rows: list[Row], params: Params) -> Reply:
    """One page of the rows, and the total over all of them if asked for."""
    start, limit = int(params.get("after", 0)), int(params.get("limit", 25))
    following = start + limit
    page = page_of(rows[start:following], str(following) if following < len(rows) else None)
    if params.get("default_summary") and rows:
        assert isinstance(page.body, dict)
        total = sum(int(row["impressions"]) for row in rows)
        page.body["summary"] = {"impressions": str(total)}
    return page


def kept_rows(report: Report, answers: Iterable[Answer]) -> list[Row]:
    """The rows of the days that count, in the order in which days and keys go."""
    day = "date_stop" if report.rolling_days else "date_start"
    found = [
        row
        for answer in answers
        for row in json.loads(answer.body)["data"]
        if answer.keep is None or date.fromisoformat(row[day]) in answer.keep
    ]
    return sorted(found, key=lambda row: (row[day], row["campaign_id"]))
