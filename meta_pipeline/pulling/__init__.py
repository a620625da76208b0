"""Where asking and keeping meet: what is asked for, and what becomes of failures."""

from meta_pipeline.pulling.due import due_spans, read_published, read_zones, spans_due
from meta_pipeline.pulling.errands import Errand, Outcome
from meta_pipeline.pulling.estimate import Estimate, estimate
from meta_pipeline.pulling.memory import DEAD_METRIC
from meta_pipeline.pulling.puller import Only, Puller, Survey
from meta_pipeline.pulling.turns import adjacent, days_under_way, due_clients

__all__ = [
    "DEAD_METRIC",
    "Errand",
    "Estimate",
    "Only",
    "Outcome",
    "Puller",
    "Survey",
    "adjacent",
    "days_under_way",
    "due_clients",
    "due_spans",
    "estimate",
    "read_published",
    "read_zones",
    "spans_due",
]
