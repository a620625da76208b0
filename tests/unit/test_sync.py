"""`sync` before it begins and after it ends: which days, and what is said of them."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from unit_office import client

from meta_pipeline.cli.asked import asked_span, beyond_retention, choose_span
from meta_pipeline.cli.summary import Summary
from meta_pipeline.config import load_settings
from meta_pipeline.dates import Span, retention_floor
from meta_pipeline.errors import ConfigError
from meta_pipeline.landing import Landed, PullFailure
from meta_pipeline.pulling import Errand, Outcome
from meta_pipeline.reports import REPORTS

TODAY = date(2026, 11, 22)
FLOOR = retention_floor(TODAY)
OLD = date(2020, 1, 1)


def test_a_range_beyond_retention_is_clamped() -> None:
    """What Meta keeps is pulled, the rest is named."""
    assert choose_span(OLD, TODAY, None, TODAY, [client()]) == Span(FLOOR, TODAY)
    asked = asked_span(OLD, TODAY, None, TODAY)
    assert beyond_retention(asked, TODAY) == Span(OLD, FLOOR - timedelta(days=1))
    assert beyond_retention(Span(FLOOR, TODAY), TODAY) is None


def test_a_range_wholly_beyond_retention_is_refused() -> None:
    """There is nothing to pull; the hint names the first day there is."""
    with pytest.raises(ConfigError, match="37 months") as raised:
        choose_span(OLD, date(2020, 2, 1), None, TODAY, [client()])
    assert f"--from {FLOOR}" in str(raised.value.hint)


@pytest.mark.parametrize("start", [None, "2015-01-01"])
def test_the_longest_preset_is_what_meta_keeps(start: str | None) -> None:
    """Also for a client whose start lies before that."""
    span = choose_span(None, None, "maximum", TODAY, [client(start_date=start)])
    assert span == Span(FLOOR, TODAY)


def test_without_a_range_months_are_asked_until_they_are_final() -> None:
    """The last day of the span that ended 28 days of 24 hours ago is in it, in every time zone."""
    span = choose_span(None, None, None, TODAY, [client()])
    assert span == Span(date(2026, 10, 23), date(2026, 11, 21))
    assert choose_span(None, TODAY, None, TODAY, [client()]).days == 28


def test_the_document_speaks_of_what_was_due() -> None:
    """From the first day covered to the last; a range asked for is what was asked for."""
    due = [Span(date(2026, 11, 14), date(2026, 11, 21)), Span(date(2026, 10, 1), date(2026, 10, 7))]
    span = Span(date(2026, 10, 23), date(2026, 11, 21))
    document = Summary(span, due=due).document(load_settings())
    assert (document["since"], document["until"]) == (date(2026, 10, 1), date(2026, 11, 21))
    assert Summary(span).document(load_settings())["since"] == span.since
    assert Summary(span, due=[]).days == []


def test_days_before_every_clients_start_are_not_pulled() -> None:
    """The earliest start bounds the range."""
    clients = [client(start_date="2026-06-01"), client("luna", start_date="2026-08-01")]
    assert choose_span(OLD, TODAY, None, TODAY, clients).since == date(2026, 6, 1)


def outcome(name: str = "acme", failure: PullFailure | None = None, **more: Any) -> Outcome:
    """How an errand of a client ended."""
    errand = Errand(client(name), REPORTS["ads"], "act_1", None, TODAY, FLOOR)
    status = "failed" if failure else "complete"
    status = "not_asked" if failure and failure.is_expected else status
    return Outcome(errand, (Landed("p", status, failure=failure),), **more)


def summary_of(*outcomes: Outcome) -> Summary:
    """A sync that ended with these."""
    return Summary(Span(TODAY, TODAY), list(outcomes))


def test_a_warning_is_shown_once_a_client() -> None:
    """However many answers carried it; the document has them under `warnings`."""
    over = ("v25.0 is over",)
    summary = summary_of(outcome(warnings=over), outcome(warnings=over), outcome("luna"))
    assert summary.warnings() == [{"client": "acme", "message": "v25.0 is over"}]
    assert summary.document(load_settings())["warnings"] == summary.warnings()


def test_what_was_known_before_is_no_failure() -> None:
    """A retired metric is told by the first sync that meets it; the next ones are fine."""
    dead = PullFailure(kind="dead metric", message="gone")
    clients = [client()]
    assert summary_of(outcome(), outcome(failure=dead)).exit_code(clients) == 3
    known = PullFailure(kind="dead metric", message="gone", is_expected=True)
    assert summary_of(outcome(), outcome(failure=known)).exit_code(clients) == 0


def test_what_an_account_is_refused_is_told_once() -> None:
    """Every report of it fails alike; the document has all."""
    refused = [PullFailure(kind="auth", message=f"act_1/{n}", hint="h") for n in "abc"]
    summary = summary_of(*(outcome(failure=one) for one in refused), outcome("luna", refused[0]))
    assert summary.told() == [
        "error: acme: act_1/a",
        "error: acme: act_1: 2 more like it; --json has them all",
        "hint: h",
        "error: luna: act_1/a",
        "hint: h",
    ]
    assert len(summary.failures()) == 4


def test_each_dead_metric_is_told() -> None:
    """It is the message that names it, so none is taken for another."""
    dead = [PullFailure(kind="dead metric", message=name, hint="h") for name in ("x", "y")]
    summary = summary_of(*(outcome(failure=one) for one in dead))
    assert summary.told() == ["error: acme: x", "hint: h", "error: acme: y", "hint: h"]


def test_a_failure_in_the_document_has_kind_message_and_hint() -> None:
    """And the client; nothing else of how it is kept."""
    summary = summary_of(outcome(failure=PullFailure(kind="auth", message="m", hint="h")))
    assert summary.failures() == [{"client": "acme", "kind": "auth", "message": "m", "hint": "h"}]


def test_a_client_is_refused_when_all_of_it_was() -> None:
    """One answer, or another kind of failure, is reason enough to ask for its days."""
    auth = PullFailure(kind="auth", message="the token is over")
    both = outcome(failure=auth), outcome(failure=auth), outcome("luna")
    assert summary_of(*both).refusals() == {"acme": auth}
    assert summary_of(outcome(failure=auth), outcome()).refusals() == {}


def test_what_is_asked_of_all_outcomes_takes_one_pass() -> None:
    """A thousand clients with twenty reports each: once through, not once for each client."""
    outcomes = Counted(outcome(f"c{n}") for n in range(30))
    summary = Summary(Span(TODAY, TODAY), outcomes)
    summary.refusals()
    summary.throttled()
    summary.forget_failures([client(f"c{n}") for n in range(30)])
    assert outcomes.passes == 3


class Counted(list[Outcome]):
    """Outcomes that count how often somebody goes through them."""

    passes = 0

    def __iter__(self) -> Iterator[Outcome]:
        self.passes += 1
        return super().__iter__()


def test_a_resumed_sync_that_had_nothing_left_to_ask_is_fine() -> None:
    """All of it had landed: the marts are built, and the exit code is 0."""
    errand = Errand(client(), REPORTS["ads"], "act_1", None, TODAY, FLOOR)
    summary = summary_of(Outcome(errand))
    assert (summary.landed, summary.exit_code([client()])) == (True, 0)
