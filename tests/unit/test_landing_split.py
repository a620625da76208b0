"""Landing of pulls that were asked in parts, and of reports whose days are not their rows' own."""

import json
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit_desk import Desk, Page, account_row, ad_row, at, day, opened_desk

from meta_pipeline.dates import Span
from meta_pipeline.landing import Manifest, PullFailure

ONE, TWO = Span(day(1), day(2)), Span(day(3), day(4))


def test_of_each_page_only_its_own_days_are_kept(desk: Desk) -> None:
    """The second part asked for day 2 as padding, and has it cut short."""
    pages = [
        Page([ad_row(day(1)), ad_row(day(2), spend="whole")], ONE, 0),
        Page([ad_row(day(2), spend="cut"), ad_row(day(3))], TWO, 1),
    ]
    landed = desk.landed([], day(1), day(4), pages=pages)
    assert (landed.status, landed.rows) == ("complete", 3)
    assert [spend for _, spend in sorted(desk.spends().items())] == ["1.5", "whole", "1.5"]


def test_identical_pages_of_two_parts_are_both_read(desk: Desk) -> None:
    """They share a file; each speaks for its own days."""
    rows = [ad_row(day(2)), ad_row(day(3))]
    landed = desk.landed([], day(1), day(4), pages=[Page(rows, ONE, 0), Page(rows, TWO, 1)])
    assert (landed.status, landed.rows) == ("complete", 2)


def test_parts_by_campaigns_are_put_together(desk: Desk) -> None:
    """They keep the same days, and share no row."""
    pages = [Page([ad_row(day(1), ad=name)], ONE, n) for n, name in enumerate("abc")]
    assert desk.landed([], day(1), day(2), pages=pages).rows == 3


def test_one_row_in_two_states_is_refused(desk: Desk) -> None:
    """In two parts that both keep its day, or on two pages of one part."""
    rows = [[ad_row(day(1), spend=spend)] for spend in "12"]
    for pages in (
        [Page(rows[0], ONE, 0), Page(rows[1], ONE, 1)],
        [Page(rows[0], TWO, 0), Page(rows[1], TWO, 0)],
    ):
        landed = desk.landed([], day(1), day(4), pages=pages)
        assert landed.failure is not None
        assert "repeat another" in landed.failure.message


def account_pages(*parts: tuple[Span, list[tuple[int, int]], int | None]) -> list[Page]:
    """Pages of the account: days kept, impressions by day, and the total Meta gave."""
    return [
        Page(
            [account_row(day(n), str(impressions)) for n, impressions in figures],
            keep,
            group,
            None if total is None else {"impressions": str(total)},
        )
        for group, (keep, figures, total) in enumerate(parts)
    ]


@pytest.mark.parametrize(
    ("parts", "is_proved"),
    [
        ([(ONE, [(1, 5)], 5), (TWO, [(1, 3), (3, 4)], 7)], True),
        ([(ONE, [(1, 5)], 5), (TWO, [(1, 3), (3, 4)], 8)], False),
        ([(ONE, [(1, 5)], 6), (TWO, [(3, 4)], 4)], False),
        ([(ONE, [(1, 5)], 5), (TWO, [], None)], True),
        ([(ONE, [(1, 5)], 5), (TWO, [], 4)], False),
        ([(ONE, [(1, 5)], None), (TWO, [(3, 4)], 4)], False),
    ],
)
def test_each_part_must_add_up_to_its_own_total(
    desk: Desk, parts: list[Any], is_proved: bool
) -> None:
    """Padded days included; one that does not leaves the empty days of all in doubt."""
    desk.landed(b'{"id":"act_1","currency":"EUR"}', report="accounts")
    desk.landed([], day(1), day(4), report="account_daily", pages=account_pages(*parts))
    empty = {status for status in desk.statuses("account_daily").values() if status != "pulled"}
    assert empty == {"confirmed_empty" if is_proved else "unconfirmed_empty"}


@st.composite
def answers(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[Page]]:
    """An account's true rows of eight days, and the pages of a split question about them.

    Each part has a padding of two days, which are cut short, and its rows on one or two pages.
    """
    amounts = draw(st.lists(st.none() | st.integers(1, 9), min_size=8, max_size=8))
    true = {n: a for n, a in enumerate(amounts, 1) if a is not None}
    cuts = sorted(draw(st.sets(st.integers(2, 8), max_size=3)))
    pages = []
    for group, (first, after) in enumerate(zip([1, *cuts], [*cuts, 9], strict=True)):
        padded = {n: 100 * n for n in range(max(1, first - 2), first) if n in true}
        figures = padded | {n: a for n, a in true.items() if first <= n < after}
        rows = [account_row(day(n), str(a)) for n, a in figures.items()]
        total = {"impressions": str(sum(figures.values()))} if rows else None
        keep = Span(day(first), day(after - 1))
        middle = draw(st.integers(0, len(rows)))
        pages += [Page(some, keep, group, total) for some in (rows[:middle], rows[middle:])]
    return [account_row(day(n), str(a)) for n, a in true.items()], pages


@given(st.data(), answers())
@settings(max_examples=25, deadline=None)
def test_a_split_pull_is_the_unsplit_one(
    data: st.DataObject, made: tuple[list[dict[str, Any]], list[Page]]
) -> None:
    """Row for row and day for day, in whatever order the pages come."""
    rows, pages = made
    found = []
    total = {"impressions": str(sum(int(row["impressions"]) for row in rows))} if rows else None
    for some in ([Page(rows, summary=total)], data.draw(st.permutations(pages))):
        with opened_desk() as desk:
            desk.landed(b'{"id":"act_1"}', report="accounts", pulled=at(9), pull_id="a")
            desk.landed(
                [], day(1), day(8), report="account_daily", pages=some, pull_id="p", pulled=at(10)
            )
            # Why an empty day is believed differs: of its part Meta may have given no total.
            days = desk.all("select * exclude (load_seq, reason) from raw.coverage order by all")
            found.append((desk.all("from raw.records order by all"), days))
    assert found[0] == found[1]


def test_a_rolling_row_lies_on_its_last_day(desk: Desk) -> None:
    """It describes the 28 days that end with it."""
    rows = [account_row(day(n) - timedelta(days=27), date_stop=str(day(n))) for n in (29, 30)]
    desk.landed(rows, day(29), day(30), report="account_28d")
    assert {on for on, _ in desk.current()} == {day(29), day(30)}


def account_is_silent(desk: Desk, first: date, last: date) -> None:
    """The account shows nothing on these days, and answers."""
    desk.landed(b'{"id":"act_1"}', report="accounts", pulled=at(8))
    desk.landed([], first, last, report="account_daily", pulled=at(9))


@pytest.mark.parametrize("ads_first", [True, False])
def test_an_empty_rolling_day_is_proved_by_what_is_known_of_its_28_days(
    desk: Desk, ads_first: bool
) -> None:
    """The account answers and its known days are silent, also where the first of the 28 was never
    asked for; whichever is pulled first."""
    for is_account in (not ads_first, ads_first):
        if is_account:
            account_is_silent(desk, day(1), day(30))
        else:
            desk.landed([], day(27), day(29), report="account_28d", pulled=at(9))
    assert set(desk.statuses("account_28d").values()) == {"confirmed_empty"}


def test_delivery_long_ago_speaks_against_an_empty_rolling_day(desk: Desk) -> None:
    """The first of the 28 days counts as much as the last."""
    rows, total = [account_row(day(1))], {"impressions": "10"}
    desk.landed(rows, day(1), day(30), report="account_daily", summary=total, pulled=at(9))
    desk.landed([], day(28), day(29), report="account_28d", pulled=at(10))
    assert desk.statuses("account_28d") == {
        day(28): "unconfirmed_empty",
        day(29): "confirmed_empty",
    }


TOTAL = {
    "name": "views",
    "period": "day",
    "total_value": {"value": 7},
    "id": "9/insights/views/day",
}


def test_an_instagram_total_lies_on_the_day_it_was_asked_for(desk: Desk) -> None:
    """It holds no date; the whole object is kept, breakdowns included."""
    split = {"breakdowns": [{"dimension_keys": ["follow_type"], "results": []}]}
    pages = [
        Page([TOTAL], Span(day(1), day(1)), 0),
        Page([TOTAL | {"total_value": split}], Span(day(2), day(2)), 1),
        Page([], Span(day(3), day(3)), 2),
    ]
    desk.landed([], day(1), day(3), report="instagram_daily", part="views", pages=pages)
    found = {on: json.loads(payload) for (on, _), payload in desk.current().items()}
    assert {on: payload["total_value"] for on, payload in found.items()} == {
        day(1): {"value": 7},
        day(2): split,
    }
    assert list(desk.statuses("instagram_daily").values()) == ["pulled"] * 2 + ["unconfirmed_empty"]


def test_an_instagram_series_lies_on_the_day_before_each_end(desk: Desk) -> None:
    """As the series of Pages do."""
    points = [{"value": 5, "end_time": "2026-10-03T07:00:00+0000"}]
    rows = [{"name": "reach", "period": "day", "values": points}]
    desk.landed(rows, day(1), day(3), report="instagram_daily", part="reach")
    assert [(on, json.loads(p)["value"]) for (on, _), p in desk.current().items()] == [(day(2), 5)]


def test_a_total_without_a_day_is_refused(desk: Desk) -> None:
    """A range of days has no place to lie on."""
    landed = desk.landed([TOTAL], day(1), day(3), report="instagram_daily", part="views")
    assert landed.failure is not None
    assert "lack a key field or a day" in landed.failure.message


def test_a_posts_total_names_its_post(desk: Desk) -> None:
    """The id of the series does; the rows of posts are versions of their own."""
    for number, value in ((10, 5), (11, 6)):
        rows = [
            {
                "name": "post_clicks",
                "period": "lifetime",
                "values": [{"value": value}],
                "id": f"7_{post}/insights/post_clicks/lifetime",
            }
            for post in (1, 2)
        ]
        desk.landed(rows, report="post_insights", part="post_clicks", pulled=at(number))
    assert {key: json.loads(p)["post_id"] for (_, key), p in desk.current().items()} == {
        '["7_1","post_clicks"]': "7_1",
        '["7_2","post_clicks"]': "7_2",
    }
    assert desk.all("select count(*) from raw.records") == [(4,)]


def test_posts_are_rows_like_objects(desk: Desk) -> None:
    """They have an id and no series."""
    rows = [{"id": "7_1", "message": "Hi"}]
    assert desk.landed(rows, report="page_posts", asset="7").rows == 1


def test_a_manifest_of_before_is_still_read() -> None:
    """Notes, proofs and parts came later."""
    text = (
        '{"schema":1,"pull":{"pull_id":"p","client_id":"a","report":"ads","asset_id":"act_1",'
        '"part":"","since":null,"until":null,"requested_since":null,"requested_until":null,'
        '"pulled_at":"2026-11-10T12:00:00Z","api_version":"v26.0"},"requests":[{"path":"x",'
        '"params":{},"status":200,"headers":{},"rows":1,"bytes":1,"page":"f"}],'
        '"failure":{"kind":"auth","message":"m","hint":null}}'
    )
    manifest = msgspec.json.decode(text, type=Manifest)
    assert (manifest.pull.note, manifest.pull.proof, manifest.requests[0].group) == (None, None, 0)
    assert manifest.failure == PullFailure(kind="auth", message="m")


def test_a_part_without_rows_proves_nothing_by_the_rows_of_another(desk: Desk) -> None:
    """Its silence is doubted, as that of a whole answer is, where finer reports show delivery."""
    desk.landed(b'{"id":"act_1","currency":"EUR"}', report="accounts")
    total = {"impressions": "10"}
    parts = [
        Page([account_row(day(1))], keep=Span(day(1), day(2)), group=0, summary=total),
        Page([], keep=Span(day(3), day(4)), group=1),
    ]
    desk.landed([], day(1), day(4), report="account_daily", pages=parts)
    desk.landed([ad_row(day(3), impressions="7")], day(1), day(4))
    assert desk.statuses("account_daily") == {
        day(1): "pulled",
        day(2): "confirmed_empty",
        day(3): "unconfirmed_empty",
        day(4): "confirmed_empty",
    }
