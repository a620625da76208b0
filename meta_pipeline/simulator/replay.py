"""The replay of a CSV file: real figures of the past, served as Meta would serve them.

Nothing is invented: money is kept as written, what the file does not hold is left out of the
rows, and a day's figures are there as soon as the day is over and never change.
"""

import csv
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from meta_pipeline.simulator.mapping import CsvMapping, ReplayError, mapping_for
from meta_pipeline.simulator.source import (
    Account,
    Ad,
    AdFilter,
    AdSet,
    Campaign,
    Client,
    Fact,
    InstagramAccount,
    InstagramDay,
    Page,
    PageDay,
    PagePost,
    PostFigures,
    day_end,
)

_UNKNOWN = frozenset(
    {
        *("reach", "frequency", "cpp", "unique_clicks", "unique_ctr", "cost_per_unique_click"),
        *("inline_link_clicks", "inline_link_click_ctr", "cost_per_inline_link_click"),
        *("outbound_clicks", "attribution_setting", "optimization_goal", "objective"),
        *("buying_type", "conversions", "conversion_values"),
    }
)


def replayed(csv_path: str | Path, mapping_path: str | Path | None = None) -> "Replay":
    """Read a CSV file with one row per ad and day (and cell of age and gender).

    Args:
        csv_path: the file, with a header line.
        mapping_path: the YAML file that says which column holds what; None takes the bundled
            mapping whose columns all occur in the header.

    Raises:
        ReplayError: for a missing file or column, a mapping that does not fit, or a bad number
            or date, named with its line.
    """
    path = Path(csv_path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.DictReader(file)
            header = list(lines.fieldnames or ())
            asked = Path(mapping_path) if mapping_path else None
            mapping = mapping_for(header, asked, path)
            rows = [(lines.line_num, row) for row in lines]
    except FileNotFoundError:
        raise ReplayError(f"no such file: {path}") from None
    if not rows:
        raise ReplayError(f"{path}: no rows below the header")
    return Replay(path, mapping, rows)


class Replay:
    """The replayed truth; satisfies `Source`."""

    unknown_fields: frozenset[str] = _UNKNOWN

    def __init__(
        self, path: Path, mapping: CsvMapping, rows: Sequence[tuple[int, dict[str, str]]]
    ) -> None:
        self.mapping = mapping
        self._reader = _Reader(path, mapping)
        days = [self._reader.day(line, row) for line, row in rows]
        self._first, self._last = min(days), max(days)
        self._account = self._make_account()
        self._campaigns: dict[str, Campaign] = {}
        self._adsets: dict[tuple[str, str], AdSet] = {}
        self._ads: dict[tuple[str, str, str], Ad] = {}
        self._facts = [
            (self._reader.people(row), self._fact(line, row, day))
            for (line, row), day in zip(rows, days, strict=True)
        ]
        self._facts.sort(key=lambda item: item[1].day)

    def clients(self) -> Sequence[Client]:
        """The one client of the file."""
        about = self.mapping.client
        return [
            Client(
                id=about["id"],
                name=about["name"],
                ad_accounts=(self._account.id,),
                pages=(),
                start_date=self._first,
                result=self._account.result,
                currency=self._account.currency,
                timezone=self._account.timezone,
            )
        ]

    def account(self, account_id: str) -> Account | None:
        """The ad account of the file."""
        return self._account if account_id == self._account.id else None

    def page(self, page_id: str) -> Page | None:  # noqa: ARG002
        """None: a file of ads has no Pages."""
        return None

    def campaigns(self, account: Account) -> Sequence[Campaign]:  # noqa: ARG002
        """The campaigns of the file."""
        return list(self._campaigns.values())

    def adsets(self, campaign: Campaign) -> Sequence[AdSet]:
        """The ad sets of a campaign."""
        return [found for found in self._adsets.values() if found.campaign.id == campaign.id]

    def ads(self, adset: AdSet) -> Sequence[Ad]:
        """The ads of an ad set."""
        return [found for found in self._ads.values() if found.adset is adset]

    def node(self, node_id: str) -> Campaign | AdSet | Ad | None:
        """The object with this id; a campaign before an ad set before an ad of the same id."""
        groups = (self._campaigns.values(), self._adsets.values(), self._ads.values())
        return next((node for group in groups for node in group if node.id == node_id), None)

    def facts(
        self,
        account: Account,
        since: date,
        until: date,
        as_of: datetime | None,
        dimension: str = "",
        keep: AdFilter | None = None,
        clicks_since: date | None = None,  # noqa: ARG002
    ) -> Iterator[Fact]:
        """The rows of the file, each visible once its day is over; see `Source.facts`."""
        for people, fact in self._facts:
            if not since <= fact.day <= until or (keep and not keep(fact.ad)):
                continue
            if as_of and as_of < day_end(fact.day, account.zone):
                continue
            yield Fact(
                fact.ad,
                fact.day,
                self._cell(dimension, people),
                fact.impressions,
                fact.clicks,
                0,
                fact.spend,
                dict(fact.counts),
                dict(fact.values),
            )

    def cells(self, dimension: str) -> tuple[str, ...] | None:
        """Age and gender if the file has them, and whatever the mapping sets as a constant."""
        names = tuple(dimension.split(",")) if dimension else ()
        known = {*self.mapping.constants, *({"age", "gender"} & set(self.mapping.columns))}
        return names if set(names) <= known else None

    def reach(
        self,
        account: Account,  # noqa: ARG002
        impressions: int,  # noqa: ARG002
        cell: tuple[str, ...],  # noqa: ARG002
    ) -> int:
        """0: no file column says how many people there were, and no row shows it."""
        return 0

    def page_day(self, page: Page, day: date) -> PageDay:  # noqa: ARG002
        """Never asked for: there are no Pages."""
        raise LookupError(page.id)

    def page_unique(self, page: Page, views: int) -> int:  # noqa: ARG002
        """Never asked for: there are no Pages."""
        raise LookupError(page.id)

    def instagram(self, account_id: str) -> InstagramAccount | None:  # noqa: ARG002
        """None: a file of ads has no Instagram accounts."""
        return None

    def instagram_of(self, page: Page) -> InstagramAccount | None:  # noqa: ARG002
        """None: a file of ads has no Instagram accounts."""
        return None

    def instagram_day(self, account: InstagramAccount, day: date) -> InstagramDay:  # noqa: ARG002
        """Never asked for: there are no Instagram accounts."""
        raise LookupError(account.id)

    def instagram_unique(self, account: InstagramAccount, times: int) -> int:  # noqa: ARG002
        """Never asked for: there are no Instagram accounts."""
        raise LookupError(account.id)

    def posts(self, page: Page, since: date, until: date) -> Sequence[PagePost]:  # noqa: ARG002
        """None: there are no Pages."""
        return ()

    def post(self, post_id: str) -> PagePost | None:  # noqa: ARG002
        """None: there are no Pages."""
        return None

    def post_figures(self, post: PagePost, as_of: datetime | None) -> PostFigures:  # noqa: ARG002
        """Never asked for: there are no posts."""
        raise LookupError(post.id)

    def last_day(self) -> date | None:
        """The last day in the file."""
        return self._last

    def _cell(self, dimension: str, people: dict[str, str]) -> tuple[str, ...]:
        if not dimension:
            return ()
        return tuple(
            people.get(name) or self.mapping.constants.get(name, "unknown")
            for name in dimension.split(",")
        )

    def _make_account(self) -> Account:
        about = self.mapping.client
        return Account(
            id=about["account_id"],
            name=about["account_name"],
            currency=about["currency"],
            timezone=about["timezone"],
            created=self._first,
            result=about["result"],
        )

    def _fact(self, line: int, row: dict[str, str], day: date) -> Fact:
        read = self._reader
        ad = self._ad(read.text(row, "campaign_id"), read.text(row, "adset_id"), row)
        fact = Fact(
            ad,
            day,
            (),
            read.count(line, row, "impressions"),
            read.count(line, row, "clicks"),
            0,
            read.amount(line, row, read.mapping.columns["spend"]),
        )
        for action, column in self.mapping.actions.items():
            fact.counts[action] = int(read.amount(line, row, column))
        for action, column in self.mapping.values.items():
            fact.values[action] = read.amount(line, row, column)
        return fact

    def _ad(self, campaign_id: str, adset_id: str, row: dict[str, str]) -> Ad:
        campaign_id = campaign_id or self.mapping.missing_id
        adset_id = adset_id or self.mapping.missing_id
        ad_id = self._reader.text(row, "ad_id")
        account, start, end = self._account, self._first, self._last
        if campaign_id not in self._campaigns:
            self._campaigns[campaign_id] = Campaign(
                id=campaign_id,
                account=account,
                name=campaign_id,
                start=start,
                end=end,
                objective="",
                result=account.result,
            )
        key = (campaign_id, adset_id)
        if key not in self._adsets:
            self._adsets[key] = AdSet(
                id=adset_id,
                account=account,
                name=adset_id,
                start=start,
                end=end,
                campaign=self._campaigns[campaign_id],
                optimization_goal="",
                attribution_setting="",
            )
        if (*key, ad_id) not in self._ads:
            self._ads[*key, ad_id] = Ad(
                id=ad_id,
                account=account,
                name=ad_id,
                start=start,
                end=end,
                adset=self._adsets[key],
                creative_id=f"6{ad_id}",
            )
        return self._ads[*key, ad_id]


class _Reader:
    """Reads the cells of a line; every complaint names the file and the line."""

    def __init__(self, path: Path, mapping: CsvMapping) -> None:
        self.path = path
        self.mapping = mapping

    def text(self, row: dict[str, str], what: str) -> str:
        found = (row.get(self.mapping.columns[what]) or "").strip()
        return self.mapping.recode.get(what, {}).get(found, found)

    def people(self, row: dict[str, str]) -> dict[str, str]:
        names = [name for name in ("age", "gender") if name in self.mapping.columns]
        return {name: self.text(row, name) for name in names}

    def day(self, line: int, row: dict[str, str]) -> date:
        found = self.text(row, "day")
        try:
            return datetime.strptime(found, self.mapping.date_format).date()  # noqa: DTZ007
        except ValueError:
            raise ReplayError(
                f"{self.path}, line {line}: {found!r} is no date like {self.mapping.date_format}"
            ) from None

    def count(self, line: int, row: dict[str, str], what: str) -> int:
        column = self.mapping.columns[what]
        found = self.amount(line, row, column)
        if found != found.to_integral_value():
            raise ReplayError(f"{self.path}, line {line}: {column} {found} is no whole number")
        return int(found)

    def amount(self, line: int, row: dict[str, str], column: str) -> Decimal:
        found = (row.get(column) or "").strip()
        try:
            number = Decimal(found)
        except InvalidOperation:
            raise ReplayError(
                f"{self.path}, line {line}: {column} {found!r} is no number"
            ) from None
        if not number.is_finite() or number < 0:
            raise ReplayError(f"{self.path}, line {line}: {column} {found!r} is no amount")
        return number
