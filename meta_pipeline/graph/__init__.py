"""Asks Meta. Knows the Graph API; knows neither Dagster nor DuckDB."""

from meta_pipeline.graph.answer import Answer
from meta_pipeline.graph.asking import ask
from meta_pipeline.graph.auth import Credential
from meta_pipeline.graph.batch import Call
from meta_pipeline.graph.client import GraphClient, RetryPolicy, new_session
from meta_pipeline.graph.errors import (
    AuthError,
    BadRequestError,
    BeyondRetentionError,
    BrokenAnswerError,
    CursorExpiredError,
    DeadMetricError,
    Failure,
    GraphError,
    NoDataError,
    PermissionDeniedError,
    ThrottledError,
    TooLargeError,
    TransientError,
    VersionError,
)
from meta_pipeline.graph.jobs import JobBoard, JobFailedError
from meta_pipeline.graph.organic import ask_organic, page_client
from meta_pipeline.graph.questions import Question, questions
from meta_pipeline.graph.quota import BucketUsage, QuotaLedger
from meta_pipeline.graph.retention import Beyond, beyond
from meta_pipeline.graph.waiting import Slots

__all__ = [
    "Answer",
    "AuthError",
    "BadRequestError",
    "Beyond",
    "BeyondRetentionError",
    "BrokenAnswerError",
    "BucketUsage",
    "Call",
    "Credential",
    "CursorExpiredError",
    "DeadMetricError",
    "Failure",
    "GraphClient",
    "GraphError",
    "JobBoard",
    "JobFailedError",
    "NoDataError",
    "PermissionDeniedError",
    "Question",
    "QuotaLedger",
    "RetryPolicy",
    "Slots",
    "ThrottledError",
    "TooLargeError",
    "TransientError",
    "VersionError",
    "ask",
    "ask_organic",
    "beyond",
    "new_session",
    "page_client",
    "questions",
]
