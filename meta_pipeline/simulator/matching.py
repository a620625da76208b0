"""Whether the parameters of a call are the ones that a script is waiting for."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson


def params_match(where: Mapping[str, str], params: Mapping[str, str]) -> bool:
    """Whether every parameter named in `where` has its value.

    A value matches if it is equal, if it is one of a comma list, or if it stands anywhere in a
    JSON value: `{"time_range": "2026-11-01"}` matches a range that begins or ends on that day.
    `""` matches a parameter that is absent or empty, `"*"` one that is there.
    """
    return all(_matches(wanted, params.get(name, "")) for name, wanted in where.items())


def _matches(wanted: str, given: str) -> bool:
    if wanted in ("", "*"):
        return bool(given) == (wanted == "*")
    if wanted == given or wanted in (part.strip() for part in given.split(",")):
        return True
    try:
        parsed = orjson.loads(given)
    except orjson.JSONDecodeError:
        return False
    if wanted in _leaves(parsed):
        return True
    try:
        return orjson.loads(wanted) == parsed
    except orjson.JSONDecodeError:
        return False


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value if isinstance(value, str) else orjson.dumps(value).decode()
