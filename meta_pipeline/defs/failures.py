"""What Dagster keeps of a failed step, in words for a person, and as what was pulled."""

import msgspec
from dagster._core.execution.plan.objects import StepFailureData
from dagster_shared.error import SerializableErrorInfo

from meta_pipeline.alerts import FailedPull

FAILED_PULLS = "failed_pulls"
"""The key under which a failure's metadata has its `FailedPull`s, as a list."""


def failed_pulls(data: StepFailureData) -> list[FailedPull] | None:
    """Which pulls failed in a step; None when it failed for another reason."""
    own = data.user_failure_data
    found = own.metadata.get(FAILED_PULLS) if own else None
    return None if found is None else msgspec.convert(found.value, list[FailedPull])


def root_of(error: SerializableErrorInfo) -> SerializableErrorInfo:
    """The exception behind those that Dagster wraps around it."""
    while error.cause is not None:
        error = error.cause
    return error


def told_by(error: SerializableErrorInfo) -> tuple[str, str]:
    """The message and the hint (or nothing) of what was raised in the first place."""
    message, _, hint = root_of(error).message.strip().partition("\nhint: ")
    name, _, own_message = message.partition(": ")
    return (own_message if name.startswith("meta_pipeline.") else message), hint
