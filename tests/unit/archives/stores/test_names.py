"""Names of snapshots: strict both ways, and harmless whoever made them."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kubisnap.archives.stores import SnapshotName
from kubisnap.archives.stores.base import checked

EXAMPLE = "web-0a1b2c3d/20261125T101500.123456Z-41-" + "ab" * 16 + ".ksnap"
HEX32 = st.text("0123456789abcdef", min_size=32, max_size=32)
LAST = 253_402_300_799_999_999  # the year 9999

names = st.builds(
    SnapshotName,
    cluster=st.from_regex(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?", fullmatch=True),
    cluster_id=st.text("0123456789abcdef", min_size=8, max_size=8),
    captured=st.integers(0, LAST),
    position=st.integers(1, 10**18 - 1),
    root=HEX32,
    parent=st.one_of(st.just(""), HEX32),
)


@given(names)
def test_what_is_written_is_read_back(name: SnapshotName) -> None:
    assert SnapshotName.parse(str(name)) == name
    assert checked(str(name)) == str(name)


@given(st.one_of(st.text(), st.from_regex(r"[a-z-]+-[0-9a-f]{8}/\d{8}T\d{6}\.\d{6}Z-\d+-[0-9a-f]{32}.ksnap")))
@example(EXAMPLE + "\n")
@example(EXAMPLE.replace("41", "٤١"))
@example(EXAMPLE.replace("2026", "0000"))
@example("web-0a1b2c3d/19691231T235959.999999Z-1-" + "ab" * 16 + ".ksnap")
def test_whatever_is_read_would_be_written_the_same(text: str) -> None:
    found = SnapshotName.parse(text)

    assert found is None or str(found) == text


def test_a_name_says_everything_that_a_list_shows() -> None:
    name = SnapshotName.parse(EXAMPLE)

    assert name == SnapshotName("web", "0a1b2c3d", 1_795_601_700_123_456, 41, "ab" * 16)
    assert (name.folder, name.id, name.parent) == ("web-0a1b2c3d", "ab" * 6, "")
    child = SnapshotName.parse(EXAMPLE.replace(".ksnap", "-" + "cd" * 16 + ".ksnap"))
    assert child is not None
    assert child.parent == "cd" * 16


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "trash/" + EXAMPLE + ".json",
        "../" + EXAMPLE,
        "/" + EXAMPLE,
        EXAMPLE.upper(),
        EXAMPLE.replace("20261125", "20261325"),
        EXAMPLE.replace("T10", "T25"),
        EXAMPLE.replace("-41-", "-041-"),
        EXAMPLE.replace("-41-", "-0-"),
        EXAMPLE.replace("-41-", "--41-"),
        EXAMPLE.replace("-41-", f"-{10**30}-"),
        EXAMPLE.replace("web-", "web/-"),
        EXAMPLE.replace("web-", "Web-"),
        EXAMPLE.replace("ab" * 16, "ab" * 15),
        EXAMPLE.replace("ab" * 16, "xy" * 16),
        EXAMPLE.replace(".ksnap", ".ksnap.exe"),
        EXAMPLE.replace("web", "web\x1b[2J"),
        EXAMPLE.replace("web", "w" * 100),
        EXAMPLE.replace("-41-", "-41-\ud800"),
    ],
)
def test_anything_else_is_not_a_snapshot(hostile: str) -> None:
    assert SnapshotName.parse(hostile) is None


@pytest.mark.parametrize(
    "values",
    [
        ("Web", "0a1b2c3d", 1, 1, "ab" * 16),
        ("web", "0a1b2c3d", -1, 1, "ab" * 16),
        ("web", "0a1b2c3d", 1, 0, "ab" * 16),
        ("web", "../../..", 1, 1, "ab" * 16),
        ("web", "0a1b2c3d", 1, 1, "ab"),
    ],
)
def test_a_name_that_could_not_be_read_back_is_not_made(values: tuple[str, str, int, int, str]) -> None:
    with pytest.raises(ValueError, match=re.escape("do not make the name of a snapshot")):
        SnapshotName(*values)
