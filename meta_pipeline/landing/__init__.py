"""Keeps what Meta said: the spool, then the warehouse's `raw` schema. Knows no HTTP."""

from meta_pipeline.landing.batch import load_all, load_missing
from meta_pipeline.landing.clients import register_clients
from meta_pipeline.landing.compact import KEPT_REPORTS, Compaction, compact
from meta_pipeline.landing.facts import DayFacts, facts_of_days
from meta_pipeline.landing.load import DAMAGED, Landed, LandingError, load
from meta_pipeline.landing.rebuild import reload
from meta_pipeline.landing.schema import create_schema
from meta_pipeline.landing.spool import (
    BEYOND_RETENTION,
    Manifest,
    Pull,
    PullFailure,
    PullWriter,
    Spool,
    new_pull_id,
)

__all__ = [
    "BEYOND_RETENTION",
    "DAMAGED",
    "KEPT_REPORTS",
    "Compaction",
    "DayFacts",
    "Landed",
    "LandingError",
    "Manifest",
    "Pull",
    "PullFailure",
    "PullWriter",
    "Spool",
    "compact",
    "create_schema",
    "facts_of_days",
    "load",
    "load_all",
    "load_missing",
    "new_pull_id",
    "register_clients",
    "reload",
]
