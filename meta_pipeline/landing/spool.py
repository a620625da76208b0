"""The spool: Meta's answers as files, kept before anything else is done with them.

    spool/client=<id>/report=<name>/<pull>-<sha256>.json.zst   a page, as Meta sent it
    spool/client=<id>/report=<name>/<pull>.json                its manifest, written last
    spool/clients.json                                         the newest clients.yml

A manifest names its pages and the requests that brought them. A pull without a manifest
never happened: its process died, and its pages are left as they are. In a folder files are written
beside their place, synced and moved into it; on an object store (s3://...) each is one PUT. So
none is ever half there, and several machines may write and read one spool.
"""

import hashlib
import logging
import os
import secrets
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
import zstandard
from upath import UPath

from meta_pipeline.errors import WarehouseError
from meta_pipeline.files import remove_abandoned

log = logging.getLogger(__name__)

ZSTD_LEVEL = 3

SCHEMA = 1
"""The version of what a manifest says; it goes up when an older program would misread it."""

BEYOND_RETENTION = "beyond retention"
"""The kind of failure of days that Meta keeps no longer: they are not asked for."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a pull: what was asked, how Meta answered, and the page's file name.

    `since` to `until` are the days kept of this page, where they are fewer than the pull's:
    the parts of a question that was split overlap, since each is padded for itself. `group`
    numbers the part that the page belongs to.
    """

    path: str
    params: dict[str, str]
    status: int
    headers: dict[str, str]
    rows: int
    bytes: int
    page: str
    since: date | None = None
    until: date | None = None
    group: int = 0


class PullFailure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a pull failed: the error's kind, what Meta or the network said, and the next step.

    With `is_expected` it was known before and Meta was not asked: it is written down, so that
    the gap has its reason, and is nothing new to tell anybody.
    """

    kind: str
    message: str
    hint: str | None = None
    is_expected: bool = False


class Pull(msgspec.Struct, frozen=True, kw_only=True):
    """One answer to one report (or Page metric) for one ad account or Page.

    `since` to `until` is what is kept, `requested_*` what was asked for; None for snapshots.
    `pulled_at` is when the first request was sent (UTC). `note` is what the answer lacks and
    why; `proof` is why an answer without rows is to be believed.
    """

    pull_id: str
    client_id: str
    report: str
    asset_id: str
    part: str
    since: date | None
    until: date | None
    requested_since: date | None
    requested_until: date | None
    pulled_at: datetime
    api_version: str
    note: str | None = None
    proof: str | None = None


class _Schema(msgspec.Struct, frozen=True):
    """Of a manifest, what tells whether this version can read the rest."""

    schema: int = 1


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A finished pull: whole, or failed and why."""

    schema: int = SCHEMA
    pull: Pull
    requests: list[Request]
    failure: PullFailure | None = None


def new_pull_id() -> str:
    """A name for a pull: sorts by when it was made on this machine, and is never given twice."""
    return f"{time.time_ns():016x}-{secrets.token_hex(4)}"


class DamagedPageError(Exception):
    """A page in the spool is missing, or is not what was written."""


class PullWriter:
    """Writes one pull into the spool: its pages as they come, then its manifest."""

    def __init__(self, folder: Path | UPath, pull: Pull) -> None:
        self._folder = folder
        self._pull = pull
        self._requests: list[Request] = []
        if isinstance(folder, Path):
            folder.mkdir(parents=True, exist_ok=True)

    def add(
        self,
        body: bytes,
        *,
        path: str,
        params: dict[str, str],
        status: int,
        headers: dict[str, str],
        rows: int,
        since: date | None = None,
        until: date | None = None,
        group: int = 0,
    ) -> None:
        """Keeps one page. When this returns, the page is on disk."""
        page = f"{self._pull.pull_id}-{hashlib.sha256(body).hexdigest()}.json.zst"
        _write(self._folder / page, zstandard.compress(body, ZSTD_LEVEL))
        self._requests.append(
            Request(
                path=path,
                params=params,
                status=status,
                headers=headers,
                rows=rows,
                bytes=len(body),
                page=page,
                since=since,
                until=until,
                group=group,
            )
        )

    def finish(
        self,
        failure: PullFailure | None = None,
        *,
        note: str | None = None,
        proof: str | None = None,
    ) -> Manifest:
        """Writes the manifest: from here on the pull has happened.

        `note` and `proof` are what came out while asking, beside what the pull says already.
        """
        pull = msgspec.structs.replace(
            self._pull,
            note="; ".join(filter(None, (self._pull.note, note))) or None,
            proof=proof or self._pull.proof,
        )
        manifest = Manifest(pull=pull, requests=self._requests, failure=failure)
        _write(self._folder / f"{self._pull.pull_id}.json", msgspec.json.encode(manifest))
        return manifest


class Spool:
    """All pulls, below a folder or a URL that fsspec knows (s3://bucket/prefix)."""

    def __init__(self, root: Path | str) -> None:
        self.root: Path | UPath = Path(root)
        if "://" in str(root):
            # Another machine may have added to what a listing of before says.
            self.root = UPath(root, use_listings_cache=False)

    def folder(self, client_id: str, report: str) -> Path | UPath:
        """Where the pulls of one client and report lie."""
        return self.root / f"client={client_id}" / f"report={report}"

    def begin(self, pull: Pull) -> PullWriter:
        """Starts writing a pull."""
        return PullWriter(self.folder(pull.client_id, pull.report), pull)

    def pages(self, manifest: Manifest) -> list[Path | UPath]:
        """The page files of a pull, in the order in which Meta sent them."""
        folder = self.folder(manifest.pull.client_id, manifest.pull.report)
        return [folder / request.page for request in manifest.requests]

    @contextmanager
    def intact_pages(self, manifest: Manifest) -> Iterator[list[Path]]:
        """The page files of a pull, each checked against the hash in its name.

        DuckDB reads a file that was cut short as one without rows. Pages of an object store are
        fetched once, checked, and lie in a folder of their own until the context ends: what DuckDB
        reads is what was checked. A file that is not what was written is set aside. Raises
        `DamagedPageError`.
        """
        intact = ((page, _intact(page)) for page in self.pages(manifest))
        if isinstance(self.root, Path):
            yield [Path(str(page)) for page, _ in intact]
            return
        with tempfile.TemporaryDirectory(prefix="meta-pipeline-pages-") as folder:
            files = []
            for page, packed in intact:
                files.append(Path(folder) / page.name)
                files[-1].write_bytes(packed)
            yield files

    def tidy(self, client_id: str, report: str) -> None:
        """Removes what killed processes left half written of one client's report."""
        folder = self.folder(client_id, report)
        if isinstance(folder, Path):
            remove_abandoned(folder, ".*.tmp")

    def manifests(
        self, known: Iterable[str] = (), *, client_id: str = "*", report: str = "*"
    ) -> Iterator[Manifest]:
        """The finished pulls not in `known`, oldest first; of one client or report if named.

        A manifest that is not what was written is set aside, and all others are read. Raises
        `WarehouseError` when a newer version wrote one: what it says cannot be left out.
        """
        skip = set(known)
        folders = f"client={client_id}/report={report}"
        found = (p for p in self.root.glob(f"{folders}/*.json") if p.stem not in skip)
        manifests = (manifest for p in found if (manifest := _manifest(p)) is not None)
        return iter(sorted(manifests, key=lambda m: (m.pull.pulled_at, m.pull.pull_id)))

    def damaged_manifests(self) -> list[Path | UPath]:
        """The manifests that were set aside, now or before."""
        return sorted(self.root.glob("client=*/report=*/*.json.damaged"), key=str)

    def keep_clients(self, clients: list[dict[str, Any]]) -> None:
        """Keeps the clients' configuration, so that the warehouse can be rebuilt from here."""
        if isinstance(self.root, Path):
            self.root.mkdir(parents=True, exist_ok=True)
            remove_abandoned(self.root, ".*.tmp")
        _write(self.root / "clients.json", msgspec.json.encode(clients))

    def clients(self) -> list[dict[str, Any]]:
        """The clients kept last, or none; a file that is not what was written is set aside."""
        path = self.root / "clients.json"
        if not path.exists():
            return []
        try:
            return msgspec.json.decode(path.read_bytes(), type=list[dict[str, Any]])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.error(
                "%s: %s; it was set aside as %s. `meta-pipeline sync` writes it anew from "
                "clients.yml; clients that are no longer there have no name until a backup of the "
                "file is put back",
                path,
                error,
                _set_aside(path),
            )
            return []


def _manifest(path: Path | UPath) -> Manifest | None:
    """What a manifest's file says; None when it is not what was written, and was set aside."""
    content = path.read_bytes()
    try:
        schema = msgspec.json.decode(content, type=_Schema).schema
        if schema <= SCHEMA:
            return msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        log.error("%s: %s; it was set aside as %s", path, error, _set_aside(path))
        return None
    raise WarehouseError(
        f"{path} was written by a newer version of meta-pipeline (schema {schema})",
        hint="install that version or a newer one, then run the same command again",
    )


def _intact(page: Path | UPath) -> bytes:
    """What is in a page's file, when that is what was written; else the file is set aside."""
    try:
        packed = page.read_bytes()
    except OSError as error:
        raise DamagedPageError(f"{page}: {error}") from None
    try:
        is_intact = hashlib.sha256(zstandard.decompress(packed)).hexdigest() in page.name
    except zstandard.ZstdError:
        is_intact = False
    if not is_intact:
        raise DamagedPageError(
            f"{page}: its content is not what was written; it was set aside as {_set_aside(page)}"
        )
    return packed


def _set_aside(path: Path | UPath) -> str:
    name = f"{path.name}.damaged"
    if isinstance(path, Path):
        path.rename(path.with_name(name))
    else:
        path.fs.mv(path.path, path.with_name(name).path)
    return name


def _write(path: Path | UPath, content: bytes) -> None:
    """The file whole or not at all: written beside its place, synced, moved into it.

    On an object store one PUT is that by itself. A file object would be written by its closing,
    also after an error.
    """
    if not isinstance(path, Path):
        path.fs.pipe_file(path.path, content)
        return
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Makes a rename in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
