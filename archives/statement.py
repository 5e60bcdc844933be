"""The statement: a few lines of text that a signature is over, and that say which archive it is."""

from .format import Malformed, SnapshotHeader

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
