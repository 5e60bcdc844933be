"""Reads snapshot archives of format 2.0 by docs/archive-format.md alone: nothing of kubisnap is in here.

A second opinion on the format. It holds the whole file in memory, and checks all that the document has
checked but the spelling of names; `ksnap_keys` opens, authenticates, and joins a chain.
"""

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, count
from types import SimpleNamespace as Record
from typing import Any

import msgpack
import zstandard

EVENTS, BLOBS, SECRET, INDEX, MANIFEST, FOOTER = 1, 2, 3, 0x12, 0x13, 0x1F
HEADER = ["format", "cluster_id", "cluster_name", "first", "position", "parent", "tool", "must", "sealed"]
COUNTS = ["events", "blobs", "blob_bytes", "secrets", "raw", "first_time", "last_time", "omitted"]
ROW = ["position", "tag", "schema", "time", "actor", "operation", "cause", "reason", "payload"]
Decrypt = Callable[[bytes, int, int, bytes], bytes]  # header hash and record header, class, sequence, body


Archive = Record  # what `read` returns: events are dictionaries, blobs labels and bytes, secrets raw records


class Refused(Exception):
    """Not an archive of format 2.0, or a damaged one, or one that was not opened."""


def need(condition: object, problem: str) -> None:
    if not condition:
        raise Refused(problem)


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def tree(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1", tree(leaves[:half]), tree(leaves[half:]))


def unpack(data: bytes) -> Any:
    value = msgpack.unpackb(data)
    need(msgpack.packb(value) == data, "not in its one encoding")
    return value


def header_of(data: bytes) -> tuple[dict[str, Any], int]:
    magic, major, minor, length = struct.unpack_from("<8sHHI", data)
    need(magic == b"\x89KSN\r\n\x1a\n" and length <= 65_536, "not an archive")
    need(sha256(data[: 16 + length]) == data[16 + length : 48 + length], "the header is damaged")
    need((major, minor) == (2, 0), "another version")
    header = unpack(data[16 : 16 + length])
    need(list(header) == HEADER and header["format"] == "kubisnap-snapshot", "another header")
    need(header["must"] == [], "a feature that is not known")
    root, position = header["parent"] or (b"", 0)
    need(header["first"] == position + 1 <= header["position"] + bool(root), "the header miscounts")
    return header, 48 + length


def records(data: bytes, at: int) -> Iterator[Record]:
    """Yield the records up to the footer, each checked without a key; the trailer is compared, too."""
    rank, chain, places = 0, data[at - 32 : at], dict[int, int]()
    for due in count():
        head = data[at : at + 32]
        sync, kind, flags, klass, number, stored, long, items, crc = struct.unpack("<4sBBHQIIII", head)
        need(crc == zlib.crc32(head[:28]) and sync == b"KSR\1", "a record's header is damaged")
        need(number == due < 1 << 24 and kind >= rank and klass == (kind == SECRET), "a record out of place")
        need(max(stored - 65_536, long) <= 8 << 20 and items <= 65_536, "a record that is too large")
        body, before = data[at + 32 : at + 32 + stored], chain
        chain = sha256(chain, head, body)
        need(data[at + 32 + stored : at + 64 + stored] == chain, "a record is damaged")
        said = {"flags": flags, "number": number, "stored": stored, "long": long, "items": items}
        yield Record(kind=kind, klass=klass, head=head, body=body, before=before, **said)
        places.setdefault(kind, at)
        at, rank = at + 64 + stored, kind
        if kind == FOOTER:
            break
    offsets = (places.get(INDEX, places[MANIFEST]), places[MANIFEST])
    need(data[at:] == struct.pack("<QQ32s8s", *offsets, chain, b"KSNPEND\n"), "the end is damaged")


def raw_of(record: Record, header_hash: bytes, decrypt: Decrypt | None) -> bytes:
    """Return a record's raw body, its header compared with what its kind and the file ask for."""
    sealed = decrypt is not None and record.kind in {EVENTS, BLOBS, SECRET, INDEX}
    need(record.kind in {EVENTS, BLOBS, SECRET, INDEX, MANIFEST, FOOTER}, "a kind that is not known")
    need(record.flags == (record.kind in {EVENTS, BLOBS}) + 2 * sealed, "flags of another kind or file")
    need(bool(record.items) == (record.kind <= SECRET), "items of another kind")
    need(sealed or record.kind != SECRET, "a secret in the open")
    body: bytes = record.body
    if decrypt and sealed:
        body = decrypt(header_hash + record.head, record.klass, record.number, body)
    if record.flags & 1:
        said = zstandard.get_frame_parameters(body)
        need(said.content_size == record.long and said.has_checksum and not said.dict_id, "another frame")
        need(said.window_size <= 8 << 20, "a window that is too large")
        body = zstandard.ZstdDecompressor().decompress(body, allow_extra_data=False)
    need(len(body) == record.long, "a record contradicts itself")
    return body


def events_of(raw: bytes, items: int, position: int) -> Iterator[dict[str, Any]]:
    """Turn a block's columns into events. Payloads alone need not be in their one encoding."""
    reader, packer = msgpack.Unpacker(strict_map_key=False), msgpack.Packer()
    reader.feed(raw[16:])
    need(reader.read_array_header() == 11, "columns are eleven")
    columns = [reader.unpack() for _ in range(10)]
    need(reader.read_array_header() == items, "payloads are as many as events")
    again = packer.pack_array_header(11) + b"".join(map(packer.pack, columns))
    need(raw[16:].startswith(again + packer.pack_array_header(items)), "not in its one encoding")
    payloads = [reader.unpack() for _ in range(items)]
    need(reader.tell() == len(raw) - 16, "something behind the columns")
    tags, actors, reasons, kinds, schemas, times, who, operations, causes, why = columns
    need({len(column) for column in columns[3:]} == {items}, "columns of different length")
    need(isinstance(kinds, bytes) and isinstance(schemas, bytes), "kinds and schemas are bytes")
    for numbers, table in ((kinds, tags), (who, actors), (why, reasons)):
        need(list(dict.fromkeys(numbers)) == list(range(len(table))), "a table is not used in order")
        need(len(set(table)) == len(table), "a table has an entry twice")
    times = list(accumulate(times))
    need(struct.unpack(">QQ", raw[:16]) == (times[0], times[-1]), "times differ from the columns")
    need(min(times) >= 0 and max(times) <= 253_402_300_799_999_999, "a time of no year")
    for n, operation in enumerate(accumulate(operations)):
        cause = position + n - causes[n]
        need(0 <= operation <= 1 << 62 and 0 <= cause <= 1 << 62, "a number of no event")
        known = (tags[kinds[n]], schemas[n], times[n], actors[who[n]], operation, cause, reasons[why[n]])
        yield dict(zip(ROW, (position + n, *known, payloads[n]), strict=True))


def index_of(rows: list[tuple[int, ...]], leaves: list[bytes], prefixes: list[bytes]) -> list[bytes]:
    """Make the parts of the index as a writer makes them."""
    parts, begin = [], 0
    for end in range(1, len(rows) + 1):
        found = b"".join(prefixes[begin:end])
        if end - begin == 4096 or len(found) >= 8 * 65_536 or end == len(rows):
            kinds, *columns = zip(*rows[begin:end], strict=True)
            parts += [msgpack.packb([begin, bytes(kinds), *columns, b"".join(leaves[begin:end]), found])]
            begin = end
    return parts


def read(data: bytes, open_seal: Callable[[list[Any]], Decrypt] | None = None) -> Archive:
    """Verify an archive and return what it holds, joined with nothing and authenticated by nobody."""
    try:
        return _read(data, open_seal)
    except (ValueError, LookupError, TypeError, struct.error, zstandard.ZstdError) as error:
        raise Refused("not of the form that the document says") from error


def _read(data: bytes, open_seal: Callable[[list[Any]], Decrypt] | None) -> Archive:
    header, start = header_of(data)
    need(header["sealed"] is None or open_seal, "encrypted, and no key was given")
    decrypt = open_seal(header["sealed"]) if open_seal and header["sealed"] is not None else None
    found = [one for one in records(data, start) if not (4 <= one.kind < INDEX and one.flags & 0x80)]
    pairs = [(one, raw_of(one, data[start - 32 : start], decrypt)) for one in found]
    *contents, (last, summary), (foot, note) = pairs
    kinds = [one.kind for one, _ in contents]
    need((last.kind, foot.kind) == (MANIFEST, FOOTER) and MANIFEST not in kinds, "no end as it must be")
    events: list[dict[str, Any]] = []
    blobs: list[tuple[str, bytes]] = []
    leaves, prefixes, rows = [], [], list[tuple[int, ...]]()
    for one, raw in contents[: len(contents) - kinds.count(INDEX)]:
        leaf, time, digests = sha256(b"\0", bytes([one.kind]), raw), 0, list[bytes]()
        if one.kind == EVENTS:
            events += events_of(raw, one.items, header["first"] + len(events))
            time = events[-one.items]["time"]
        elif one.kind == BLOBS:
            labels, bodies = unpack(raw)
            need(len(labels) == len(bodies) == one.items, "a pack miscounts")
            blobs += zip(labels, bodies, strict=True)
            need([label for label, _ in blobs] == sorted(label for label, _ in blobs), "labels out of order")
            digests = [sha256(blob) for blob in bodies]
            named = zip((label.encode() for label in labels), digests, strict=True)
            leaf = sha256(b"\0\2", *(struct.pack(">H", len(name)) + name + digest for name, digest in named))
        leaves.append(leaf)
        rows.append((one.kind, one.stored, one.long, one.items, time))
        prefixes.append(b"".join(digest[:8] for digest in digests))
    need([raw for one, raw in contents if one.kind == INDEX] == index_of(rows, leaves, prefixes), "the index")
    secrets = [raw for one, raw in contents if one.kind == SECRET]
    lengths = (sum(len(blob) for _, blob in blobs), len(secrets), sum(row[2] for row in rows))
    times = (events[0]["time"], events[-1]["time"]) if events else (0, 0)
    manifest = unpack(summary)
    counts = (len(events), len(blobs), *lengths, *times, manifest["omitted"])
    need(list(manifest.items()) == list(zip(COUNTS, counts, strict=True)), "the manifest miscounts")
    need(len(events) == header["position"] - header["first"] + 1, "more or fewer events than announced")
    whose = bytes.fromhex(header["cluster_id"]) + struct.pack(">Q", header["first"])
    first = sha256(b"\0\0", whose, (header["parent"] or [b""])[0])
    root = tree([first, *leaves, sha256(b"\0\x13", summary)])
    lines = f"kubisnap.io/snapshot/v2\ncluster {header['cluster_id']}\nevents {header['first']} "
    lines += f"{header['position']}\nroot {root.hex()}\nchain {foot.before.hex()}\n"
    text, divided, _ = note.decode().rpartition("\n\n")
    need(lines == (f"{text}\n" if divided else note.decode()), "a footer of something else")
    kept = {"manifest": manifest, "events": events, "blobs": blobs, "secrets": secrets, "root": root}
    return Record(header=header, note=note.decode(), **kept)
