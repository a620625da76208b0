"""When dbt's project has to be parsed anew."""

import os
from pathlib import Path

import pytest

from meta_pipeline.defs.builds import fingerprint, parsing

MODEL = "models/marts/fct_ads.sql"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A dbt project of one model, which has been parsed."""
    folder = tmp_path / "project"
    for name in ("dbt_project.yml", "profiles.yml", MODEL):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("1")
    assert parse(folder)
    return folder


def parse(project: Path, content: str = '{"nodes": {}}') -> bool:
    """Parses the project where that is needed; whether it was."""
    target = project.with_name("target")
    target.mkdir(exist_ok=True)
    with parsing(target, fingerprint(project)) as is_due:
        if is_due:
            (target / "manifest.json").write_text(content)
    return is_due


def test_what_was_parsed_is_not_parsed_again(project: Path) -> None:
    """It takes seconds. A file that is only touched is the same file."""
    assert not parse(project)
    os.utime(project / MODEL)
    assert not parse(project)


@pytest.mark.parametrize(
    "files",
    [
        {MODEL: "2"},
        {MODEL: "1", "models/marts/dim_ads.sql": "1"},
        {"models/marts/dim_ads.sql": "1"},
        {},
    ],
    ids=["changed", "added", "renamed", "removed"],
)
def test_another_project_is_parsed_however_old_it_is(project: Path, files: dict[str, str]) -> None:
    """A rollback, or a copy that keeps its times, is older than the manifest of what was there."""
    (project / MODEL).unlink()
    for name, content in files.items():
        (project / name).write_text(content)
    for path in (*project.rglob("*"), project):
        os.utime(path, (1, 1))
    assert parse(project)
    assert not parse(project)


def test_half_a_manifest_is_parsed_again(project: Path) -> None:
    """A dbt that was killed, or had no room, leaves one; every later command would fail on it."""
    manifest = project.with_name("target") / "manifest.json"
    for left in ("", '{"nodes": {"model.'):
        manifest.write_text(left)
        assert parse(project)
    manifest.unlink()
    assert parse(project)


def test_a_parse_that_failed_leaves_no_word_of_another(project: Path) -> None:
    """What it left is not taken for the project as it was before, when that comes back."""
    before = (project / MODEL).read_text()
    (project / MODEL).write_text("2")
    with pytest.raises(UnicodeEncodeError):  # in place of whatever ends dbt
        parse(project, content="\ud800")
    (project.with_name("target") / "manifest.json").write_text("{}")
    (project / MODEL).write_text(before)
    assert parse(project)
