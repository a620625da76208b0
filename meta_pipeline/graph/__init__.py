"""Asks Meta. Knows the Graph API; knows neither Dagster nor DuckDB."""

from meta_pipeline.graph.answer import Answer
from meta_pipeline.graph.auth import Credential
from meta_pipeline.graph.batch import Call
from meta_pipeline.graph.client import GraphClient, RetryPolicy, new_session
from meta_pipeline.graph.errors import (
    AuthError,
    BadRequestError,
    BrokenAnswerError,
    Failure,
    GraphError,
    PermissionDeniedError,
    ThrottledError,
    TooLargeError,
    TransientError,
    VersionError,
)
from meta_pipeline.graph.questions import Question, page_client, questions

__all__ = [
    "Answer",
    "AuthError",
    "BadRequestError",
    "BrokenAnswerError",
    "Call",
    "Credential",
    "Failure",
    "GraphClient",
    "GraphError",
    "PermissionDeniedError",
    "Question",
    "RetryPolicy",
    "ThrottledError",
    "TooLargeError",
    "TransientError",
    "VersionError",
    "new_session",
    "page_client",
    "questions",
]
