"""When dbt's project has to be parsed anew."""

from pathlib import Path

from meta_pipeline.defs.transformations import _is_current
from meta_pipeline.project import project_file


def test_a_manifest_newer_than_the_project_is_current(tmp_path: Path) -> None:
    """Parsing takes seconds, so it is not done again."""
    manifest = tmp_path / "manifest.json"
    assert not _is_current(manifest, project_file("dbt_project"))
    manifest.write_text('{"nodes": {}}')
    assert _is_current(manifest, project_file("dbt_project"))


def test_half_a_manifest_is_not(tmp_path: Path) -> None:
    """A dbt that was killed, or had no room, leaves one; every later command would fail on it."""
    manifest = tmp_path / "manifest.json"
    for left in ("", '{"nodes": {"model.'):
        manifest.write_text(left)
        assert not _is_current(manifest, project_file("dbt_project"))
