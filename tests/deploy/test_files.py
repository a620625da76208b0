"""What deploy/ promises, as far as it can be told without Docker and without booting systemd."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from meta_pipeline.event_log import BatchedSqliteEventLogStorage

TOP = Path(__file__).resolve().parents[2]
DEPLOY = TOP / "deploy"
COMPOSE = DEPLOY / "compose"
SYSTEMD = DEPLOY / "systemd"
LASTING = ("code", "daemon", "webserver")
# Read by systemd as root, or by Docker's client, before the service starts.
SECRET = ("tokens.env", "postgres.env")


def compose() -> dict[str, Any]:
    """compose.yaml, its anchors resolved."""
    return yaml.safe_load((COMPOSE / "compose.yaml").read_text())


SERVICES: dict[str, Any] = compose()["services"]


def unit(name: str) -> dict[str, dict[str, list[str]]]:
    """A unit file: each key of each section with all of its values."""
    found: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in (SYSTEMD / name).read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(section, {}).setdefault(key, []).append(value)
    return found


def services() -> dict[str, dict[str, list[str]]]:
    """The [Service] of each unit that has one."""
    return {path.name: unit(path.name)["Service"] for path in sorted(SYSTEMD.glob("*.service"))}


def test_dagster_on_postgres_is_set_as_on_sqlite():
    """The two settings files differ in the storage alone."""
    sqlite = yaml.safe_load((TOP / "dagster.yaml").read_text())
    postgres = yaml.safe_load((DEPLOY / "dagster.postgres.yaml").read_text())
    assert postgres.pop("storage").keys() == {"postgres"}
    assert sqlite.pop("event_log_storage")["class"] == BatchedSqliteEventLogStorage.__name__
    assert postgres == sqlite


def test_what_is_installed_is_what_was_tested():
    """Both locks have the same versions, with hashes, and no address or path of a machine."""
    names = {}
    for path in (TOP / "requirements.lock", DEPLOY / "requirements.lock"):
        content = path.read_text()
        assert not re.search(r"https?:|file:|index|find-links|(?<![\w.])/\w", content), path
        assert content.count("--hash=sha256:") >= len(re.findall("^[a-z]", content, re.MULTILINE))
        names[path] = dict(re.findall(r"^([\w.\[\]-]+)==([^ ;]+)", content, re.MULTILINE))
    tested, deployed = names.values()
    assert {name: tested[name] for name in tested.keys() & deployed.keys()} == {
        name: deployed[name] for name in tested.keys() & deployed.keys()
    }
    assert {"dagster-postgres", "psycopg2-binary"} <= deployed.keys()
    assert not {"pytest", "ruff", "basedpyright"} & deployed.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_of_compose_has_a_health_check(name: str):
    """A command with a period, a time limit and a number of tries."""
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= check.keys()


def test_images_are_pinned():
    """A number to the last place; what is built here begins with such an image."""
    pinned = re.compile(r"^[a-z]+:\d+(\.\d+)+-[a-z-]+$")
    assert pinned.match(SERVICES["postgres"]["image"])
    dockerfile = (COMPOSE / "Dockerfile").read_text()
    (base,) = re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", dockerfile, re.MULTILINE)
    assert pinned.match(base)
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) == {"${PYTHON_IMAGE}"}
    built = {name: one for name, one in SERVICES.items() if name != "postgres"}
    assert all(one["build"] and one["image"] == "meta-pipeline:local" for one in built.values())


def test_nothing_is_reachable_from_outside():
    """The one port is bound to loopback; the code server and Postgres publish none."""
    ports = {name: one.get("ports", []) for name, one in SERVICES.items()}
    assert ports.pop("webserver") == ["127.0.0.1:3000:3000"]
    assert not any(ports.values())
    assert compose()["networks"]["inside"]["internal"] is True
    assert SERVICES["postgres"]["networks"] == ["inside"]


@pytest.mark.parametrize("name", LASTING)
def test_containers_have_few_rights(name: str):
    """No root, no capabilities, nothing writable but volumes and /tmp."""
    service = SERVICES[name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    dockerfile = (COMPOSE / "Dockerfile").read_text()
    assert re.findall(r"^USER (\S+)$", dockerfile, re.MULTILINE)[-1] == "10001:10001"


def test_tokens_and_data_are_with_the_code_location_alone():
    """Neither the daemon nor the webserver can read a token or the warehouse."""
    with_tokens = [name for name, one in SERVICES.items() if "tokens.env" in one["env_file"]]
    with_data = [n for n, one in SERVICES.items() if any(":/data" in v for v in one["volumes"])]
    assert with_tokens == with_data == ["code"]
    units = {name: one["EnvironmentFile"] for name, one in services().items()}
    secret = [name for name, files in units.items() if any("tokens.env" in f for f in files)]
    assert secret == ["meta-pipeline-code.service"]


@pytest.mark.parametrize("name", SERVICES)
def test_what_compose_mounts_and_reads_is_there(name: str):
    """Each file beside compose.yaml, or its example; each volume is declared."""
    for volume in SERVICES[name]["volumes"]:
        source = volume.split(":")[0]
        if source == "./config":  # clients.yml, which everybody writes for themselves
            assert volume.endswith(":ro")
        elif source.startswith("."):
            assert (COMPOSE / source).is_file(), source
        else:
            assert source in compose()["volumes"]
    for file in SERVICES[name]["env_file"]:
        assert (COMPOSE / f"{file}.example").is_file(), file


def test_the_image_is_built_from_what_the_package_needs():
    """The context is this repository, of which only that is sent which makes the package."""
    for name in LASTING:
        build = SERVICES[name]["build"]
        assert (COMPOSE / build["context"]).resolve() == TOP
        assert (TOP / build["dockerfile"]).is_file()
    sent = (COMPOSE / "Dockerfile.dockerignore").read_text().splitlines()
    assert all((TOP / line[1:]).exists() for line in sent if line.startswith("!"))
    project = tomllib.loads((TOP / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    wanted = {*wheel["packages"], *wheel["force-include"], "README.md", "LICENSE"}
    assert {f"!{name}" for name in wanted} <= set(sent)


def test_what_units_start_of_deploy_is_there():
    """Each path below deploy/ that a unit names."""
    named = [line for one in services().values() for values in one.values() for line in values]
    paths = re.findall(r"/opt/meta-pipeline/(deploy/\S+)", "\n".join(named))
    assert len(set(paths)) == 2
    assert all((TOP / path).is_file() for path in paths)


def test_no_secret_is_in_the_repository():
    """The examples have no values where secrets go, and no other file has a secret's variable."""
    for path in DEPLOY.rglob("*.env.example"):
        if path.name.removesuffix(".example") in SECRET:
            for line in path.read_text().splitlines():
                assert line.startswith("#") or line.endswith("="), (path, line)
    for path in [*SYSTEMD.glob("*.service"), *SYSTEMD.glob("*.timer"), COMPOSE / "compose.yaml"]:
        content = path.read_text()
        assert not re.search(r"TOKEN\w*=|SECRET\w*=|PASSWORD\s*[:=]", content), path
        assert "Environment=" not in content, path
    ignored = (TOP / ".gitignore").read_text().splitlines()
    assert "/deploy/compose/*.env" in ignored
    assert "/deploy/compose/config/" in ignored


def test_units_share_their_rights():
    """Every unit runs as the same unprivileged user, with the same fences."""
    lines = {}
    for path in SYSTEMD.glob("*.service"):
        content = path.read_text()
        assert "\nUser=meta-pipeline\n" in content
        start = content.index("NoNewPrivileges=")
        lines[path.name] = content[start:].split("\n\n")[0].strip()
    assert len(lines) == len(LASTING) + 1
    assert len(set(lines.values())) == 1
    fences = dict(line.split("=", 1) for line in next(iter(lines.values())).splitlines())
    assert fences["ProtectSystem"] == "strict"
    assert fences["CapabilityBoundingSet"] == ""


def test_services_wait_until_they_are_healthy():
    """`systemctl start` fails when a service does not come up; a timer asks again."""
    for name in LASTING:
        (post,) = unit(f"meta-pipeline-{name}.service")["Service"]["ExecStartPost"]
        assert re.search(rf"systemd/health --wait \d+ {name}$", post)
    (check,) = unit("meta-pipeline-health.service")["Service"]["ExecStart"]
    assert check.endswith(" ".join(LASTING))
    assert unit("meta-pipeline-health.timer")["Timer"]["OnUnitActiveSec"] == ["5min"]


def test_both_ways_start_the_same_commands():
    """compose.yaml and the units start the same programs; only addresses differ."""
    for name in LASTING:
        (started,) = unit(f"meta-pipeline-{name}.service")["Service"]["ExecStart"]
        composed = " ".join(SERVICES[name]["command"]).split()
        program = started.split()[0].rsplit("/", 1)[1]
        assert program in composed
        if name == "code":
            assert {"meta_pipeline.defs.orphans", "meta_pipeline.defs"} <= set(composed)
            (before,) = unit("meta-pipeline-code.service")["Service"]["ExecStartPre"]
            assert before.endswith("-m meta_pipeline.defs.orphans")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_understands_the_units(tmp_path: Path):
    """`systemd-analyze verify` has nothing to say, with the paths of this checkout."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for program in ("python", "dagster", "dagster-daemon", "dagster-webserver"):
        (bin_folder / program).symlink_to(Path(sys.executable).with_name(program))
    for path in [*SYSTEMD.glob("*.service"), *SYSTEMD.glob("*.timer")]:
        content = path.read_text().replace("/opt/meta-pipeline/.venv/bin", str(bin_folder))
        (tmp_path / path.name).write_text(content.replace("/opt/meta-pipeline", str(TOP)))
    found = subprocess.run(
        ["systemd-analyze", "verify", *sorted(map(str, tmp_path.glob("*.*")))],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (found.returncode, found.stderr) == (0, "")
