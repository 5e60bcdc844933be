"""Snapshots that go on from others: in a folder, in an archive store, complete, with one lost or swapped."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kubisnap.archives.stores import SnapshotName
from kubisnap.cli.archives_at import archive_store

if TYPE_CHECKING:
    from .conftest import Desk, Done


@pytest.fixture
def chain(kept: "Desk") -> "Desk":
    """A desk with one.ksnap, two.ksnap, three.ksnap, each going on from the one before, and whole.ksnap."""
    kept.ok("capture web --out one.ksnap")
    kept.ok("scale web workers=2 --yes")
    kept.ok("capture web --out two.ksnap --incremental-from one.ksnap")
    kept.ok("scale web workers=3 --yes")
    copy_of_store(kept, "before")
    kept.ok("capture web --out whole.ksnap --store sqlite:///before.sqlite")
    kept.ok("capture web --out three.ksnap --incremental-from two.ksnap")
    return kept


def copy_of_store(desk: "Desk", name: str) -> None:
    with (
        closing(sqlite3.connect(desk.home / "store.sqlite")) as source,
        closing(sqlite3.connect(desk.home / f"{name}.sqlite")) as copy,
    ):
        source.backup(copy)


def found(done: "Done") -> Any:
    return json.loads(done.out)


def refused(desk: "Desk", line: str, status: int, *told: str) -> "Done":
    before = desk.picture()
    done = desk.run(line)
    assert (done.status, done.out) == (status, ""), done.text
    for text in told:
        assert text in done.err
    assert desk.picture() == before
    return done


def kept_root(desk: "Desk", at: int = 0) -> str:
    """Return the digest of a snapshot in the default archive store, counted from the newest."""
    return str(found(desk.ok("snapshots -o json"))["snapshots"][at]["root"])


# ── files ────────────────────────────────────────────────────────────────────────────────────────


def test_the_end_of_a_chain_is_as_good_as_a_whole_snapshot(chain: "Desk") -> None:
    whole, three = (found(chain.ok(f"verify {name}.ksnap -o json")) for name in ("whole", "three"))
    assert (three["position"], len(three["parents"])) == (whole["position"], 2)
    assert chain.ok("export three.ksnap").out == chain.ok("export whole.ksnap").out
    assert chain.ok("diff three.ksnap whole.ksnap --exit-code").out.startswith("no difference")
    for name in ("whole", "three"):
        chain.ok(f"restore {name}.ksnap --as {name} --on sandbox --yes")

        chain.ok(f"capture {name} --out restored-{name}.ksnap")
    differences = found(chain.ok("diff restored-whole.ksnap restored-three.ksnap -o json"))["differences"]
    assert [item["field"] for item in differences] == ["name"]
    assert "workers-2" in chain.ok("get three/server/workers-2").out
    chain.ok("import three.ksnap --store sqlite:///new.sqlite")
    assert "nothing to import" in chain.ok("import whole.ksnap --store sqlite:///new.sqlite").out


def test_parents_are_found_under_any_name_or_are_named(chain: "Desk") -> None:
    (chain.home / "one.ksnap").rename(chain.home / "zzz.ksnap")
    (chain.home / "aaa.ksnap").write_bytes(b"something else that calls itself so")
    chain.ok("restore three.ksnap --as copy --on sandbox --dry-run")
    (chain.home / "old").mkdir()
    (chain.home / "zzz.ksnap").rename(chain.home / "old" / "zzz.ksnap")

    for line in ("export three.ksnap", "restore three.ksnap --as copy --on sandbox --dry-run"):
        refused(chain, line, 10, "error: two.ksnap", "hint: ")
        chain.ok(f"{line} --with old/zzz.ksnap")
    told = chain.ok("verify three.ksnap").out
    assert "! parent sha256:" in told
    assert "not found: the events before" in told
    refused(chain, "export three.ksnap --with nothing.ksnap", 10, "nothing.ksnap")
    refused(chain, "export three.ksnap --with aaa.ksnap", 13, "aaa.ksnap")


def test_a_lost_parent_is_named_by_its_digest(chain: "Desk") -> None:
    digest = found(chain.ok("inspect one.ksnap -o json"))["digest"]
    (chain.home / "one.ksnap").unlink()

    for line in (
        "restore three.ksnap --as copy --on sandbox --yes",
        "import three.ksnap --store sqlite:///new.sqlite",
        "diff three.ksnap whole.ksnap",
        "capture web --out four.ksnap --incremental-from three.ksnap",
    ):
        refused(chain, line, 10, "two.ksnap", digest)
    seen = found(chain.ok("verify two.ksnap -o json"))
    assert (seen["ok"], seen["missing"], seen["parents"]) == (True, digest, [])
    assert "inspect" not in chain.ok("export three.ksnap --only-this").err


def test_a_parent_that_was_replaced_is_not_taken_for_it(chain: "Desk") -> None:
    digest = found(chain.ok("inspect one.ksnap -o json"))["digest"]
    shutil.copy(chain.home / "whole.ksnap", chain.home / "one.ksnap")
    refused(chain, "restore three.ksnap --as copy --on sandbox --yes", 10, digest)

    content = (chain.home / "two.ksnap").read_bytes()
    middle = len(content) // 3
    changed = bytes([*content[:middle], content[middle] ^ 1, *content[middle + 1 :]])
    (chain.home / "two.ksnap").write_bytes(changed)
    done = chain.run("restore three.ksnap --as copy --on sandbox --yes")
    assert (done.status, done.out) in {(10, ""), (13, "")}, done.text
    assert "copy" not in chain.ok("get").out


def test_encrypted_and_plain_links_make_one_chain(kept: "Desk") -> None:
    kept.ok("capture web --out one.ksnap --encrypt-to ops")
    kept.ok("capture web --out two.ksnap --incremental-from one.ksnap")
    kept.ok("capture web --out three.ksnap --incremental-from two.ksnap --encrypt-to bob")
    kept.ok("restore three.ksnap --as copy --on sandbox --dry-run")
    refused(kept, "export three.ksnap --identity bob", 12, "two.ksnap is not encrypted")
    (kept.home / "data/kubisnap/keys/ops.age").rename(kept.home / "ops.age")
    refused(kept, "export three.ksnap", 12, "error: one.ksnap: encrypted")


# ── going on from ────────────────────────────────────────────────────────────────────────────────


def test_only_a_snapshot_of_the_same_history_is_gone_on_from(chain: "Desk") -> None:
    chain.ok("create api --cloud sandbox --nodes 1 --yes")
    chain.ok("capture api --out api.ksnap")
    copy_of_store(chain, "now")
    chain.ok("scale web workers=4 --yes")
    chain.ok("capture web --out late.ksnap")
    for line, told in (
        ("capture web --out new.ksnap --incremental-from api.ksnap", "is of another cluster"),
        (
            "capture web --out new.ksnap --incremental-from late.ksnap --store sqlite:///now.sqlite",
            "is newer than the log",
        ),
        ("capture web --out new.ksnap --incremental-from gone.ksnap", "gone.ksnap"),
        ("capture web --out new.ksnap --incremental-from -", "--incremental-from"),
        ("capture web --incremental-from api.ksnap", "is of another cluster"),
    ):
        events = chain.events("web")
        done = chain.run(line)
        assert done.status in {1, 2, 10}, done.text
        assert told in done.err
        assert chain.events("web") == events
    assert not (chain.home / "new.ksnap").exists()
    assert not (chain.home / "data/kubisnap/snapshots").exists()


def test_a_log_that_took_another_course_is_not_gone_on_with(chain: "Desk") -> None:
    for store, count in (("store", 4), ("before", 5)):
        chain.ok(f"scale web workers={count} --yes --store sqlite:///{store}.sqlite")
    chain.ok("capture web --out there.ksnap --store sqlite:///before.sqlite")
    chain.ok("scale web workers=5 --yes")

    refused(chain, "capture web --out new.ksnap --incremental-from there.ksnap", 1, "tells another history")


def test_nothing_new_is_a_snapshot_too(chain: "Desk") -> None:
    copy_of_store(chain, "now")
    chain.ok("capture web --out now.ksnap")
    done = chain.ok("capture web --out same.ksnap --incremental-from now.ksnap --store sqlite:///now.sqlite")

    assert "· 0 events ·" in done.out
    assert "no event after" in chain.ok("inspect same.ksnap").out
    chain.ok("restore same.ksnap --as copy --on sandbox --dry-run")
    assert chain.ok("export same.ksnap").out == chain.ok("export now.ksnap").out


def test_the_same_log_at_the_same_moment_is_the_same_bytes(chain: "Desk") -> None:
    options = ("", "--sign-with ops", "--incremental-from two.ksnap")
    for name in ("a0", "b0", "a1", "b1", "a2", "b2"):
        copy_of_store(chain, name)
    for number, option in enumerate(options):
        then = chain.clock.now()
        written = []
        for copy in ("a", "b"):
            chain.clock._now = then
            name = f"{copy}{number}"
            chain.ok(f"capture web --out {name}.ksnap --store sqlite:///{name}.sqlite {option}")
            written.append((chain.home / f"{name}.ksnap").read_bytes())
        assert written[0] == written[1], option


# ── the archive store ────────────────────────────────────────────────────────────────────────────


def test_a_store_is_not_named_as_a_file(kept: "Desk") -> None:
    for out in ("s3://backups/web.ksnap", "snap:web"):
        refused(
            kept, f"capture web --out {out}", 2, "that is not a file", "hint: leave --out away: --archives"
        )


def test_a_chain_grows_in_the_archive_store_and_is_restored_from_there(kept: "Desk") -> None:
    done = found(kept.ok("capture web -o json"))
    for count in (2, 3):
        kept.ok(f"scale web workers={count} --yes")
        done = found(kept.ok("capture web --incremental-from snap:latest -o json"))
    assert done["file"].startswith(f"{kept.home}/data/kubisnap/snapshots/web-")

    listed = found(kept.ok("snapshots -o json"))["snapshots"]
    assert [item["parent"] for item in listed] == [listed[1]["root"], listed[2]["root"], None]
    for name in (
        "snap:latest",
        f"snap:{listed[0]['root'][:12]}",
        f"snap:{listed[0]['root'][:4]}",
        done["file"],
    ):
        assert found(kept.ok(f"verify {name} -o json"))["digest"] == done["digest"]
    kept.ok("restore snap:latest --as copy --on sandbox --yes")
    assert "workers-2" in kept.ok("get copy/server/workers-2").out
    told = kept.ok(f"diff snap:{listed[2]['root']} snap:latest").out
    assert "count 1 → 3" in told
    assert "event" in kept.ok("export snap:latest --out web.jsonl").out


def test_what_names_no_snapshot_or_several_is_told(kept: "Desk") -> None:
    told = f"hint: in {kept.home}/data/kubisnap/snapshots: kubisnap snapshots"
    for name in ("snap:latest", "snap:abcdef"):
        refused(kept, f"verify {name}", 10, f"no snapshot '{name}'", told)
    refused(kept, "capture web --incremental-from snap:latest", 10, "no snapshot 'snap:latest'")
    for name in ("snap:", "snap:abc", "snap:xyzxyz", "snap:ABCDEF"):
        refused(
            kept, f"verify {name}", 2, f"error: {name}: ", "4 hex digits or more", "hint: kubisnap snapshots"
        )

    for last in ("1", "2"):
        like = SnapshotName("web", "0a1b2c3d", 1_793_534_400_000_000, int(last), "abcd" + 27 * "0" + last)
        archive_store("").put(str(like), lambda sink: sink.write(b"archive"))
    refused(kept, "verify snap:abcd", 2, "error: snap:abcd: 2 snapshots begin so")
    refused(kept, "verify snap:latest --archives elsewhere", 10, f"hint: in {kept.home}/elsewhere")


def test_of_several_clusters_latest_is_whose_it_is_captured_for(kept: "Desk") -> None:
    kept.ok("create api --cloud sandbox --nodes 1 --yes")
    kept.ok("capture web")
    web = kept_root(kept)
    kept.ok("capture api")

    refused(kept, "verify snap:latest", 2, "error: snap:latest: of which cluster? there are api-", ", web-")
    kept.ok("capture web --incremental-from snap:latest")
    assert found(kept.ok("snapshots web -o json"))["snapshots"][0]["parent"] == web


def test_a_parent_that_was_removed_from_the_store_is_named(kept: "Desk") -> None:
    kept.ok("capture web")
    digest = found(kept.ok("inspect snap:latest -o json"))["digest"]
    (first,) = Path(archive_store("").url).rglob("*.ksnap")
    kept.ok("capture web --incremental-from snap:latest")
    first.rename(kept.home / "first.ksnap")

    refused(kept, "restore snap:latest --as copy --on sandbox --yes", 10, digest, "hint: ")
    assert f"! parent {digest} not found" in kept.ok("verify snap:latest").out
    kept.ok("restore snap:latest --as copy --on sandbox --yes --with first.ksnap")


def test_forgetting_and_removing_leaves_what_a_kept_one_stands_on(kept: "Desk") -> None:
    kept.ok("capture web")
    kept.ok("capture web --incremental-from snap:latest")
    kept.ok("capture web")
    kept.ok("capture web --incremental-from snap:latest")

    decided = found(kept.ok("forget web --keep-last 1 --yes -o json"))
    assert (len(decided["forget"]), len(decided["keep"])) == (2, 2)
    for path in Path(archive_store("").url).rglob("*"):
        os.utime(path, (0, 0))  # the desk's clock is not the file system's
    assert len(found(kept.ok("gc --grace 0d --yes -o json"))["removed"]) == 2
    kept.ok("restore snap:latest --as copy --on sandbox --dry-run")
