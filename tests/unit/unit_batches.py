"""Meta's batch requests, taken apart for tests that answer each call by itself."""

import json
from collections.abc import Callable
from typing import Any

import requests
from unit_transport import HOST, Answering, ListAdapter, Reply, params_of


def asked_path(request: requests.PreparedRequest) -> str:
    """The path behind the version."""
    return str(request.path_url).split("?")[0].split("/", 2)[2]


class Calls:
    """Answers each call of a batch by itself, and remembers every call that was made."""

    def __init__(self, answer: Callable[[requests.PreparedRequest], Reply]) -> None:
        self.answer = answer
        self.made: list[requests.PreparedRequest] = []

    def __call__(self, request: requests.PreparedRequest) -> Reply:
        """The answer to a request: one call, or a batch of them."""
        batch = params_of(request).get("batch") if request.method == "POST" else None
        if batch is None:
            return self._one(request)
        return Reply(json.dumps([self._item(item, request) for item in json.loads(batch)]))

    def _item(self, item: dict[str, Any], outer: requests.PreparedRequest) -> dict[str, Any]:
        url = f"{HOST}/v26.0/{item['relative_url']}"
        inner = requests.Request(item["method"], url, headers=dict(outer.headers)).prepare()
        reply = self._one(inner)
        headers = [{"name": name, "value": value} for name, value in reply.headers.items()]
        return {"code": reply.status, "headers": headers, "body": reply.content.decode()}

    def _one(self, request: requests.PreparedRequest) -> Reply:
        self.made.append(request)
        return self.answer(request)

    @property
    def asked(self) -> list[dict[str, str]]:
        """The parameters of each call, in order."""
        return [params_of(request) for request in self.made]

    @property
    def paths(self) -> list[str]:
        """The path of each call, in order."""
        return [asked_path(request) for request in self.made]


def meta_of(answer: Answering) -> tuple[ListAdapter, Calls]:
    """An adapter that answers by `answer`, batches too, and the calls that were made."""
    calls = Calls(answer)
    return ListAdapter(calls), calls
