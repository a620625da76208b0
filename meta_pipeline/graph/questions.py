"""From a report, an asset and a span of days to the requests that answer it."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from meta_pipeline.dates import Span
from meta_pipeline.graph.answer import Answer
from meta_pipeline.graph.client import GraphClient
from meta_pipeline.graph.retention import days_before, stretches
from meta_pipeline.reports import Report

PAGE_SIZE = 500
"""Rows a page. Meta's default is 25; users run 500 to 5000, and smaller pages cost calls."""

WINDOW_DAYS = 92
"""Days kept of one question: a quarter, or a backfill of 90 days, in one request. A longer span
is several questions, so that what landed of it is kept when a later one fails."""

RANGES = 30
"""Rolling ranges of one question. How many Meta takes is not documented."""


@dataclass(frozen=True, slots=True)
class Question:
    """One report about one asset: what is kept (`span`) and what is asked for (`requested`).

    `part` is the Page metric asked for, empty elsewhere; both spans are None for snapshots.
    `windows` are the attribution windows asked for beside each ad set's own. `left_out` are
    the report's fields that are not asked for, `note` why, or what else the days lack, in one
    sentence. `campaigns` narrows the question to these ids, or, as `is_rest`, to all others.
    """

    report: Report
    asset_id: str
    part: str = ""
    span: Span | None = None
    requested: Span | None = None
    windows: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    note: str = ""
    campaigns: tuple[str, ...] | None = None
    is_rest: bool = False
    page_size: int = PAGE_SIZE

    @property
    def path(self) -> str:
        """Where it is asked, without version."""
        return f"{self.asset_id}/{self.report.edge}".rstrip("/")

    def ask(self, client: GraphClient) -> Iterator[Answer]:
        """The pages of an ad account's answer, as they come. Raises `GraphError`.

        Pages and Instagram accounts are asked in `organic`.
        """
        if not self.report.edge:
            return iter([client.get(self.path, self.params())])
        return client.pages(self.path, self.params() | {"limit": str(self.page_size)})

    def params(self) -> dict[str, str]:
        """The request's parameters, without the page size."""
        report = self.report
        fields = (field for field in report.fields if field not in self.left_out)
        params = {"fields": ",".join(fields), **report.params}
        if report.level:
            params["level"] = report.level
        if report.breakdowns:
            params["breakdowns"] = ",".join(report.breakdowns)
        if self.windows and report.has_actions:
            params["action_attribution_windows"] = json.dumps(self.windows)
        if self.campaigns is not None:
            params["filtering"] = json.dumps([*_conditions(report), self._own_condition()])
        return params | self._days()

    def narrowed(self, span: Span) -> "Question":
        """The same question about fewer days, with the padding that they need themselves."""
        assert self.requested is not None
        since = span.since - timedelta(days=days_before(self.report, self.windows))
        requested = Span(max(self.requested.since, since), span.until)
        return replace(self, span=span, requested=requested)

    def _own_condition(self) -> dict[str, Any]:
        operator = "NOT_IN" if self.is_rest else "IN"
        return {"field": "campaign.id", "operator": operator, "value": self.campaigns}

    def _days(self) -> dict[str, str]:
        if self.span is None or self.requested is None:
            return {}
        if self.report.rolling_days:
            # Several ranges switch time_increment off: one row a range (Insights reference).
            back = timedelta(days=self.report.rolling_days - 1)
            return {"time_ranges": json.dumps([_range(day - back, day) for day in self.span])}
        return {
            "time_range": json.dumps(_range(self.requested.since, self.requested.until)),
            "time_increment": "monthly" if self.report.grain == "month" else "1",
        }


def questions(
    report: Report,
    asset_id: str,
    span: Span | None,
    *,
    today: date,
    first_day: date,
    windows: Sequence[str] = (),
) -> list[Question]:
    """What to ask to get `report` for `span` (None for a snapshot), oldest days first.

    Page and Instagram metrics are one question each. An ad account's days are asked from
    before the first day kept (see `reports.PAD_DAYS`), in stretches that Meta answers for
    (see `retention`), a quarter at most each. `today` is the account's, `first_day` the first
    that Meta has totals for. Days before it are in no question: `retention.beyond` names them.
    """
    if span is None or report.surface != "ads":
        return [Question(report, asset_id, part, span, span) for part in report.parts]
    asked = tuple(windows) if report.has_actions else ()
    found: list[Question] = []
    for stretch in stretches(report, span, today=today, first_day=first_day, windows=asked):
        whole = Question(
            report=report,
            asset_id=asset_id,
            span=stretch.span,
            requested=stretch.requested,
            windows=asked,
            left_out=stretch.left_out,
            note=stretch.note,
        )
        found += [whole.narrowed(window) for window in _windows(report, stretch.span)]
    return found


def _windows(report: Report, span: Span) -> Iterable[Span]:
    if report.grain == "month":
        return [span]
    return span.chunks(RANGES if report.rolling_days else WINDOW_DAYS)


def _range(since: date, until: date) -> dict[str, str]:
    return {"since": str(since), "until": str(until)}


def _conditions(report: Report) -> list[Any]:
    """The conditions that the report itself filters by: they stay when more are added."""
    return json.loads(report.params.get("filtering", "[]"))
