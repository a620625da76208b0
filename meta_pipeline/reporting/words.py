"""What a report says in sentences: what moved, by how much, and never why."""

from meta_pipeline.reporting.figures import Figure, MonthlyReport, Paid
from meta_pipeline.reporting.numbers import Writer

FLAT = 0.02
"""A change below this is none to speak of."""

_RESULTS = {
    "omni_purchase": "purchases",
    "purchase": "purchases",
    "lead": "leads",
    "onsite_conversion.lead_grouped": "leads",
    "omni_complete_registration": "registrations",
    "omni_app_install": "app installs",
    "link_click": "link clicks",
    "landing_page_view": "landing page views",
}


def result_name(action_type: str | None) -> str:
    """What the client's results are, in words; Meta's own name where there are none."""
    return _RESULTS.get(action_type or "", action_type or "results")


def in_short(report: MonthlyReport, write: Writer) -> tuple[str, str, str]:
    """Three sentences from the figures of the currency most was spent in, the largest mover first.

    No cause is given: the figures show none.
    """
    paid = report.paid[0]
    known = _movers(paid) if paid.figure("spend").value is not None else []
    movers = [_moved(one, paid, write) for one in known]
    first, second, third, *_ = [*movers, *_plain(report, paid, write, len(movers))]
    return first, second, third


def _movers(paid: Paid) -> list[Figure]:
    """Figures that changed, the largest change first."""
    moved = [one for one in paid.figures if one.change is not None and abs(one.change) >= FLAT]
    return sorted(moved, key=lambda one: -abs(one.change or 0))


def _moved(figure: Figure, paid: Paid, write: Writer) -> str:
    change = figure.change or 0
    verb = "rose" if change > 0 else "fell"
    before = write.figure(figure.previous, figure.kind, paid.currency)
    now = write.figure(figure.compared, figure.kind, paid.currency)
    on = ""
    if figure.compared != figure.value:
        on = f" on the settled days (through {write.day(paid.settled_through)})"
    much = write.percent(abs(change))
    return f"{_in_sentence(figure)} {verb} by {much}{on}, from {before} to {now}."


def _in_sentence(figure: Figure) -> str:
    return "Ad spend" if figure.key == "spend" else figure.name


def _plain(report: MonthlyReport, paid: Paid, write: Writer, moved: int) -> list[str]:
    """What can be said without a comparison; always enough for three sentences."""
    spend, results = paid.figure("spend"), paid.figure("results")
    month = write.month(report.month)
    if spend.value is None:
        return [
            f"The totals of {month} are not known: {paid.days_missing} "
            f"{'day is' if paid.days_missing == 1 else 'days are'} missing.",
            "Nothing can be compared with the month before.",
            "The missing days are listed under About these numbers.",
        ]
    if spend.value == 0:
        totals = f"Nothing was spent on ads in {month}."
    else:
        impressions = write.figure(paid.figure("impressions").value, "count")
        amount = write.money(spend.value, paid.currency)
        totals = f"In {month}, {amount} was spent on ads, which were on screen {impressions} times."
    if results.value is None:
        outcome = f"Results ({result_name(paid.result_type)}) are not known."
    elif not results.value:
        outcome = f"No results ({result_name(paid.result_type)}) were counted."
    else:
        cost = write.figure(paid.figure("cost_per_result").value, "money", paid.currency)
        count = write.figure(results.value, "count")
        outcome = f"Results ({result_name(paid.result_type)}): {count}, at {cost} each."
    return [totals, outcome, _comparison(paid, write, moved)]


def _comparison(paid: Paid, write: Writer, moved: int) -> str:
    flat = write.percent(FLAT, digits=0)
    if moved:
        return f"The other figures changed by less than {flat}, or cannot be compared."
    if any(one.change is not None for one in paid.figures):
        return f"No figure changed by {flat} or more against the month before."
    before = write.days(paid.previous_first_day, paid.previous_last_day)
    return f"There is nothing to compare with: {before} is not known in full, or too small."
