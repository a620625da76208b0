"""The simulator's clock: the real time, or any moment a test likes."""

from datetime import UTC, datetime


class SimulatorClock:
    """What time it is at Meta.

    Args:
        now: an aware moment at which the clock stands still until `move_to`; None lets it
            follow the real time.

    Raises:
        ValueError: for a datetime without a time zone.
    """

    def __init__(self, now: datetime | None = None) -> None:
        self._now: datetime | None = None
        if now is not None:
            self.move_to(now)

    def now(self) -> datetime:
        """The current moment, in UTC."""
        return self._now or datetime.now(UTC)

    def move_to(self, moment: datetime) -> None:
        """Stop the clock at `moment`, forwards or backwards.

        Raises:
            ValueError: for a datetime without a time zone.
        """
        if moment.tzinfo is None:
            raise ValueError(f"the clock needs a time zone, got {moment.isoformat()}")
        self._now = moment.astimezone(UTC)
