"""Pages, their posts and Instagram accounts: what is asked, and with whose token.

    page_daily, page_28d   {page}/insights, one metric and 90 days a call     the Page's token
    page_posts             {page}/posts, the last 28 days                     the Page's token
    post_insights          {post}/insights, one metric a call                 the Page's token
    instagram_accounts     {account}                                          the client's token
    instagram_daily        {account}/insights, one metric and one day a call  the client's token

One retired name fails the whole call it stands in, and Meta does not say which, so a call asks
for one metric. The calls of an asset go out in batches, 50 to a request.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import NamedTuple

from pydantic import SecretStr

from meta_pipeline.dates import Span, add_months
from meta_pipeline.graph.advice import FINDINGS
from meta_pipeline.graph.answer import Answer
from meta_pipeline.graph.batch import BATCH_SIZE, Call
from meta_pipeline.graph.client import GraphClient
from meta_pipeline.graph.errors import (
    AuthError,
    BrokenAnswerError,
    DeadMetricError,
    Failure,
    GraphError,
    NoDataError,
    PermissionDeniedError,
    ThrottledError,
)
from meta_pipeline.graph.questions import Question
from meta_pipeline.graph.tokens import TokenInfo
from meta_pipeline.reports import Report

log = logging.getLogger(__name__)

RETENTION_MONTHS = 24
"""Page Insights are kept for two years (Page Insights reference; three have been seen).
Instagram's reference names no limit for accounts; the same is taken."""

PAGE_WINDOW_DAYS = 90
"""Days between since and until of one Page Insights request (Page Insights reference)."""

# The first end_time is since + 1 day, and N-day windows return N-1 points: whether `until`
# is exclusive or just lags is not settled, so two days more are asked for.
PAGE_LAG_DAYS = 2

INSTAGRAM_WINDOW_DAYS = 29
"""Days of one Instagram request. Meta allows 2,592,000 seconds, which 30 days with the change
of clocks in autumn exceed."""

RECENT_POST_DAYS = 28

_POSTS_A_PAGE = 100  # no more come (Page feed reference)

# `reach` has a series of days; every other metric is one total a call, which holds no date
# (Instagram reference, June 2026).
_SERIES = frozenset({"reach"})
_BREAKDOWNS = {"follows_and_unfollows": "follow_type"}

# What answers with nothing instead of an error where it is missing on the token.
_SCOPES = {
    "page": ("read_insights", "scope pages"),
    "instagram": ("instagram_manage_insights", "scope instagram"),
}

_REFUSALS = (AuthError, PermissionDeniedError, ThrottledError)


class Heard(NamedTuple):
    """What came of one question: its pages, or the error.

    `note` is what the answer lacks and why, `proof` why no rows at all are to be believed.
    """

    question: Question
    answer: list[Answer] | GraphError
    note: str | None = None
    proof: str | None = None


class _Step(NamedTuple):
    """One call, and the days of its answer that count."""

    call: Call
    keep: Span | None = None


def first_day(today: date) -> date:
    """The first day to ask for on `today`: one inside the retention, lest clocks differ."""
    return add_months(today, -RETENTION_MONTHS) + timedelta(days=1)


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


def ask_organic(
    client: GraphClient,
    asked: Sequence[Question],
    *,
    today: date,
    inspect: Callable[[], TokenInfo],
) -> Iterator[Heard]:
    """The answers to questions about one Page or Instagram account, as they come.

    `today` is the Pacific day; `inspect` says what the client's token may do, and is called at
    most once, when an answer comes back empty. Raises `GraphError` when the Page's token or
    the list of its posts cannot be had. What fails for one question is in what was heard of it;
    after a refusal of the token, or of the quota, the questions left are not sent.
    """
    if not asked:
        return
    report = asked[0].report
    own = page_client(client, asked[0].asset_id) if report.surface == "page" else client
    if report.metrics:
        yield from _ask_metrics(own, asked, today, _Doubt(report, inspect))
        return
    for question in asked:
        yield _ask_objects(own, question, today)


def _ask_objects(client: GraphClient, question: Question, today: date) -> Heard:
    """The Instagram account itself, or the posts of a Page."""
    try:
        if not question.report.edge:
            return Heard(question, [client.get(question.path, question.params())])
        posts = _posts(client, question.asset_id, ",".join(question.report.fields), today)
        return Heard(question, posts, proof=_proof_of_no_posts(client, question, posts))
    except GraphError as error:
        return Heard(question, error)


def _ask_metrics(
    client: GraphClient, asked: Sequence[Question], today: date, doubt: "_Doubt"
) -> Iterator[Heard]:
    posts: list[str] = []
    proof = None
    if asked[0].report.each:
        pages = _posts(client, asked[0].asset_id, "id", today)
        posts = [str(row["id"]) for page in pages for row in page.decoded_rows()]
        proof = _proof_of_no_posts(client, asked[0], pages)
    refusal: GraphError | None = None
    for group in _groups([(question, _steps(question, posts)) for question in asked]):
        steps = [step for _, some in group for step in some]
        try:
            if refusal is not None:
                raise refusal
            found = iter(client.batch([step.call for step in steps]))
        except GraphError as error:
            refusal = error if isinstance(error, _REFUSALS) else None
            yield from (Heard(question, error) for question, _ in group)
            continue
        for question, some in group:
            heard = _heard(question, some, [next(found) for _ in some], proof, doubt)
            if isinstance(heard.answer, AuthError | ThrottledError):
                refusal = heard.answer
            yield heard


def _groups(
    asked: Sequence[tuple[Question, list[_Step]]],
) -> Iterator[list[tuple[Question, list[_Step]]]]:
    """The questions in groups that fill about a batch: what is answered is handed on."""
    group: list[tuple[Question, list[_Step]]] = []
    size = 0
    for question, steps in asked:
        if group and size + len(steps) > BATCH_SIZE:
            yield group
            group, size = [], 0
        group.append((question, steps))
        size += len(steps)
    if group:
        yield group


def calls_of(question: Question) -> int:
    """How many calls a question about a Page or Instagram account makes, which all count for its
    quota; of posts, whose number is not known before, one."""
    return len(_steps(question, [])) if question.span is not None else 1


def _steps(question: Question, posts: Sequence[str]) -> list[_Step]:
    report, asset_id = question.report, question.asset_id
    params = {**report.params, "metric": question.part}
    if report.each:
        return [_Step(Call(f"{post}/{report.edge}", params, asset_id=asset_id)) for post in posts]
    assert question.span is not None
    make = _page_steps if report.surface == "page" else _instagram_steps
    return list(make(question.path, question.part, params, question.span))


def _page_steps(path: str, _metric: str, params: Mapping[str, str], span: Span) -> Iterator[_Step]:
    """Windows by date: `paging.next` of Page Insights never ends, so it is not followed."""
    for window in span.chunks(PAGE_WINDOW_DAYS - PAGE_LAG_DAYS):
        until = window.until + timedelta(days=PAGE_LAG_DAYS)
        yield _Step(Call(path, {**params, **_range(window.since, until)}), window)


def _instagram_steps(
    path: str, metric: str, params: Mapping[str, str], span: Span
) -> Iterator[_Step]:
    is_series = metric in _SERIES
    kind = {"metric_type": "time_series" if is_series else "total_value"}
    if metric in _BREAKDOWNS:
        kind["breakdown"] = _BREAKDOWNS[metric]
    for window in span.chunks(INSTAGRAM_WINDOW_DAYS if is_series else 1):
        until = window.until + timedelta(days=1)
        yield _Step(Call(path, {**params, **kind, **_range(window.since, until)}), window)


def _range(since: date, until: date) -> dict[str, str]:
    return {"since": str(since), "until": str(until)}


def _heard(
    question: Question,
    steps: Sequence[_Step],
    results: Sequence[Answer | GraphError],
    proof: str | None,
    doubt: "_Doubt",
) -> Heard:
    """The pages of one question; too few viewers for a figure is no failure, and no zero.

    A metric that some posts answer is not dead: the others have none of it.
    """
    results = [_as_list(one) for one in results]
    errors = [one for one in results if isinstance(one, GraphError)]
    harmless: tuple[type[GraphError], ...] = (NoDataError,)
    if question.report.each and len(errors) < len(results):
        harmless = (NoDataError, DeadMetricError)
    serious = [one for one in errors if not isinstance(one, harmless)]
    if serious:
        worst = (one for one in serious if isinstance(one, _REFUSALS))
        return Heard(question, next(worst, serious[0]))
    pages = [
        replace(one, keep=step.keep, group=number)
        for number, (step, one) in enumerate(zip(steps, results, strict=True))
        if isinstance(one, Answer)
    ]
    is_silent = steps and not errors and not any(page.rows for page in pages)
    if is_silent and (missing := doubt.of(question)) is not None:
        return Heard(question, missing)
    note = f"Meta says of some: {errors[0].failure.message}" if errors else None
    return Heard(question, pages, note, proof)


def _as_list(one: Answer | GraphError) -> Answer | GraphError:
    """An answer without a list is no empty list."""
    if isinstance(one, GraphError) or one.is_list:
        return one
    problem = "the answer holds no list of data"
    return BrokenAnswerError(Failure(one.path, one.status, None, None, problem))


class _Doubt:
    """Whether an answer that is empty is so for want of a scope; asked of Meta at most once."""

    def __init__(self, report: Report, inspect: Callable[[], TokenInfo]) -> None:
        self._scope, self._finding = _SCOPES[report.surface]
        self._inspect = inspect
        self._lacks_scope: bool | None = None

    def of(self, question: Question) -> PermissionDeniedError | None:
        """The error that an empty answer stands for, or None when nothing says so."""
        if self._lacks_scope is None:
            try:
                self._lacks_scope = bool(self._inspect().missing(self._scope))
            except GraphError as error:
                log.warning("the token's scopes cannot be read: %s", error.message)
                self._lacks_scope = False
        if not self._lacks_scope:
            return None
        message = f"an empty answer, since the token lacks {self._scope}"
        error = PermissionDeniedError(Failure(question.path, 200, None, None, message))
        error.hint = FINDINGS[self._finding].fix
        return error


def _posts(client: GraphClient, page_id: str, fields: str, today: date) -> list[Answer]:
    """The posts of the last 28 days, read anew when cursors expire on the way."""
    since = today - timedelta(days=RECENT_POST_DAYS)
    params = {"fields": fields, "since": str(since), "limit": str(_POSTS_A_PAGE)}
    return client.whole_list(f"{page_id}/posts", params)


def _proof_of_no_posts(
    client: GraphClient, question: Question, recent: Sequence[Answer]
) -> str | None:
    """Why there are no recent posts, when an older one shows that posts can be seen at all."""
    if any(page.rows for page in recent):
        return None
    older = client.get_list(f"{question.asset_id}/posts", {"fields": "id", "limit": "1"})
    if not older.rows:
        return None
    return f"the Page shows posts, and none of the last {RECENT_POST_DAYS} days"
