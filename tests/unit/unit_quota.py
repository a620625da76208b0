"""A clock that sleeping moves, and headers as Meta sends them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from meta_pipeline.graph.quota import QuotaLedger

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class FakeTime:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.moment = NOON
        self.slept: list[float] = []

    def now(self) -> datetime:
        """The moment."""
        return self.moment

    def sleep(self, seconds: float) -> None:
        """Moves the moment on."""
        self.slept.append(seconds)
        self.moment += timedelta(seconds=seconds)


def ledger_of(time: FakeTime, path: Path | None = None, *, patience: float = 3600.0) -> QuotaLedger:
    """A ledger that looks at `time`."""
    return QuotaLedger(path, time.now, patience=patience)


def business(
    percent: float, minutes: float = 0, *, asset: str = "1", kind: str = "ads_insights"
) -> dict[str, str]:
    """The header of a business use case."""
    entry = {
        "type": kind,
        "call_count": percent,
        "total_cputime": 1,
        "total_time": 1,
        "estimated_time_to_regain_access": minutes,
        "ads_api_access_tier": "development_access",
    }
    return {"x-business-use-case-usage": json.dumps({asset: [entry]})}


def account(percent: float, seconds: int = 300, tier: str = "development_access") -> dict[str, str]:
    """The header of an ad account's score."""
    said = {"acc_id_util_pct": percent, "reset_time_duration": seconds, "ads_api_access_tier": tier}
    return {"x-ad-account-usage": json.dumps(said)}


def app(percent: float) -> dict[str, str]:
    """The header of the app."""
    return {"x-app-usage": json.dumps({"call_count": percent, "total_time": 1, "total_cputime": 2})}
