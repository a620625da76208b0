"""The list of licences is that of what is installed."""

import re
import tomllib
from importlib.metadata import distributions

from packaging.utils import canonicalize_name

from meta_pipeline.project import project_file

# What lists the others leaves itself out.
OWN = {"pip-licenses", "prettytable", "wcwidth"}


def test_every_pinned_package_is_listed():
    """`make licences` was called after the last change of the lock."""
    top = project_file("dagster.yaml").parent
    listed = {
        canonicalize_name(name)
        for name in re.findall(
            r"^\| ([\w.-]+)", (top / "docs/licences.md").read_text(), re.MULTILINE
        )
    }
    lock = (top / "requirements.lock").read_text()
    pinned = {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}
    installed = {canonicalize_name(one.metadata["Name"]) for one in distributions()}
    settings = tomllib.loads((top / "pyproject.toml").read_text())["tool"]["pip-licenses"]
    ignored = {canonicalize_name(name) for name in settings["ignore-packages"]}
    assert (pinned & installed) - ignored - OWN <= listed
    assert len(listed) > 100
