"""What goes wrong with object storage is typed, bounded, and tells no secrets."""

import io
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from random import Random
from typing import BinaryIO

import pytest

from kubisnap.archives.stores import (
    ExtraMissing,
    HeldByLock,
    NameTaken,
    NotExclusive,
    Replaced,
    SnapshotName,
    StoreDenied,
    StoreFailed,
    open_store,
    s3,
    trash,
)
from kubisnap.engine.errors import KubisnapError, NotFound
from tests.contract.faulty import Fault, Faulty, faulty
from tests.contract.places import Place, in_environment, s3_place
from tests.contract.s3_servers import READER, Server

pytestmark = pytest.mark.s3

MIB = 1024 * 1024
NAME = "web-0a1b2c3d/a.ksnap"
LARGE = Random(1).randbytes(9 * MIB)
BOTH = pytest.mark.parametrize("content", [b"small", LARGE], ids=["small", "in parts"])
CANARY = "canary"


def writing(content: bytes) -> Callable[[BinaryIO], int]:
    return lambda sink: sink.write(content)


@pytest.fixture
def moto_place(moto_server: Server, monkeypatch: pytest.MonkeyPatch) -> Place:
    return s3_place("moto", moto_server, monkeypatch)


@pytest.fixture
def front(moto_place: Place, moto_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faulty]:
    """A server of faults between the store and moto; a request is tried twice, so that nobody waits."""
    monkeypatch.setattr(s3, "ATTEMPTS", 2)
    with faulty(moto_server.url) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        yield server


def stored(place: Place) -> dict[str, bytes]:
    """Return what is there by boto3's own word."""
    listed = place.client.list_objects_v2(Bucket=place.bucket, Prefix=place.prefix).get("Contents", [])
    return {
        item["Key"].removeprefix(f"{place.prefix}/"): place.client.get_object(
            Bucket=place.bucket, Key=item["Key"]
        )["Body"].read()
        for item in listed
    }


def uploads(place: Place) -> list[str]:
    listed = place.client.list_multipart_uploads(Bucket=place.bucket, Prefix=place.prefix)
    return [item["Key"] for item in listed.get("Uploads", [])]


# ── the network ──────────────────────────────────────────────────────────────────────────────────


@BOTH
def test_a_request_that_is_cut_once_is_sent_again(moto_place: Place, front: Faulty, content: bytes) -> None:
    front.fail("PUT ", Fault.CUT_REQUEST)

    moto_place.store.put(NAME, writing(content))

    assert stored(moto_place) == {NAME: content}


@BOTH
def test_an_upload_that_is_always_cut_fails_and_leaves_nothing(
    moto_place: Place, front: Faulty, content: bytes
) -> None:
    front.fail("PUT ", Fault.CUT_REQUEST, times=99)

    with pytest.raises(StoreFailed, match="the connection failed"):
        moto_place.store.put(NAME, writing(content))

    assert stored(moto_place) == {}
    assert uploads(moto_place) == []
    assert sum(line.startswith("PUT ") for line in front.seen) == s3.ATTEMPTS


@BOTH
def test_an_archive_whose_answer_was_lost_is_known_as_ours(
    moto_place: Place, front: Faulty, content: bytes
) -> None:
    """The repeated request is told that the name is taken, by the first one."""

    def write(sink: BinaryIO) -> None:
        sink.write(content)
        front.fail("POST " if content is LARGE else "PUT ", Fault.LOSE_ANSWER)

    moto_place.store.put(NAME, write)

    assert stored(moto_place) == {NAME: content}
    assert uploads(moto_place) == []


@BOTH
def test_an_archive_whose_every_answer_was_lost_is_looked_for(
    moto_place: Place, front: Faulty, content: bytes
) -> None:
    def write(sink: BinaryIO) -> None:
        sink.write(content)
        front.fail("POST " if content is LARGE else "PUT ", Fault.LOSE_ANSWER, times=s3.ATTEMPTS)

    moto_place.store.put(NAME, write)

    assert stored(moto_place) == {NAME: content}


def test_an_archive_that_is_there_counts_though_it_cannot_be_looked_at(
    moto_place: Place, front: Faulty
) -> None:
    def write(sink: BinaryIO) -> None:
        sink.write(LARGE)
        front.fail("HEAD ", 400, times=9)

    moto_place.store.put(NAME, write)

    assert stored(moto_place) == {NAME: LARGE}


def test_a_name_that_somebody_else_took_is_not_taken_for_ours(moto_place: Place, front: Faulty) -> None:
    front.fail("HEAD ", 404)  # as if it came a moment later
    moto_place.replace(NAME, b"theirs")

    with pytest.raises(NameTaken):
        moto_place.store.put(NAME, writing(b"mine"))

    assert stored(moto_place) == {NAME: b"theirs"}


def test_who_may_write_and_not_look_is_told_that_a_name_is_taken(moto_place: Place, front: Faulty) -> None:
    front.fail("HEAD ", 403, times=99)
    moto_place.store.put(NAME, writing(b"first"))

    with pytest.raises(NameTaken):
        moto_place.store.put(NAME, writing(b"second"))

    assert stored(moto_place) == {NAME: b"first"}


@pytest.mark.parametrize("fault", [Fault.CUT_ANSWER, Fault.LOSE_ANSWER, 503])
def test_a_range_whose_answer_is_cut_is_read_again(moto_place: Place, front: Faulty, fault: Fault) -> None:
    moto_place.store.put(NAME, writing(LARGE))

    with moto_place.store.open(NAME) as source:
        start = source.read(1000)
        front.fail("GET ", fault)
        rest = source.read()

    assert start + rest == LARGE


def test_a_range_that_is_always_cut_fails(moto_place: Place, front: Faulty) -> None:
    moto_place.store.put(NAME, writing(LARGE))

    with moto_place.store.open(NAME) as source:
        front.fail("GET ", Fault.CUT_ANSWER, times=99)
        with pytest.raises(StoreFailed, match="the connection failed"):
            source.read(10)


def test_nobody_there(moto_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "ATTEMPTS", 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://somebody:{CANARY}-word@127.0.0.1:1")

    assert_all_fail(moto_place, StoreFailed)


@pytest.mark.parametrize(
    ("status", "kind"), [(500, StoreFailed), (503, StoreFailed), (403, StoreDenied), (401, StoreDenied)]
)
def test_what_a_server_answers_instead_is_told_by_its_number(
    moto_place: Place, front: Faulty, monkeypatch: pytest.MonkeyPatch, status: int, kind: type[StoreFailed]
) -> None:
    monkeypatch.setattr(s3, "ATTEMPTS", 1)
    front.fail("", status, times=99)

    for error in assert_all_fail(moto_place, kind):
        assert "Trouble" in str(error) or str(status) in str(error)
    assert stored(moto_place) == {}


def assert_all_fail(place: Place, kind: type[KubisnapError]) -> list[KubisnapError]:
    """Everything that a store can do fails with this kind of error, which tells no secret."""
    store = place.store
    found: list[KubisnapError] = []
    for act in (
        lambda: list(store.list()),
        lambda: store.put(NAME, writing(b"x")),
        lambda: store.put(NAME, writing(LARGE)),
        lambda: store.open(NAME),
        lambda: store.delete(NAME),
        lambda: list(store.leftovers()),
        store.check,
    ):
        with pytest.raises(kind) as caught:
            act()
        error = caught.value
        assert isinstance(error, KubisnapError)
        assert CANARY not in f"{error} {error.hint} {error.facts}"
        assert error.hint
        found.append(error)
    return found


# ── what the server can and may ──────────────────────────────────────────────────────────────────


@BOTH
def test_a_server_without_conditional_writes_is_refused_by_name(
    moto_place: Place, front: Faulty, content: bytes
) -> None:
    def write(sink: BinaryIO) -> None:
        sink.write(content)
        front.fail("POST " if content is LARGE else "PUT ", 501)

    with pytest.raises(NotExclusive) as caught:
        moto_place.store.put(NAME, write)

    assert "If-None-Match" in caught.value.hint
    assert stored(moto_place) == {}
    assert uploads(moto_place) == []


def test_a_check_finds_a_server_without_conditional_writes(moto_place: Place, front: Faulty) -> None:
    front.fail("PUT ", 501)

    with pytest.raises(NotExclusive):
        moto_place.store.check()


def test_a_server_that_ignores_the_condition_is_found_by_a_check(
    moto_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = moto_place.store
    assert isinstance(store, s3.S3Store)
    store._client.meta.events.register(
        "before-sign.s3.PutObject", lambda request, **_: request.headers.__delitem__("If-None-Match")
    )

    with pytest.raises(NotExclusive):
        store.check()


def test_a_bucket_that_is_not_there_is_not_found(
    moto_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_environment(moto_server, monkeypatch)
    store = open_store("s3://nowhere-to-be-found/x")

    for act in (
        lambda: list(store.list()),
        lambda: store.put(NAME, writing(b"x")),
        lambda: list(store.leftovers()),
    ):
        with pytest.raises(NotFound) as caught:
            act()
        assert (caught.value.what, caught.value.name) == ("bucket", "nowhere-to-be-found")


def test_who_may_only_read_is_denied_the_rest(
    seaweedfs_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = s3_place("seaweedfs", seaweedfs_server, monkeypatch)
    place.store.put(NAME, writing(LARGE))
    for name, value in READER.items():
        monkeypatch.setenv(name, value)
    reader = open_store(place.store.url)

    with reader.open(NAME) as source:
        assert source.read() == LARGE
    for act in (
        lambda: reader.put("web-0a1b2c3d/b.ksnap", writing(b"x")),
        lambda: reader.put("web-0a1b2c3d/b.ksnap", writing(LARGE)),
        lambda: reader.delete(NAME),
    ):
        with pytest.raises(StoreDenied) as caught:
            act()
        assert caught.value.kind == "denied"
        assert CANARY not in f"{caught.value} {caught.value.hint} {caught.value.facts}"
    assert stored(place) == {NAME: LARGE}


@pytest.mark.parametrize(
    "broken",
    [
        {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None},
        {"AWS_SECRET_ACCESS_KEY": None},
        {"AWS_PROFILE": "no-such-profile"},
    ],
    ids=["none", "half of them", "a profile that is not there"],
)
def test_without_credentials_it_is_denied(
    moto_place: Place, monkeypatch: pytest.MonkeyPatch, broken: dict[str, str | None]
) -> None:
    for name, value in broken.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)

    with pytest.raises(StoreDenied, match="no usable credentials"):
        list(moto_place.store.list())


def test_a_wrong_secret_is_denied_and_told_nowhere(
    seaweedfs_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = s3_place("seaweedfs", seaweedfs_server, monkeypatch)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", f"wrong-{CANARY}")

    with pytest.raises(StoreDenied) as caught:
        list(place.store.list())

    assert CANARY not in f"{caught.value} {caught.value.hint} {caught.value.facts}"


def test_without_the_extra_the_command_that_installs_it_is_named(
    moto_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("kubisnap.archives.stores.s3_")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "boto3.exceptions", None)  # as if it were not installed
    monkeypatch.setitem(sys.modules, "boto3", None)

    for error in assert_all_fail(moto_place, ExtraMissing):
        assert error.hint == "pip install 'kubisnap[s3]'"


# ── write-once buckets, and other people ─────────────────────────────────────────────────────────


@pytest.fixture
def locked(moto_server: Server, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Place:
    """A bucket that keeps everything for a day, whoever asks."""
    bucket = f"locked-{len(request.node.name)}"
    moto_server.raw.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    moto_server.raw.put_object_lock_configuration(
        Bucket=bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}},
        },
    )
    return s3_place("moto", moto_server, monkeypatch, bucket=bucket)


def test_in_a_write_once_bucket_everything_works_but_removing(locked: Place) -> None:
    locked.store.put(NAME, writing(b"small"))  # moto locks nothing that comes in parts
    locked.store.check()
    with locked.store.open(NAME) as source:
        assert source.read() == b"small"

    with pytest.raises(HeldByLock) as caught:
        locked.store.delete(NAME)

    assert caught.value.kind == "denied"
    assert datetime.fromisoformat(caught.value.until) > datetime.now(UTC)
    assert NAME in stored(locked)
    versions = locked.client.list_object_versions(Bucket=locked.bucket, Prefix=f"{locked.prefix}/{NAME}")
    assert len(versions["Versions"]) == 1
    assert "DeleteMarkers" not in versions


def test_what_a_lock_holds_stays_with_its_parents_and_does_not_keep_the_others(locked: Place) -> None:
    def named(root: int, parent: str = "") -> SnapshotName:
        return SnapshotName("web", "0a1b2c3d", 1_700_000_000_000_000 + root, root, f"{root:032x}", parent)

    free, full, last = named(1), named(2), named(4)
    child = named(3, full.root)
    for name in (free, full, child, last):
        locked.store.put(str(name), writing(b"archive"))
    trash.forget(locked.store, [free, full, child], actor="ada")
    for name in (free, full):
        unlock(locked, str(name))
    later = 4_000_000_000_000_000

    done = trash.sweep(locked.store, trash.plan_sweep(locked.store, later, 0), later, 0)

    assert [item.name for item in done.snapshots] == [free]
    assert [error.name for error in done.locked] == [str(child)]
    assert {item.name for item in trash.listing(locked.store).items} == {full, child, last}


def unlock(place: Place, name: str) -> None:
    """Let a retention be over, behind the lock's back: nobody waits a day in a test."""
    from moto.s3.models import s3_backends

    for backends in s3_backends.values():
        bucket = backends["aws"].buckets.get(place.bucket)
        if bucket is not None:
            bucket.keys[f"{place.prefix}/{name}"].lock_until = "2020-01-01T00:00:00Z"


def test_an_archive_that_is_replaced_while_it_is_read_is_an_error(moto_place: Place) -> None:
    moto_place.store.put(NAME, writing(LARGE))

    with moto_place.store.open(NAME) as source:
        assert source.read(10) == LARGE[:10]
        moto_place.replace(NAME, bytes(len(LARGE)))
        source.seek(5 * MIB)
        with pytest.raises(Replaced):
            source.read(10)


def test_an_archive_that_is_removed_while_it_is_read_is_an_error(moto_place: Place) -> None:
    moto_place.store.put(NAME, writing(LARGE))

    with moto_place.store.open(NAME) as source:
        moto_place.store.delete(NAME)
        with pytest.raises(Replaced):
            source.read(10)


def test_parts_of_an_upload_are_never_more_than_one_in_memory(
    seaweedfs_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = s3_place("seaweedfs", seaweedfs_server, monkeypatch)
    place.store.put("first", writing(b"loads what is loaded once"))
    piece = bytes(MIB)

    def write(sink: BinaryIO) -> int:
        tracemalloc.start()
        try:
            sink.writelines(piece for _ in range(40))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert place.store.put(NAME, write) < 28 * MIB
    assert sum(item.size for item in place.store.list(NAME)) == 40 * MIB


def test_reading_on_takes_few_requests_and_a_jump_takes_little(moto_place: Place) -> None:
    place = moto_place
    content = Random(3).randbytes(20 * MIB)
    place.store.put(NAME, writing(content))
    assert isinstance(place.store, s3.S3Store)
    sizes: list[int] = []
    place.store._client.meta.events.register(
        "after-call.s3.GetObject", lambda parsed, **_: sizes.append(parsed["ContentLength"])
    )

    with place.store.open(NAME) as source:
        while source.read(100_000):
            pass
    assert len(sizes) <= 10
    assert sum(sizes) == len(content)

    sizes.clear()
    with place.store.open(NAME) as source:
        source.read(64)
        for offset in (-1000, -200_000, -5 * MIB):
            source.seek(offset, io.SEEK_END)
            assert source.read(500) == content[offset:][:500]
    assert len(sizes) == 4
    assert sum(sizes) < MIB
    assert max(sizes) <= 8 * MIB
