"""The simulator's clock: the real time, any moment a test likes, or time that flies."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class SimulatorClock:
    """What time it is at Meta.

    Args:
        now: an aware moment to begin with; None begins with the real time.
        rate: simulated seconds in a second; None lets a clock with a `now` stand still until it
            is moved, and one without follow the real time.
        ticks: what counts real seconds.

    Raises:
        ValueError: for a datetime without a time zone, or a rate below zero.
    """

    def __init__(
        self,
        now: datetime | None = None,
        rate: float | None = None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ticks = ticks
        self._rate = 0.0
        # None: follow the real time, however long the process sleeps.
        self._base: datetime | None = None
        self._since = ticks()
        if now is not None:
            self.move_to(now)
        if rate is not None:
            self.run_at(rate)

    @property
    def rate(self) -> float:
        """Simulated seconds in a second; 0 stands still."""
        return 1.0 if self._base is None else self._rate

    def now(self) -> datetime:
        """The current moment, in UTC."""
        if self._base is None:
            return datetime.now(UTC)
        return self._base + timedelta(seconds=self._rate * (self._ticks() - self._since))

    def move_to(self, moment: datetime) -> None:
        """Set the clock to `moment`, forwards or backwards. A clock that followed the real time
        stands still there, one that was given a rate goes on from there.

        Raises:
            ValueError: for a datetime without a time zone.
        """
        if moment.tzinfo is None:
            raise ValueError(f"the clock needs a time zone, got {moment.isoformat()}")
        self._base, self._since = moment.astimezone(UTC), self._ticks()

    def run_at(self, rate: float) -> None:
        """From now on let so many simulated seconds pass in a second; 0 stops the clock.

        Raises:
            ValueError: for a rate below zero.
        """
        if not 0 <= rate <= 1_000_000:
            raise ValueError(f"the clock's rate must be between 0 and 1000000, got {rate:g}")
        now = self.now()
        self._base, self._since, self._rate = now, self._ticks(), rate

    def advance(self, seconds: float) -> None:
        """Move the clock on. Given to a client in place of `time.sleep`, its waits pass at once."""
        self.move_to(self.now() + timedelta(seconds=seconds))
