"""A pipeline on a simulator: one agency, pulled and built once for the tests of a module."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
import yaml

from meta_pipeline import clock
from meta_pipeline.cli.asked import choose_span
from meta_pipeline.cli.demo import write_clients
from meta_pipeline.cli.summary import Summary
from meta_pipeline.cli.sync import synchronise
from meta_pipeline.config import Settings, load_clients, load_settings
from meta_pipeline.project import project_file
from meta_pipeline.simulator import RunningSimulator, Source, account_truth, generated_agency
from tests.homes import parsed_home

TOKEN = "EAAsecretTokenOfTheTests0123456789"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class Pipeline:
    """A pipeline's home and the simulator it asks."""

    home: Path
    meta: RunningSimulator
    patch: pytest.MonkeyPatch

    @property
    def settings(self) -> Settings:
        """The settings of the environment, which points to this pipeline."""
        return load_settings()

    def move_to(self, now: datetime) -> None:
        """Sets the clock of both sides."""
        self.meta.clock.move_to(now)
        self.patch.setenv("META_PIPELINE_NOW", now.isoformat())

    def sync(self, since: str, until: str, *client_ids: str) -> Summary:
        """What `meta-pipeline sync --from --to [-c]` does."""
        clients = load_clients(self.settings)
        wanted = [c for c in clients if not client_ids or c.id in client_ids]
        days = (date.fromisoformat(since), date.fromisoformat(until))
        span = choose_span(*days, None, clock.now().date(), wanted)
        return synchronise(self.settings, clients, wanted, span)

    def marts(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the published marts."""
        with duckdb.connect(str(self.settings.marts), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def raw(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the warehouse."""
        with duckdb.connect(str(self.settings.warehouse)) as connection:
            return connection.execute(sql).fetchall()

    def truth(self, account_id: str, since: str, until: str, **how: Any) -> list[dict[str, Any]]:
        """What the simulator says is true at its present time."""
        account = self.meta.source.account(account_id)
        assert account is not None
        days = (date.fromisoformat(since), date.fromisoformat(until))
        how.setdefault("as_of", self.meta.clock.now())
        return account_truth(self.meta.source, account, *days, **how)

    @property
    def accounts(self) -> list[str]:
        """Every ad account's id."""
        return [account for c in self.meta.source.clients() for account in c.ad_accounts]


@contextmanager
def running_pipeline(source: Source, now: datetime = NOW, **options: Any) -> Iterator[Pipeline]:
    """A pipeline with an empty home, configured for every client of `source`."""
    with (
        parsed_home() as home,
        RunningSimulator(source, now=now, **options) as meta,
        pytest.MonkeyPatch.context() as patch,
    ):
        write_clients(source, home / "clients.yml")
        patch.setenv("META_PIPELINE_HOME", str(home))
        patch.setenv("META_PIPELINE_CLIENTS", str(home / "clients.yml"))
        patch.setenv("META_PIPELINE_NOW", now.isoformat())
        patch.setenv("META_GRAPH_URL", meta.url)
        patch.setenv("META_ACCESS_TOKEN", TOKEN)
        patch.setenv("META_APP_SECRET", "secret-of-the-app")
        patch.setenv("DAGSTER_HOME", str(home / "dagster"))
        patch.delenv("META_AD_ACCOUNT_ID", raising=False)
        yield Pipeline(home, meta, patch)


@contextmanager
def dagster_instance(home: Path | None = None) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance of a test's own, with the project's settings."""
    settings = yaml.safe_load(project_file("dagster.yaml").read_text())
    with dg.instance_for_test(settings, temp_dir=str(home) if home else None) as instance:
        yield instance


@pytest.fixture
def pipeline() -> Iterator[Pipeline]:
    """A fresh pipeline for two clients, nothing pulled yet."""
    with running_pipeline(generated_agency(clients=2)) as one:
        yield one
