"""From an HTTP answer to Meta's, or to the error that it is."""

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from meta_pipeline.graph.answer import KEPT_HEADERS, Answer, without_paging_urls
from meta_pipeline.graph.auth import SECRET_PARAMS, Credential
from meta_pipeline.graph.errors import BrokenAnswerError, Failure, classify, failure_of
from meta_pipeline.graph.transport import RawAnswer

UNREADABLE = (msgspec.DecodeError, ValueError, RecursionError)
"""What bytes that are no JSON raise: not UTF-8 is a ValueError, a deep nesting a RecursionError."""


def read(
    raw: RawAnswer,
    *,
    method: str,
    path: str,
    params: Mapping[str, str],
    credential: Credential,
) -> Answer:
    """The answer in `raw`. Raises the `GraphError` that it is, without any secret in it."""
    refuse(raw, path=path, params=params, credential=credential)
    try:
        raw.body.decode()  # rows are passed on unread, so nothing else would find bytes amiss
        kept = without_paging_urls(raw.body)
    except UNREADABLE as error:
        reason = error if isinstance(error, msgspec.DecodeError) else type(error).__name__
        detail = f"the body is not the JSON expected ({reason})"
        raise BrokenAnswerError(Failure(path, raw.status, None, None, detail)) from None
    return Answer(
        path=path,
        params={name: value for name, value in params.items() if name not in SECRET_PARAMS},
        status=raw.status,
        headers={name: raw.headers[name] for name in KEPT_HEADERS if name in raw.headers},
        method=method,
        **kept._asdict(),
    )


def refuse(raw: RawAnswer, *, path: str, params: Mapping[str, str], credential: Credential) -> None:
    """Raises the `GraphError` in `raw`; returns when there is none.

    An error comes with 200 as well as with 4xx, and a 502 page as HTML with either.
    """
    if raw.status == 200 and b'"error"' not in raw.body:
        return
    try:
        payload = msgspec.json.decode(raw.body)
    except UNREADABLE:
        payload = None
    if isinstance(payload, dict) and "error" in payload:
        failure = failure_of(path, raw.status, payload)
        # Meta echoes a malformed token in its message; what is raised never does.
        secrets = [params[name] for name in SECRET_PARAMS if name in params]
        message = credential.redact(failure.message, *secrets)
        shown = failure.user_message and credential.redact(failure.user_message, *secrets)
        raise classify(replace(failure, message=message, user_message=shown))
    if raw.status != 200:
        reason = "an answer without Meta's error payload"
        raise classify(Failure(path, raw.status, None, None, reason))
