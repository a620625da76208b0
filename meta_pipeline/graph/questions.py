"""From a report, an asset and a span of days to the requests that answer it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from pydantic import SecretStr

from meta_pipeline.dates import Span
from meta_pipeline.graph.answer import Answer
from meta_pipeline.graph.client import GraphClient
from meta_pipeline.graph.errors import Failure, PermissionDeniedError
from meta_pipeline.reports import Report

PAGE_SIZE = 500
"""Rows a page. Meta's default is 25; users run 500 to 5000, and smaller pages cost calls."""

PAGE_WINDOW_DAYS = 90
"""Days between since and until of one Page Insights request (Page Insights reference)."""

# The first end_time is since + 1 day, and N-day windows return N-1 points: whether `until`
# is exclusive or just lags is not settled, so two days more are asked for.
PAGE_LAG_DAYS = 2


@dataclass(frozen=True, slots=True)
class Question:
    """One report about one asset: what is kept (`span`) and what is asked for (`requested`).

    `part` is the Page metric asked for, empty elsewhere; both spans are None for snapshots.
    """

    report: Report
    asset_id: str
    part: str = ""
    span: Span | None = None
    requested: Span | None = None

    def ask(self, client: GraphClient) -> Iterator[Answer]:
        """The pages of the answer, as they come. Raises `GraphError`."""
        path = f"{self.asset_id}/{self.report.edge}".rstrip("/")
        if self.report.surface == "page":
            return self._ask_page(client, path)
        params = self._params()
        if not self.report.edge:
            return iter([client.get(path, params)])
        return client.pages(path, params | {"limit": str(PAGE_SIZE)})

    def _params(self) -> dict[str, str]:
        report = self.report
        params = {"fields": ",".join(report.fields), **report.params}
        if report.level:
            params["level"] = report.level
        if report.breakdowns:
            params["breakdowns"] = ",".join(report.breakdowns)
        if self.requested is not None:
            since, until = self.requested.since, self.requested.until
            params["time_range"] = json.dumps({"since": f"{since}", "until": f"{until}"})
            params["time_increment"] = "monthly" if report.grain == "month" else "1"
        return params

    def _ask_page(self, client: GraphClient, path: str) -> Iterator[Answer]:
        """Windows by date: `paging.next` of Page Insights never ends, so it is not followed."""
        assert self.requested is not None
        for window in self.requested.chunks(PAGE_WINDOW_DAYS - PAGE_LAG_DAYS):
            until = window.until + timedelta(days=PAGE_LAG_DAYS)
            params = {
                **self.report.params,
                "metric": self.part,
                "since": str(window.since),
                "until": str(until),
            }
            yield client.get_list(path, params)


def questions(
    report: Report, asset_id: str, span: Span | None, *, first_day: date
) -> list[Question]:
    """What to ask to get `report` for `span` (None for a snapshot), one question a part.

    The start is padded (see `reports.PAD_DAYS`), but not beyond `first_day`, the first that
    Meta answers for.
    """
    requested = span
    if span is not None and report.padding(()):
        requested = span.padded(report.padding(())).clamped(since=first_day) or span
    return [Question(report, asset_id, part, span, requested) for part in report.parts]


def page_client(client: GraphClient, page_id: str) -> GraphClient:
    """A client with the Page's own token, which Page Insights asks for.

    The token lives in memory only. Raises `PermissionDeniedError` when Meta gives none.
    """
    page = client.get_json(page_id, {"fields": "id,access_token"})
    token = page.get("access_token")
    if not isinstance(token, str) or not token:
        message = "Meta gives no Page token: the system user has no role on this Page"
        raise PermissionDeniedError(Failure(page_id, 200, None, None, message))
    return client.with_token(SecretStr(token))
