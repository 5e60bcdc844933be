"""What a store of archives can do: it keeps streams of bytes under names, whatever is in them.

Nothing that stands under a name is ever written over; what was not written to its end is never there.
"""

import re
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final, NamedTuple, Protocol, TypeVar

from ...engine.errors import InvalidInput

T = TypeVar("T")
_PART: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_LONGEST: Final = 800


class Stored(NamedTuple):
    """One archive, as a list tells of it. `modified` is the store's time, in microseconds since 1970."""

    name: str
    size: int
    modified: int


class Leftover(NamedTuple):
    """Something that was begun and never ended. `token` is the store's own word for it."""

    name: str
    started: int
    token: str


class ArchiveStore(Protocol):
    """A place where archives are kept."""

    @property
    def url(self) -> str:
        """Where it is, without credentials."""

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """Yield what is there under names that start so, in any order; a name may be anything."""

    def put(self, name: str, write: Callable[[BinaryIO], T]) -> T:
        """Have `write` write a new archive, in one pass, and return what it returns.

        Raises `NameTaken` if something is there. Whatever `write` raises, nothing is left.
        """

    def open(self, name: str) -> BinaryIO:
        """Return an archive to read and to seek in. Raises `NotFound`, and `Replaced` while reading."""

    def delete(self, name: str) -> None:
        """Remove an archive; one that is not there is no error. Raises `HeldByLock`."""

    def leftovers(self) -> Iterator[Leftover]:
        """Yield what was begun and not ended, by whomever, however long ago."""

    def discard(self, leftover: Leftover) -> None:
        """Remove a leftover; one that is not there is no error."""

    def check(self) -> None:
        """Try that the store can be read and written, and that it refuses a name that is taken."""


PROBE: Final = "kubisnap-store.txt"
PROBED: Final = (
    b"An archive store of kubisnap. `kubisnap doctor` tries with this file that nothing is overwritten.\n"
)


def write_probe(sink: BinaryIO) -> None:
    """Write what is always the same, so that a server which does write over it does no harm."""
    sink.write(PROBED)


def checked(name: str, *, field: str = "name") -> str:
    """Return the name of something to write, read or delete. Raises `InvalidInput` on tricks with paths."""
    if len(name) > _LONGEST or not all(_PART.fullmatch(part) for part in name.split("/")):
        raise InvalidInput(field, f"{name[:80]!r} cannot be the name of an archive in a store")
    return name
