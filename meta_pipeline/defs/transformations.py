"""The dbt project as assets, its tests as asset checks, and the file handed to analysts."""

import os
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    DbtProject,
    dbt_assets,
)
from filelock import FileLock
from packaging.version import Version

from meta_pipeline.config import Lake, Settings
from meta_pipeline.defs.builds import Builds, fingerprint, parsing
from meta_pipeline.defs.metadata import pictures
from meta_pipeline.defs.partitions import LAUNCHER_TAG, Grid
from meta_pipeline.defs.raw import OWNERS, WRITER_POOL, raw_key
from meta_pipeline.defs.resources import Warehouse
from meta_pipeline.defs.settled import newly_settled
from meta_pipeline.files import written_beside
from meta_pipeline.project import project_file
from meta_pipeline.reports import REPORTS
from meta_pipeline.warehouse import is_lake, place_extensions, publish, s3_secret, tidy_lake

PUBLISHED = dg.AssetKey(["delivery", "published_marts"])

# This model hangs on every report, so that all models can look at all reports through it.
EVERY_REPORT = dg.AssetKey(["staging", "stg_meta__coverage"])

DAILY_BUILD = "0 18 * * *"
"""When the marts are built although nothing landed: a build that failed is tried again, and the
checks speak when no pull does (UTC)."""

PATIENCE = ("0,20,40 * * * *", "10,30,50 * * * *")
"""What is new waits for pulls that go on until the first of these has ticked, and after it the
second: 10 to 30 minutes. Then it is built and published without them, since a step may wait for one
client's quota for up to an hour. They differ: Dagster keeps what two conditions of one form have
seen in one place."""


@cache
def one_build_for_all() -> dg.AutomationCondition[dg.AssetKey]:
    """Something landed, and no report is being pulled any more, or has been for too long.

    All models and seeds without a parent among them have this one, so that they are asked for
    together: were each to look at its own report, the first of a run's twenty would start a build
    and the others another nineteen. Pulls of the command line count for nothing here, since it
    builds by itself.
    """
    condition = dg.AutomationCondition
    landed = condition.newly_updated() & ~condition.all_new_updates_have_run_tags(
        tag_keys={LAUNCHER_TAG}
    )
    trigger = (
        condition.asset_matches(EVERY_REPORT, condition.any_deps_match(landed)).with_label(
            "a report landed"
        )
        | condition.asset_matches(raw_key("clients"), landed).with_label("clients.yml was read")
        | condition.cron_tick_passed(DAILY_BUILD)
    ).with_label("something is new")
    handled = (
        condition.newly_requested() | condition.newly_updated() | condition.initial_evaluation()
    ).with_label("handled")
    pulling = (
        condition.asset_matches(EVERY_REPORT, condition.any_deps_in_progress())
        | condition.asset_matches(raw_key("clients"), condition.in_progress())
    ).with_label("a report is being pulled")
    # What lands in the very tick in which a build's end is seen is not part of that build.
    new = trigger.since(handled & ~trigger).with_label("something is new since the last build")
    begins = new.newly_true() | handled
    # After the first tick alone it may have waited for a second.
    first, second = map(condition.cron_tick_passed, PATIENCE)
    once = first.since(begins)
    twice = once & second.since(begins | once.newly_true())
    waited = twice.with_label("it has waited long enough")
    return (new & (~pulling | waited) & ~condition.in_progress()).with_label(
        "one build for all clients"
    )


# All else follows within the same run: the other models, and the publishing behind them and their
# tests. Looking at all reports for each model would cost every tick more.
_IN_THE_SAME_RUN = dg.AutomationCondition.any_deps_match(
    dg.AutomationCondition.will_be_requested()
).with_label("in the run that builds its parents")


# A signal for when the parent's thread ends (prctl(2)).
_PR_SET_PDEATHSIG = 1


def dbt_project(settings: Settings) -> DbtProject:
    """The dbt project with a manifest that is of its files.

    Everything dbt writes goes below the pipeline's home. Parsing takes seconds, so it is done
    only when a file of the project has changed, never once a run.
    """
    folder, target = project_file("dbt_project"), settings.home / "dbt" / "target"
    target.mkdir(parents=True, exist_ok=True)
    os.environ |= _for_profiles(settings)
    # What dbt asked stands compiled below its target; logging it again took a tenth of a build.
    os.environ.setdefault("DBT_LOG_LEVEL_FILE", "info")
    project = DbtProject(project_dir=folder, profiles_dir=folder, target_path=target)
    # dbt writes its manifest in place: who reads it meanwhile reads half of it.
    with FileLock(target.parent / "parse.lock"), parsing(target, fingerprint(folder)) as is_due:
        if is_due:
            dbt_resource(project).cli(["parse"], target_path=target).wait()
    return project


def _for_profiles(settings: Settings) -> dict[str, str]:
    """The environment that dbt_project/profiles.yml reads: which target, and where it is.

    dbt masks values whose names begin with DBT_ENV_SECRET_ wherever it would print them.
    """
    place = settings.place
    told = {
        "META_PIPELINE_WAREHOUSE": str(settings.warehouse),
        "META_PIPELINE_TARGET": "warehouse",
    }
    if isinstance(place, Lake):
        place_extensions(place.extensions)
        told |= {
            "META_PIPELINE_TARGET": "lake",
            "META_PIPELINE_LAKE": place.catalog,
            "META_PIPELINE_LAKE_DATA": place.data,
            "META_PIPELINE_EXTENSIONS": str(place.extensions),
        }
        told |= {f"DBT_ENV_SECRET_S3_{key.upper()}": v for key, v in s3_secret(place).items()}
    return told


class OwnDbt(DbtCliResource):
    """dbt of this Python's own environment."""

    @cached_property
    def _cli_version(self) -> Version:
        """Known without starting dbt to ask it, which takes seconds of every build."""
        return Version(version("dbt-core"))


def dbt_resource(project: DbtProject) -> DbtCliResource:
    """The dbt of this Python's own environment, whether that is on the PATH or not.

    On Linux it dies with the process that started it: one that outlives a killed run would hold
    the warehouse against the next command.
    """
    own = Path(sys.executable).with_name("dbt")
    executable = str(own if own.exists() else shutil.which("dbt") or "dbt")
    if sys.platform == "linux":
        executable = str(_tied(executable, _target(project)))
    # The resource's own initializer takes the project as well as its folder.
    return OwnDbt(project_dir=cast("str", project), dbt_executable=executable)


def _target(project: DbtProject) -> Path:
    """Where dbt writes: the folder of its manifest."""
    return Path(project.project_dir) / project.target_path


def _tied(executable: str, target: Path) -> Path:
    """A script, beside dbt's target, that becomes `executable` and dies with its parent."""
    tie = (
        f"import ctypes, os, sys; "
        f"ctypes.CDLL(None).prctl({_PR_SET_PDEATHSIG}, {int(signal.SIGKILL)}); "
        # A parent that ended before that is not told of any more.
        f"os.getppid() == int(sys.argv[1]) or sys.exit('the process that started dbt is gone'); "
        f"os.execv(sys.argv[2], sys.argv[2:])"
    )
    tied = shlex.join([sys.executable, "-I", "-S", "-c", tie])
    text = f'#!/bin/sh\nexec {tied} "$PPID" {shlex.quote(executable)} "$@"\n'
    path = target.parent / "dbt"
    if not path.exists() or path.read_text() != text:
        with written_beside(path) as fresh:
            fresh.write_text(text)
            fresh.chmod(0o755)
    return path


class Translator(DagsterDbtTranslator):
    """Names and groups dbt models after their layer, and ties them to the reports they read.

    All reports live in one table, which would make one node of lineage; a staging model
    depends on the report it reads instead.
    """

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Layer and name: `marts/fct_ad_daily`."""
        name = dbt_resource_props["name"]
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey(["raw", name])
        return dg.AssetKey([self.get_group_name(dbt_resource_props), name])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The folder of the model: staging, intermediate, marts; seeds for seeds."""
        if dbt_resource_props["resource_type"] == "seed":
            return "seeds"
        return dbt_resource_props["fqn"][1]

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        """The model's spec, with owners, automation, and the reports in place of raw tables."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        deps = {dep.asset_key for dep in spec.deps if dep.asset_key.path[0] != "raw"}
        condition = _IN_THE_SAME_RUN if deps else one_build_for_all()
        deps |= _raw_parents(manifest["nodes"].get(unique_id, {}))
        return spec.replace_attributes(
            deps=[dg.AssetDep(key) for key in sorted(deps)],
            owners=OWNERS,
            automation_condition=condition,
        )


def _raw_parents(node: Mapping[str, Any]) -> set[dg.AssetKey]:
    """The assets behind the raw tables that a model reads.

    `raw.records` holds every report: the model names the one it reads in its own name or its
    `meta`; a model that names none reads them all.
    """
    sources = {
        one.split(".")[-1]
        for one in node.get("depends_on", {}).get("nodes", ())
        if one.startswith("source.")
    }
    if not sources:
        return set()
    if sources <= {"clients", "client_assets"}:
        return {raw_key("clients")}
    report = node["name"].removeprefix("stg_meta__")
    report = node["config"].get("meta", {}).get("report", report)
    return {raw_key(one) for one in ([report] if report in REPORTS else REPORTS)}


def transformation_assets(project: DbtProject) -> dg.AssetsDefinition:
    """Every dbt model and seed as an asset, every dbt test as an asset check."""
    settings = DagsterDbtTranslatorSettings(enable_source_tests_as_checks=False)

    @dbt_assets(
        manifest=project.manifest_path,
        project=project,
        name="dbt_models",
        dagster_dbt_translator=Translator(settings),
        pool=WRITER_POOL,
    )
    def dbt_models(
        context: dg.AssetExecutionContext, dbt: DbtCliResource, warehouse: Warehouse
    ) -> Iterator[Any]:
        target = _target(project)
        builds, current = Builds(target.parent), fingerprint(Path(project.project_dir))
        # Unit tests say something about the project's code, not about a day's data.
        args = ["build", "--exclude-resource-type", "unit_test"]
        with warehouse.locked(), builds.building(current, is_whole=not context.is_subset):
            if not builds.are_of(current):
                args.append("--full-refresh")
            yield from dbt.cli(args, context=context, target_path=target).stream()

    return dbt_models


def published_asset(
    project: DbtProject, models: dg.AssetsDefinition, settings: Settings, grid: Grid
) -> dg.AssetsDefinition:
    """The asset that hands the marts over."""
    builds = Builds(_target(project).parent)
    marts = [key for key in models.keys if key.path[0] == "marts"]

    @dg.asset(
        key=PUBLISHED,
        description="`marts.duckdb`: every mart in one read-only file, replaced as a whole "
        "when all marts are built and tested. It fails, and leaves the old file, when a build has "
        "failed or was stopped since. Readers of the old file go on undisturbed.",
        group_name="delivery",
        kinds={"python", "duckdb"},
        owners=OWNERS,
        deps=marts,
        pool=WRITER_POOL,
        automation_condition=_IN_THE_SAME_RUN,
    )
    def published_marts(
        context: dg.AssetExecutionContext, warehouse: Warehouse
    ) -> dg.MaterializeResult:
        with warehouse.get_connection() as connection:
            builds.refuse_untested(fingerprint(Path(project.project_dir)))
            counts = publish(connection, settings.marts, only={key.path[-1] for key in marts})
            if is_lake(connection):
                tidy_lake(connection)
        for mart, rows in counts.items():
            context.log_event(
                dg.AssetObservation(
                    dg.AssetKey(["marts", mart]), metadata={"dagster/row_count": rows}
                )
            )
        for settled in newly_settled(context.instance, settings.marts, grid):
            context.log_event(settled)
        table = dg.TableMetadataValue(
            [dg.TableRecord({"mart": mart, "rows": rows}) for mart, rows in counts.items()],
            schema=dg.TableSchema([dg.TableColumn("mart"), dg.TableColumn("rows", "int")]),
        )
        return dg.MaterializeResult(
            metadata={
                # Shown in this order: what a person looks for first comes first.
                **pictures(settings.marts),
                "guide": dg.MetadataValue.path("docs/dagster.md"),
                "marts": table,
                "path": dg.MetadataValue.path(str(settings.marts)),
                "dagster/row_count": sum(counts.values()),
            }
        )

    return published_marts
