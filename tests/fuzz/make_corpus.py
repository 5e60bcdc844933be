"""Makes the corpus: small archives of each form, and parts of some. Crafted ones and finds are kept beside.

Run it when the format changes and never otherwise; encrypted ones differ each time.
"""

from pathlib import Path

from kubisnap.archives import Recipients, columns
from kubisnap.archives.blobs import encode_pack, encode_secret
from kubisnap.archives.format import Kind, encode
from kubisnap.archives.sealing import recipient_of
from tests.fuzz import target
from tests.unit.archives.forging import apart
from tests.unit.archives.making import BLOBS, SECRETS, log, made

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
    for count in (1, 5):
        number = (count - 1).to_bytes(2)
        found[f"block-{count}"] = bytes([target.BLOCK]) + number + columns.pack(log(count), 1).raw
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
    return found


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for name, data in inputs().items():
        (FOLDER / name).write_bytes(data)


if __name__ == "__main__":
    main()
