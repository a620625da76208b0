"""The dashboard: the published marts as one HTML page that works from disk, without a network.

The page holds the marts' figures by day and adds them up in the browser, for the client, period
and platform that are picked. It has no clock: the same marts make the same bytes.
"""

from meta_pipeline.reporting.dashboard.reading import MATURITIES
from meta_pipeline.reporting.dashboard.write import HISTORY, MAX_BYTES, Page, write_dashboard

__all__ = ["HISTORY", "MATURITIES", "MAX_BYTES", "Page", "write_dashboard"]
