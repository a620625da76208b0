"""The HTTP client: one request, asked again while that can help, then answered or refused."""

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests
from pydantic import SecretStr
from requests.adapters import HTTPAdapter
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from meta_pipeline.graph.answer import KEPT_HEADERS, Answer, without_paging_urls
from meta_pipeline.graph.auth import Credential
from meta_pipeline.graph.errors import (
    BrokenAnswerError,
    Failure,
    TransientError,
    classify,
    failure_of,
)

log = logging.getLogger(__name__)

_LOOPBACK = ("127.0.0.1", "localhost", "::1")

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 120.0
"""Seconds. Meta gives up on a synchronous insights question after about a minute."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long a transient failure is asked again (seconds)."""

    attempts: int = 5
    first_wait: float = 1.0
    longest_wait: float = 60.0

    def wait(self, attempt: int, uniform: Callable[[], float]) -> float:
        """Full jitter: anywhere between zero and the doubled, capped wait."""
        return uniform() * min(self.longest_wait, self.first_wait * 2 ** (attempt - 1))


def new_session(base_url: str, connections: int = 8) -> requests.Session:
    """A session with a pool of kept-alive connections, safe to share between threads.

    The environment's proxies serve every host but this machine itself.
    """
    session = requests.Session()
    session.trust_env = urlsplit(base_url).hostname not in _LOOPBACK
    adapter = HTTPAdapter(pool_connections=connections, pool_maxsize=connections)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class GraphClient:
    """Asks Meta on behalf of one token.

    `base_url` is Meta's host (or a simulator's), `version` the pinned API version. `session`
    carries the transport: tests hand in one whose adapter answers from a list. `sleep` and
    `uniform` are what waits and what draws the jitter. Nothing here is written to disk.
    """

    def __init__(
        self,
        *,
        base_url: str,
        version: str,
        credential: Credential,
        session: requests.Session,
        retry: RetryPolicy | None = None,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self.version = version
        self._base_url = base_url.rstrip("/")
        self._credential = credential
        self._session = session
        self._retry = retry or RetryPolicy()
        self._sleep = sleep
        self._uniform = uniform

    def with_token(self, token: SecretStr) -> "GraphClient":
        """The same client for another token, a Page's for instance, with a proof of its own."""
        return GraphClient(
            base_url=self._base_url,
            version=self.version,
            credential=self._credential.for_token(token),
            session=self._session,
            retry=self._retry,
            sleep=self._sleep,
            uniform=self._uniform,
        )

    def get(self, path: str, params: Mapping[str, str]) -> Answer:
        """The answer to one GET of `path` (without version), or the `GraphError` it became.

        Transient failures are asked again, up to the policy's attempts, with full jitter.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_attempt(self._retry.attempts),
            wait=self._wait,
            before_sleep=_say_why,
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(self._get_once, path, params)

    def get_list(self, path: str, params: Mapping[str, str]) -> Answer:
        """The answer to one GET of a list. An answer without a list is no empty list."""
        answer = self.get(path, params)
        if not answer.is_list:
            problem = "the answer holds no list of data"
            raise BrokenAnswerError(Failure(path, answer.status, None, None, problem))
        return answer

    def pages(self, path: str, params: Mapping[str, str]) -> Iterator[Answer]:
        """Every page of a list, following cursors until Meta names no next page.

        `paging.next` is a URL with the token in it, so it is never followed; the cursor is.
        An empty page in the middle does not end the list.
        """
        asked = dict(params)
        cursors: set[str] = set()
        while True:
            answer = self.get_list(path, asked)
            yield answer
            if not answer.has_next:
                return
            if answer.after is None or answer.after in cursors:
                problem = "the next page has no cursor, or one that was followed before"
                raise BrokenAnswerError(Failure(path, answer.status, None, None, problem))
            cursors.add(answer.after)
            asked["after"] = answer.after

    def get_json(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """One object, parsed: for what is used at once and not kept."""
        return msgspec.json.decode(self.get(path, params).body, type=dict[str, Any])

    def _wait(self, state: RetryCallState) -> float:
        return self._retry.wait(state.attempt_number, self._uniform)

    def _get_once(self, path: str, params: Mapping[str, str]) -> Answer:
        try:
            response = self._session.get(
                f"{self._base_url}/{self.version}/{path}",
                params={**params, **self._credential.proof()},
                auth=self._credential.bearer(),
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            # Its text holds the URL with the proof, its request the token: neither goes on.
            reason = type(error).__name__
            raise BrokenAnswerError(Failure(path, None, None, None, reason)) from None
        return self._read(path, params, response)

    def _read(self, path: str, params: Mapping[str, str], response: requests.Response) -> Answer:
        headers = {k: v for k in KEPT_HEADERS if (v := response.headers.get(k)) is not None}
        body, status = response.content, response.status_code
        # An error comes with 200 as well as with 4xx, and a 502 page as HTML with either.
        if status != 200 or b'"error"' in body[:2048]:
            self._raise_failure(path, status, body)
        try:
            kept = without_paging_urls(body)
        except msgspec.DecodeError as error:
            detail = f"the body is not the JSON expected ({error})"
            raise BrokenAnswerError(Failure(path, status, None, None, detail)) from None
        return Answer(
            path=path, params=dict(params), status=status, headers=headers, **kept._asdict()
        )

    def _raise_failure(self, path: str, status: int, body: bytes) -> None:
        """Raises what an error payload says; returns when a 200 holds none after all."""
        try:
            payload = msgspec.json.decode(body)
        except msgspec.DecodeError:
            payload = None
        if isinstance(payload, dict) and "error" in payload:
            failure = failure_of(path, status, payload)
            # Meta echoes a malformed token in its message; what is raised never does.
            shown = failure.user_message and self._credential.redact(failure.user_message)
            message = self._credential.redact(failure.message)
            raise classify(replace(failure, message=message, user_message=shown))
        if status != 200:
            reason = "an answer without Meta's error payload"
            raise classify(Failure(path, status, None, None, reason))


def _say_why(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    reason = error.message if isinstance(error, TransientError) else error
    wait = state.next_action.sleep if state.next_action else 0.0
    log.warning("asking again in %.1f s: %s", wait, reason)
