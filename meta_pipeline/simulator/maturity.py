"""How a figure grows from the running day until it is frozen.

Delivery (impressions, clicks, spend) grows through the day and settles within two days to
0.5 %. Conversions arrive one by one for four weeks. Meta refreshes figures about every 15
minutes and freezes them after 28 days (Insights best practices); the shape between is an
assumption built on vendors' claims.
"""

import math
from datetime import datetime, timedelta
from itertools import pairwise

REFRESH = timedelta(minutes=15)
SETTLE_HOURS = 48.0
DELIVERY_SPREAD = 0.005
FREEZE_DAYS = 28

# Share of a day's conversions known so many hours after the day's end: about 92 % on the next
# day, 96 % a day later, then 98 %, 99.5 % after a week, all of them before the freeze.
_ARRIVALS = (
    (0.0, 0.90),
    (12.0, 0.92),
    (36.0, 0.96),
    (60.0, 0.98),
    (156.0, 0.995),
    (636.0, 1.0),
)


def refreshed(moment: datetime) -> datetime:
    """The last refresh of Meta's figures at or before `moment` (every 15 minutes)."""
    return moment - timedelta(
        minutes=moment.minute % 15, seconds=moment.second, microseconds=moment.microsecond
    )


def day_share(elapsed: float) -> float:
    """The share of a day's delivery after the share `elapsed` of its hours: slow at night."""
    return elapsed - 0.7 * math.sin(2 * math.pi * elapsed) / (2 * math.pi)


def delivery_factor(hours: float, length: float, uniform: float) -> float:
    """What part of the settled delivery shows `hours` after the day began.

    `length` is the day's length in hours (23 and 25 on the days of a clock change). `uniform`
    decides whether the first report was too high or too low.
    """
    if hours <= 0:
        return 0.0
    first = 1.0 + DELIVERY_SPREAD * (2 * uniform - 1)
    if hours < length:
        return first * day_share(hours / length)
    left = 1.0 - (hours - length) / SETTLE_HOURS
    return 1.0 + (first - 1.0) * left if left > 0 else 1.0


def arrival_hours(uniform: float) -> float | None:
    """Hours after the day's end when a conversion is reported; None: at once."""
    if uniform <= _ARRIVALS[0][1]:
        return None
    for (from_hours, low), (to_hours, high) in pairwise(_ARRIVALS):
        if uniform <= high:
            return from_hours + (to_hours - from_hours) * (uniform - low) / (high - low)
    return _ARRIVALS[-1][0]
