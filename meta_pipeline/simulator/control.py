"""What a person or a test holds in hand: the clock, the switches, the log, what goes wrong."""

from dataclasses import dataclass, fields
from typing import Any

from meta_pipeline.simulator.cases import case
from meta_pipeline.simulator.clock import SimulatorClock
from meta_pipeline.simulator.faults import Fault
from meta_pipeline.simulator.quotas import Quotas
from meta_pipeline.simulator.runs import Runs, RunScript
from meta_pipeline.simulator.settings import Settings
from meta_pipeline.simulator.traffic import Traffic

_OF_REPORTS = frozenset({"path", "where", "times", "skip", "case", "asset"})


@dataclass(frozen=True)
class Control:
    """The handles of one simulator."""

    clock: SimulatorClock
    settings: Settings
    traffic: Traffic
    quotas: Quotas
    runs: Runs

    def fail(self, **fault: Any) -> None:
        """Script what goes wrong: a `Fault`, or the end of a report for a case that is one.

        Raises:
            ValueError: for anything a `Fault` or a `RunScript` cannot be made of.
        """
        _check_keys(fault, Fault)
        name = fault.get("case", "")
        if not (name and case(name).is_report):
            self.traffic.script(Fault(**fault))
            return
        given = {key: value for key, value in fault.items() if value not in ("", None, 0, {}, 0.0)}
        if odd := sorted(set(given) - _OF_REPORTS):
            raise ValueError(f"{name} is the end of a report, which has no {odd[0]}")
        asset = str(given.pop("asset", ""))
        given.setdefault("path", asset)
        self.runs.script(RunScript(**given))

    def script_run(self, **script: Any) -> None:
        """Script what becomes of asynchronous reports.

        Raises:
            ValueError: for anything a `RunScript` cannot be made of.
        """
        _check_keys(script, RunScript)
        self.runs.script(RunScript(**script))

    def reset(self) -> None:
        """Forget the log, the scripts and what was used of the limits; switches stay."""
        self.traffic.reset()
        self.runs.reset()
        self.quotas.reset()


def _check_keys(given: dict[str, Any], kind: type) -> None:
    known = {field.name for field in fields(kind)}
    if unknown := sorted(set(given) - known):
        raise ValueError(f"unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")
