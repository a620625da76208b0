"""One call on its way through the routes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from meta_pipeline.simulator.paging import cut
from meta_pipeline.simulator.settings import Settings

Item = TypeVar("Item")


@dataclass
class Call:
    """One call; what is known of it grows as it is understood.

    `kind` is what the log says of it, `asset` the bare ad account, Page or Instagram id that it
    counts for, `usage` the kind of limit (`ads_insights`, `ads_management`, `pages`,
    `instagram`). `ads` (active ads of the account) and `audience` (engaged users of the Page,
    or views of the Instagram account, in 24 hours) are what Meta's limits grow with.
    `gate` is asked as soon as the asset is known, before any work: it may raise `GraphError`.
    """

    method: str
    segments: tuple[str, ...]
    params: Mapping[str, str]
    token_text: str
    now: datetime
    base_url: str
    asked_version: str
    version: str = ""
    asset: str = ""
    usage: str = ""
    ads: int = 0
    audience: int = 0
    kind: str = "other"
    user_token: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    gate: Callable[["Call"], None] | None = None

    @property
    def url(self) -> str:
        """The address of this call without its parameters."""
        return "/".join((self.base_url, self.version, *self.segments))

    @property
    def path(self) -> str:
        """The path as it was asked, with the version."""
        return "/" + "/".join((self.asked_version, *self.segments))

    @property
    def is_write(self) -> bool:
        """Whether Meta counts it as a write; starting a report only reads."""
        return self.method != "GET" and self.segments[-1:] != ("insights",)

    def counts_for(self, asset: str, usage: str, *, ads: int = 0, audience: int = 0) -> None:
        """Say whose limits this call uses, once that is known and before any work is done.

        Raises:
            GraphError: if the simulator refuses the call, because a limit is used up.
        """
        self.asset, self.usage, self.ads, self.audience = asset, usage, ads, audience
        if self.gate:
            self.gate(self)

    def cut(self, items: Sequence[Item]) -> tuple[Sequence[Item], dict[str, Any]]:
        """One page of a list, and its `paging` object."""
        return cut(items, self.params, self.url, self.token_text, self.settings, self.now)
