"""The fuzzer's target without the fuzzer: over the corpus, and over some thousand changes of it."""

import io
import os
import sys
from pathlib import Path
from random import Random, SystemRandom

import pytest
import zstandard

from kubisnap.archives import blobs, columns, opening, read_snapshot
from kubisnap.archives.format import Malformed
from kubisnap.engine.errors import CorruptArchive, MalformedEvent, UnknownEvent
from tests.fuzz import make_corpus, target

_FIRST = "KUBISNAP_FUZZ_FIRST"
_INPUTS, _CHUNKS = 6_000, 6
CORPUS = {path.name: path.read_bytes() for path in sorted(Path(__file__).with_name("corpus").iterdir())}
_VALUES = (0, 1, 0x7F, 0x80, 0x90, 0xA0, 0xC0, 0xC4, 0xCF, 0xD3, 0xDC, 0xDD, 0xDF, 0xE0, 0xFF)


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "unseal", target.remembering)


def changed(random: Random) -> bytes:
    """An input of the corpus, changed in a few places; the same for the same seed."""
    data = bytearray(random.choice(list(CORPUS.values())))
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        place = random.randrange(1, len(data) + 1)
        match random.randrange(7):
            case 0:
                data[place - 1] ^= 1 << random.randrange(8)
            case 1:
                data[place - 1] = random.choice(_VALUES)
            case 2:
                data[place:place] = random.randbytes(random.randrange(1, 9))
            case 3:
                del data[place : place + random.choice((1, 1, 2, 4, 32, 1000))]
            case 4:
                length = random.randrange(1, 40)
                data[place:place] = data[place : place + length]
            case 5:
                other = random.choice(list(CORPUS.values()))
                begin = random.randrange(len(other))
                data[place : place + random.randrange(64)] = other[begin : begin + random.randrange(64)]
            case _:
                size = random.choice((1, 2, 4, 8))
                number = random.choice((0, 1, 255, 256, 2**31, 2**32 - 1, 2**63, 2**64 - 1)) % 256**size
                data[place : place + size] = number.to_bytes(size, random.choice(("little", "big")))
    return bytes(data)


@pytest.mark.parametrize("name", CORPUS)
def test_the_corpus_is_refused_or_good(name: str) -> None:
    target.run(CORPUS[name])


def test_the_corpus_has_every_form_and_part_as_they_are_written_today() -> None:
    """Whoever changes the format makes it again; encrypted ones differ each time."""
    due = make_corpus.inputs()
    assert due.keys() <= CORPUS.keys()
    if make_corpus.ZSTD != zstandard.ZSTD_VERSION:
        pytest.skip("another libzstd, which may compress to other bytes")
    assert {name for name in due if CORPUS[name] != due[name]} <= {"look-encrypted", "mended-encrypted"}


def _refused(name: str) -> bool:
    """Whether the part of the archive layer that the input is for refuses it."""
    kind, data = CORPUS[name][0], CORPUS[name][1:]
    try:
        match kind:
            case target.BLOCK:
                count = int.from_bytes(data[:2]) + 1
                list(columns.EventBlock(data[2:], count, 1).events(target.CODEC, target.CLUSTER))
            case target.SECRET:
                blobs.decode_secret(data[2:])
            case _:
                read_snapshot(io.BytesIO(data), name="x")
    except (Malformed, CorruptArchive, UnknownEvent, MalformedEvent):
        return True
    return False


def test_the_crafted_ones_are_wrong_and_but_for_that_they_would_be_good() -> None:
    assert [name for name in make_corpus.crafted() if not _refused(name)] == ["crafted-block-bare"]
    assert not any(map(_refused, ("block-events", "secret", "look-incremental")))


def _good(name: str) -> bool:
    data = CORPUS[name][1:]
    return all(target._info(lambda: target._sought(data, access)) for access in target.ACCESSES)  # noqa: B023


def test_the_archives_of_the_corpus_are_good_ones() -> None:
    names = [name for name in CORPUS if name.startswith("look-") and name in make_corpus.inputs()]
    assert [name for name in names if not _good(name)] == ["look-v1"]  # which has no index


@pytest.mark.parametrize("chunk", range(_CHUNKS))
def test_whatever_is_changed_is_refused_or_good(chunk: int) -> None:
    """Other seeds each time: every run of the suite adds to the proof."""
    size = _INPUTS // _CHUNKS
    given = os.environ.get(_FIRST)
    first = SystemRandom().randrange(1_000_000_000) if given is None else int(given) + chunk * size
    sys.stdout.write(f"the same inputs again: {_FIRST}={first} pytest tests/fuzz\n")
    for seed in range(first, first + size):
        data = changed(Random(seed))
        try:
            target.run(data)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {data.hex()}") from error
