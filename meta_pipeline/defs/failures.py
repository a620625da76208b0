"""What Dagster keeps of an exception, in words for a person."""

from dagster_shared.error import SerializableErrorInfo


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
