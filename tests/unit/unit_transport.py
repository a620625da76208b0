"""Meta as a list of answers: a `requests` adapter that never touches a network."""

import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from pydantic import SecretStr
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from meta_pipeline.graph import Credential, GraphClient, RetryPolicy

HOST = "https://graph.test.facebook.com"
TOKEN = "EAAsecretTokenOfTheTests"
APP_SECRET = "app-secret-of-the-tests"


@dataclass(frozen=True)
class Reply:
    """What Meta answers to one request."""

    body: bytes | str | Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The body as bytes."""
        if isinstance(self.body, bytes):
            return self.body
        text = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return text.encode()


Answering = Callable[[requests.PreparedRequest], Reply]


class ListAdapter(HTTPAdapter):
    """Answers from a list, or by a function, and remembers what was asked."""

    def __init__(self, replies: Iterable[Reply | Exception] | Answering) -> None:
        super().__init__()
        self.requests: list[requests.PreparedRequest] = []
        self._replies = replies if callable(replies) else iter(replies)

    def send(
        self, request: requests.PreparedRequest, *_args: Any, **_kwargs: Any
    ) -> requests.Response:
        """Takes the next answer instead of the network."""
        self.requests.append(request)
        reply = self._replies(request) if callable(self._replies) else next(self._replies)
        if isinstance(reply, Exception):
            raise reply
        raw = HTTPResponse(
            body=io.BytesIO(reply.content),
            status=reply.status,
            headers=dict(reply.headers),
            preload_content=False,
        )
        return self.build_response(request, raw)

    @property
    def asked(self) -> list[dict[str, str]]:
        """The parameters of each request, in order."""
        return [params_of(request) for request in self.requests]

    @property
    def paths(self) -> list[str]:
        """The path of each request, in order."""
        return [urlsplit(str(request.url)).path for request in self.requests]


def params_of(request: requests.PreparedRequest) -> dict[str, str]:
    """The parameters in the request's URL, or in the form that it posts."""
    sent = request.body if request.method == "POST" else urlsplit(str(request.url)).query
    query = parse_qs(str(sent or ""), keep_blank_values=True)
    return {name: values[0] for name, values in query.items()}


def session_of(adapter: HTTPAdapter) -> requests.Session:
    """A session that sends everything through `adapter`."""
    session = requests.Session()
    session.mount("https://", adapter)
    return session


def client_of(
    *replies: Reply | Exception,
    host: str = HOST,
    token: str = TOKEN,
    app_secret: str | None = None,
    attempts: int = 1,
    waits: list[float] | None = None,
    uniform: Callable[[], float] = lambda: 1.0,
    sleep: Callable[[float], None] | None = None,
    **more: Any,
) -> tuple[GraphClient, ListAdapter]:
    """A client that gets `replies` one after the other, and its adapter.

    `more` goes to the client as it is.
    """
    adapter = ListAdapter(replies)
    client = GraphClient(
        base_url=host,
        version="v26.0",
        credential=Credential(SecretStr(token), SecretStr(app_secret) if app_secret else None),
        session=session_of(adapter),
        retry=RetryPolicy(attempts=attempts),
        sleep=sleep or (waits if waits is not None else []).append,
        uniform=uniform,
        **more,
    )
    return client, adapter


def error_reply(
    code: int, subcode: int | None = None, message: str = "no", status: int = 400, **more: Any
) -> Reply:
    """An error as Meta writes it."""
    error: dict[str, Any] = {"message": message, "type": "OAuthException", "code": code, **more}
    if subcode is not None:
        error["error_subcode"] = subcode
    return Reply({"error": error}, status)


def page_of(rows: list[Any], after: str | None = None) -> Reply:
    """A page of a list; with `after` another one follows."""
    body: dict[str, Any] = {"data": rows}
    if after is not None:
        body["paging"] = {
            "cursors": {"before": "b", "after": after},
            "next": f"{HOST}/v26.0/x?access_token={TOKEN}&after={after}",
        }
    return Reply(body)
