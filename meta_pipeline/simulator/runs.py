"""Asynchronous reports: asked for, polled, read, and everything that becomes of them at Meta."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from threading import Lock
from typing import Any

from meta_pipeline.simulator import versions
from meta_pipeline.simulator.call import Call
from meta_pipeline.simulator.cases import case, case_error
from meta_pipeline.simulator.errors import GraphError, invalid, not_found, unknown_field
from meta_pipeline.simulator.insights import Insights, Node
from meta_pipeline.simulator.matching import params_match
from meta_pipeline.simulator.query import OPT_IN, list_param
from meta_pipeline.simulator.settings import Settings
from meta_pipeline.simulator.source import Account

ENDS = ("completed", "failed", "skipped", "never")

# Insights error codes reference, 2026; the texts are this simulator's own.
FAILURES: dict[tuple[int, int], str] = {
    (-2, 2490547): "The report failed.",
    (-3, 1504045): "The report is too large.",
    (2, 1504038): "The report took too long.",
    (2, 1504041): "The breakdowns do not go together.",
    (2, 1504042): "A custom metric is not valid.",
    (2, 1504043): "The report failed for a moment.",
    (2, 1504044): "The report failed for an unknown reason.",
    (4, 1504022): "There are too many calls from this app.",
    (4, 1504039): "There are too many calls at the moment.",
    (100, 1504018): "The request timed out.",
    (100, 3191001): "The object is not visible to this token.",
}
# Reach by breakdown beyond 13 months: so many reports an account and day (best practices page).
REACH_RUNS_A_DAY = 10
# Breakdowns without opting in: so many, or as many as there are ads (breakdowns page).
OPT_IN_RUNS_A_DAY = 10

_FIELDS = (
    *("id", "account_id", "time_ref", "time_completed", "async_status"),
    *("async_percent_completion", "is_running", "date_start", "date_stop"),
    *("error_code", "error_subcode", "error_message", "error_user_title", "error_user_msg"),
)
# Known to Meta's SDK, without a value here.
_OTHER_FIELDS = (
    *("async_report_url", "is_bookmarked", "is_async_export", "friendly_name", "emails"),
    *("schedule_id", "breakdowns", "fields", "level", "time_range", "time_increment"),
)


@dataclass(kw_only=True)
class RunScript:
    """What becomes of the next reports whose question matches.

    `path` is contained in the path of the question (`act_1/insights`), `where` names parameters
    that must match, as in a `Fault`. The first `skip` matching reports pass, the `times` after
    them are hit. `end` is one of `completed`, `failed`, `skipped`, `never`; `percent` how far it
    gets before it fails or stands still. `polls` and `seconds` (simulated) are how long it
    takes, None as the settings say. `early_polls` polls then say "Job Completed" below 100 %,
    `late_polls` "Job Running" at 100 %. Of a completed report the first `unreadable_reads` are
    refused (2601/1815107) and the `empty_reads` after them hold no rows. A failure has a
    `code`, a `subcode` and a `message`, or those of a named `case` such as `async_timeout`.
    """

    path: str = ""
    where: Mapping[str, str] = field(default_factory=dict)
    times: int = 1
    skip: int = 0
    end: str = "completed"
    case: str = ""
    code: int = -2
    subcode: int = 2490547
    message: str = ""
    percent: int = 57
    polls: int | None = None
    seconds: float | None = None
    early_polls: int = 0
    late_polls: int = 0
    unreadable_reads: int = 0
    empty_reads: int = 0

    def __post_init__(self) -> None:
        if self.case:
            self._play(self.case)
        if self.end not in ENDS:
            raise ValueError(f"end must be one of {', '.join(ENDS)}, got {self.end!r}")

    def _play(self, name: str) -> None:
        found = case(name)
        if not found.is_report or found.payload is None:
            raise ValueError(f"{name} does not happen to a report; script it as a fault")
        self.end = "skipped" if found.code is None else "failed"
        self.code, self.subcode = found.code or 0, found.subcode or 0
        self.percent = found.payload["async_percent_completion"]


@dataclass
class Run:
    """One report: its question, when it was asked, and how far it is."""

    id: str
    node: Node
    path: str
    params: dict[str, str]
    asked: datetime
    script: RunScript
    polls: int = 0
    reads: int = 0
    completed: datetime | None = None
    opted_in: bool = False

    @property
    def account(self) -> Account:
        """The ad account it counts for."""
        return self.node if isinstance(self.node, Account) else self.node.account


class Runs:
    """All reports of one simulator; scripts may be added from any thread."""

    def __init__(self, insights: Insights, settings: Settings) -> None:
        self._insights = insights
        self._settings = settings
        self._runs: dict[str, Run] = {}
        self._scripts: list[RunScript] = []
        self._days: dict[tuple[str, str], list[datetime]] = {}
        self._ids = count(1)
        self._lock = Lock()

    def script(self, script: RunScript) -> None:
        """Queue what becomes of reports, behind what is queued already."""
        with self._lock:
            self._scripts.append(script)

    def reset(self) -> None:
        """Forget the scripts; reports that were asked for go on."""
        with self._lock:
            self._scripts.clear()
            self._days.clear()

    def find(self, run_id: str) -> Run | None:
        """The report of an id, expired ones included."""
        return self._runs.get(run_id)

    def start(self, call: Call, node: Node) -> dict[str, str]:
        """Take a report's question.

        Raises:
            GraphError: for a bad question, which fails here already, as at Meta; or when the
                day's reports on old reach by breakdown are used up.
        """
        params = dict(call.params)
        rows, old_reach = self._insights.size(node, params, call.now)
        run = Run(f"60{next(self._ids):014d}", node, call.path, params, call.now, RunScript())
        if old_reach:
            self._count_reach(call, run.account.id)
        if OPT_IN & set(list_param(params, "breakdowns")):
            # What is answered beyond that many nobody published; here it stays empty.
            most = min(OPT_IN_RUNS_A_DAY, max(1, call.ads))
            run.opted_in = self._taken("opt-in", run.account.id, call.now, most) is not None
        found = self._scripted(call.path, params)
        most = self._settings.max_async_rows
        if found is None and most is not None and rows > most:
            found = RunScript(case="async_too_large")
        run.script = found or run.script
        self._runs[run.id] = run
        return {"report_run_id": run.id}

    def poll(self, call: Call, run: Run) -> dict[str, Any]:
        """The state of a report.

        Raises:
            GraphError: if it is expired, or a field is unknown.
        """
        self._refuse_expired(run, call.now)
        status, percent = self._state(run, call.now, polled=True)
        failed = status == "Job Failed"
        query = self._insights.query(run.node, run.params, run.asked)
        body: dict[str, Any] = {
            "id": run.id,
            "account_id": run.account.account_id,
            "time_ref": int(run.asked.timestamp()),
            "async_status": status,
            "async_percent_completion": percent,
            "is_running": status in ("Job Not Started", "Job Started", "Job Running"),
            "date_start": query.since.isoformat(),
            "date_stop": query.until.isoformat(),
        }
        if status == "Job Completed":
            run.completed = run.completed or call.now
            body["time_completed"] = int(run.completed.timestamp())
        # The error of a failed report can be read since v25 (changelog).
        if failed and versions.number(call.version) >= 25:
            script = run.script
            text = script.message or FAILURES.get((script.code, script.subcode), "")
            body |= {"error_code": script.code, "error_subcode": script.subcode}
            body |= {"error_message": text} if text else {}
        return _asked_fields(body, call.params)

    def read(self, call: Call, run: Run) -> dict[str, Any]:
        """A page of a completed report.

        Raises:
            GraphError: 2601/1815107 if it is not complete or not readable yet; if expired.
        """
        self._refuse_expired(run, call.now)
        status, percent = self._state(run, call.now, polled=False)
        if (status, percent) != ("Job Completed", 100):
            raise not_readable()
        paged = {k: v for k, v in call.params.items() if k in _READ_PARAMS}
        _check_summary(paged, run.params)
        if not call.params.get("after"):
            run.reads += 1
            if run.reads <= run.script.unreadable_reads:
                raise not_readable()
            if run.reads <= run.script.unreadable_reads + run.script.empty_reads:
                return {"data": []}
        return self._insights.answer(
            run.node,
            {**run.params, **paged},
            run.asked,
            call.url,
            call.token_text,
            capped=False,
            cut_at=call.now,
            opted_in=run.opted_in,
        )

    def _scripted(self, path: str, params: Mapping[str, str]) -> RunScript | None:
        with self._lock:
            for script in self._scripts:
                if script.path not in path or not params_match(script.where, params):
                    continue
                if script.skip > 0:
                    script.skip -= 1
                    continue
                script.times -= 1
                if script.times <= 0:
                    self._scripts.remove(script)
                return script
        return None

    def _count_reach(self, call: Call, account_id: str) -> None:
        taken = self._taken("reach", account_id, call.now, REACH_RUNS_A_DAY)
        if taken is None:
            raise case_error("reach_breakdown_throttle")
        used = 100 * taken // REACH_RUNS_A_DAY
        call.headers["x-fb-ads-insights-reach-throttle"] = (
            f'{{"app_id_util_pct":0,"acc_id_util_pct":{used}}}'
        )

    def _taken(self, what: str, account_id: str, now: datetime, most: int) -> int | None:
        """How many reports of a kind the last 24 hours have with this one; None if too many."""
        with self._lock:
            since = now - timedelta(days=1)
            recent = [when for when in self._days.get((what, account_id), []) if when > since]
            if len(recent) >= most:
                return None
            self._days[what, account_id] = [*recent, now]
            return len(recent) + 1

    def _refuse_expired(self, run: Run, now: datetime) -> None:
        # Ids live 30 days (best practices page); what is answered then nobody captured.
        if now - run.asked > timedelta(days=self._settings.async_days):
            raise not_found(run.id)

    def _state(self, run: Run, now: datetime, *, polled: bool) -> tuple[str, int]:
        """The status and the percentage; a poll brings a report forward, a read does not."""
        script, settings = run.script, self._settings
        polls = settings.async_polls if script.polls is None else script.polls
        seconds = settings.async_seconds if script.seconds is None else script.seconds
        passed = (now - run.asked).total_seconds()
        place = run.polls
        run.polls += polled
        if place < polls or passed < seconds:
            share = min(
                (place + 1) / (polls + 1) if place < polls else 1.0,
                passed / seconds if passed < seconds else 1.0,
            )
            return _at_work(place, polls, min(share, 0.99), script)
        if script.end == "never":
            return "Job Running", script.percent
        if script.end == "failed":
            return "Job Failed", script.percent
        if script.end == "skipped":
            return "Job Skipped", 0
        place -= polls
        if place < script.early_polls:
            return "Job Completed", min(99, script.percent)
        if place < script.early_polls + script.late_polls:
            return "Job Running", 100
        return "Job Completed", 100


_READ_PARAMS = ("limit", "after", "before", "default_summary", "summary")


def _at_work(place: int, polls: int, share: float, script: RunScript) -> tuple[str, int]:
    if polls > 2 and place < 2:
        return ("Job Not Started" if place == 0 else "Job Started"), 0
    top = 100 if script.end == "completed" else script.percent
    return "Job Running", int(share * top)


def _asked_fields(body: dict[str, Any], params: Mapping[str, str]) -> dict[str, Any]:
    asked = list_param(params, "fields")
    for name in asked:
        if name not in _FIELDS and name not in _OTHER_FIELDS:
            raise unknown_field(name, "AdReportRun")
    return {name: body[name] for name in (*asked, "id") if name in body} if asked else body


def _check_summary(paged: Mapping[str, str], asked: Mapping[str, str]) -> None:
    fields = list_param(asked, "fields")
    for name in list_param(paged, "summary"):
        if fields and name not in fields:
            raise invalid(
                f"Cannot include {name} in summary param because they weren't there while "
                "creating the report run."
            )


def not_readable() -> GraphError:
    """A report that is not complete, or not yet to be read (captured from live answers)."""
    return GraphError(
        "Error accessing adreport job.",
        2601,
        subcode=1815107,
        extra={
            "is_transient": True,
            "error_user_title": "Loading Async Ads Report Failed",
            "error_user_msg": "Sorry, the report cannot be loaded successfully. Please check if "
            "your job status is completed instead of failed or running before fetching the data.",
        },
    )
