"""A sync goes on with the accounts whose quota was used up, when all else is done."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest

from meta_pipeline.cli.progress import steps
from meta_pipeline.cli.summary import Summary
from meta_pipeline.cli.sync import QUOTA_WAIT, _pull, when_back
from meta_pipeline.config import Client, Settings
from meta_pipeline.dates import Span
from meta_pipeline.defs.launch import Launcher
from meta_pipeline.landing import Landed, PullFailure
from meta_pipeline.pulling import Errand, Outcome, Puller
from meta_pipeline.reports import REPORTS

DAY = date(2026, 11, 20)
CLIENTS = [Client(id=name, name=name, ad_accounts=(f"act_{n}",)) for n, name in enumerate("abc")]


class Waiting:
    """A puller that knows when quotas are back."""

    def __init__(self, minutes: dict[str, float]) -> None:
        begun = datetime.now(UTC)
        self.throttled = {asset: begun + timedelta(minutes=m) for asset, m in minutes.items()}


def outcome(client: Client, kind: str | None) -> Outcome:
    """How one report of a client ended."""
    failure = PullFailure(kind=kind, message="no") if kind else None
    errand = Errand(client, REPORTS["ad_daily"], client.ad_accounts[0], None, DAY, DAY)
    return Outcome(errand, (Landed("1", "failed" if kind else "complete", failure=failure),))


def rounds(minutes: dict[str, float], *kinds: str | None) -> tuple[list[list[str]], list[float]]:
    """Who is asked again in which round, and the waits before; each is answered at once."""
    summary = Summary(Span(DAY, DAY), [outcome(c, k) for c, k in zip(CLIENTS, kinds, strict=True)])
    slept: list[float] = []
    found: list[list[str]] = []
    puller = cast("Puller", Waiting(minutes))
    for ready in when_back(puller, summary, CLIENTS, slept.append):
        found.append([client.id for client in ready])
        summary.forget_failures(ready)
    return found, [round(seconds / 60) for seconds in slept]


def test_each_client_goes_on_when_its_quota_is_back() -> None:
    """Who is back first goes on first; who was not throttled is not asked again."""
    minutes = {"act_0": 30.0, "act_2": 10.0}
    assert rounds(minutes, "throttled", "transient", "throttled") == ([["c"], ["a"]], [10, 30])


def test_a_quota_that_is_back_is_not_waited_for() -> None:
    """While the others were pulled, its time had come."""
    assert rounds({"act_0": -1.0}, "throttled", None, None) == ([["a"]], [])


def test_a_wait_of_more_than_an_hour_is_left_to_the_next_sync() -> None:
    """Then the failure says when to come back."""
    too_long = QUOTA_WAIT.total_seconds() / 60 + 1
    assert rounds({"act_0": too_long}, "throttled", None, None) == ([], [])


@pytest.mark.parametrize(
    ("first", "is_news"), [("complete", True), ("failed", False), ("not_asked", False)]
)
def test_a_quarter_that_landed_is_built_though_the_next_one_waits(
    first: str, is_news: bool
) -> None:
    """An errand of several quarters is one outcome, and each of them lands or fails."""
    summary = Summary(Span(DAY, DAY))
    failed = outcome(CLIENTS[0], "throttled")
    why = PullFailure(kind="dead metric", message="gone", is_expected=first == "not_asked")
    landed = Landed("2", first, failure=None if first == "complete" else why)

    class Pulling:
        """A launcher whose pulls all end so."""

        def pull(self, *_: Any, **__: Any) -> None:
            summary.outcomes.append(replace(failed, landed=(landed, *failed.landed)))

    launcher = cast("Launcher", Pulling())
    with steps() as shown:
        puller = cast("Puller", Waiting({}))
        assert _pull(launcher, puller, summary, CLIENTS[:1], shown, None) == is_news


def test_a_client_that_stays_throttled_is_tried_every_five_minutes_at_most() -> None:
    """However often it is refused, the sync ends after an hour."""
    summary = Summary(Span(DAY, DAY), [outcome(CLIENTS[0], "throttled")])
    tries = when_back(cast("Puller", Waiting({})), summary, CLIENTS, lambda _: None)
    assert 0 < len(list(tries)) <= QUOTA_WAIT.total_seconds() / 300 + 1


def test_what_landed_before_the_wait_is_counted() -> None:
    """The rows and requests of a quarter count, though the errand is asked again."""
    failed = outcome(CLIENTS[0], "throttled")
    quarter = Landed("2", "complete", opened=90, rows=90)
    summary = Summary(
        Span(DAY, DAY), [replace(failed, landed=(quarter, *failed.landed), requests=3)]
    )
    summary.forget_failures(CLIENTS)
    assert (summary.landed, summary.failures()) == (True, [])
    summary.outcomes.append(replace(outcome(CLIENTS[0], None), requests=2))
    document = summary.document(Settings())
    assert [document[one] for one in ("requests", "rows", "versions_opened")] == [5, 90, 90]
