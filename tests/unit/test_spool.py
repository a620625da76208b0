"""The spool: whole files or none, the manifest last."""

import hashlib
import io
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from unit_desk import FAILURE, Desk, at, day, opened_desk

from meta_pipeline.errors import WarehouseError
from meta_pipeline.landing import Manifest, Pull, PullWriter, Spool, new_pull_id

BODY = b'{"data":[{"ad_id":"1"}]}'


def a_pull(pull_id: str = "p1", pulled: datetime | None = None, client: str = "acme") -> Pull:
    """A pull of two days of ads."""
    return Pull(
        pull_id=pull_id,
        client_id=client,
        report="ad_daily",
        asset_id="act_1",
        part="",
        since=day(2),
        until=day(3),
        requested_since=day(1),
        requested_until=day(3),
        pulled_at=pulled or at(10),
        api_version="v26.0",
    )


def add(writer: PullWriter, body: bytes = BODY) -> None:
    """Keeps a page as the puller does."""
    writer.add(
        body, path="act_1/insights", params={"level": "ad"}, status=200, headers={"x": "y"}, rows=1
    )


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """An empty spool."""
    return Spool(tmp_path / "spool")


def files_in(spool: Spool) -> list[str]:
    """The paths of all files, hidden ones included."""
    root = Path(str(spool.root))
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


def test_a_pull_is_its_pages_and_a_manifest(spool: Spool) -> None:
    """Where the files lie and what they are called is what other programs rely on."""
    writer = spool.begin(a_pull())
    add(writer)
    writer.finish()
    folder, name = "client=acme/report=ad_daily", hashlib.sha256(BODY).hexdigest()
    assert files_in(spool) == [f"{folder}/p1-{name}.json.zst", f"{folder}/p1.json"]
    page = (spool.root / folder / f"p1-{name}.json.zst").read_bytes()
    assert zstandard.decompress(page) == BODY


def test_the_manifest_says_what_was_asked_and_answered(spool: Spool) -> None:
    """Request, response and page stand together."""
    writer = spool.begin(a_pull())
    add(writer)
    manifest = writer.finish()
    (request,) = manifest.requests
    assert (request.path, request.params) == ("act_1/insights", {"level": "ad"})
    assert (request.status, request.headers, request.rows) == (200, {"x": "y"}, 1)
    assert request.bytes == len(BODY)
    assert [path.name for path in spool.pages(manifest)] == [request.page]


def test_a_manifest_is_read_back_as_it_was(spool: Spool) -> None:
    """Days, times and failures included."""
    writer = spool.begin(a_pull())
    add(writer)
    written = [writer.finish(FAILURE)]
    assert list(spool.manifests()) == written


def test_a_pull_without_manifest_never_happened(spool: Spool) -> None:
    """Its pages are on disk, but nobody lists it."""
    add(spool.begin(a_pull()))
    assert len(files_in(spool)) == 1
    assert list(spool.manifests()) == []


def test_a_page_is_on_disk_when_add_returns(spool: Spool) -> None:
    """And the manifest is not, until `finish`."""
    writer = spool.begin(a_pull())
    for count in (1, 2, 3):
        add(writer, BODY + b" " * count)
        assert len(files_in(spool)) == count
    writer.finish()
    assert files_in(spool)[-1].endswith("p1.json")


def test_identical_pages_are_one_file_named_twice(spool: Spool) -> None:
    """Two answers that are the same to the letter are both in the manifest."""
    writer = spool.begin(a_pull())
    add(writer)
    add(writer)
    manifest = writer.finish()
    first, second = spool.pages(manifest)
    assert first == second
    assert len(files_in(spool)) == 2


def test_pages_come_in_metas_order(spool: Spool) -> None:
    """Not in the order of their names."""
    writer = spool.begin(a_pull())
    bodies = [f'{{"data":[{n}]}}'.encode() for n in range(8)]
    for body in bodies:
        add(writer, body)
    pages = spool.pages(writer.finish())
    assert [zstandard.decompress(page.read_bytes()) for page in pages] == bodies


class FullDisk(io.BytesIO):
    """A file that takes the half of what is written."""

    def write(self, _content: Any, /) -> int:
        """Fails like a full disk."""
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("step", ["write", "sync", "move"])
def test_a_crash_while_writing_leaves_no_half_file(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Whichever step fails, neither a page nor its temporary file is there."""
    writer = spool.begin(a_pull())
    break_disk(monkeypatch, step)
    with pytest.raises(OSError, match="No space left"):
        add(writer)
    assert files_in(spool) == []


@pytest.mark.parametrize("step", ["write", "sync", "move"])
def test_a_crash_while_finishing_leaves_no_manifest(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The pull never happened; its page stays."""
    writer = spool.begin(a_pull())
    add(writer)
    break_disk(monkeypatch, step)
    with pytest.raises(OSError, match="No space left"):
        writer.finish()
    assert [name.rsplit(".", 1)[-1] for name in files_in(spool)] == ["zst"]
    assert list(spool.manifests()) == []


def break_disk(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """The disk is full from now on."""

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    opened = Path.open

    def half(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        file = opened(path, mode, *args, **kwargs)
        if "w" not in mode:
            return file
        file.write(b"half")
        file.close()
        return FullDisk()

    if step == "write":
        monkeypatch.setattr(Path, "open", half)
    elif step == "sync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(Path, "replace", full)


def test_a_folder_without_pulls_lists_none(spool: Spool) -> None:
    """Even when it does not exist yet."""
    assert list(spool.manifests()) == []
    assert spool.clients() == []


def test_manifests_come_oldest_first(spool: Spool) -> None:
    """By when Meta was asked; at the same moment by id, over all clients."""
    made = [("p1", at(3), "b"), ("p3", at(1), "a"), ("p2", at(2), "c"), ("p0", at(2), "a")]
    for pull_id, pulled, client in made:
        spool.begin(a_pull(pull_id, pulled, client)).finish()
    assert [m.pull.pull_id for m in spool.manifests()] == ["p3", "p0", "p2", "p1"]


@pytest.mark.parametrize("content", [b'{"schema":1,"pull":{"pull_id":"p', b"", b"[1]", b"\xff\x00"])
def test_a_damaged_manifest_is_set_aside(spool: Spool, content: bytes) -> None:
    """The others are read, and it is named."""
    for pull_id in ("p1", "p2"):
        spool.begin(a_pull(pull_id)).finish()
    path = spool.folder("acme", "ad_daily") / "p1.json"
    path.write_bytes(content)
    assert [m.pull.pull_id for m in spool.manifests()] == ["p2"]
    assert [m.pull.pull_id for m in spool.manifests()] == ["p2"]
    assert [one.name for one in spool.damaged_manifests()] == ["p1.json.damaged"]
    assert spool.damaged_manifests()[0].read_bytes() == content


def test_a_manifest_of_a_newer_version_is_refused(spool: Spool) -> None:
    """What cannot be understood is neither left out nor called damaged."""
    spool.begin(a_pull()).finish()
    path = spool.folder("acme", "ad_daily") / "p1.json"
    path.write_bytes(b'{"schema":2,"pulls":[]}')
    with pytest.raises(WarehouseError, match="newer version of meta-pipeline"):
        spool.manifests()
    assert spool.damaged_manifests() == []


def test_known_pulls_are_left_out(spool: Spool) -> None:
    """What has landed is not read again."""
    for pull_id in ("p1", "p2", "p3"):
        spool.begin(a_pull(pull_id)).finish()
    assert [m.pull.pull_id for m in spool.manifests(known=["p1", "p3", "px"])] == ["p2"]


def test_one_client_and_report_can_be_looked_at(spool: Spool) -> None:
    """The other folders are not read."""
    for pull_id, name in (("p1", "a"), ("p2", "b")):
        spool.begin(a_pull(pull_id, client=name)).finish()
    found = spool.manifests(client_id="b", report="ad_daily")
    assert [m.pull.pull_id for m in found] == ["p2"]
    assert list(spool.manifests(report="ads")) == []


def test_temporary_files_and_strangers_are_no_pulls(spool: Spool) -> None:
    """What a killed process left, and files of other programs, are passed by."""
    spool.begin(a_pull()).finish()
    folder = spool.folder("acme", "ad_daily")
    (folder / ".p2.json.12ab.tmp").write_bytes(b"{")
    (folder / "notes.txt").write_text("hello")
    spool.keep_clients([{"id": "acme"}])
    assert [m.pull.pull_id for m in spool.manifests()] == ["p1"]


def test_the_newest_clients_are_kept(spool: Spool) -> None:
    """Each time they replace the ones before."""
    spool.keep_clients([{"id": "a"}])
    spool.keep_clients([{"id": "b", "name": "Café"}])
    assert spool.clients() == [{"id": "b", "name": "Café"}]
    assert files_in(spool) == ["clients.json"]


@pytest.mark.parametrize("content", [b'[{"id":"a', b"", b'{"id":"a"}', b"\xff\x00"])
def test_damaged_clients_are_set_aside(
    spool: Spool, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """None are known, which is told with the way out, and the next ones are kept."""
    spool.keep_clients([{"id": "a"}])
    (spool.root / "clients.json").write_bytes(content)
    assert spool.clients() == []
    assert "`meta-pipeline sync` writes it anew" in caplog.text
    assert files_in(spool) == ["clients.json.damaged"]
    spool.keep_clients([{"id": "b"}])
    assert spool.clients() == [{"id": "b"}]


def test_pull_ids_sort_by_time_and_are_never_the_same() -> None:
    """Many in one moment, too."""
    ids = [new_pull_id() for _ in range(500)]
    assert len(set(ids)) == 500
    stamps = [pull_id.split("-")[0] for pull_id in ids]
    assert stamps == sorted(stamps)
    assert {len(stamp) for stamp in stamps} == {16}


def test_manifests_are_plain_json(spool: Spool) -> None:
    """Any program can read what was asked and when."""
    spool.begin(a_pull(pulled=datetime(2026, 11, 22, 12, tzinfo=UTC))).finish()
    path = spool.folder("acme", "ad_daily") / "p1.json"
    read = msgspec.json.decode(path.read_bytes())
    assert read["schema"] == 1
    assert (read["pull"]["since"], read["pull"]["pulled_at"]) == (
        "2026-10-02",
        "2026-11-22T12:00:00Z",
    )
    assert msgspec.convert(read, Manifest) == next(spool.manifests())


decimals = st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ['He said "hi"', "back\\slash", "Café 🦷 – näheres", "line\nbreak\ttab", "'; drop table x; --"]
)


@given(st.lists(st.tuples(decimals, texts), min_size=1, max_size=8))
@settings(max_examples=25, deadline=None)
def test_texts_survive_from_the_answer_to_the_warehouse(rows: list[tuple[str, str]]) -> None:
    """Decimal texts and names arrive in `raw.records` letter by letter."""
    sent = [
        {"ad_id": str(n), "date_start": "2026-10-01", "spend": spend, "ad_name": name}
        for n, (spend, name) in enumerate(rows)
    ]
    with opened_desk() as desk:
        desk.landed(sent, day(1))
        payloads = [payload for _, payload in sorted(desk.current().items())]
        assert [json.loads(payload) for payload in payloads] == sent
        assert all(f'"spend":"{row["spend"]}"' in p for row, p in zip(sent, payloads, strict=True))


@pytest.mark.parametrize("spend", ["1.429999948", "16.4", "0", "1" * 60 + "." + "7" * 60, "0.10"])
@pytest.mark.parametrize("name", ["plain", '"hi" \\ there', "Café 🦷 – näheres", "'; drop table x"])
def test_a_row_is_kept_byte_for_byte(desk: Desk, spend: str, name: str) -> None:
    """Meta's own digits, no more and no less, beside names with quotes and emoji."""
    row = {"ad_id": "1", "date_start": "2026-10-01", "spend": spend, "ad_name": name}
    desk.landed([row], day(1))
    assert list(desk.current().values()) == [msgspec.json.encode(row).decode()]
