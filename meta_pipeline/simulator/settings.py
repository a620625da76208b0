"""The switches of a simulator: how Meta behaves today."""

from dataclasses import dataclass, field, fields
from typing import Any, get_args, get_type_hints

import orjson

TIERS = ("development_access", "standard_access")
CURSOR_FORMS = ("short", "long", "missing")
ROWS_ERRORS = ("too_many_rows", "sync_timeout", "reduce_data", "gateway_timeout")
SCORE_ERRORS = ("account_score_limit", "account_limit_613")

_CHOICES = {
    "access_tier": TIERS,
    "cursor_form": CURSOR_FORMS,
    "max_rows_error": ROWS_ERRORS,
    "score_error": SCORE_ERRORS,
}


def _switch(*, default: Any, about: str) -> Any:
    return field(default=default, metadata={"about": about})


@dataclass(kw_only=True)
class Settings:
    """Every switch, each readable and writable while the simulator runs.

    Assigning an unknown name, a value of the wrong type, or one outside its choices raises
    `ValueError`. Durations are simulated time.
    """

    auto_upgrade: bool = _switch(
        default=False,
        about="Serve an expired Marketing version by a living one, with Meta's warning header.",
    )
    system_user_reads_pages: bool = _switch(
        default=True,
        about="Accept a system user's token on Page Insights; else they need a Page token.",
    )
    page_lag_hours: float = _switch(
        default=6.0, about="Hours from the end of a Pacific day until Page Insights show it."
    )
    instagram_lag_hours: float = _switch(
        default=24.0,
        about="Hours from the end of a Pacific day until Instagram insights count it (up to 48).",
    )
    opted_in_breakdowns: bool = _switch(
        default=False,
        about="Whether accounts opted in to `frequency_value`, `impression_device` and hours in "
        "the audience's time zone; without, they are silently empty.",
    )
    truncate_conversions: bool = _switch(
        default=False, about="Count a conversion only if its click lies inside the range asked for."
    )

    access_tier: str = _switch(
        default="standard_access",
        about="`development_access` (Limited) or `standard_access` (Full).",
    )
    enforce_quotas: bool = _switch(
        default=False, about="Refuse calls over Meta's limits; headers tell either way."
    )
    quota_scale: float = _switch(
        default=1.0, about="Multiplies every limit, so that a test can reach one."
    )
    score_counts_insights: bool = _switch(
        default=False,
        about="Whether insights use up the ad account's score too (Meta does not say).",
    )
    score_error: str = _switch(
        default="account_score_limit",
        about="The case that a used up score answers with: `account_score_limit` (17/2446079) or "
        "`account_limit_613` (613/1487742).",
    )
    app_insights_calls: int = _switch(
        default=1_900_000,
        about="Insights calls an hour of the whole app, then 4/1504022 (Meta names no number).",
    )
    daily_active_users: int = _switch(
        default=10_000,
        about="The app's users: 200 calls an hour each for calls that count for no asset.",
    )

    max_rows: int | None = _switch(
        default=None,
        about="Synchronous insights with more rows than this fail with `max_rows_error`.",
    )
    max_rows_error: str = _switch(
        default="too_many_rows",
        about="`too_many_rows` (100/1487534), `sync_timeout` (100/1504018), `reduce_data` (code 1) "
        "or `gateway_timeout` (HTML with 504).",
    )
    max_page_rows: int | None = _switch(
        default=None, about="A page of any list with more rows than this fails with `reduce_data`."
    )
    max_async_rows: int | None = _switch(
        default=None, about="Asynchronous reports with more rows than this fail with -3/1504045."
    )
    async_polls: int = _switch(
        default=1, about="Polls that find an asynchronous report still at work."
    )
    async_seconds: float = _switch(
        default=0.0, about="Seconds that an asynchronous report takes at least."
    )
    async_days: float = _switch(default=30.0, about="Days until a report's id expires.")

    row_order_seed: int | None = _switch(
        default=None, about="Rows that nobody sorted come in an order drawn from this seed."
    )
    page_size_seed: int | None = _switch(
        default=None, about="Pages are shorter than asked, by lengths drawn from this seed."
    )
    longest_page: int | None = _switch(
        default=None, about="No page of any list has more rows than this, whatever was asked."
    )
    duplicate_rows: int = _switch(
        default=0, about="Rows that each page repeats from the page before."
    )
    shifted_rows: int = _switch(default=0, about="Rows lost between a page and the next.")
    empty_pages: bool = _switch(
        default=False, about="After each page an empty one, with a next page."
    )
    cursor_form: str = _switch(
        default="short",
        about="`short` as at Meta's insights, `long` with characters that must be escaped, or "
        "`missing` (a next page without cursors).",
    )
    cursor_seconds: float | None = _switch(
        default=None, about="Cursors older than this are `invalid_cursor` (2642)."
    )
    cursor_pages: int | None = _switch(
        default=None, about="Pages of one list after which the cursor is `cursor_too_deep` (100)."
    )

    def __setattr__(self, name: str, value: Any) -> None:
        kinds = _kinds().get(name)
        if kinds is None:
            raise ValueError(f"unknown setting {name!r}; known are {', '.join(sorted(_kinds()))}")
        if float in kinds and type(value) is int:
            value = float(value)
        if type(value) not in kinds:
            named = " or ".join("null" if kind is type(None) else kind.__name__ for kind in kinds)
            raise ValueError(f"{name} must be {named}, got {value!r}")
        if isinstance(value, int | float) and (value < 0 or (name, value) == ("quota_scale", 0)):
            raise ValueError(f"{name} must not be {value:g}")
        choices = _CHOICES.get(name)
        if choices and value not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
        object.__setattr__(self, name, value)

    def change(self, **values: Any) -> None:
        """Set several switches.

        Raises:
            ValueError: for an unknown name or a value that does not fit; none is set then.
        """
        tried = Settings(**self.values())
        for name, value in values.items():
            setattr(tried, name, value)
        for name in values:
            setattr(self, name, getattr(tried, name))

    def values(self) -> dict[str, Any]:
        """Every switch and how it stands."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def abouts() -> dict[str, tuple[Any, str]]:
    """The default and the meaning of each switch, in the order of the class."""
    return {item.name: (item.default, item.metadata["about"]) for item in fields(Settings)}


def read_setting(text: str) -> tuple[str, Any]:
    """A switch as written on a command line, `name=value`; the value is JSON or plain text.

    Raises:
        ValueError: without an equals sign, or for an unknown name.
    """
    name, equals, value = text.partition("=")
    if not equals or name not in _kinds():
        known = ", ".join(sorted(_kinds()))
        raise ValueError(f"write a switch as name=value, got {text!r}; known are {known}")
    if str in _kinds()[name]:
        return name, value
    try:
        return name, orjson.loads(value)
    except orjson.JSONDecodeError:
        raise ValueError(f"{name} must be JSON such as 5, true or null, got {value!r}") from None


_KINDS: dict[str, tuple[type, ...]] = {}


def _kinds() -> dict[str, tuple[type, ...]]:
    if not _KINDS:
        for name, hint in get_type_hints(Settings).items():
            _KINDS[name] = get_args(hint) or (hint,)
    return _KINDS
