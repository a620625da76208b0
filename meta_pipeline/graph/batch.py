"""Several calls in one request (Meta's batch requests)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from meta_pipeline.graph.auth import SECRET_PARAMS, Credential
from meta_pipeline.graph.errors import BrokenAnswerError, Failure
from meta_pipeline.graph.transport import RawAnswer

BATCH_SIZE = 50
"""Calls in one request; more are refused (batch requests guide)."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a batch: `path` without version.

    `credential` is whose call it is (None: the client's), `asset_id` the ad account, Page or
    Instagram account it counts for (empty: the client's, or what the path says).
    """

    path: str
    params: Mapping[str, str]
    method: str = "GET"
    credential: Credential | None = None
    asset_id: str = ""


def batch_params(calls: Sequence[Call], credential: Credential) -> dict[str, str]:
    """The form of the request that makes `calls`, all of them as `credential`.

    The token stays in the header of the request: an item's own `access_token` would put it
    into the body, so calls of different credentials are different requests.
    """
    return {"batch": json.dumps([_item(call, credential) for call in calls])}


def _item(call: Call, credential: Credential) -> dict[str, str]:
    asked = urlencode({**call.params, **credential.proof()})
    if call.method != "GET":
        return {"method": call.method, "relative_url": call.path, "body": asked}
    if not SECRET_PARAMS.isdisjoint(call.params):
        raise ValueError(f"{call.path}: a token or secret never goes into a URL; use POST")
    return {"method": call.method, "relative_url": f"{call.path}?{asked}".rstrip("?")}


def items_of(raw: RawAnswer, expected: int) -> list[RawAnswer | None]:
    """The answer to each call, in order; None for one that Meta did not get to.

    Raises `BrokenAnswerError` when these are not answers to `expected` calls.
    """
    try:
        items = msgspec.json.decode(raw.body, type=list[dict[str, Any] | None])
        answers = [None if item is None else _raw(item) for item in items]
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        detail = f"the body is no list of answers ({type(error).__name__})"
        raise BrokenAnswerError(Failure("batch", raw.status, None, None, detail)) from None
    if len(answers) != expected:
        detail = f"{len(answers)} answers to {expected} calls"
        raise BrokenAnswerError(Failure("batch", raw.status, None, None, detail))
    return answers


def _raw(item: Mapping[str, Any]) -> RawAnswer:
    headers = {
        str(header["name"]).lower(): str(header["value"]) for header in item.get("headers") or ()
    }
    return RawAnswer(int(item["code"]), headers, str(item["body"] or "").encode())
