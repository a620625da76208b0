"""Draws what a check found, as a PNG, without a browser and without network."""

import base64
import struct
import zlib

from meta_pipeline.quality.result import Plot

_WIDTH, _PANEL = 480, 190  # pixels
_PANELS = 3  # beside each other
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
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
    elif plot.kind == "panels":
        is_aged = "age" in plot.records[0]
        axis = alt.Axis(tickCount=4, format="%d %b")
        days = alt.X("day:T", title=None, scale=alt.Scale(type="utc"), axis=axis)
        chart = (
            alt.Chart(data, width=_PANEL, height=80)
            .mark_line(strokeWidth=1.5, point=alt.OverlayMarkDef(size=6))
            .encode(
                x=alt.X("age:Q", title="age of the pull in days") if is_aged else days,
                y=alt.Y("value:Q", title=plot.axis, scale=alt.Scale(zero=not is_aged)),
                color=colour,
                facet=alt.Facet("label:N", title=None, sort=None, columns=_PANELS),
            )
            .properties(title=plot.title)
            .resolve_scale(y="independent")
        )
    else:
        chart = (
            alt.Chart(data, width=_WIDTH, height=90)
            .mark_line(point=True)
            .encode(
                x=alt.X("day:T", title=None, scale=alt.Scale(type="utc")),
                y=alt.Y("value:Q", title=plot.axis),
                color=colour,
                row=alt.Row("label:N", title=None, sort=None, header=alt.Header(orient="top")),
            )
            .properties(title=plot.title)
            .resolve_scale(y="independent")
        )
    return _packed(vl_convert.vegalite_to_png(chart.to_json()))


def _packed(picture: bytes) -> bytes:
    """The same picture, packed well: vl-convert packs in haste, into four times as much."""
    chunks: list[tuple[bytes, bytes]] = []
    at = len(_SIGNATURE)
    while at < len(picture):
        (length,) = struct.unpack_from(">I", picture, at)
        chunks.append((picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]))
        at += length + 12  # length, name and checksum
    pixels = zlib.decompress(b"".join(body for name, body in chunks if name == b"IDAT"))
    first, last = chunks[0], chunks[-1]
    others = [one for one in chunks[1:-1] if one[0] != b"IDAT"]
    packed = [first, *others, (b"IDAT", zlib.compress(pixels, 9)), last]
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in packed
    )


def data_uri(plot: Plot) -> str:
    """The plot as an address that holds it, for Markdown and HTML."""
    return "data:image/png;base64," + base64.b64encode(png(plot)).decode("ascii")
