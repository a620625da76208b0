"""Draws what a check found, as a PNG, without a browser and without network."""

import base64

from meta_pipeline.quality.result import Plot

_WIDTH = 480  # pixels
_COLOURS = ["#c0392b", "#2e6da4", "#e08e0b", "#6c757d", "#4d9221", "#762a83"]


def png(plot: Plot) -> bytes:
    """The plot as a PNG of a few ten kilobytes; the first one of a process takes a second."""
    # Both are imported here: they would cost every command half a second.
    import altair as alt
    import vl_convert

    data = alt.Data(values=[dict(record) for record in plot.records])
    colour = alt.Color(
        "group:N", title=None, scale=alt.Scale(range=_COLOURS), legend=alt.Legend(orient="top")
    )
    if plot.kind == "bars":
        chart = (
            alt.Chart(data, title=plot.title, width=_WIDTH)
            .mark_bar()
            .encode(
                x=alt.X("value:Q", title=plot.axis),
                y=alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelLimit=220)),
                color=colour,
            )
        )
    else:
        chart = (
            alt.Chart(data, width=_WIDTH, height=90)
            .mark_line(point=True)
            .encode(
                x=alt.X("day:T", title=None),
                y=alt.Y("value:Q", title=plot.axis),
                color=colour,
                row=alt.Row("label:N", title=None, sort=None, header=alt.Header(orient="top")),
            )
            .properties(title=plot.title)
            .resolve_scale(y="independent")
        )
    return vl_convert.vegalite_to_png(chart.to_json())


def data_uri(plot: Plot) -> str:
    """The plot as an address that holds it, for Markdown and HTML."""
    return "data:image/png;base64," + base64.b64encode(png(plot)).decode("ascii")
