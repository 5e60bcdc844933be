"""Where an archive's bytes come from, and its first bytes, which are the same in every version.

The bytes are hostile until proven otherwise: a length is capped before it is used, and every version's
header is hashed before anything in it is believed.
"""

import hashlib
from typing import BinaryIO, NamedTuple

from ..engine.errors import CorruptArchive
from .format import HASH_BYTES, MAGIC, MAX_HEADER_BYTES, PREAMBLE


class Source:
    """A stream, with the offset and, where a version wants it, the hash of what was read."""

    def __init__(self, source: BinaryIO, name: str) -> None:
        self._source = source
        self.name = name
        self.offset = 0
        self.total = hashlib.sha256()
        self.hashing = False

    def read(self, length: int) -> bytes:
        """Return up to `length` bytes, fewer only at the end: an unbuffered pipe gives what it has."""
        data = self._source.read(length) or b""
        if len(data) < length and data:
            parts = [data]
            left = length - len(data)
            while left and (part := self._source.read(left)):
                parts.append(part)
                left -= len(part)
            data = b"".join(parts)
        self.offset += len(data)
        if self.hashing:
            self.total.update(data)
        return data

    def take(self, length: int, what: str) -> bytes:
        """Return `length` bytes, which are `what`, or raise that the file ends too early."""
        data = self.read(length)
        if len(data) < length:
            raise self.corrupt(f"cut off: the file ends within {what}", self.offset)
        return data

    def finish(self) -> None:
        """Raise if anything is left."""
        end = self.offset
        if self.read(1):
            raise self.corrupt("there is more after the end of the archive", end)

    def corrupt(self, problem: str, offset: int) -> CorruptArchive:
        """Return the error that says what is wrong with the file, and where."""
        return CorruptArchive(self.name, problem, offset)


class Start(NamedTuple):
    """An archive's preamble and header: version, the header's bytes, and the hash over both."""

    major: int
    minor: int
    header: bytes
    hash: bytes
    raw: bytes


def read_start(source: Source) -> Start:
    """Read preamble, header and their hash; raises `CorruptArchive` where they do not agree."""
    magic = source.read(len(MAGIC))
    if magic != MAGIC:
        raise source.corrupt(_what_instead(magic), 0)
    preamble = magic + source.take(PREAMBLE.size - len(MAGIC), "its first bytes")
    _, major, minor, length = PREAMBLE.unpack(preamble)
    if length > MAX_HEADER_BYTES:
        raise source.corrupt("the header claims to be larger than any may be", len(preamble) - 4)
    header = source.take(length, "the header")
    found = hashlib.sha256(preamble + header).digest()
    # The hash comes before the version: a flipped bit in the version is damage, not a newer format.
    if source.take(HASH_BYTES, "the header's hash") != found:
        raise source.corrupt("the format version or the header is damaged", len(MAGIC))
    return Start(major, minor, header, found, preamble + header + found)


def _what_instead(magic: bytes) -> str:
    """Say what a file is that does not begin as an archive does."""
    if not magic:
        return "the file is empty"
    if MAGIC.startswith(magic):
        return "cut off: the file ends within its first bytes"
    if b"KSN" in magic:
        return "the first bytes are damaged, as by a transfer in text mode"
    return "this is not a snapshot archive"
