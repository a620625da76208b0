"""Which files of the dbt project something was made of: each as one hash, kept beside it."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from meta_pipeline.errors import WarehouseError
from meta_pipeline.files import written_beside


def fingerprint(project: Path) -> str:
    """The files of the dbt project in a folder, as one hash: what the marts are made with."""
    digest = hashlib.sha256()
    for path in _files(project):
        digest.update(path.relative_to(project).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _files(project: Path) -> list[Path]:
    parts = ("models", "macros", "seeds", "tests")
    nested = (path for part in parts for path in (project / part).rglob("*") if path.is_file())
    return sorted([*nested, project / "dbt_project.yml", project / "profiles.yml"])


@contextmanager
def parsing(target: Path, project: str) -> Iterator[bool]:
    """Around the parsing of a project with this fingerprint into dbt's target folder; gives whether
    the manifest there is of other files, or not whole, so that it has to be parsed.

    Times say nothing: a project that was rolled back, or copied with its times, is older than what
    was parsed of another one.
    """
    manifest, parsed = target / "manifest.json", target / "parsed_from"
    if _read(parsed) == project and _is_whole(manifest):
        yield False
        return
    parsed.unlink(missing_ok=True)
    yield True
    _write(parsed, project)


def _is_whole(manifest: Path) -> bool:
    """Whether dbt wrote it to its end: it is not when dbt was killed, or the disk was full."""
    try:
        orjson.loads(manifest.read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class Builds:
    """What dbt's builds left in the warehouse.

    It stands in files of dbt's folder, below the home that all machines share as they share the
    marts handed over. Whoever asks or builds holds the writer's lock.
    """

    folder: Path

    def are_of(self, project: str) -> bool:
        """Whether the facts were built, all of them, with this fingerprint of the project.

        Incremental ones hold what an older formula made of past days.
        """
        return _read(self._built) == project

    @contextmanager
    def building(self, project: str, *, is_whole: bool) -> Iterator[None]:
        """Around a build: from its begin until it has ended well nothing may be published.

        One of some models vouches for no others: after it the marts may be published if they might
        be before.
        """
        was_tested = _read(self._tested) == project
        self._tested.unlink(missing_ok=True)
        yield
        if is_whole:
            _write(self._built, project)
        if is_whole or was_tested:
            _write(self._tested, project)

    def refuse_untested(self, project: str) -> None:
        """Raises `WarehouseError` unless all models of this fingerprint were built and tested, and
        no build has failed or was stopped since."""
        if _read(self._tested) != project:
            raise WarehouseError(
                "the marts in the warehouse are not those of a whole build that passed its tests: "
                "the last build failed or was stopped, or the dbt project has changed since; "
                "nothing is published",
                hint="run `meta-pipeline sync`, or materialize all models together with "
                "delivery/published_marts; the marts handed over before are untouched",
            )

    @property
    def _built(self) -> Path:
        return self.folder / "built_from"

    @property
    def _tested(self) -> Path:
        return self.folder / "tested"


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def _write(path: Path, project: str) -> None:
    with written_beside(path) as fresh:
        fresh.write_text(project)
