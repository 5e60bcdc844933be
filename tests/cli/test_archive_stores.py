"""The commands of archive stores, on stores with something in them, and on S3."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from kubisnap.archives.stores import SnapshotName
from kubisnap.cli.archives_at import archive_store
from tests.contract.s3_servers import BUCKET, moto

if TYPE_CHECKING:
    from .conftest import Desk, Done

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/output.schema.json").read_text(encoding="utf-8"))
HOUR = 3_600_000_000
NOON = 1_793_534_400_000_000  # 2026-11-01T12:00:00Z, the day before the desk's Monday


def named(hours_ago: int, root: int, parent: int = 0) -> SnapshotName:
    return SnapshotName(
        "web",
        "0a1b2c3d",
        NOON - hours_ago * HOUR,
        root,
        f"{root:032x}",
        f"{parent:032x}" if parent else "",
    )


def keep(url: str, *names: SnapshotName | str) -> None:
    for name in names:
        archive_store(url).put(str(name), lambda sink: sink.write(b"archive"))


def document(done: "Done") -> Any:
    found = json.loads(done.out)
    jsonschema.Draft202012Validator(SCHEMA).validate(found)
    return found


def test_every_document_with_something_in_it_is_valid(desk: "Desk") -> None:
    full, child, orphan, late = named(9, 1), named(8, 2, 1), named(7, 3, 99), named(6, 4)
    keep("kept", full, child, orphan, late, "stranger.txt")
    store = "--archives kept -o json"

    seen = document(desk.ok(f"snapshots {store}"))
    assert [item["position"] for item in seen["snapshots"]] == [4, 3, 2, 1]
    assert seen["others"] == ["stranger.txt"]
    decided = document(desk.ok(f"forget --keep-last 1 --yes {store}"))
    assert decided["forget"] == [str(child), str(full)]
    assert [item["name"] for item in decided["keep"] if item["warnings"]] == [str(orphan)]
    for path in (desk.home / "kept").rglob("*"):
        os.utime(path, (NOON / 1e6 - 864_000, NOON / 1e6 - 864_000))
    assert document(desk.ok(f"gc --dry-run {store}"))["removed"] == [str(child), str(full)]
    assert document(desk.ok(f"gc --yes {store}"))["bytes"] == 14
    assert [item["position"] for item in document(desk.ok(f"snapshots {store}"))["snapshots"]] == [4, 3]


def test_a_hostile_name_neither_reaches_the_terminal_nor_is_removed(desk: "Desk") -> None:
    keep("kept", named(1, 1))
    hostile = desk.home / "kept" / "web-0a1b2c3d" / "\x1b[2J\udcff.ksnap"
    hostile.write_bytes(b"?")
    os.utime(hostile, (0, 0))

    for line in ("snapshots", "snapshots --all -o json", "forget --keep-last 1 --yes", "gc --yes --grace 0d"):
        done = desk.ok(f"{line} --archives kept")
        assert "\x1b" not in done.text
    assert hostile.exists()


def test_the_flag_wins_over_the_environment_and_that_over_the_default(desk: "Desk") -> None:
    assert desk.ok("snapshots").out == f"no snapshots in {desk.home}/data/kubisnap/snapshots\n"
    desk.setenv("KUBISNAP_ARCHIVES", "one")
    assert desk.ok("snapshots web").out == f"no snapshots of web in {desk.home}/one\n"
    assert desk.ok("snapshots --archives two").out == f"no snapshots in {desk.home}/two\n"
    desk.setenv("KUBISNAP_ARCHIVES", "ftp://ada:canary@example.com/")
    done = desk.run("snapshots")
    assert done.status == 2
    assert "KUBISNAP_ARCHIVES" in done.err
    assert "canary" not in done.err


@pytest.mark.parametrize("name", ["web", "web-0a1b2c3d"])
def test_a_cluster_is_named_by_its_name_or_with_its_id(desk: "Desk", name: str) -> None:
    keep("kept", named(1, 1), str(named(1, 2)).replace("web-0", "api-0"))

    done = desk.ok(f"snapshots {name} --archives kept -o json")

    assert [item["cluster"] for item in document(done)["snapshots"]] == ["web"]


@pytest.mark.s3
def test_a_bucket_is_used_as_a_folder_is_and_its_secret_goes_nowhere(desk: "Desk") -> None:
    url = f"s3://{BUCKET}/kept"
    with moto() as server:
        for name, value in {**server.environment, "AWS_SECRET_ACCESS_KEY": "canary-secret"}.items():
            desk.setenv(name, value)
        keep(url, named(9, 1), named(8, 2))
        done = [
            desk.run(line)
            for line in (
                f"snapshots --archives {url}",
                f"forget --keep-last 1 --yes --archives {url}",
                f"gc --yes --archives {url}",
                "snapshots --archives s3://nowhere-to-be-found/x",
            )
        ]
    desk.delenv("AWS_SECRET_ACCESS_KEY")
    done.append(desk.run(f"snapshots --archives {url}"))

    assert [item.status for item in done] == [0, 0, 0, 10, 4]
    assert "hint: " in done[3].err
    assert "hint: check AWS_PROFILE" in done[4].err
    assert [item for item in done if "canary" in item.text] == []
