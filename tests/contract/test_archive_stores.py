"""Every store of archives keeps the contract: a folder, moto, and a real server that speaks S3."""

import io
import threading
from collections.abc import Callable
from random import Random
from typing import BinaryIO

import pytest

from kubisnap.archives.stores import ArchiveStore, NameTaken, SnapshotName, trash
from kubisnap.archives.stores.base import PROBE
from kubisnap.engine.errors import InvalidInput, NotFound
from tests.contract.places import Place

MIB = 1024 * 1024
SIZES = [0, 1, 8 * MIB, 8 * MIB + 1, 17 * MIB + 7]
NAME = "web-0a1b2c3d/a.ksnap"
LARGE = Random(1).randbytes(9 * MIB)


def writing(content: bytes, piece: int = MIB + 13) -> Callable[[BinaryIO], int]:
    def write(sink: BinaryIO) -> int:
        return sum(sink.write(content[at : at + piece]) for at in range(0, len(content), piece))

    return write


def read(store: ArchiveStore, name: str) -> bytes:
    with store.open(name) as source:
        return source.read()


def test_what_is_put_is_read_back(place: Place) -> None:
    for size in SIZES:
        content = Random(size).randbytes(size)
        name = f"web-0a1b2c3d/{size}.ksnap"

        assert place.store.put(name, writing(content)) == size

        assert read(place.store, name) == content
        (stored,) = place.store.list(name)
        assert (stored.name, stored.size) == (name, size)


def test_a_list_may_be_of_names_that_start_alike(place: Place) -> None:
    for name in ("web-2/b", "web-2/a", "web/c", "api-1/z"):
        place.store.put(name, writing(b"x"))

    assert place.names == ["api-1/z", "web-2/a", "web-2/b", "web/c"]
    assert sorted(item.name for item in place.store.list("web-")) == ["web-2/a", "web-2/b"]
    assert [item.name for item in place.store.list("web-2/b")] == ["web-2/b"]
    assert list(place.store.list("nothing")) == []
    assert all(item.modified > 1_600_000_000_000_000 for item in place.store.list())


@pytest.mark.parametrize("content", [b"second", LARGE], ids=["small", "in parts"])
def test_what_has_a_name_is_never_written_over(place: Place, content: bytes) -> None:
    place.store.put(NAME, writing(b"first"))

    with pytest.raises(NameTaken) as caught:
        place.store.put(NAME, writing(content))

    assert read(place.store, NAME) == b"first"
    assert caught.value.name == NAME
    assert list(place.store.leftovers()) == []


@pytest.mark.parametrize("content", [b"second", LARGE], ids=["small", "in parts"])
def test_a_name_that_is_taken_while_it_is_written_stays_the_others(place: Place, content: bytes) -> None:
    def write(sink: BinaryIO) -> None:
        sink.write(content)
        place.store.put(NAME, writing(b"first"))

    with pytest.raises(NameTaken):
        place.store.put(NAME, write)

    assert read(place.store, NAME) == b"first"
    assert list(place.store.leftovers()) == []


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()], ids=["error", "ctrl-c"])
@pytest.mark.parametrize("content", [b"half", LARGE], ids=["small", "in parts"])
def test_what_was_not_written_to_its_end_is_not_there(
    place: Place, error: BaseException, content: bytes
) -> None:
    def write(sink: BinaryIO) -> None:
        sink.write(content)
        raise error

    with pytest.raises(type(error)):
        place.store.put(NAME, write)

    assert place.names == []
    assert list(place.store.leftovers()) == []
    with pytest.raises(NotFound):
        place.store.open(NAME)


def test_of_many_writers_of_one_name_one_wins(place: Place) -> None:
    for turn in range(3):
        name, won, barrier = f"race/{turn}", list[bytes](), threading.Barrier(4)

        def compete(
            content: bytes, name: str = name, won: list[bytes] = won, barrier: threading.Barrier = barrier
        ) -> None:
            def write(sink: BinaryIO) -> None:
                sink.write(content)
                barrier.wait()

            try:
                place.store.put(name, write)
            except NameTaken:
                return
            won.append(content)

        threads = [threading.Thread(target=compete, args=(bytes([letter]) * 99,)) for letter in b"abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert read(place.store, name) in won
        assert len(won) == 1 or place.kind == "moto"  # whose own look and write are two steps


def test_of_two_who_write_much_the_one_whose_archive_stays_is_told_so(place: Place) -> None:
    """SeaweedFS looks for the name first and puts the parts together then, too: both may be told yes."""
    won, barrier = list[bytes](), threading.Barrier(2)

    def compete(content: bytes) -> None:
        def write(sink: BinaryIO) -> None:
            sink.write(content)
            barrier.wait()

        try:
            place.store.put(NAME, write)
        except NameTaken:
            return
        won.append(content)

    threads = [threading.Thread(target=compete, args=(bytes([letter]) + LARGE,)) for letter in b"ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert read(place.store, NAME) in won
    assert len(won) == 1 or place.kind != "folder"
    assert list(place.store.leftovers()) == []


def test_an_archive_is_read_at_any_place(place: Place) -> None:
    place.store.put(NAME, writing(LARGE))
    random, model = Random(7), io.BytesIO(LARGE)

    with place.store.open(NAME) as source:
        assert source.readable()
        assert source.seekable()
        for _ in range(60):
            whence = random.choice((io.SEEK_SET, io.SEEK_END))
            offset = random.randrange(len(LARGE) + 5)
            offset = offset if whence == io.SEEK_SET else -min(offset, len(LARGE))
            assert source.seek(offset, whence) == model.seek(offset, whence)
            size = random.choice((0, 1, 20, 70_000))
            assert source.read(size) == model.read(size)
            assert source.tell() == model.tell()
        with pytest.raises((OSError, ValueError)):
            source.seek(-1)


def test_what_is_deleted_is_gone_and_may_be_deleted_again(place: Place) -> None:
    place.store.put(NAME, writing(b"x"))
    place.store.put("web-0a1b2c3d/b.ksnap", writing(b"y"))

    place.store.delete(NAME)
    place.store.delete(NAME)

    assert place.names == ["web-0a1b2c3d/b.ksnap"]
    with pytest.raises(NotFound):
        place.store.open(NAME)


TRICKS = (
    *("", "/", "..", "../a", "a/../b", "/etc/passwd", "a//b", "a/", ".hidden", "a/.unfinished-x"),
    *("a\\b", "a\0b", "a\nb", "ä", "a b", "a" * 300, "/".join(["a" * 90] * 10)),
)


def test_a_name_that_plays_tricks_is_refused(place: Place) -> None:
    store = place.store
    for act in (store.open, store.delete, lambda name: store.put(name, writing(b"x"))):
        for name in TRICKS:
            with pytest.raises(InvalidInput):
                act(name)

    assert place.names == []


def test_a_check_leaves_one_probe_however_often_it_is_made(place: Place) -> None:
    place.store.check()
    place.store.check()

    assert place.names == [PROBE]
    assert trash.listing(place.store) == trash.Listing()


def test_what_was_begun_and_never_ended_is_found_and_removed(place: Place) -> None:
    place.begin("web-0a1b2c3d/a.ksnap")

    (leftover,) = place.store.leftovers()
    assert leftover.name.startswith("web-0a1b2c3d/")
    assert place.names == []
    place.store.discard(leftover)
    place.store.discard(leftover)
    assert list(place.store.leftovers()) == []


def test_a_snapshot_is_forgotten_brought_back_and_in_the_end_removed(place: Place) -> None:
    old = SnapshotName("web", "0a1b2c3d", 1_700_000_000_000_000, 3, "a" * 32)
    new = SnapshotName("web", "0a1b2c3d", 1_700_000_100_000_000, 9, "b" * 32)
    for name in (old, new):
        place.store.put(str(name), writing(b"archive"))

    assert trash.forget(place.store, [old], actor="ada") == 1
    assert trash.forget(place.store, [old], actor="bob") == 0
    assert [item.name for item in trash.listing(place.store).snapshots] == [new]
    trash.bring_back(place.store, old)
    assert [item.name for item in trash.listing(place.store).snapshots] == [new, old]

    trash.forget(place.store, [old], actor="ada")
    (marked,) = [item.forgotten for item in trash.listing(place.store).items if item.forgotten]
    plan = trash.plan_sweep(place.store, marked + 8 * 86_400_000_000, 7 * 86_400)
    assert trash.sweep(place.store, plan, marked + 8 * 86_400_000_000, 7 * 86_400) == plan
    assert place.names == [str(new)]
