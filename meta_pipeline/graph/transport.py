"""One HTTP request and its whole answer, within a deadline."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from meta_pipeline.graph.auth import SECRET_PARAMS, Credential
from meta_pipeline.graph.errors import BrokenAnswerError, Failure

_LOOPBACK = ("127.0.0.1", "localhost", "::1")

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 120.0
"""Seconds without a byte. Meta gives up on a synchronous insights question after about a minute."""

READ_DEADLINE = 240.0
"""Seconds for the whole body, however steadily it drips."""

LARGEST_BODY = 128 * 1024 * 1024
"""Bytes. 500 rows with every action are a few megabytes."""

_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """Status, headers (names in lower case) and body of an HTTP answer, whatever it says."""

    status: int
    headers: Mapping[str, str]
    body: bytes


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


class Transport:
    """Sends requests to one host and version through one session."""

    def __init__(
        self,
        base_url: str,
        version: str,
        session: requests.Session,
        monotonic: Callable[[], float] = time.monotonic,
        largest_body: int = LARGEST_BODY,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._version = version
        self._session = session
        self._monotonic = monotonic
        self._largest_body = largest_body

    def send(
        self, method: str, path: str, params: Mapping[str, str], credential: Credential
    ) -> RawAnswer:
        """The answer to one request of `path` (without version). Redirects are not followed.

        A GET carries its parameters in the URL, a POST in its form body, and only there the ones
        that are secrets. Raises `BrokenAnswerError` when no whole answer comes.
        """
        asked = {**params, **credential.proof()}
        if method == "GET" and not SECRET_PARAMS.isdisjoint(params):
            raise ValueError(f"{path}: a token or secret never goes into a URL; use post")
        started = self._monotonic()
        try:
            with self._session.request(
                method,
                f"{self._base_url}/{self._version}/{path}",
                params=asked if method == "GET" else None,
                data=None if method == "GET" else asked,
                auth=credential.bearer(),
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                allow_redirects=False,
                stream=True,
            ) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                body = self._body(response, path, started + READ_DEADLINE)
                return RawAnswer(response.status_code, headers, body)
        except (requests.RequestException, HTTPError) as error:
            # Its text holds the URL with the proof, its request the token: neither goes on.
            raise _broken(path, type(error).__name__) from None

    def _body(self, response: requests.Response, path: str, deadline: float) -> bytes:
        """The whole body. `read1` hands over what is there; `read` would wait for a full chunk."""
        parts: list[bytes] = []
        size = 0
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            parts.append(chunk)
            size += len(chunk)
            if size > self._largest_body:
                raise _broken(path, f"the answer is larger than {self._largest_body} bytes")
            if self._monotonic() > deadline:
                raise _broken(path, f"the answer was not complete after {READ_DEADLINE:.0f} s")
        return b"".join(parts)


def _broken(path: str, reason: str) -> BrokenAnswerError:
    return BrokenAnswerError(Failure(path, None, None, None, reason))
