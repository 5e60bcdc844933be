"""Makes the corpus: small archives of each form, and parts of some. Crafted ones and finds are kept beside.

Run it when the format changes and never otherwise; encrypted ones differ each time.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

from kubisnap.archives import Recipients, columns
from kubisnap.archives.blobs import encode_pack, encode_secret
from kubisnap.archives.format import Kind, encode
from kubisnap.archives.sealing import recipient_of
from kubisnap.engine.journal.codec import StoredRow
from tests.fuzz import target
from tests.unit.archives.forging import Forge, apart
from tests.unit.archives.making import BLOBS, SECRETS, events, log, made, row, stored

ZSTD = (1, 5, 7)
"""The libzstd that compressed the files."""
FOLDER = Path(__file__).with_name("corpus")


def recipients() -> Recipients:
    """Return the public half of the corpus's key."""
    import pyrage

    text = str(pyrage.x25519.Identity.from_str(target.IDENTITY).to_public())
    recipient_of(text)
    return Recipients((text,))


def inputs() -> dict[str, bytes]:
    """Return each by its name."""
    whole = made(log(2))
    archives = {
        "plain": whole,
        "signed": made(log(2), sign_with=[target.SIGNER]),
        "encrypted": made(
            log(2), blobs=BLOBS[:1], secrets=SECRETS[:1], recipients=recipients(), sign_with=[target.SIGNER]
        ),
        "incremental": made(log(2, 3), parent=whole.parent, blobs=BLOBS),
        "nothing-new": made([], parent=whole.parent),
    }
    found = {f"look-{name}": bytes([target.LOOK]) + made.data for name, made in archives.items()}
    found |= {f"mended-{name}": bytes([target.MENDED]) + made.data for name, made in archives.items()}
    golden = Path(__file__).parents[1] / "golden" / "archive-v1.ksnap"
    found["look-v1"] = bytes([target.LOOK]) + golden.read_bytes()
    _, records, _ = apart(archives["incremental"].data)
    bodies = {record.kind: record.body for record in records}
    for name, rows in (("1", log(1)), ("5", log(5)), ("events", stored(events(3)))):
        found[f"block-{name}"] = block(rows)
    found["pack"] = bytes([target.PACK]) + (2).to_bytes(2) + encode_pack(list(BLOBS))
    found["secret"] = bytes([target.SECRET]) + bytes(2) + encode_secret(SECRETS[0], bytes(32))
    plain = {record.kind: record.body for record in apart(whole.data).records}
    found["index"] = bytes([target.INDEX]) + plain[Kind.INDEX]
    found["manifest"] = bytes([target.MANIFEST]) + plain[Kind.MANIFEST]
    signed = apart(archives["signed"].data).records[-1].body
    found["footer"] = bytes([target.FOOTER]) + b"\n" + signed.split(b"\n\n")[1]
    found["footer-bare"] = bytes([target.FOOTER])
    found["header"] = bytes([target.HEADER]) + encode(target.header_of(2))
    found["index-blobs"] = bytes([target.INDEX]) + bodies[Kind.INDEX]
    return found | crafted()


def block(rows: list[StoredRow], payloads: Callable[[list[bytes]], list[bytes]] = list) -> bytes:
    """Return the input that is a block of these rows, but for its payloads."""
    raw = columns.pack(rows, 1).raw
    *fields, last = msgspec.msgpack.decode(raw[16:], type=list[msgspec.Raw])
    found = msgspec.msgpack.decode(last, type=list[msgspec.Raw])
    changed = [msgspec.Raw(payload) for payload in payloads(list(map(bytes, found)))]
    return bytes([target.BLOCK]) + (len(rows) - 1).to_bytes(2) + raw[:16] + encode([*fields, changed])


def crafted() -> dict[str, bytes]:
    """Return what is nearly right, each wrong in a way of its own."""
    known = stored(events(4))
    forged = Forge(target.header_of(2)).events(log(2))
    unordered = forged.pack([BLOBS[1]]).pack([BLOBS[0]]).close()
    sealed = encode_secret(SECRETS[0], bytes(32))
    at = sealed.index(len(SECRETS[0].data).to_bytes(4) + SECRETS[0].data)
    bare = encode({"step": 1, "error": "Rejected", "message": "no"})
    secrets = {"beyond": 2**32 - 1, "short": 1, "empty": 0}
    found = {
        f"crafted-secret-{name}": sealed[:at] + length.to_bytes(4) + sealed[at + 4 :]
        for name, length in secrets.items()
    }
    return {name: bytes([target.SECRET]) + bytes(2) + data for name, data in found.items()} | {
        "crafted-block-swapped": block(known, lambda payloads: payloads[::-1]),
        "crafted-block-bare": block(known, lambda payloads: [bare, *payloads[1:]]),
        "crafted-block-untyped": block(known, lambda payloads: [*payloads[:3], b"\xc0"]),
        "crafted-block-schemas": block([row(n, "StepFailed", schema=n % 3) for n in range(1, 4)]),
        "crafted-block-tags": block([row(n, f"kind {n}") for n in range(1, 257)]),
        "crafted-packs-unordered": bytes([target.LOOK]) + unordered,
    }


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for name, data in inputs().items():
        (FOLDER / name).write_bytes(data)


if __name__ == "__main__":
    main()
