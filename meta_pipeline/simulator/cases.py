"""Meta's error answers by name: 81 cases, as documented by Meta or captured from live calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from meta_pipeline.simulator.errors import GraphError

# What brings the silent cases about: they are no answers to script but ways to behave.
SILENT = {
    "silent_page_no_read_insights": "a token that begins with `no-insights`",
    "silent_breakdown_beyond_13_months": "always so: ask for `reach` by a breakdown that far back",
    "silent_view_window_removed": "always so: ask for `7d_view` or `28d_view`",
    "silent_optin_breakdown": "the setting `opted_in_breakdowns` off: ask for `impression_device`",
    "silent_version_upgrade": "the setting `auto_upgrade`",
}

# Which kinds of calls in the log a case can happen to; "any" and "batch" are told otherwise.
_KINDS = {
    "ads_insights": ("insights",),
    "ads_insights_async": ("async",),
    "ads_objects": ("objects",),
    "page_insights": ("page_insights",),
    "page_objects": ("pages",),
    "ig_insights": ("instagram_insights",),
}


@dataclass(frozen=True)
class Case:
    """One way in which Meta does not answer as hoped.

    `calls` names what it happens to. `payload` is the JSON answered, without the trace id that
    each answer gets; `raw` an answer that is no JSON, or a batch of answers. `headers` come
    with it; the id 123456789 in them stands for the asset of the call.
    """

    id: str
    code: int | None
    subcode: int | None
    status: int
    calls: tuple[str, ...]
    meaning: str
    headers: Mapping[str, str]
    payload: Mapping[str, Any] | None = None
    raw: str | None = None

    @property
    def is_silent(self) -> bool:
        """Whether no error is answered at all."""
        return self.id in SILENT

    @property
    def is_report(self) -> bool:
        """Whether it is the end of an asynchronous report, not the answer to a call."""
        return self.calls == ("ads_insights_async",) and self.status == 200

    @property
    def is_batch_item(self) -> bool:
        """Whether it happens to a call inside a batch."""
        return self.id in ("batch_item_null", "batch_item_error")

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of calls it can happen to, none meaning any."""
        if "any" in self.calls:
            return ()
        if self.is_batch_item:
            return ()
        if self.calls == ("batch",):
            return ("batch",)
        return tuple(kind for call in self.calls for kind in _KINDS[call])

    def error(self) -> GraphError:
        """The error to raise where the simulator itself finds this case.

        Raises:
            ValueError: for a case that is no answer to a single call.
        """
        if self.id == "batch_item_error":
            inner = orjson.loads(orjson.loads(self.raw or "[]")[0]["body"])["error"]
            inner.pop("fbtrace_id")
            return _error(inner, 400, self.headers)
        if self.payload and "error" in self.payload:
            return _error(dict(self.payload["error"]), self.status, self.headers)
        if self.raw is None or self.is_batch_item:
            raise ValueError(f"{self.id} is no error answer")
        return GraphError(self.raw, None, status=self.status, raw=self.raw)


def _error(inner: dict[str, Any], status: int, headers: Mapping[str, str]) -> GraphError:
    message, code, subcode, kind = (
        inner.pop(name, None) for name in ("message", "code", "error_subcode", "type")
    )
    # The answer makes its own from the message.
    kept = {name: text for name, text in headers.items() if name != "www-authenticate"}
    return GraphError(
        str(message), code, subcode=subcode, status=status, kind=kind, extra=inner, headers=kept
    )


@cache
def cases() -> Mapping[str, Case]:
    """Every case by its name."""
    text = files("meta_pipeline.simulator").joinpath("error_cases.json").read_bytes()
    return {
        name: Case(id=name, **{**found, "calls": tuple(found["calls"])})
        for name, found in orjson.loads(text).items()
    }


def case(name: str) -> Case:
    """The case of a name.

    Raises:
        ValueError: for an unknown name; says which are near.
    """
    found = cases().get(name)
    if found is None:
        from difflib import get_close_matches

        near = get_close_matches(name, cases(), 3, 0.4)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise ValueError(f"no error case {name!r}{hint} (all: /_simulator/cases)")
    return found


def case_error(name: str) -> GraphError:
    """The error of a case, for the simulator's own use."""
    return case(name).error()


def how_to_play(item: Case) -> str:
    """In a few words what brings a case about."""
    if item.is_silent:
        return SILENT[item.id]
    if item.is_report:
        return "fail: the next matching report ends so"
    if item.is_batch_item:
        return "fail: a call inside a batch"
    return "fail: the next matching call"
