"""Incremental archives: the chain from one to the whole log, its events in order, its blobs.

An archive names its parent by root, so a chain cannot be bent: what is found under another name, or was
replaced, does not have that root. It is read to its end, and compared, before anything of it counts.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import BinaryIO, Final, NamedTuple, TypeVar

from ..engine.domain.events import Recorded
from ..engine.errors import CorruptArchive, MissingParent, UnsupportedArchive
from ..engine.journal.codec import Codec, StoredRow
from . import blobs as contents
from .format import Parent
from .info import SnapshotInfo, digest_text
from .opening import Access
from .reader import Block, Reader, open_reader, summary

_T = TypeVar("_T")

MAX_LINKS: Final = 1000
"""Nobody waits for more to be read; with a whole snapshot now and then there are some dozens."""


class Found(NamedTuple):
    """An archive that may be the parent: what to call it, and how to open it."""

    name: str
    open: Callable[[], BinaryIO]


Finder = Callable[[Parent], Found | None]
"""Returns where the archive of a root may be, or None."""


def nowhere(_: Parent) -> Found | None:
    """Find nothing: for who has but one file."""
    return None


class Chain:
    """An archive and those that it goes on from. `tip` is read first, then its parents, then the rest.

    `access` is for all of them. `claim` is what the tip's root begins with, in hex, where its name or
    whoever asked for it says so. Raises what reading raises, and `MissingParent`.
    """

    def __init__(
        self,
        tip: BinaryIO,
        *,
        name: str,
        find: Finder = nowhere,
        access: Access | None = None,
        claim: str = "",
    ) -> None:
        self._find = find
        self._access = access
        self._name = name
        self._claim = claim
        self.reader = open_reader(tip, name=name, access=access)
        self.links: list[SnapshotInfo] = []
        """What was read so far, the newest first; whole once the events were taken."""
        self.blobs: dict[bytes, str] = {}
        """The digests of all blobs that were read, with their labels."""
        self.secrets: dict[str, bytes] = {}
        """The secrets that were read; of one label, the newest."""
        self.omitted: tuple[str, ...] = ()
        """The secrets that the newest archive left out."""

    @property
    def info(self) -> SnapshotInfo:
        """What is known of the newest archive, once it was read."""
        return self.links[0]

    def events(self, codec: Codec) -> Iterator[Recorded]:
        """Yield the whole log from its first event on. Not to be believed before the last was taken.

        A whole archive is read as it comes. Of an incremental one the events are held until those
        before them were yielded.
        """
        stream = self.reader.header.cluster_id
        yield from self._in_order(lambda block: block.events(codec, stream))

    def rows(self) -> Iterator[StoredRow]:
        """Yield the same as the journal keeps it."""
        yield from self._in_order(lambda block: block.rows())

    def _in_order(self, take: Callable[[Block], Iterable[_T]]) -> Iterator[_T]:
        held: list[list[_T]] = []
        reader, name, due = self.reader, self._name, None
        with ExitStack() as stack:
            while (parent := reader.header.parent) is not None:
                held.append([item for block in self._blocks(reader) for item in take(block)])
                self._compare(reader, name, due)
                stack.close()
                source, name = self._parent(parent, name)
                reader, due = open_reader(stack.enter_context(source), name=name, access=self._access), parent
            for block in self._blocks(reader):
                yield from take(block)
            self._compare(reader, name, due)
        for items in reversed(held):
            yield from items

    def _parent(self, parent: Parent, name: str) -> tuple[BinaryIO, str]:
        if len(self.links) >= MAX_LINKS:
            raise UnsupportedArchive(name, f"a chain of more than {MAX_LINKS} snapshots", f"{MAX_LINKS}")
        found = self._find(parent)
        if found is None:
            raise MissingParent(name, digest_text(parent.root), parent.position)
        return found.open(), found.name

    def _blocks(self, reader: Reader) -> Iterator[Block]:
        for item in reader.contents():
            match item:
                case contents.Blob():
                    self.blobs.setdefault(item.digest, item.label)
                case contents.Secret():
                    self.secrets.setdefault(item.label, item.data)
                case _:
                    yield item
        self.links.append(summary(reader))

    def _compare(self, reader: Reader, name: str, due: Parent | None) -> None:
        info = self.links[-1]
        if due is None:
            if not info.root.hex().startswith(self._claim):
                raise CorruptArchive(name, "its contents are not those that its name says")
            self.omitted = info.manifest.omitted
            return
        header = reader.header
        if (info.root, header.position, header.cluster_id) != (
            due.root,
            due.position,
            self.reader.header.cluster_id,
        ):
            raise CorruptArchive(name, "it is not the parent that it was taken for")
