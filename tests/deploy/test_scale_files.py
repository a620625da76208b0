"""What deploy/scale promises, as far as it can be told without Docker and Kubernetes."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from meta_pipeline.config import Settings

TOP = Path(__file__).resolve().parents[2]
SCALE = TOP / "deploy" / "scale"


def read(name: str) -> dict[str, Any]:
    """A YAML file of deploy/scale, its anchors resolved."""
    return yaml.safe_load((SCALE / name).read_text())


SERVICES: dict[str, Any] = read("compose.yaml")["services"]
ALL_HAVE_TOKENS = ("code", "worker")


def locked(path: Path) -> dict[str, str]:
    """Each package of a lock with its version."""
    return dict(re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==([^ ;]+)", path.read_text(), re.MULTILINE))


def test_dagster_is_set_as_on_one_machine():
    """dagster.yaml differs in the launcher and in how many runs go on at once, values.yaml too."""
    one = yaml.safe_load((TOP / "deploy" / "dagster.postgres.yaml").read_text())
    several = read("dagster.yaml")
    assert several.pop("run_launcher")["class"] == "CeleryRunLauncher"
    helm = read("values.yaml")["additionalInstanceConfig"]["concurrency"]
    for concurrency in (several["concurrency"], helm):
        assert concurrency["runs"].pop("max_concurrent_runs") > 4
    assert helm == several["concurrency"]
    one["concurrency"]["runs"].pop("max_concurrent_runs")
    assert several == one


def test_workers_and_launcher_meet_at_one_broker():
    """Both read it from the same variable, and a run that waits is not given to two workers."""
    launcher = read("dagster.yaml")["run_launcher"]["config"]
    worker = read("celery.yaml")["execution"]["config"]
    for key in ("broker", "backend"):
        assert launcher[key] == worker[key] == {"env": "CELERY_BROKER_URL"}
    transport = "broker_transport_options"
    assert launcher["config_source"][transport] == worker["config_source"][transport]
    assert launcher["config_source"][transport]["visibility_timeout"] >= 24 * 3600
    # A process that has read clients.yml once would leave new clients out.
    assert worker["config_source"]["worker_max_tasks_per_child"] == 1


def test_locks_agree():
    """What is deployed on several machines is what `make test` and `make scale-test` ran on."""
    tested, scaled = (
        locked(TOP / "requirements.lock"),
        locked(TOP / "tests/scale/requirements.lock"),
    )
    deployed = locked(SCALE / "requirements.lock")
    for one, other in ((tested, scaled), (scaled, deployed)):
        assert {n: one[n] for n in one.keys() & other} == {n: other[n] for n in one.keys() & other}
    assert tested.keys() <= scaled.keys()
    assert {"dagster-celery", "duckdb-extension-ducklake", "s3fs"} <= deployed.keys()
    assert not {"pytest", "moto", "ruff"} & deployed.keys()
    extensions = {version for name, version in deployed.items() if "duckdb-extension" in name}
    assert extensions == {deployed["duckdb"]}
    for path in (TOP / "tests/scale/requirements.lock", SCALE / "requirements.lock"):
        assert not re.search(r"https?:|file:|index|find-links|(?<![\w.])/\w", path.read_text())


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_fenced_and_watched(name: str):
    """A health check, few rights, and no port but the webserver's, on loopback."""
    service = SERVICES[name]
    check = service["healthcheck"]
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= check.keys()
    assert service["security_opt"] == ["no-new-privileges:true"]
    if name != "postgres":
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
    assert service.get("ports", []) == (["127.0.0.1:3000:3000"] if name == "webserver" else [])
    if name in ("postgres", "redis"):
        assert service["networks"] == ["inside"]
        assert re.match(r"^[a-z]+:\d+(\.\d+)+-[a-z-]+$", service["image"])


def test_tokens_are_with_those_who_ask_meta():
    """The daemon, the webserver and the stores can read none."""
    found = [name for name, one in SERVICES.items() if "tokens.env" in one["env_file"]]
    assert tuple(found) == ALL_HAVE_TOKENS
    data = [name for name, one in SERVICES.items() if any(":/data" in v for v in one["volumes"])]
    assert set(data) - {"postgres"} == set(ALL_HAVE_TOKENS)


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_and_read_is_there(name: str):
    """Each file beside compose.yaml, or its example; each volume is declared."""
    for volume in SERVICES[name]["volumes"]:
        source = volume.split(":")[0]
        if source == "./config":
            assert volume.endswith(":ro")
        elif source.startswith("."):
            assert (SCALE / source).is_file(), source
        else:
            assert source in read("compose.yaml")["volumes"]
    for file in SERVICES[name]["env_file"]:
        assert (SCALE / f"{file}.example").is_file(), file
    if "build" in SERVICES[name]:
        assert (SCALE / SERVICES[name]["build"]["context"]).resolve() == TOP
        assert (TOP / SERVICES[name]["build"]["dockerfile"]).is_file()


def test_the_image_has_what_it_copies():
    """Of the repository only that is sent which makes the package, and nothing is missing."""
    sent = (SCALE / "Dockerfile.dockerignore").read_text().splitlines()
    assert all((TOP / line[1:]).exists() for line in sent if line.startswith("!"))
    copied = re.findall(r"^COPY (deploy/.+) \S+$", (SCALE / "Dockerfile").read_text(), re.MULTILINE)
    assert {f"!{one}" for line in copied for one in line.split()} <= set(sent)
    project = tomllib.loads((TOP / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {f"!{name}" for name in (*wheel["packages"], *wheel["force-include"])} <= set(sent)


def test_every_variable_is_one_that_is_read():
    """A misspelt one would be passed over without a word, and the spool lie in a container."""
    known = {str(field.validation_alias) for field in Settings.model_fields.values()}
    known |= {"META_PIPELINE_WORKERS"}  # compose.yaml's own
    (deployment,) = read("values.yaml")["dagster-user-deployments"]["deployments"]
    named = {one["name"] for one in deployment["env"]}
    texts = [(SCALE / name).read_text() for name in ("scale.env.example", "compose.yaml")]
    texts.append((SCALE / "Dockerfile").read_text())
    for text in texts:
        named |= set(re.findall(r"\b(META_PIPELINE_[A-Z_]+)\b", text))
    assert {one for one in named if one.startswith("META_PIPELINE_")} <= known
    assert {"META_PIPELINE_SPOOL", "META_PIPELINE_LAKE", "META_PIPELINE_LAKE_DATA"} <= named
    mounts = {one["mountPath"] for one in deployment["volumeMounts"]}
    assert mounts == {"/data", "/config", "/quota"}
    volumes = {one["name"] for one in deployment["volumes"]}
    assert volumes == {one["name"] for one in deployment["volumeMounts"]}


def test_no_secret_has_a_value():
    """Where a secret goes the examples are empty; the others name none."""
    for name in ("tokens.env.example", "postgres.env.example"):
        for line in (SCALE / name).read_text().splitlines():
            assert line.startswith("#") or line.endswith("="), line
    for name in ("compose.yaml", "values.yaml", "scale.env.example", "dagster.yaml", "celery.yaml"):
        assert not re.search(r"(TOKEN|SECRET|PASSWORD)\w*\s*[:=]\s*\S", (SCALE / name).read_text())
    ignored = (TOP / ".gitignore").read_text().splitlines()
    assert {"/deploy/scale/*.env", "/deploy/scale/config/"} <= set(ignored)
