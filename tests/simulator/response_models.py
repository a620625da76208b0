"""The shapes of Meta's answers, as strict as recorded answers allow.

Recorded and simulated answers are held against the same models: a key that no model names, a
missing one or a number in the place of a string is an error.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct, field

Number = Annotated[str, Meta(pattern=r"^-?\d+(\.\d+)?$")]
Digits = Annotated[str, Meta(pattern=r"^\d+$")]
Day = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\d$")]
# No colon in the offset.
Moment = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}$")]
MidnightPacific = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT0[78]:00:00\+0000$")]
PostId = Annotated[str, Meta(pattern=r"^\d+_\d+$")]
Link = Annotated[str, Meta(pattern=r"^https?://.+/v\d+\.\d/.+\?access_token=.+")]


class Closed(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """An object that has the named keys and no others."""


class Cursors(Closed):
    """The cursors of a page of a list."""

    before: str
    after: str


class Paging(Closed):
    """What leads to the other pages."""

    cursors: Cursors | None = None
    previous: Link | None = None
    next: Link | None = None


class Error(Closed):
    """What is wrong with a call."""

    message: str
    type: str
    code: int
    fbtrace_id: str
    error_subcode: int | None = None
    is_transient: bool | None = None
    error_user_title: str | None = None
    error_user_msg: str | None = None


class ErrorAnswer(Closed):
    """A failed call."""

    error: Error


class Action(Closed):
    """One element of an action list."""

    action_type: str
    value: Number | None = None
    action_destination: str | None = None
    action_target_id: str | None = None
    click_1d: Number | None = field(default=None, name="1d_click")
    click_7d: Number | None = field(default=None, name="7d_click")
    click_28d: Number | None = field(default=None, name="28d_click")
    view_1d: Number | None = field(default=None, name="1d_view")


class ResultValue(Closed):
    """A result under some attribution windows."""

    attribution_windows: list[str]
    value: Number


class Result(Closed):
    """One element of `results`; a zero has no `values`."""

    indicator: str
    values: list[ResultValue] | None = None


class InsightsRow(Struct):
    """A row of ads insights; what it may hold besides is checked against the vocabulary."""

    date_start: Day
    date_stop: Day
    account_id: Digits | None = None
    account_name: str | None = None
    account_currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None = None
    campaign_id: Digits | None = None
    campaign_name: str | None = None
    adset_id: Digits | None = None
    adset_name: str | None = None
    ad_id: Digits | None = None
    ad_name: str | None = None
    objective: str | None = None
    optimization_goal: str | None = None
    attribution_setting: str | None = None
    buying_type: str | None = None
    created_time: Day | None = None
    updated_time: Day | None = None
    impressions: Digits | None = None
    clicks: Digits | None = None
    reach: Digits | None = None
    unique_clicks: Digits | None = None
    inline_link_clicks: Digits | None = None
    spend: Number | None = None
    frequency: Number | None = None
    ctr: Number | None = None
    inline_link_click_ctr: Number | None = None
    cpc: Number | None = None
    cpm: Number | None = None
    cpp: Number | None = None
    cost_per_inline_link_click: Number | None = None
    outbound_clicks: list[Action] | None = None
    actions: list[Action] | None = None
    action_values: list[Action] | None = None
    cost_per_action_type: list[Action] | None = None
    results: list[Result] | None = None
    cost_per_result: list[Result] | None = None
    age: str | None = None
    gender: str | None = None
    country: Annotated[str, Meta(pattern="^([A-Z]{2}|unknown)$")] | None = None
    publisher_platform: str | None = None


class Point(Closed):
    """One value of a series; JSON numbers, or a dict of them."""

    value: int | float | dict[str, int]
    end_time: MidnightPacific | None = None


class Part(Closed):
    """One cell of a breakdown."""

    dimension_values: list[str]
    value: int


class Breakdown(Closed):
    """The cells of a breakdown of a total."""

    dimension_keys: list[str]
    results: list[Part]


class TotalValue(Closed):
    """One total over a range."""

    value: int | None = None
    breakdowns: list[Breakdown] | None = None


class Series(Closed):
    """A metric of a Page, a post or an Instagram account."""

    name: str
    period: str
    id: Annotated[str, Meta(pattern=r"^[\d_]+/insights/\w+/\w+$")]
    title: str
    description: str
    values: list[Point] | None = None
    total_value: TotalValue | None = None


class SeriesAnswer(Closed):
    """The insights of a Page, a post or an Instagram account."""

    data: list[Series]
    paging: Paging | None = None


class Granted(Closed):
    """A scope, and to which assets it is limited."""

    scope: str
    target_ids: list[Digits] | None = None


class TokenError(Closed):
    """Why a token is not valid."""

    code: int
    message: str
    subcode: int | None = None


class Token(Closed):
    """What is said of a token."""

    is_valid: bool
    type: str | None = None
    app_id: Digits | None = None
    application: str | None = None
    expires_at: int | None = None
    data_access_expires_at: int | None = None
    issued_at: int | None = None
    scopes: list[str] | None = None
    granular_scopes: list[Granted] | None = None
    user_id: Digits | None = None
    profile_id: Digits | None = None
    error: TokenError | None = None


class TokenAnswer(Closed):
    """The answer of `/debug_token`."""

    data: Token


class Category(Closed):
    """A Page's category."""

    id: Digits
    name: str


class PageAccount(Closed):
    """A Page in `/me/accounts`."""

    id: Digits
    name: str
    access_token: str
    category: str
    category_list: list[Category]
    tasks: list[str]


class AccountsAnswer(Closed):
    """The answer of `/me/accounts`."""

    data: list[PageAccount]
    paging: Paging | None = None


class AdSet(Struct):
    """An ad set; budgets are strings in minor units."""

    id: Digits
    account_id: Digits
    campaign_id: Digits
    name: str
    effective_status: str
    created_time: Moment
    updated_time: Moment
    start_time: Moment
    daily_budget: Digits | None = None
    lifetime_budget: Digits | None = None
    budget_remaining: Digits | None = None


class Campaign(Struct):
    """A campaign."""

    id: Digits
    account_id: Digits
    name: str
    objective: str
    status: str
    effective_status: str
    buying_type: str
    created_time: Moment
    updated_time: Moment
    start_time: Moment


class CreativeOf(Closed):
    """An ad's creative: its id alone, unless more is asked for."""

    id: Digits


class Ad(Struct):
    """An ad."""

    id: Digits
    account_id: Digits
    campaign_id: Digits
    adset_id: Digits
    name: str
    status: str
    effective_status: str
    creative: CreativeOf
    created_time: Moment
    updated_time: Moment


class Creative(Struct):
    """A creative; its words are often in `object_story_spec` alone."""

    id: Digits
    account_id: Digits
    name: str
    status: str
    object_type: str | None = None
    actor_id: Digits | None = None
    effective_object_story_id: PostId | None = None
    object_story_spec: dict[str, Any] | None = None
    body: str | None = None
    title: str | None = None
