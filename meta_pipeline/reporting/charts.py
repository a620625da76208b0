"""Charts as SVG, drawn without a browser: no script, no address, the same bytes each time."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meta_pipeline.reporting.figures import Groups, Paid
from meta_pipeline.reporting.numbers import Writer, digits_of

GREY = "#8a9099"
DARK = "#1f2933"
_AXIS = "#4a5560"
_FONT = "Liberation Sans, Arial, Helvetica, DejaVu Sans, sans-serif"
_GENDERS = {"female": "Women", "male": "Men", "unknown": "Not known"}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart: the sentence that says what it shows, and the SVG that repeats it as its title."""

    title: str
    svg: str


class Artist:
    """Draws in one colour and one locale."""

    def __init__(self, colour: str, write: Writer) -> None:
        self.colour = colour
        self.write = write

    def spend(self, paid: Paid, name: str) -> Drawing:
        """Spend by day, with the mean of seven days."""
        import altair as alt

        rows = [
            {"day": one.day.day, "spend": _float(one.spend), "mean": _float(one.spend_mean)}
            for one in paid.days
        ]
        base = alt.Chart(alt.Data(values=rows))
        money = self._axis(f",.{_rough(rows, 'spend', paid.currency)}f")
        bars = base.mark_bar(color=self.colour, opacity=0.75).encode(
            x=_day_axis(), y=alt.Y("spend:Q", title=paid.currency, axis=money)
        )
        line = base.mark_line(color=DARK, strokeWidth=2).encode(x=_day_axis(), y="mean:Q")
        title = f"Spend by day in {name}, with the mean of seven days as a line."
        return self._drawing(bars + line, title, f"spend-{paid.currency}", width=840, height=170)

    def results(self, paid: Paid, name: str) -> Drawing:
        """Results by day; days that are not settled in grey, with the band they may reach."""
        import altair as alt

        rows = [
            {
                "day": one.day.day,
                "results": _float(one.results),
                "state": "settled" if one.is_settled else "not settled",
                "low": None if one.is_final else _float(one.results_low),
                "high": None if one.is_final else _float(one.results_high),
            }
            for one in paid.days
        ]
        base = alt.Chart(alt.Data(values=rows))
        colour = alt.Color(
            "state:N",
            legend=None,
            scale=alt.Scale(domain=["settled", "not settled"], range=[self.colour, GREY]),
        )
        bars = base.mark_bar(opacity=0.75).encode(
            x=_day_axis(),
            y=alt.Y("results:Q", title="results", axis=self._axis(",~f", tickMinStep=1)),
            color=colour,
        )
        chart: Any = bars
        parts = [f"Results by day in {name}"]
        if any(not one.is_settled for one in paid.days):
            parts.append("days that are not settled in grey")
        if any(row["high"] is not None for row in rows):
            band = base.mark_errorbar(color=DARK, ticks=True).encode(
                x=_day_axis(), y=alt.Y("low:Q", title="results"), y2="high:Q"
            )
            chart = bars + band
            parts.append("with the range in which each is expected to end (an estimate)")
        title = ", ".join(parts) + "."
        return self._drawing(chart, title, f"results-{paid.currency}", width=840, height=170)

    def rate(self, paid: Paid, name: str, key: str) -> Drawing:
        """CTR or CPC by day: `key` is `link_ctr` or `link_cpc`."""
        import altair as alt

        rows = [{"day": one.day.day, "value": getattr(one, key)} for one in paid.days]
        is_money = key == "link_cpc"
        form = f",.{digits_of(paid.currency)}f" if is_money else ".1%"
        title = f"{'CPC (link clicks)' if is_money else 'CTR (link clicks)'} by day in "
        chart = (
            alt.Chart(alt.Data(values=rows))
            .mark_line(color=self.colour, strokeWidth=2, point=alt.OverlayMarkDef(size=18))
            .encode(
                x=_day_axis(step=5),
                y=alt.Y(
                    "value:Q",
                    title=paid.currency if is_money else "CTR (link clicks)",
                    axis=self._axis(form),
                ),
            )
        )
        return self._drawing(
            chart, f"{title}{name}.", f"{key}-{paid.currency}", width=380, height=140
        )

    def ages(self, groups: Groups, paid: Paid, name: str) -> Drawing:
        """Spend by age and gender, as bars side by side."""
        import altair as alt

        rows = [
            {
                "age": one.names[0],
                "gender": _GENDERS.get(one.names[1], one.names[1]),
                "spend": _float(one.spend),
            }
            for one in groups.rows
        ]
        money = self._axis(f",.{_rough(rows, 'spend', paid.currency)}f")
        chart = (
            alt.Chart(alt.Data(values=rows))
            .mark_bar(opacity=0.85)
            .encode(
                x=alt.X("age:N", title="age", axis=alt.Axis(labelAngle=0)),
                xOffset=alt.XOffset("gender:N", sort=list(_GENDERS.values())),
                y=alt.Y("spend:Q", title=paid.currency, axis=money),
                color=alt.Color(
                    "gender:N",
                    title=None,
                    sort=list(_GENDERS.values()),
                    scale=alt.Scale(
                        domain=list(_GENDERS.values()), range=[self.colour, DARK, "#b6bcc4"]
                    ),
                    legend=alt.Legend(orient="top"),
                ),
            )
        )
        title = f"Spend by age and gender in {name}."
        return self._drawing(chart, title, f"ages-{paid.currency}", width=840, height=170)

    def _axis(self, form: str, **more: Any) -> Any:
        import altair as alt

        return alt.Axis(format=form, tickCount=4, **more)

    def _drawing(self, chart: Any, title: str, key: str, *, width: int, height: int) -> Drawing:
        import vl_convert

        spec = chart.properties(width=width, height=height, background="white").configure(
            font=_FONT
        )
        spec = spec.configure_view(stroke=None).configure_axis(
            labelColor=_AXIS,
            titleColor=_AXIS,
            gridColor="#e4e7eb",
            domainColor="#9aa5b1",
            labelFontSize=11,
            titleFontSize=11,
            titleFontWeight="normal",
        )
        drawn = vl_convert.vegalite_to_svg(spec.to_json(), format_locale=self.write.axis())
        return Drawing(title, _inline(drawn, title, key))


def _day_axis(step: int = 1) -> Any:
    import altair as alt

    expression = f"datum.value % {step} === 0 || datum.value === 1 ? datum.label : ''"
    return alt.X(
        "day:O",
        title=None,
        axis=alt.Axis(labelAngle=0, grid=False, ticks=False, labelExpr=expression),
    )


def _inline(svg: str, title: str, key: str) -> str:
    """The SVG for use within a page: named, with ids of its own, hidden from readers inside."""
    prefix = re.sub(r"[^a-z0-9]+", "-", key.lower())
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'\sxmlns(:xlink)?="[^"]*"', "", svg)
    svg = re.sub(r'\s(role|aria-[a-z]+)="[^"]*"', "", svg)
    svg = re.sub(r'\sid="([^"]*)"', rf' id="{prefix}-\1"', svg)
    svg = re.sub(r"url\(#([^)]*)\)", rf"url(#{prefix}-\1)", svg)
    head, inner = svg.split(">", 1)
    label = html.escape(title)
    return (
        f'{head} role="img" aria-labelledby="{prefix}-title">'
        f'<title id="{prefix}-title">{label}</title>'
        f"{inner}"
    )


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _rough(rows: Sequence[Mapping[str, Any]], key: str, currency: str | None) -> int:
    """Digits after the point on an axis: none where the bars are high."""
    highest = max((row[key] or 0 for row in rows), default=0)
    return 0 if highest >= 10 else digits_of(currency)
