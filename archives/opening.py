"""From stored to raw: a record decrypted and decompressed, a footer's signatures checked.

What both readers share, the one that takes a stream from its start and the one that jumps.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ..engine.errors import (
    CorruptArchive,
    NotEncrypted,
    NotSigned,
    PassphraseNotTried,
    UnsupportedArchive,
    WrongKey,
)
from . import frames
from .format import (
    MINOR,
    SECRET_CLASS,
    VERSION,
    Kind,
    Malformed,
    RecordHeader,
    SnapshotHeader,
    decode_header,
    flags_of,
)
from .sealing import BrokenSeal, Identities, NotDecrypted, RecordKeys, Sealed, TooMuchWork, unseal
from .signing import BadSignature, PublicKey
from .source import Source, Start
from .statement import Signed, decode_footer


@dataclass(frozen=True)
class Access:
    """With what an archive is opened, and what is asked of it; the policy is never in the file.

    `trusted` are the keys whose signatures count. `encrypted` refuses a file that is not, `signed` one
    without a signature of a trusted key. `keyless` lets an encrypted archive be verified without a key,
    as far as that goes; it is refused otherwise. `find` returns the usual identities, `ask` a passphrase:
    they are called for an encrypted archive only, where `identities` are not given, and where nothing
    else opens it.
    """

    identities: Identities | None = None
    trusted: tuple[PublicKey, ...] = ()
    encrypted: bool = False
    signed: bool = False
    keyless: bool = False
    find: Callable[[], Identities] | None = None
    ask: Callable[[], str] | None = None


class Opener:
    """Opens one archive's records. `keys` is None for a plain one, and for one that stays closed."""

    def __init__(self, source: Source, start: Start, access: Access) -> None:
        self.name = source.name
        self.header = _header(source, start)
        self.hash = start.hash
        self.encrypted = self.header.sealed is not None
        self._access = access
        self._frames = frames.Decompressor()
        self._keys: RecordKeys | None = None
        if self.header.sealed is None:
            if access.encrypted:
                raise NotEncrypted(self.name)
        else:
            try:
                self._keys = _unsealed(self.header.sealed, access, self.name)
            except BrokenSeal as error:
                raise source.corrupt(str(error), 0) from error
            except TooMuchWork as error:
                raise PassphraseNotTried(self.name) from error

    def require(self) -> None:
        """Raise `WrongKey` where contents cannot be read."""
        if self.header.sealed is not None and self._keys is None:
            unseal(self.header.sealed, Identities(), name=self.name)

    @property
    def opened(self) -> bool:
        """Whether contents can be read."""
        return self._keys is not None or not self.encrypted

    def raw(self, header: RecordHeader, head: bytes, body: bytes) -> bytes:
        """Return a record's body as it was before it was compressed and encrypted. Raises Malformed."""
        kind = Kind(header.kind)
        if header.flags != flags_of(kind, encrypted=False):
            if self._keys is None:
                raise Malformed("a record is encrypted, and there is no key")
            klass = SECRET_CLASS if kind is Kind.SECRET else 0
            try:
                body = self._keys.decrypt(self.hash, head, header.sequence, klass, body)
            except NotDecrypted as error:
                raise Malformed(str(error)) from error
        if kind in {Kind.EVENTS, Kind.BLOBS}:
            return self._frames.decompress(body, header.raw)
        return body

    def footer(self, note: bytes, chain: bytes) -> Signed:
        """Check what the footer says, its signatures and who they are by."""
        try:
            signed = decode_footer(note, self.header, chain, self._access.trusted)
        except BadSignature as error:
            raise CorruptArchive(self.name, str(error)) from error
        if self._access.signed and not signed.signers:
            raise NotSigned(self.name, signed.strangers)
        return signed


def _unsealed(sealed: Sealed, access: Access, name: str) -> RecordKeys | None:
    """Open with the keys at hand; ask for a passphrase only where there is one, and none of them does.

    Returns None where no key opens it and none is needed. Raises `WrongKey`.
    """
    identities = access.identities or (access.find() if access.find else Identities())
    try:
        return unseal(sealed, identities, name=name)
    except WrongKey as error:
        if access.keyless and access.identities is None:
            return None
        if access.ask is None or not error.passphrase:
            raise
        return unseal(sealed, Identities(passphrase=access.ask()), name=name)


def _header(source: Source, start: Start) -> SnapshotHeader:
    if start.minor > MINOR:
        raise UnsupportedArchive(source.name, f"{start.major}.{start.minor}", VERSION)
    try:
        header = decode_header(start.header)
    except Malformed as error:
        raise source.corrupt(str(error), len(start.raw) - len(start.header) - len(start.hash)) from error
    if header.must:
        raise UnsupportedArchive(
            source.name, f"{start.major}.{start.minor} with {len(header.must)} extensions", VERSION
        )
    return header
