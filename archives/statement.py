"""The statement: a few lines of text that a signature is over, and that say which archive it is."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from .format import MAX_NOTE_BYTES, Malformed, SnapshotHeader
from .signing import BadSignature, PublicKey, SigningError, SigningKey, open_note, sign_note

_FIRST_LINE = "kubisnap.io/snapshot/v2"


def statement(header: SnapshotHeader, root: bytes, chain: bytes) -> str:
    """Return the text. `root` is over the contents, `chain` over every stored byte before the footer."""
    return (
        f"{_FIRST_LINE}\n"
        f"cluster {header.cluster_id}\n"
        f"events {header.first} {header.position}\n"
        f"root {root.hex()}\n"
        f"chain {chain.hex()}\n"
    )


def root_of(text: str, header: SnapshotHeader, chain: bytes) -> bytes:
    """Return the root that a statement names, everything else of it being as it must. Raises Malformed."""
    for line in text.split("\n"):
        word, _, value = line.partition(" ")
        if word == "root" and len(value) == 64 and not set(value) - set("0123456789abcdef"):
            root = bytes.fromhex(value)
            if statement(header, root, chain) == text:
                return root
    raise Malformed("the footer does not agree with the records")


class Signed(NamedTuple):
    """What a footer says: the root, who signed it, and the names of signatures that nobody can check."""

    root: bytes
    signers: tuple[str, ...]
    strangers: tuple[str, ...]


def encode_footer(text: str, keys: Collection[SigningKey]) -> bytes:
    """Return a footer: the statement, as a signed note where there are keys to sign with."""
    _check_names(key.name for key in keys)
    note = (sign_note(text, list(keys)) if keys else text).encode()
    if len(note) > MAX_NOTE_BYTES:
        raise Malformed("there are more signatures than fit")
    return note


def _check_names(names: Iterable[str]) -> None:
    # Signed notes allow more; a stranger's name is shown to people, on a terminal.
    if not all(map(str.isprintable, names)):
        raise Malformed("a signature has a name that cannot be printed")


def decode_footer(note: bytes, header: SnapshotHeader, chain: bytes, trusted: Sequence[PublicKey]) -> Signed:
    """Return what a footer says, once its statement is the one that belongs to header and records.

    Raises Malformed, and `BadSignature` where the signature of a trusted key does not hold.
    """
    if len(note) > MAX_NOTE_BYTES:
        raise Malformed("the footer is larger than any may be")
    try:
        text = note.decode()
        if "\n\n" not in text:
            return Signed(root_of(text, header, chain), (), ())
        opened = open_note(text, trusted)
    except BadSignature:
        raise
    except (UnicodeDecodeError, SigningError) as error:
        raise Malformed("the footer is not a signed note") from error
    _check_names(opened.strangers)
    signers = tuple(key.name for key in opened.signers)
    return Signed(root_of(opened.text, header, chain), signers, opened.strangers)
