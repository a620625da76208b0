"""Alerts: one message a cause, once a channel, again when it lasts or comes back."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meta_pipeline.alerts import (
    Cause,
    CheckOutcome,
    DeliveryError,
    FailedPull,
    Ledger,
    LedgerError,
    Message,
    cause_of_step,
    causes_of_check,
    causes_of_pulls,
    deliver,
    rules_of,
    wanted,
)
from meta_pipeline.alerts.channels import File
from meta_pipeline.config import Alerts
from meta_pipeline.errors import ConfigError

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALERTS = Alerts()
CLIENTS = ("acme-dental", "cafe-luna", "luna")
TOKEN = "EAA" + "Bx7" * 30


class Sink:
    """A channel in memory, which fails while `error` is set."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.got: list[Message] = []
        self.error: Exception | None = None

    def send(self, message: Message) -> str:
        """Takes the message, or raises."""
        if self.error is not None:
            raise self.error
        self.got.append(message)
        return "taken"

    @property
    def told(self) -> list[tuple[str, tuple[str, ...]]]:
        """Event and clients of each message."""
        return [(one.event, one.clients) for one in self.got]


class Desk:
    """A ledger with two channels."""

    def __init__(self, path: Path) -> None:
        self.ledger = Ledger(path)
        self.one, self.two = Sink("one"), Sink("two")

    def fails(self, hours: float, *causes: Cause) -> None:
        """A run that ended so many hours after noon met these causes."""
        self.ledger.note_failures(causes, NOW + hours * HOUR)

    def succeeds(self, hours: float, *good: tuple[str, str]) -> None:
        """A run had success with these clients and steps."""
        self.ledger.note_success(lambda *place: place in good, NOW + hours * HOUR)

    def checks(self, hours: float, *causes: Cause, undecided: tuple[str, ...] = ()) -> None:
        """Checks show these causes now, all evaluated at noon."""
        self.ledger.note_checks([(one, NOW) for one in causes], undecided, NOW + hours * HOUR)

    def deliver(self, hours: float, alerts: Alerts = ALERTS) -> tuple[str, ...]:
        """One round; what went wrong in it."""
        rules = rules_of(alerts)
        return deliver(self.ledger, [self.one, self.two], rules, NOW + hours * HOUR).problems


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """An empty ledger."""
    return Desk(tmp_path / "home" / "alerts.sqlite")


def refused(client: str, report: str = "ad_daily", asset: str = "act_1", **more: str) -> FailedPull:
    """28 days of a report that Meta refuses."""
    message = f"{asset}/insights: HTTP 403, code 200: (#200) no ads_read (fbtrace_id A{report})"
    return FailedPull(
        client=client,
        report=report,
        asset=asset,
        kind="permission",
        message=more.get("message", message),
        hint=more.get("hint", "assign the system user in Business settings"),
        partitions=28,
        first="2026-10-25",
        last="2026-11-21",
    )


def pulls(*failed: FailedPull) -> list[Cause]:
    """The causes of a run in which these failed."""
    steps = {one.report: f"raw__{one.report}" for one in failed}
    return causes_of_pulls(failed, steps=steps, run="run-1")


def check(*rows: dict[str, str], passed: bool = False, name: str = "coverage") -> list[Cause]:
    """The causes of a check over all clients."""
    found = CheckOutcome(
        name=name,
        asset="delivery/published_marts",
        passed=passed,
        severity="error",
        description="3 gaps. Run: the first",
        meaning="Every report has an answer.",
        rows=rows,
    )
    return causes_of_check(found, CLIENTS)


def test_many_partitions_of_one_cause_make_one_message(desk: Desk):
    """Two reports of two accounts by 28 days are one message, with what, where, when and next."""
    failed = [refused("cafe-luna", r, a) for r in ("ad_daily", "accounts") for a in ("act_1", "2")]
    desk.fails(0, *pulls(*failed))
    desk.deliver(1.5)
    (message,) = desk.one.got
    assert message.title == (
        "[meta-pipeline] ERROR cafe-luna: permission: HTTP 403, code 200: (#200) no ads_read"
    )
    assert message.text.splitlines() == [
        "ERROR cafe-luna: permission: HTTP 403, code 200: (#200) no ads_read",
        "- cafe-luna: since 2026-11-22 12:00 UTC, for 1 h",
        "    ad_daily of act_1, 2, 28 partitions (2026-10-25 to 2026-11-21)",
        "    accounts of act_1, 2, 28 partitions (2026-10-25 to 2026-11-21)",
        "Next step: assign the system user in Business settings",
        "Run: run-1",
    ]
    assert desk.two.got == [message]


def test_clients_of_one_cause_share_a_message(desk: Desk):
    """A token of the agency that is over hits all clients, and is told once."""
    desk.fails(0, *pulls(refused("acme-dental"), refused("cafe-luna", asset="act_2")))
    desk.deliver(0)
    assert desk.one.told == [("failed", ("acme-dental", "cafe-luna"))]


def test_different_causes_are_different_messages(desk: Desk):
    """The same client's throttled account is not its missing right."""
    desk.fails(0, *pulls(refused("luna"), refused("luna", message="act_1: HTTP 400, code 17: no")))
    desk.deliver(0)
    assert len(desk.one.got) == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("act_1/insights: HTTP 500, code 2: try 3 later", "9/ads: HTTP 500, code 2: try 14 later"),
        ("slow (not before 2026-11-22 12:00:01 UTC)", "slow (not before 2026-11-23 09:59:59 UTC)"),
        ("no: HTTP 400 x (fbtrace_id Ab1)", "no: HTTP 400 x (fbtrace_id Cd2)"),
        ("log /t/dbt-7c8b9a1-0f1e2d3/dbt.log", "log /t/dbt-1a2b3c4-2e4f6a8/dbt.log"),
    ],
)
def test_ids_and_times_make_no_new_cause(before: str, after: str):
    """What differs from call to call does not make one cause two."""
    one, two = (pulls(refused("luna", message=message))[0] for message in (before, after))
    assert one.key == two.key


def test_another_code_is_another_cause():
    """Meta's numbers tell causes apart, although numbers else do not."""
    messages = ("x: HTTP 400, code 190/460: no", "x: HTTP 400, code 190/463: no")
    one, two = (pulls(refused("luna", message=message))[0] for message in messages)
    assert one.key != two.key


def test_what_is_told_is_not_told_again(desk: Desk):
    """Neither by the next round nor when the next run fails in the same way."""
    desk.fails(0, *pulls(refused("luna")))
    desk.deliver(0)
    desk.deliver(0.1)
    desk.fails(12, *pulls(refused("luna")))
    desk.deliver(12)
    assert desk.one.told == [("failed", ("luna",))]


def test_what_lasts_is_repeated(desk: Desk):
    """After the hours of clients.yml, if it was met since; the time of its first day stays."""
    desk.fails(0, *pulls(refused("luna")))
    desk.deliver(0)
    desk.deliver(30)
    assert len(desk.one.got) == 1  # nobody knows whether it lasts
    desk.fails(31, *pulls(refused("luna")))
    desk.deliver(31, Alerts(repeat_after_hours=32))
    assert len(desk.one.got) == 1
    desk.deliver(31)
    assert desk.one.told[1:] == [("still failing", ("luna",))]
    assert "STILL FAILING (ERROR) luna" in desk.one.got[1].text
    assert "since 2026-11-22 12:00 UTC, for 31 h" in desk.one.got[1].text


def test_what_is_mended_is_told_and_may_come_back(desk: Desk):
    """Failed, resolved, failed again: three messages, the last with a new beginning."""
    desk.fails(0, *pulls(refused("luna")))
    desk.deliver(0)
    desk.succeeds(1, ("luna", "raw__ad_daily"))
    desk.deliver(1)
    desk.fails(2, *pulls(refused("luna")))
    desk.deliver(2)
    assert [event for event, _ in desk.one.told] == ["failed", "resolved", "failed"]
    assert "over at 2026-11-22 13:00 UTC" in desk.one.got[1].text
    assert "since 2026-11-22 14:00 UTC" in desk.one.got[2].text


def test_resolved_need_not_be_told(desk: Desk):
    """With send_resolved: false only failures are, a second time too."""
    quiet = Alerts(send_resolved=False)
    desk.fails(0, *pulls(refused("luna")))
    desk.deliver(0, quiet)
    desk.succeeds(1, ("luna", "raw__ad_daily"))
    desk.deliver(1, quiet)
    desk.fails(2, *pulls(refused("luna")))
    desk.deliver(2, quiet)
    assert [event for event, _ in desk.one.told] == ["failed", "failed"]


def test_a_cause_lasts_until_its_last_place_is_good(desk: Desk):
    """Success of another client or of one of two reports mends nothing yet."""
    desk.fails(0, *pulls(refused("luna"), refused("luna", "accounts")))
    desk.deliver(0)
    desk.succeeds(1, ("cafe-luna", "raw__ad_daily"), ("luna", "raw__ad_daily"))
    desk.deliver(1)
    assert len(desk.one.got) == 1
    desk.succeeds(2, ("luna", "raw__accounts"))
    desk.deliver(2)
    assert desk.one.told[1:] == [("resolved", ("luna",))]


def test_older_news_changes_nothing(desk: Desk):
    """Two sensors tell of runs, so an older success may come later, and an older failure."""
    desk.fails(2, *pulls(refused("luna")))
    desk.succeeds(1, ("luna", "raw__ad_daily"))
    assert [one.is_open for one in desk.ledger.incidents()] == [True]
    desk.succeeds(3, ("luna", "raw__ad_daily"))
    desk.fails(2.5, *pulls(refused("luna")))
    assert [one.is_open for one in desk.ledger.incidents()] == [False]


def test_a_channel_that_fails_is_tried_again_alone(desk: Desk):
    """The other one has the message once; the failing one gets it when it works again."""
    desk.one.error = DeliveryError("one: out of order")
    desk.fails(0, *pulls(refused("luna")), cause_of_step("dbt", "no", run="r"))
    assert desk.deliver(0) == ("one: out of order",)
    desk.one.error = ConfigError("one: HOOK is not set")
    assert desk.deliver(0.1) == ("one: HOOK is not set",)
    desk.one.error = None
    assert desk.deliver(0.2) == ()
    assert len(desk.one.got) == len(desk.two.got) == 2


def test_a_refused_message_does_not_hold_up_others(desk: Desk):
    """One that a channel does not want is tried again; those behind it arrive."""
    desk.fails(0, cause_of_step("dbt", "poison", run="r"))
    desk.fails(1, *pulls(refused("luna")))
    take = desk.one.send

    def choosy(message: Message) -> str:
        if "poison" in message.text:
            raise DeliveryError("one: answered 400", is_refusal=True)
        return take(message)

    desk.one.send = choosy
    assert desk.deliver(1) == ("one: answered 400",)
    assert desk.one.told == [("failed", ("luna",))]
    assert len(desk.two.got) == 2


def test_what_came_and_went_meanwhile_is_told(desk: Desk):
    """A channel out of order hears of it once, as over; a channel that is new does not."""
    desk.deliver(-1)
    desk.one.error = DeliveryError("one: out of order")
    desk.fails(0, *pulls(refused("luna")))
    desk.deliver(0)
    desk.succeeds(1, ("luna", "raw__ad_daily"))
    desk.one.error = None
    desk.deliver(2)
    assert desk.one.told == [("resolved", ("luna",))]
    new = Sink("new")
    deliver(desk.ledger, [new], rules_of(ALERTS), NOW + 3 * HOUR)
    assert new.got == []


def test_no_two_processes_deliver_at_once(desk: Desk):
    """While one delivers the other does nothing, or a message would come twice."""
    desk.fails(0, *pulls(refused("luna")))
    with Ledger(desk.ledger._path).delivering() as is_mine:
        assert is_mine
        desk.deliver(0)
        assert desk.one.got == []
    desk.deliver(0)
    assert len(desk.one.got) == 1


def test_two_processes_lose_and_double_nothing(tmp_path: Path):
    """Both take down causes and deliver them at the same time: each arrives once."""
    home = tmp_path / "home"
    command = [sys.executable, "-c", _PROCESS, str(home)]
    processes = [subprocess.Popen([*command, name]) for name in ("a", "b")]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    deliver(Ledger(home / "l.sqlite"), [File(home / "out")], rules_of(ALERTS), NOW)
    told = [json.loads(line)["what"] for line in (home / "out").read_text().splitlines()]
    assert sorted(told) == sorted(f"{name}{'x' * n}: no" for name in "ab" for n in range(20))


_PROCESS = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from meta_pipeline.alerts import Ledger, cause_of_step, deliver, rules_of
from meta_pipeline.alerts.channels import File
from meta_pipeline.config import Alerts

home, name = Path(sys.argv[1]), sys.argv[2]
ledger, now = Ledger(home / "l.sqlite"), datetime(2026, 11, 22, 12, tzinfo=UTC)
for n in range(20):
    ledger.note_failures([cause_of_step(name + "x" * n, "no", run="r")], now)
    deliver(ledger, [File(home / "out")], rules_of(Alerts()), now)
"""


def test_what_is_long_over_is_forgotten(desk: Desk):
    """After 90 days the ledger knows nothing of it."""
    desk.fails(0, *pulls(refused("luna")))
    desk.succeeds(1, ("luna", "raw__ad_daily"))
    desk.deliver(24 * 89)
    assert len(desk.ledger.incidents()) == 1
    desk.deliver(24 * 91)
    assert desk.ledger.incidents() == []


def test_a_damaged_ledger_is_told(tmp_path: Path):
    """Not a traceback of SQLite, but the file and what to do."""
    path = tmp_path / "alerts.sqlite"
    path.write_text("no database, and long enough not to be taken for an empty one" * 20)
    with pytest.raises(LedgerError, match="delete it"):
        Ledger(path).incidents()


def test_a_check_is_one_message_by_client(desk: Desk):
    """Clients come from the first column; one that comes later is told by itself."""
    gap = {"severity": "error", "report": "ads", "run": "meta-pipeline sync -c luna"}
    luna, acme = {"client_id": "luna", **gap}, {"client_id": "acme-dental", **gap, "report": "ads"}
    desk.checks(1, *check(luna))
    desk.deliver(1)
    assert desk.one.got[0].text.splitlines() == [
        "ERROR luna: check coverage of delivery/published_marts: 3 gaps. Run: the first",
        "- luna: since 2026-11-22 12:00 UTC, for 1 h",
        "    severity error, report ads",
        "Next step: meta-pipeline sync -c luna",
    ]
    desk.checks(2, *check(luna, acme))
    desk.deliver(2)
    desk.checks(3, *check(acme))
    desk.deliver(3)
    desk.checks(4, *check(passed=True))
    desk.deliver(4)
    assert desk.one.told == [
        ("failed", ("luna",)),
        ("failed", ("acme-dental",)),
        ("resolved", ("luna",)),
        ("resolved", ("acme-dental",)),
    ]


def test_a_check_under_way_decides_nothing(desk: Desk):
    """Neither does a table that leaves rows out: who is missing there may still fail."""
    desk.checks(1, *check({"client_id": "luna", "report": "ads"}))
    desk.deliver(1)
    desk.checks(2, undecided=("delivery/published_marts:coverage",))
    desk.deliver(2)
    assert desk.one.told == [("failed", ("luna",))]


def test_a_failing_check_repeats_without_a_new_evaluation(desk: Desk):
    """Its newest outcome is what holds."""
    cause = check({"client_id": "luna", "report": "ads"})
    for hours in (1, 20, 26):
        desk.checks(hours, *cause)
        desk.deliver(hours)
    assert [event for event, _ in desk.one.told] == ["failed", "still failing"]


def test_a_warning_that_becomes_an_error_is_told(desk: Desk):
    """At once, not when the day is over."""
    for hours, severity in ((1, "warn"), (2, "error"), (3, "error")):
        desk.checks(hours, *check({"client_id": "luna", "severity": severity}))
        desk.deliver(hours)
    assert [event for event, _ in desk.one.told] == ["failed", "worse"]
    assert desk.one.got[0].text.startswith("WARN luna: ")
    assert desk.one.got[1].text.startswith("NOW AN ERROR luna: ")


def test_a_check_of_one_client_knows_whose_it_is():
    """By the end of its name, the longest id that fits; findings that are well are left out."""
    rows = (
        {"step": "token", "level": "ok", "message": "valid", "fix": ""},
        {"step": "scopes", "level": "error", "message": "no ads_read", "fix": "tick ads_read"},
    )
    (cause,) = check(*rows, name="connection_cafe_luna")
    assert cause.client == "cafe-luna"
    assert cause.next_step == "tick ads_read"
    assert cause.places[0].facts == ("step scopes, level error, message no ads_read",)


def test_a_check_of_nobody_in_particular():
    """A test of dbt has no table: its own words are the next step."""
    (cause,) = check(name="unique_fct_ad_daily")
    assert (cause.client, cause.next_step) == ("", "Every report has an answer.")


def test_a_step_that_stopped(desk: Desk):
    """A full disk is nobody's own; the hint of the error is the next step."""
    desk.fails(0, cause_of_step("raw__ads", "OSError: no space\nhint: make room", run="run-2"))
    desk.deliver(0)
    assert desk.one.got[0].text.splitlines() == [
        "ERROR: raw__ads: OSError: no space",
        "- the pipeline: since 2026-11-22 12:00 UTC",
        "Next step: make room",
        "Run: run-2",
    ]


def test_clients_yml_says_what_is_wanted():
    """Warnings and checks can be left out."""
    warning = check({"client_id": "luna", "severity": "warn"})
    error = pulls(refused("luna"))
    assert wanted(warning + error, Alerts(least_severity="error")) == error
    assert wanted(warning + error, Alerts(ignore_checks=("coverage",))) == error
    assert wanted(warning + error, Alerts()) == warning + error


def test_a_long_message_is_cut_in_the_middle(desk: Desk):
    """Slack takes 4,000 characters well; the next step is always among them."""
    words = [{"client_id": f"c{n}", "report": "x y" * 100, "run": "do it"} for n in range(50)]
    desk.checks(0, *check(*words))
    desk.deliver(0)
    (message,) = desk.one.got
    assert len(message.clients) == 50
    assert len(message.text) < 3700
    assert message.text.splitlines()[-1] == "Next step: do it"
    assert " more lines: see Dagster's UI" in message.text


def test_no_token_is_told():
    """Also where somebody's error repeats one."""
    causes: list[Callable[[], Cause]] = [
        lambda: cause_of_step("s", f"bad {TOKEN}\nhint: not {TOKEN}", run=""),
        lambda: pulls(refused("luna", message=f"bad {TOKEN}", hint=TOKEN))[0],
        lambda: check({"client_id": "luna", "found": TOKEN, "run": TOKEN})[0],
    ]
    for make in causes:
        cause = make()
        told = json.dumps([cause.what, cause.next_step, [one.facts for one in cause.places]])
        assert TOKEN not in told
        assert "[hidden]" in told
