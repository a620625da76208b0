"""The spool on an object store, as fsspec's own in memory: the same guarantees as in a folder."""

from collections.abc import Iterator

import pytest
from unit_desk import Desk, Page, ad_row, at, day, opened_desk
from upath import UPath

from meta_pipeline.landing import Spool, load_missing
from meta_pipeline.landing.spool import DamagedPageError

PLACE = "memory://agency/spool"


@pytest.fixture
def shared() -> Iterator[Desk]:
    """A desk whose spool is the shared one; it is empty before and after."""
    with opened_desk() as desk:
        yield Desk(desk.connection, Spool(PLACE))
    if UPath(PLACE).exists():
        UPath(PLACE).fs.rm(UPath(PLACE).path, recursive=True)


def test_what_one_machine_spools_another_lands(shared: Desk, desk: Desk) -> None:
    """Rows, ledger and coverage are those of a spool in a folder."""
    pages = [Page([ad_row(day(1))], group=0), Page([ad_row(day(2), ad="2")], group=1)]
    for one in (shared, desk):
        one.spooled([], day(1), day(2), pages=pages, pull_id="p1")
        one.spooled([ad_row(day(1), spend="9")], day(1), pulled=at(11), pull_id="p2")
        landed = load_missing(one.connection, Spool(str(one.spool.root)))
        assert [found.status for found in landed] == ["complete", "complete"]
        assert load_missing(one.connection, one.spool) == []
    assert shared.snapshot() == desk.snapshot()
    assert len(shared.current()) == 2


def test_names_are_those_of_a_folder(shared: Desk, desk: Desk) -> None:
    """So that a folder can be copied to an object store, and back, by any tool."""
    names = []
    for one in (shared, desk):
        one.spooled([ad_row(day(1))], day(1), pull_id="p1")
        one.spool.keep_clients([{"id": "acme"}])
        root = one.spool.root
        files = [path for path in root.rglob("*") if path.is_file()]
        names.append(sorted(path.as_posix().split("spool/", 1)[1] for path in files))
    assert names[0] == names[1]
    assert len(names[0]) == 3
    assert shared.spool.clients() == [{"id": "acme"}]


@pytest.mark.parametrize("content", [b"", b"{}", None])
def test_a_page_that_is_not_what_was_written_is_refused(
    shared: Desk, content: bytes | None
) -> None:
    """Cut short, another one, or gone: nothing of it reaches DuckDB."""
    manifest = shared.spooled([ad_row(day(1))], day(1))
    (page,) = shared.spool.pages(manifest)
    if content is None:
        page.unlink()
    else:
        page.write_bytes(content)
    with pytest.raises(DamagedPageError), shared.spool.intact_pages(manifest):
        pass
    aside = page.with_name(f"{page.name}.damaged")
    assert (aside.read_bytes() if aside.exists() else None) == content
    assert [landed.status for landed in load_missing(shared.connection, shared.spool)] == ["failed"]
    assert shared.current() == {}


def test_a_put_that_fails_leaves_nothing(shared: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a page nor a manifest is half there, and the pull never happened."""

    def broken(*args: object, **kwargs: object) -> None:
        raise OSError("the bucket does not answer")

    monkeypatch.setattr(type(UPath(PLACE).fs), "pipe_file", broken)
    with pytest.raises(OSError, match="does not answer"):
        shared.spooled([ad_row(day(1))], day(1))
    assert list(shared.spool.manifests()) == []
    assert not UPath(PLACE).exists()


def test_fetched_pages_are_gone_afterwards(shared: Desk) -> None:
    """The disk of a worker does not fill up."""
    manifest = shared.spooled([ad_row(day(1))], day(1))
    with shared.spool.intact_pages(manifest) as pages:
        assert all(page.exists() for page in pages)
    assert len(pages) == 1
    assert not any(page.exists() for page in pages)
