"""The commands with their archives in a bucket: captured, listed, gone on from, restored, swept, refused."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from kubisnap.archives import Blob, open_snapshot, read_snapshot, write_snapshot
from kubisnap.archives.stores import SnapshotName, s3_reading
from tests.cli.conftest import Desk, Done
from tests.contract.places import Place, s3_place
from tests.contract.s3_servers import LOOPBACK, READER, free_ports

pytestmark = pytest.mark.s3
MIB = 1024 * 1024
REAL = pytest.mark.parametrize("bucket", ["seaweedfs"], indirect=True)
"""For what takes its time, and differs in nothing between servers."""


@dataclass
class Bucket:
    """A desk whose archive store is a part of a bucket."""

    desk: Desk
    place: Place

    @property
    def url(self) -> str:
        return self.place.store.url

    def snapshots(self) -> list[dict[str, Any]]:
        return list(json.loads(self.desk.ok("snapshots -o json").out)["snapshots"])

    def address(self, at: int = 0) -> str:
        """Return where a snapshot is, counted from the newest."""
        return f"{self.url}/{self.snapshots()[at]['name']}"

    def refused(self, line: str, status: int, *told: str) -> Done:
        """Run what must be refused, with a way out, no secret, and nothing changed."""
        before, names = self.desk.picture(), self.place.names
        done = self.desk.run(line)
        assert (done.status, done.out) == (status, ""), done.text
        for text in (*told, "hint: "):
            assert text in done.err, line
        assert "canary" not in done.text
        assert (self.desk.picture(), self.place.names) == (before, names)
        return done


@pytest.fixture(params=["moto", "seaweedfs"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A desk with one cluster, web, and an empty part of a bucket for its archives."""
    home = tmp_path / "home"
    home.mkdir()
    desk = Desk(home, monkeypatch)
    place = s3_place(request.param, request.getfixturevalue(f"{request.param}_server"), monkeypatch)
    desk.setenv("KUBISNAP_ARCHIVES", place.store.url)
    desk.ok("create web --cloud sandbox --nodes 1 --yes")
    return Bucket(desk, place)


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each request for a part of an object brought."""
    sizes: list[int] = []
    original = s3_reading._Ranges._range

    def counted(self: s3_reading._Ranges, first: int, last: int) -> bytes:
        sizes.append(last - first)
        return original(self, first, last)

    monkeypatch.setattr(s3_reading._Ranges, "_range", counted)
    return sizes


def test_a_chain_grows_in_a_bucket_and_is_restored_from_there(bucket: Bucket) -> None:
    desk = bucket.desk
    told = desk.ok("capture web").out
    desk.ok("scale web workers=2 --yes")
    done = json.loads(desk.ok("capture web --incremental-from snap:latest -o json").out)

    assert "verified, kept as snap:" in told
    tip, whole = bucket.snapshots()
    assert (tip["parent"], whole["parent"]) == (whole["root"], None)
    assert done["file"] == bucket.address()
    for source in ("snap:latest", f"snap:{tip['root'][:12]}", bucket.address()):
        seen = json.loads(desk.ok(f"verify {source} -o json").out)
        assert (seen["digest"], len(seen["parents"]), seen["missing"]) == (done["digest"], 1, None)
    desk.delenv("KUBISNAP_ARCHIVES")
    desk.ok(f"restore {done['file']} --as direct --on sandbox --yes")
    desk.ok(f"restore snap:latest --archives {bucket.url} --as copy --on sandbox --yes")
    for name in ("direct", "copy"):
        assert "workers-1" in desk.ok(f"get {name}/server/workers-1").out
    assert "count 1 → 2" in desk.ok(f"diff snap:{whole['root']} {done['file']} --archives {bucket.url}").out
    desk.ok(f"import {done['file']} --store sqlite:///new.sqlite")


@REAL
def test_a_parent_that_is_not_in_the_bucket_is_named_or_given(bucket: Bucket) -> None:
    desk = bucket.desk
    desk.ok("capture web --out first.ksnap")
    digest = json.loads(desk.ok("inspect first.ksnap -o json").out)["digest"]
    desk.ok("capture web --incremental-from first.ksnap")

    bucket.refused("restore snap:latest --as copy --on sandbox --yes", 10, digest)
    assert f"! parent {digest} not found" in desk.ok("verify snap:latest").out
    desk.ok("restore snap:latest --as copy --on sandbox --yes --with first.ksnap")


@REAL
def test_encrypted_and_signed_in_a_bucket(bucket: Bucket) -> None:
    desk = bucket.desk
    desk.ok("keys generate ops")
    desk.write("secrets.yaml", "db: canary in the bucket\n")
    desk.ok("capture web --encrypt-to ops --sign-with ops --secrets secrets.yaml")

    assert "signed   ops (trusted)" in desk.ok("verify snap:latest --signed --identity ops").out
    (name,) = bucket.place.names
    with bucket.place.store.open(name) as source:
        content = source.read()
    assert b"canary" not in content
    assert b"ClusterDeclared" not in content
    middle = len(content) // 2
    bucket.place.replace(name, content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    bucket.refused("restore snap:latest --as copy --on sandbox --yes", 13, bucket.url)
    (desk.home / "data/kubisnap/keys/ops.age").unlink()
    bucket.refused("cat snap:latest 1", 12, "encrypted, and no key was given")


def test_looking_into_a_large_archive_fetches_little_of_it(bucket: Bucket, fetched: list[int]) -> None:
    desk = bucket.desk
    desk.ok("capture web --out small.ksnap")
    with open_snapshot(desk.home / "small.ksnap") as source:
        small = read_snapshot(source, name="small.ksnap")
    blobs = [Blob(f"blob-{number}", Random(number).randbytes(2 * MIB)) for number in range(6)]
    with (desk.home / "large.ksnap").open("wb") as sink:
        root = write_snapshot(sink, small.info.header, small.rows, blobs=blobs).root.hex()[:32]
    name = SnapshotName("web", small.info.header.cluster_id[:8], 1_793_534_400_000_000, 1, root)
    content = (desk.home / "large.ksnap").read_bytes()
    bucket.place.store.put(str(name), lambda sink: sink.write(content))

    for line in ("inspect snap:latest", "cat snap:latest 1..3", f"cat snap:latest {blobs[3].digest.hex()}"):
        fetched.clear()
        desk.ok(line)
        assert 0 < sum(fetched) < len(content) // 3, line
        assert len(fetched) <= 8, line
    fetched.clear()
    desk.ok("verify snap:latest")
    assert sum(fetched) >= len(content)


@REAL
def test_what_a_kept_one_stands_on_is_neither_forgotten_nor_removed(bucket: Bucket) -> None:
    desk = bucket.desk
    for options in ("", "--incremental-from snap:latest") * 2:
        desk.ok(f"capture web {options}")
    first, second = (f"{item['name']}" for item in reversed(bucket.snapshots()[2:]))

    seen = json.loads(desk.ok("forget web --keep-last 1 --dry-run -o json").out)
    assert seen["forget"] == [second, first]
    assert len(bucket.snapshots()) == 4
    desk.ok("forget web --keep-last 1 --yes")
    assert json.loads(desk.ok("gc -o json --dry-run").out)["removed"] == []  # forgotten just now
    _a_month_later(desk)
    assert json.loads(desk.ok("gc -o json --dry-run").out)["removed"] == [second, first]
    assert set(bucket.place.names) > {first, second}
    desk.ok("gc --yes")
    assert not set(bucket.place.names) & {first, second}
    desk.ok("restore snap:latest --as copy --on sandbox --yes")


def _a_month_later(desk: Desk) -> None:
    """Go on to a time that the server's clock, which is a real one, is well behind of."""
    desk.clock.sleep(max(0.0, time.time() - desk.clock.now()) + 30 * 86_400)


COMMANDS = (
    "capture web",
    "snapshots",
    "verify snap:latest",
    "restore snap:latest --as copy --on sandbox --yes",
    "forget --keep-last 1 --yes",
    "gc --yes",
)


def test_credentials_that_are_wrong_or_may_not_write(bucket: Bucket) -> None:
    desk = bucket.desk
    desk.ok("capture web")
    address = bucket.address()
    if bucket.place.kind == "seaweedfs":  # moto lets everybody in
        for name, value in READER.items():
            desk.setenv(name, value)
        desk.ok("verify snap:latest")
        bucket.refused("capture web", 4, bucket.url)
        desk.setenv("AWS_SECRET_ACCESS_KEY", "canary-of-nobody")
        for line in (*COMMANDS, f"inspect {address}"):
            refused_as_stranger(bucket, line)
    desk.delenv("AWS_SECRET_ACCESS_KEY")
    desk.delenv("AWS_ACCESS_KEY_ID")
    for line in (*COMMANDS, f"inspect {address}"):
        refused_as_stranger(bucket, line)


def refused_as_stranger(bucket: Bucket, line: str) -> None:
    before = bucket.desk.picture()
    done = bucket.desk.run(line)
    assert (done.status, done.out) == (4, ""), (line, done.text)
    assert "hint: check AWS_PROFILE" in done.err
    assert "canary" not in done.text
    assert bucket.desk.picture() == before


def test_a_bucket_or_an_archive_that_is_not_there(bucket: Bucket) -> None:
    desk = bucket.desk
    lines = COMMANDS if bucket.place.kind == "moto" else COMMANDS[1:]  # SeaweedFS makes buckets by itself
    for line in (*lines, "verify s3://nowhere-to-be-found/web/a.ksnap"):
        bucket.refused(f"{line} --archives s3://nowhere-to-be-found/x", 10, "nowhere-to-be-found")
    gone = f"{bucket.url}/web-0a1b2c3d/gone.ksnap"
    bucket.refused(f"verify {gone}", 10, f"error: no snapshot '{gone}'")
    bucket.refused("verify snap:latest", 10, "no snapshot 'snap:latest'", bucket.url)
    assert desk.ok("snapshots").out == f"no snapshots in {bucket.url}\n"


@REAL
def test_a_server_that_is_down_changes_nothing(bucket: Bucket) -> None:
    desk = bucket.desk
    desk.setenv("AWS_ENDPOINT_URL_S3", f"http://{LOOPBACK}:{free_ports(1)[0]}")
    desk.setenv("AWS_MAX_ATTEMPTS", "1")
    events = desk.events("web")
    for line in (
        "capture web",
        "snapshots",
        "verify snap:latest",
        f"inspect {bucket.url}/web-0a1b2c3d/a.ksnap",
    ):
        done = desk.run(line)
        assert done.status not in {0, 255}, done.text
        assert done.out == ""
        assert "hint: " in done.err
        assert "canary" not in done.text
    assert desk.events("web") == events
    assert not list(desk.home.rglob("*.ksnap"))
