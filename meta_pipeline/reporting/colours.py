"""Colours that can be read: WCAG's contrast, and a brand colour darkened until it has it."""

DEFAULT = "#0f5c8c"
ENOUGH = 4.5
"""WCAG AA for text of normal size."""


def contrast(one: str, other: str = "#ffffff") -> float:
    """WCAG's contrast of two colours such as `#0f766e`: 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def readable(colour: str | None) -> str:
    """The colour, darkened as far as text in it needs on white; a blue without one."""
    red, green, blue = _channels(colour or DEFAULT)
    shade = f"#{red:02x}{green:02x}{blue:02x}"
    while contrast(shade) < ENOUGH:
        red, green, blue = (int(part * 0.95) for part in (red, green, blue))
        shade = f"#{red:02x}{green:02x}{blue:02x}"
    return shade


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    parts = [part / 255 for part in _channels(colour)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
