"""A pipeline without Meta: a puller that asks nobody, and clients of different time zones."""

from collections.abc import Callable, Iterable, Mapping

from meta_pipeline.config import Client
from meta_pipeline.dates import Span
from meta_pipeline.pulling import Errand, Outcome, Puller
from meta_pipeline.reports import Report
from tests.integration.conftest import NOW, Pipeline


class Echo(Puller):
    """A puller that asks nobody: everything is known already. It tells of each report,
    and `became` may make another outcome of each."""

    def __init__(self, pipeline: Pipeline, clients: tuple[Client, ...]) -> None:
        super().__init__(pipeline.settings, clients)
        self.check_warehouse()  # makes it: the pull's metadata are read there
        self.told: Callable[[Report], None] = lambda _report: None
        self.became: Callable[[Outcome], Outcome] = lambda outcome: outcome

    def pull(
        self, report: Report, wanted: Mapping[str, Iterable[Span]], **_: object
    ) -> list[Outcome]:
        """An outcome for each span of each client, none of it asked for."""
        self.told(report)
        today = NOW.date()
        return [
            self.became(Outcome(Errand(self.clients[name], report, "act_1", span, today, today)))
            for name, spans in wanted.items()
            for span in spans
        ]


def write_clients(pipeline: Pipeline, zones: Mapping[str, str]) -> None:
    """Writes clients.yml: a client with one ad account for each time zone."""
    lines = [
        f"  - {{id: {name}, name: {name}, ad_accounts: [{number}], timezone: {zone}}}\n"
        for number, (name, zone) in enumerate(zones.items(), start=1)
    ]
    pipeline.settings.clients_file.write_text("version: 1\nclients:\n" + "".join(lines))
