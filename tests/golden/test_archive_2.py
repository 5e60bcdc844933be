"""The frozen archives of format 2.0: as they were, read as they were meant, and still made the same."""

import hashlib
import io
import runpy
from pathlib import Path
from typing import Any

import pytest
import zstandard

from kubisnap.archives import Access, Identities, Secret, Snapshot, SnapshotFile, read_snapshot
from kubisnap.archives.chains import Chain, Found

FOLDER = Path(__file__).parent
FROZEN = {
    "plain": (
        "294682f2177085edbff7948b70a0909e2fe6db292196f00596984606ed0dc4aa",
        "sha256:2dc4df9c79e904d865370fe9eee6981665a1d6d751468b52201ca880e7195c5d",
    ),
    "signed": (
        "a96c75810c46dfe7d8958c8f49d0bd1c2c25226051adb7c1b5aa81a4e6840ee0",
        "sha256:2dc4df9c79e904d865370fe9eee6981665a1d6d751468b52201ca880e7195c5d",
    ),
    "omitted": (
        "15ce240e7c689f37e075998481ef5573184e17ffcacfd06c32e0e1fa07de2589",
        "sha256:619adb6f801b3d444ba9296f30a77b9327d61c5d96f66e871b7633123a6e25ce",
    ),
    "child": (
        "b413c73db003392382605baaee9a2ef7886c442c6ce0884cd388289f27d51109",
        "sha256:95b10eba2d137fa298bb1d74bcd0259f998d9f86851a4b81bdca46d8a45a9ad9",
    ),
    "encrypted": (
        "dfb422b03fbfea929ef9e4749ff2ef39b3763102cc24453a57c66317283c6532",
        "sha256:6405cabca9746cee834ff7327bd65bc7961a5437dfcd9f799479c96294b64de0",
    ),
    "passphrase": (
        "ce19d2ae7f30961c639c34bb3dd36fc05eb925e0274e94e5a74c72f29e9a1434",
        "sha256:bf3b17cb66ab71611290357a9f55964089c1629e7127ef335a879acb684e5c1d",
    ),
}
"""SHA-256 of each file, and its root as it is shown."""
QUICK = [name for name in FROZEN if name != "passphrase"]
"""A passphrase takes seconds, on purpose."""
PLAIN = [name for name in QUICK if name != "encrypted"]


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    """The script's names."""
    return runpy.run_path(str(FOLDER / "make_archive_2.py"))


@pytest.fixture(scope="module")
def golden(made: dict[str, Any]) -> dict[str, Any]:
    """What went into each archive."""
    return {one.name: one for one in made["golden"]()}


def bytes_of(name: str) -> bytes:
    return (FOLDER / f"archive-v2-{name}.ksnap").read_bytes()


def access(made: dict[str, Any], name: str) -> Access:
    trusted = (made["SIGNER"].public,)
    return {
        "signed": Access(trusted=trusted, signed=True),
        "encrypted": Access(Identities((made["IDENTITY"],)), trusted, encrypted=True, signed=True),
        "passphrase": Access(Identities(passphrase=made["PASSPHRASE"]), encrypted=True),
    }.get(name, Access())


def read(made: dict[str, Any], name: str) -> Snapshot:
    return read_snapshot(io.BytesIO(bytes_of(name)), name=name, access=access(made, name))


def expected_blobs(one: Any) -> list[Any]:
    """Each content once, under its first label, and none that the parents have."""
    firsts = {blob.digest: blob for blob in reversed(one.options.get("blobs", ()))}
    known = one.options.get("known", set())
    return sorted(blob for digest, blob in firsts.items() if digest not in known)


@pytest.mark.parametrize("name", FROZEN)
def test_a_frozen_file_is_the_one_that_was_frozen(name: str) -> None:
    assert hashlib.sha256(bytes_of(name)).hexdigest() == FROZEN[name][0]


def test_every_frozen_file_is_known_here() -> None:
    assert {path.name for path in FOLDER.glob("archive-v2-*.ksnap")} == {
        f"archive-v2-{name}.ksnap" for name in FROZEN
    }


@pytest.mark.parametrize("name", FROZEN)
def test_a_frozen_file_is_read_as_it_was_written(
    name: str, made: dict[str, Any], golden: dict[str, Any]
) -> None:
    one = golden[name]
    snapshot = read(made, name)

    assert list(snapshot.rows) == list(one.rows)
    assert list(snapshot.blobs) == expected_blobs(one)
    assert list(snapshot.secrets) == (sorted(one.options.get("secrets", ())) if one.encrypted else [])
    assert snapshot.info.digest == FROZEN[name][1]
    assert snapshot.info.size == len(bytes_of(name))
    assert snapshot.info.signers == (("golden.example",) if "sign_with" in one.options else ())
    assert snapshot.info.header.cluster_name == "größe-1"
    assert snapshot.info.manifest.omitted == (
        ("v1/Secret/shop/tls", "v1/Secret/shop/token") if name == "omitted" else ()
    )


@pytest.mark.parametrize("name", QUICK)
def test_a_frozen_file_is_read_in_parts(name: str, made: dict[str, Any], golden: dict[str, Any]) -> None:
    rows = golden[name].rows
    file = SnapshotFile(io.BytesIO(bytes_of(name)), name=name, access=access(made, name))

    assert file.info == read(made, name).info
    assert list(file.blobs()) == expected_blobs(golden[name])
    first, last = file.header.first, file.header.position
    assert [row for block in file.blocks(first, last) for row in block.rows()] == list(rows)
    assert [row for block in file.blocks(last, last) for row in block.rows()][-1] == rows[-1]
    for entry in file.entries():
        file.check(entry)


def test_the_child_and_its_parent_are_one_log(made: dict[str, Any], golden: dict[str, Any]) -> None:
    found = Found("plain", lambda: io.BytesIO(bytes_of("plain")))
    chain = Chain(io.BytesIO(bytes_of("child")), name="child", find=lambda _: found)

    assert list(chain.rows()) == [*golden["plain"].rows, *golden["child"].rows]
    assert [link.digest for link in chain.links] == [FROZEN["child"][1], FROZEN["plain"][1]]
    assert set(chain.blobs) == {blob.digest for blob in (*made["BLOBS"], *made["BIG_BLOBS"])}


def test_the_child_has_the_blocks_and_packs_of_the_rules() -> None:
    file = SnapshotFile(io.BytesIO(bytes_of("child")), name="child")

    assert [(entry.kind, entry.items) for entry in file.entries()] == [(1, 8192), (1, 1), (2, 1), (2, 1)]


@pytest.mark.parametrize("name", QUICK)
def test_the_same_contents_still_have_the_same_root(
    name: str, made: dict[str, Any], golden: dict[str, Any]
) -> None:
    assert made["write"](golden[name])[1].digest == FROZEN[name][1]


@pytest.mark.parametrize("name", PLAIN)
def test_the_same_contents_are_still_the_same_bytes(
    name: str, made: dict[str, Any], golden: dict[str, Any]
) -> None:
    if made["ZSTD"] != zstandard.ZSTD_VERSION:
        pytest.skip("another libzstd, which may compress to other bytes; roots are compared all the same")
    assert made["write"](golden[name])[0] == bytes_of(name)


def test_signed_plain_and_encrypted_tell_the_same_root_where_there_are_no_secrets(
    made: dict[str, Any], golden: dict[str, Any]
) -> None:
    without = golden["encrypted"].options | {"secrets": ()}
    sealed = made["write"](golden["encrypted"]._replace(options=without))[1]

    assert sealed.digest == FROZEN["plain"][1] == FROZEN["signed"][1]


def test_secrets_do_not_show(made: dict[str, Any]) -> None:
    secrets: list[Secret] = sorted(made["SECRETS"])

    assert list(read(made, "encrypted").secrets) == secrets
    assert not any(secret.data in bytes_of(name) for secret in secrets for name in FROZEN)
