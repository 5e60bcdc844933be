"""The description of the archive format says what the code does, number by number and name by name."""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from kubisnap.archives import (
    Access,
    SnapshotFile,
    blobs,
    chains,
    columns,
    frames,
    index,
    sealing,
    signing,
    writer,
)
from kubisnap.archives import format as layout
from kubisnap.archives.format import Kind, Manifest, SnapshotHeader
from kubisnap.archives.statement import statement
from kubisnap.engine.journal import codec

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "archive-format.md").read_text(encoding="utf-8")
KEYS = (ROOT / "docs" / "archive-format-crypto.md").read_text(encoding="utf-8")
GOLDEN = ROOT / "tests" / "golden"

LIMITS = {
    "header": layout.MAX_HEADER_BYTES,
    "raw body": layout.MAX_RAW_BYTES,
    "stored body": layout.MAX_STORED_BYTES,
    "zstd window": frames.MAX_WINDOW,
    "items of a record": layout.MAX_ITEMS,
    "records": layout.MAX_RECORDS,
    "positions, events, blobs, secrets of an archive": layout.MAX_EVENTS,
    "bytes of contents": layout.MAX_BYTES,
    "events of a block": columns.BLOCK_EVENTS,
    "envelopes of a block": columns.BLOCK_BYTES,
    "envelope": codec.MAX_EVENT_BYTES,
    "tags of a block": columns.MAX_TAGS,
    "tag": columns.MAX_TAG,
    "schema": 255,
    "operation, cause, and any difference": columns.MAX_NUMBER,
    "time": layout.MAX_TIME,
    "cluster name, tool": 63,
    "label": layout.MAX_LABEL,
    "blob": layout.MAX_BLOB_BYTES,
    "blobs of a pack": blobs.PACK_BLOBS,
    "labels' and blobs' bytes of a pack": blobs.PACK_BYTES,
    "secret": layout.MAX_SECRET_BYTES,
    "omitted labels, secrets": layout.MAX_OMITTED,
    "records of an index part": index.PART_RECORDS,
    "blobs of an index part, before its last record": index.PART_BLOBS,
    "footer": layout.MAX_NOTE_BYTES,
    "signatures": signing.MAX_SIGNATURES,
    "slots": sealing.MAX_SLOTS,
    "slot": sealing.MAX_SLOT_BYTES,
    "stanzas of a slot": sealing.MAX_STANZAS,
    "passphrase's work factor": sealing.MAX_WORK_FACTOR,
    "links of a chain": chains.MAX_LINKS,
}


def table(name: str) -> list[list[str]]:
    """Return the cells of a table that a comment names."""
    [rows] = re.findall(rf"<!-- table: {name} -->\n\|.*\n\|.*\n((?:\|.*\n)+)", DOCUMENT)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in rows.splitlines()]


def names(cells: list[str]) -> list[str]:
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


def fields(struct: type[msgspec.Struct]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(struct)]


def number(cell: str) -> int:
    return int(re.sub(r"[, ]|bytes|characters", "", cell))


def in_hex(data: bytes) -> str:
    return data.hex(" ").upper()


def test_every_limit_of_the_table_is_the_one_in_the_code_and_none_is_missing() -> None:
    section = DOCUMENT.partition("\n## Limits\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+?) \| ([\d,]+[^|]*?) \| ([^|]+) \|$", section, flags=re.MULTILINE)

    assert {what: number(value) for what, value, _ in rows} == LIMITS


def test_header_and_manifest_have_the_keys_of_the_tables_in_their_order() -> None:
    assert names([row[0] for row in table("header")]) == ["format", *fields(SnapshotHeader)]
    assert names([row[0] for row in table("manifest")]) == fields(Manifest)
    assert f'"{SnapshotHeader.__struct_config__.tag}"' in DOCUMENT


def test_blocks_and_index_have_the_columns_of_the_tables_in_their_order() -> None:
    assert names([row[1] for row in table("columns")]) == fields(columns.Columns)
    assert names([row[1] for row in table("index")]) == fields(index.IndexPart)


def test_every_kind_of_record_is_in_the_table_with_its_flags() -> None:
    rows = {row[1]: row for row in table("kinds") if row[1].isupper()}

    assert {name: int(row[0].strip("`"), 16) for name, row in rows.items()} == {
        kind.name: kind.value for kind in Kind
    }
    for kind in Kind:
        cells = rows[kind.name]
        assert (cells[3] == "yes") == bool(layout.flags_of(kind, encrypted=True) & 0x01)
        assert (cells[4] != "never") == bool(layout.flags_of(kind, encrypted=True) & 0x02)
        assert (cells[2] != "0") == (kind in layout.CONTENT)
    assert DOCUMENT.count(f"`0x{layout.IGNORABLE:02x}`") >= 2


def test_marks_sizes_and_levels_are_those_of_the_code() -> None:
    for mark in (layout.MAGIC, layout.END_MAGIC, layout.SYNC):
        assert f"`{in_hex(mark)}`" in DOCUMENT
    assert f"# The snapshot archive, format {layout.VERSION}\n" in DOCUMENT
    assert f"preamble     {layout.PREAMBLE.size} bytes" in DOCUMENT
    assert f"trailer      {layout.TRAILER.size} bytes" in DOCUMENT
    assert layout.RECORD_BYTES == 32
    assert f"takes {writer.EVENTS_LEVEL} for events and {writer.BLOBS_LEVEL} for blobs" in DOCUMENT
    assert index.PREFIX == 8
    assert "the first 8 bytes of its digest" in DOCUMENT


def test_the_statement_is_the_one_that_is_written() -> None:
    header = SnapshotHeader(
        cluster_id="CLUSTER_ID", cluster_name="", first=1, position=2, parent=None, tool=""
    )
    written = statement(header, b"\xaa" * 32, b"\xbb" * 32)
    shown = written.replace("events 1 2", "events FIRST POSITION")
    shown = shown.replace("aa" * 32, "ROOT").replace("bb" * 32, "CHAIN")

    assert f"```\n{shown}```\n" in DOCUMENT


def test_the_page_about_keys_has_the_numbers_and_words_of_the_code() -> None:
    words = [sealing.SUITE, sealing._SLOT_MARK[:-1].decode(), sealing._COMMITMENT[:-1].decode()]
    for word in (*words, sealing._KEYS.decode()):
        assert word in KEYS
    assert f"array of 1 to {sealing.MAX_SLOTS} bin, each 1 to {sealing.MAX_SLOT_BYTES}" in KEYS
    assert f"payload has {sealing._AGE_PAYLOAD} bytes" in KEYS
    assert f"1 to\n  {sealing.MAX_STANZAS} stanzas" in KEYS
    assert f"from 1 to {sealing.MAX_WORK_FACTOR}:" in KEYS
    assert f"1 to {signing.MAX_SIGNATURES} signature lines" in KEYS
    assert names([cell for cell in KEYS.splitlines() if cell.startswith("| suite")]) == []
    assert fields(sealing.Sealed) == ["suite", "salt", "commitment", "slots"]


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_links_within_the_documents_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", text):
        other = page.parent / target if target else page
        assert other.exists(), target
        titles = re.findall(r"^#+ (.+)$", other.read_text(encoding="utf-8"), flags=re.MULTILINE)
        anchors = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
        assert not anchor or anchor in anchors, anchor


# ── by hand ──────────────────────────────────────────────────────────────────────────────────────

BY_HAND = [
    (marked.split(), block)
    for marked, block in re.findall(
        r"<!-- by hand: ([a-z ]+) -->\n```sh\n(.*?)```", DOCUMENT, flags=re.DOTALL
    )
]


def expected(name: str) -> list[list[str]]:
    """Return what each of the blocks prints of a golden file, said by kubisnap."""
    with (GOLDEN / f"archive-v2-{name}.ksnap").open("rb") as source:
        file = SnapshotFile(source, name=name, access=Access(keyless=True))
        lines = statement(file.header, file.info.root, b"").splitlines()[:4]
        entries = [] if file.info.encrypted else file.entries()[:1]
    file_key = hashlib.sha256(b"golden 0").hexdigest()  # what make_archive_2.py has for chance
    return [
        [f"'cluster_id': '{file.header.cluster_id}'", f"'position': {file.header.position}"],
        [],
        [*lines, "— golden.example "] if name in {"signed", "encrypted"} else lines,
        [
            text
            for entry in entries
            for text in (f"{entry.time:016x}\n", "['golden-", f"{entry.leaf.hex()}  -")
        ],
        [file_key],
    ]


def by_hand(name: str, block: str, folder: Path, flip: int | None = None) -> str:
    tools = [tool for tool in ("age", "zstd", "xxd", "od", "sha256sum") if re.search(rf"\b{tool} ", block)]
    if missing := [tool for tool in tools if not shutil.which(tool)]:
        pytest.skip(f"not installed here: {', '.join(missing)}")
    data = bytearray((GOLDEN / f"archive-v2-{name}.ksnap").read_bytes())
    if flip is not None:
        data[flip] ^= 1
    (folder / "one.ksnap").write_bytes(data)
    shutil.copy(GOLDEN / "archive-v2-key-for-tests-only.txt", folder / "key.txt")
    python = f'python3() {{ "{sys.executable}" "$@"; }}\n'
    done = subprocess.run(
        ["sh", "-c", f"set -eu\nf=one.ksnap\n{python}{block}"],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("number", range(len(BY_HAND)))
def test_what_the_page_does_by_hand_works(number: int, tmp_path: Path) -> None:
    marked, block = BY_HAND[number]
    for name in marked:
        printed = by_hand(name, block, tmp_path)
        assert [text for text in expected(name)[number] if text not in printed] == []


def test_what_is_done_by_hand_fails_where_the_file_is_damaged(tmp_path: Path) -> None:
    """The two blocks that print no hash compare one."""
    for number, offset in ((0, 20), (1, -100)):
        with pytest.raises(AssertionError):
            by_hand("plain", BY_HAND[number][1], tmp_path, flip=offset)
