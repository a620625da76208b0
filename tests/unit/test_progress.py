"""What a person sees while clients are pulled: bars on a terminal, lines elsewhere."""

from io import StringIO

import pytest
from rich.console import Console
from rich.progress import Progress

from meta_pipeline.cli.progress import COLUMNS, MOST_BARS, Steps, steps


def pull(shown: Steps) -> None:
    """Two clients, of which one gets two reports, one with two accounts and a failure."""
    with shown.step("days", {"acme": 2, "cafe": 1}):
        shown.note("acme", "account_daily", is_good=True)
        shown.note("cafe", "account_daily", is_good=True)
        shown.note("acme", "ad_daily", is_good=True)
        shown.note("acme", "ad_daily", is_good=False)
    with shown.step("build and publish"):
        pass


def terminal() -> Console:
    """A terminal of 100 columns that writes into memory."""
    return Console(file=StringIO(), force_terminal=True, width=100, color_system=None)


def test_without_a_terminal_each_report_is_a_line(capsys: pytest.CaptureFixture[str]):
    """With what landed and what failed; a step without reports is a line, too."""
    with steps() as shown:
        pull(shown)
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [
        "days: account_daily: 2 landed",
        "days: ad_daily: 1 landed, 1 failed",
        "build and publish: done",
    ]
    assert captured.out == ""


def test_on_a_terminal_each_client_has_a_bar_that_counts_its_reports():
    """A report with several accounts counts once; the bar names the report under way."""
    with Progress(*COLUMNS, console=terminal(), auto_refresh=False) as progress:
        shown = Steps(progress)
        with shown.step("days", {"acme": 2, "cafe": 1}):
            shown.note("acme", "account_daily", is_good=True)
            shown.note("cafe", "account_daily", is_good=True)
            shown.note("acme", "ad_daily", is_good=True)
            shown.note("acme", "ad_daily", is_good=False)
            first, second = progress.tasks
            assert (first.description, first.completed, first.total) == ("days acme", 1, 2)
            assert first.fields["what"] == "ad_daily"
            assert (second.description, second.completed) == ("days cafe", 1)
        assert [task.completed for task in progress.tasks] == [2, 1]


def test_many_clients_share_a_bar():
    """A terminal has no room for more."""
    asked = {f"client-{number}": 3 for number in range(MOST_BARS + 1)}
    with Progress(*COLUMNS, console=terminal(), auto_refresh=False) as progress:
        shown = Steps(progress)
        with shown.step("days", asked):
            shown.note("client-0", "ad_daily", is_good=True)
            shown.note("client-1", "ad_daily", is_good=True)
            shown.note("client-0", "account_daily", is_good=True)
            (bar,) = progress.tasks
            assert (bar.completed, bar.total) == (2, 3 * (MOST_BARS + 1))
