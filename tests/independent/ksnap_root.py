"""Computes the root that a writer must come to, by docs/archive-format.md alone: the document's other half.

Takes what goes in, as plain values, and makes the raw bodies, which are all that is hashed.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgpack

from tests.independent.ksnap_reader import COUNTS, sha256, tree


class Row(NamedTuple):
    """An event as the journal has it: its tag and its envelope's bytes."""

    tag: str
    envelope: bytes


def blocks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    block, length = list[Row](), 0
    for row in rows:
        if block and (len(block) == 8192 or length + len(row.envelope) > 2 * 1024 * 1024):
            yield block
            block, length = [], 0
        block.append(row)
        length += len(row.envelope)
    if block:
        yield block


def numbered(values: Sequence[str]) -> tuple[list[str], list[int]]:
    table = list(dict.fromkeys(values))
    return table, [table.index(value) for value in values]


def differences(values: Sequence[int]) -> list[int]:
    return [value - before for value, before in zip(values, (0, *values), strict=False)]


def body_of(block: list[Row], position: int) -> tuple[bytes, int, int]:
    """Return a block's raw body, and the times of its first and last event."""
    envelopes, payloads = [], []
    for row in block:
        reader = msgpack.Unpacker(strict_map_key=False)
        reader.feed(row.envelope)
        reader.read_array_header()
        envelopes.append([reader.unpack() for _ in range(6)])
        payloads.append(row.envelope[reader.tell() :])
    schemas, times, actors, operations, causes, reasons = map(list, zip(*envelopes, strict=True))
    tags, kinds = numbered([row.tag for row in block])
    people, who = numbered(actors)
    whys, why = numbered(reasons)
    behind = [position + n - cause for n, cause in enumerate(causes)]
    columns = (bytes(kinds), bytes(schemas), differences(times), who, differences(operations), behind, why)
    packer = msgpack.Packer()
    body = struct.pack(">QQ", times[0], times[-1]) + packer.pack_array_header(11)
    body += b"".join(map(packer.pack, (tags, people, whys, *columns)))
    return body + packer.pack_array_header(len(block)) + b"".join(payloads), times[0], times[-1]


def packs(blobs: Iterable[tuple[str, bytes]], known: Iterable[bytes]) -> Iterator[list[tuple[str, bytes]]]:
    seen, pack = set(known), list[tuple[str, bytes]]()
    for label, blob in blobs:
        if (digest := sha256(blob)) in seen:
            continue
        seen.add(digest)
        length = sum(len(name.encode()) + len(one) for name, one in [*pack, (label, blob)])
        if pack and (len(pack) == 16_384 or length > 1024 * 1024):
            yield pack
            pack = []
        pack.append((label, blob))
    if pack:
        yield pack


def leaf_of_pack(pack: list[tuple[str, bytes]]) -> bytes:
    named = [(label.encode(), sha256(blob)) for label, blob in pack]
    return sha256(b"\0\2", *(struct.pack(">H", len(label)) + label + digest for label, digest in named))


def root(
    cluster: str,
    rows: Sequence[Row],
    blobs: Sequence[tuple[str, bytes]] = (),
    *,
    parent: tuple[bytes, int] = (b"", 0),
    known: Iterable[bytes] = (),
    omitted: Sequence[str] = (),
) -> bytes:
    """Return the root of an archive without secrets."""
    first = parent[1] + 1
    leaves = [sha256(b"\0\0", bytes.fromhex(cluster), struct.pack(">Q", first), parent[0])]
    position, raw, times = first, 0, list[int]()
    for block in blocks(rows):
        body, *edges = body_of(block, position)
        leaves.append(sha256(b"\0\1", body))
        position, raw, times = position + len(block), raw + len(body), [*(times or edges)[:1], edges[1]]
    found = list(packs(blobs, known))
    for pack in found:
        leaves.append(leaf_of_pack(pack))
        raw += len(msgpack.packb([[label for label, _ in pack], [blob for _, blob in pack]]))
    lengths = [len(blob) for pack in found for _, blob in pack]
    counts: list[Any] = [len(rows), len(lengths), sum(lengths), 0, raw, *(times or (0, 0)), list(omitted)]
    return tree([*leaves, sha256(b"\0\x13", msgpack.packb(dict(zip(COUNTS, counts, strict=True))))])
